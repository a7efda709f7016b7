"""The parts a function runs on, made once per process and on first use.

The only module that knows everything. Parts are imported where they are made, so that a function
starts with no more than it needs.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import cache
from random import SystemRandom
from secrets import token_bytes
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics

from cardcourier import VERSION
from cardcourier.clock import now_ms
from cardcourier.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import ThreadPoolExecutor

    from cardcourier.adapters.buckets import Bucket
    from cardcourier.adapters.buyer_links import BuyerLinks
    from cardcourier.adapters.buyer_records import BuyerRecords
    from cardcourier.adapters.keyring import Contacts, Fingerprints, KeyRing, Links
    from cardcourier.adapters.kms import KeyService
    from cardcourier.adapters.notifiers import Login
    from cardcourier.adapters.objects import Objects
    from cardcourier.adapters.oidc.id_tokens import IdTokens
    from cardcourier.adapters.outbound_signing import EndpointSecrets
    from cardcourier.adapters.post import BuyersPost
    from cardcourier.adapters.queues import DeliveryQueue, OrdersQueue, OutboundQueue, Queue
    from cardcourier.adapters.samples import Samples
    from cardcourier.adapters.shop_secrets import ShopSecrets
    from cardcourier.adapters.tables.audit import AuditTable
    from cardcourier.adapters.tables.bulk import BulkTable
    from cardcourier.adapters.tables.canaries import CanariesTable
    from cardcourier.adapters.tables.catalogue import CachedCatalogue, CatalogueTable
    from cardcourier.adapters.tables.endpoints import EndpointsTable
    from cardcourier.adapters.tables.history import HistoryTable
    from cardcourier.adapters.tables.idempotency import RepeatsTable
    from cardcourier.adapters.tables.journal import JournalTable
    from cardcourier.adapters.tables.merchants import MerchantsTable
    from cardcourier.adapters.tables.notes import NotesTable
    from cardcourier.adapters.tables.notifications import NotificationsTable
    from cardcourier.adapters.tables.orders import OrdersTable
    from cardcourier.adapters.tables.outbox import OutboxTable
    from cardcourier.adapters.tables.pools import PoolsTable
    from cardcourier.adapters.tables.telling import TellingTable
    from cardcourier.adapters.tables.tokens import TokensTable
    from cardcourier.adapters.tables.views import ViewsTable
    from cardcourier.adapters.tables.waiting import WaitingTable
    from cardcourier.adapters.tables.writes import Table
    from cardcourier.adapters.unread import UnreadTable
    from cardcourier.adapters.vault import Vault
    from cardcourier.domain.catalogue import Tenant
    from cardcourier.domain.changes import Changed
    from cardcourier.domain.language import Language
    from cardcourier.domain.mail import Notifier
    from cardcourier.domain.protocol import Pool
    from cardcourier.domain.sms import SmsSender, SmsSettings
    from cardcourier.services.allocating import Allocator
    from cardcourier.services.announcing import Announcer
    from cardcourier.services.auditing import Auditor
    from cardcourier.services.bulk_jobs import BulkDesk
    from cardcourier.services.buyers import BuyersDesk, BuyerWorker
    from cardcourier.services.delivering import Deliverer
    from cardcourier.services.draining import Drainer
    from cardcourier.services.fixed_content import ContentDesk, ContentSealer
    from cardcourier.services.following import Dispatcher, Projector
    from cardcourier.services.handling_orders import OrderActions
    from cardcourier.services.importing import Importer
    from cardcourier.services.importing_jobs import ImportDesk
    from cardcourier.services.intake import Intake
    from cardcourier.services.limiting import RequestLimits
    from cardcourier.services.managing.api_keys import KeysDesk
    from cardcourier.services.managing.canary import CanaryDesk
    from cardcourier.services.managing.endpoints import EndpointsDesk
    from cardcourier.services.managing.gates import DeploymentGate, GatesDesk
    from cardcourier.services.managing.listings import ListingsDesk
    from cardcourier.services.managing.notifications import NotificationsDesk
    from cardcourier.services.managing.products import ProductsDesk, RoomOpener
    from cardcourier.services.managing.shops import ShopsDesk
    from cardcourier.services.managing.stock import StockDesk
    from cardcourier.services.managing.suppliers import SuppliersDesk
    from cardcourier.services.managing.telling import TellingDesk
    from cardcourier.services.managing.tenants import TenantsDesk
    from cardcourier.services.managing.users import UsersDesk
    from cardcourier.services.notifying import Teller
    from cardcourier.services.pacing import Pace
    from cardcourier.services.passing import Passes
    from cardcourier.services.picking import Picker
    from cardcourier.services.probing import Prober
    from cardcourier.services.reading_audit import AuditDesk
    from cardcourier.services.reading_orders import OrdersDesk
    from cardcourier.services.redeeming import Redeem
    from cardcourier.services.replacing import Replacer
    from cardcourier.services.replaying import Replayer
    from cardcourier.services.report_jobs import ReportDesk
    from cardcourier.services.retaining import Retention
    from cardcourier.services.running_bulk import BulkRunner
    from cardcourier.services.running_reports import ReportRunner
    from cardcourier.services.sealing import Sealed
    from cardcourier.services.searching import Finder
    from cardcourier.services.sending_events import EventSender
    from cardcourier.services.sweeping import Sweeper
    from cardcourier.services.undoing import Undoer
    from cardcourier.services.watching import Watch

logger = Logger()
metrics = Metrics()
# A call that counted nothing is no event: a page that was looked at, a sweep that found nothing.
warnings.filterwarnings("ignore", message="No application metrics to publish")

CONNECT_SECONDS = 1
READ_SECONDS = 3
ATTEMPTS = 3
CONNECTIONS = 32
SENDERS = 10
"""Events that one worker sends at once, as many as a batch holds: a slow endpoint holds up no other."""


@cache
def settings() -> Settings:
    return Settings.read()


@cache
def client(service: str, region: str | None = None) -> Any:
    """One client per service and region, with short time limits, few attempts and room for the threads."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        service,
        region_name=region,
        config=Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            max_pool_connections=CONNECTIONS,
            parameter_validation=False,
            # Told once: botocore's own text is put together anew for every request.
            user_agent=f"cardcourier/{VERSION}",
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
            signature_version="s3v4" if service == "s3" else None,
        ),
    )


# -- tables -------------------------------------------------------------------------------------


@cache
def table(name: str) -> Table:
    from cardcourier.adapters.tables.writes import Table

    return Table(client("dynamodb"), name)


def main_table() -> Table:
    return table(settings().main_table)


@cache
def orders() -> OrdersTable:
    from cardcourier.adapters.tables.orders import OrdersTable

    return OrdersTable(main_table())


@cache
def pools() -> PoolsTable:
    from cardcourier.adapters.tables.pools import PoolsTable

    return PoolsTable(main_table())


@cache
def waiting() -> WaitingTable:
    from cardcourier.adapters.tables.waiting import WaitingTable

    return WaitingTable(main_table())


@cache
def catalogue_table() -> CatalogueTable:
    from cardcourier.adapters.tables.catalogue import CatalogueTable

    return CatalogueTable(main_table())


@cache
def catalogue() -> CachedCatalogue:
    from cardcourier.adapters.tables.catalogue import CachedCatalogue

    return CachedCatalogue(catalogue_table(), now_ms)


@cache
def tokens() -> TokensTable:
    from cardcourier.adapters.tables.tokens import TokensTable

    return TokensTable(main_table())


@cache
def notes() -> NotesTable:
    from cardcourier.adapters.tables.notes import NotesTable

    return NotesTable(main_table())


@cache
def notifications() -> NotificationsTable:
    from cardcourier.adapters.tables.notifications import NotificationsTable

    return NotificationsTable(main_table())


@cache
def views() -> ViewsTable:
    from cardcourier.adapters.tables.views import ViewsTable

    return ViewsTable(table(settings().views_table))


@cache
def journal() -> JournalTable:
    from cardcourier.adapters.tables.journal import JournalTable

    return JournalTable(client("dynamodb"), settings().journal_table)


@cache
def endpoints() -> EndpointsTable:
    from cardcourier.adapters.tables.endpoints import EndpointsTable

    return EndpointsTable(catalogue_table())


@cache
def outbox() -> OutboxTable:
    from cardcourier.adapters.tables.outbox import OutboxTable

    return OutboxTable(main_table())


@cache
def unread() -> UnreadTable:
    from cardcourier.adapters.unread import UnreadTable

    return UnreadTable(main_table(), contacts(), now_ms)


# -- keys and secrets ---------------------------------------------------------------------------


@cache
def key_service() -> KeyService:
    from cardcourier.adapters.kms import KeyService

    return KeyService(client("kms"), settings().kms_key)


@cache
def key_ring() -> KeyRing:
    from cardcourier.adapters.keyring import KeyRing
    from cardcourier.adapters.tables.data_keys import DataKeysTable

    return KeyRing(key_service(), DataKeysTable(main_table()), now_ms)


@cache
def fingerprints() -> Fingerprints:
    from cardcourier.adapters.keyring import Fingerprints

    return Fingerprints(key_ring())


@cache
def contacts() -> Contacts:
    from cardcourier.adapters.keyring import Contacts

    return Contacts(key_ring())


@cache
def links() -> Links:
    from cardcourier.adapters.keyring import Links

    return Links(key_ring())


@cache
def buyer_links() -> BuyerLinks:
    from cardcourier.adapters.buyer_links import BuyerLinks

    return BuyerLinks(links(), tokens(), lambda: settings().link_base_url or settings().public_url)


@cache
def mailed_links() -> BuyerLinks:
    """As `buyer_links`, for the one function that may open contacts."""
    return replace(buyer_links(), contacts=contacts())


@cache
def shop_secrets() -> ShopSecrets:
    from cardcourier.adapters.shop_secrets import ShopSecrets

    return ShopSecrets(key_service(), now_ms)


@cache
def endpoint_secrets() -> EndpointSecrets:
    from cardcourier.adapters.outbound_signing import EndpointSecrets

    return EndpointSecrets(shop_secrets())


@cache
def vault() -> Vault:
    from cardcourier.adapters.vault import Vault

    return Vault(table(settings().vault_table), key_ring())


# -- queues, objects, mail ----------------------------------------------------------------------


@cache
def queue(url: str) -> Queue:
    from cardcourier.adapters.queues import Queue

    return Queue(client("sqs"), url)


@cache
def orders_queue() -> OrdersQueue:
    from cardcourier.adapters.queues import OrdersQueue

    return OrdersQueue(queue(settings().orders_queue))


@cache
def delivery_queue() -> DeliveryQueue:
    from cardcourier.adapters.queues import DeliveryQueue

    return DeliveryQueue(queue(settings().delivery_queue))


@cache
def outbound_queue() -> OutboundQueue:
    from cardcourier.adapters.queues import OutboundQueue

    return OutboundQueue(queue(settings().outbound_queue))


@cache
def objects() -> Objects:
    from cardcourier.adapters.objects import Objects

    return Objects(client("s3"))


@cache
def notifier() -> Notifier:
    from cardcourier.adapters.notifiers import make_notifier

    now = settings()
    return make_notifier(
        now.mail_transport,
        now.mail_from,
        ses_client=lambda: client("sesv2"),
        smtp_host=now.smtp_host,
        smtp_port=now.smtp_port,
        smtp_login=_smtp_login,
    )


def _smtp_login() -> Login | None:
    from cardcourier.adapters.notifiers import Login

    if not settings().smtp_secret:
        return None
    secret = client("secretsmanager").get_secret_value(SecretId=settings().smtp_secret)
    return Login.from_secret(secret["SecretString"])


@cache
def post() -> BuyersPost:
    from cardcourier.adapters.post import BuyersPost

    return BuyersPost(
        contacts=contacts(),
        notifier=notifier,
        sms_sender=sms_sender,
        product=catalogue().product,
        settings=catalogue().sms,
        wording=catalogue().wording,
        site=lambda: settings().link_base_url or settings().public_url,
    )


def sms_sender(chosen: SmsSettings) -> SmsSender:
    """The sender of one tenant."""
    from cardcourier.adapters.sms import make_sender
    from cardcourier.domain.sms import SEALED_AS_SMS

    now = settings()
    return make_sender(
        chosen,
        lambda: shop_secrets().open_one(chosen.tenant, SEALED_AS_SMS, chosen.secret),
        sns_client=lambda: client("sns", now.sms_region or None),
        sns_sender_id=now.sms_sender_id,
        sns_max_price=now.sms_max_price,
    )


@cache
def samples() -> Samples:
    from cardcourier.adapters.samples import Samples

    return Samples(post(), shop_secrets(), catalogue().tenant, catalogue().wording, now_ms)


# -- use cases ----------------------------------------------------------------------------------


@cache
def intake() -> Intake:
    from cardcourier.adapters.channels import CHANNELS
    from cardcourier.services.intake import Intake

    return Intake(
        channels=CHANNELS,
        shops=catalogue(),
        secrets=shop_secrets(),
        facts=orders(),
        passes=orders_queue(),
        contacts=contacts(),
        digests=fingerprints(),
        unread=unread(),
        clock=now_ms,
    )


@cache
def picker() -> Picker:
    from cardcourier.services.picking import Picker

    return Picker(pools(), SystemRandom(), now_ms)


@cache
def allocator() -> Allocator:
    from cardcourier.services.allocating import Allocator

    return Allocator(orders(), catalogue(), picker(), orders_queue(), now_ms)


@cache
def drainer() -> Drainer:
    from cardcourier.services.draining import Drainer

    return Drainer(
        allocator=allocator(),
        waiting=waiting(),
        rooms=orders(),
        stock=pools(),
        catalogue=catalogue(),
        passes=orders_queue(),
        clock=now_ms,
    )


@cache
def passes() -> Passes:
    from cardcourier.services.passing import Passes

    return Passes(orders(), views(), allocator(), drainer())


@cache
def sweeper() -> Sweeper:
    from cardcourier.adapters.tables.keys import TIMER_PARTS
    from cardcourier.services.sweeping import Sweeper

    return Sweeper(
        due=waiting(),
        passes=orders_queue(),
        deliveries=delivery_queue(),
        outbound=outbound_queue(),
        releases=catalogue(),
        clock=now_ms,
        parts=TIMER_PARTS,
    )


@cache
def projector() -> Projector:
    from cardcourier.services.following import Projector

    return Projector(journal(), orders(), views(), announcer(), now_ms)


@cache
def announcer() -> Announcer:
    from cardcourier.services.announcing import Announcer

    return Announcer(catalogue(), outbox(), outbound_queue(), now_ms, side_by_side().map)


@cache
def dispatcher() -> Dispatcher:
    from cardcourier.services.following import Dispatcher

    return Dispatcher(delivery_queue())


@cache
def deliverer() -> Deliverer:
    from cardcourier.services.delivering import Deliverer

    return Deliverer(orders(), mailed_links(), teller(), now_ms)


@cache
def teller() -> Teller:
    from cardcourier.services.notifying import Teller

    return Teller(
        log=notifications(),
        post=post(),
        links=mailed_links(),
        catalogue=catalogue(),
        clock=now_ms,
        chance=SystemRandom().random,
    )


@cache
def redeem() -> Redeem:
    from cardcourier.services.redeeming import Redeem
    from cardcourier.services.showing import Showing

    return Redeem(
        tokens=tokens(),
        codes=buyer_links(),
        orders=orders(),
        notes=notes(),
        showing=Showing(orders(), vault(), catalogue(), now_ms),
        deliveries=delivery_queue(),
        catalogue=catalogue(),
        clock=now_ms,
    )


@cache
def replacer() -> Replacer:
    from cardcourier.services.replacing import Replacer

    return Replacer(orders(), catalogue(), picker(), now_ms)


@cache
def importer() -> Importer:
    from cardcourier.adapters.tables.stock_entry import ImportDocuments, StockEntryTable
    from cardcourier.adapters.uploads import Uploads
    from cardcourier.services.importing import Importer
    from cardcourier.services.stocking import Stocker

    stock = StockEntryTable(main_table(), table(settings().vault_table))
    return Importer(
        documents=ImportDocuments(catalogue_table()),
        stocker=Stocker(stock, fingerprints(), now_ms),
        keys=key_ring(),
        uploads=Uploads(objects(), settings().import_bucket),
        files=objects(),
        bucket=settings().import_bucket,
        restock=orders_queue(),
        paces=pace,
        clock=now_ms,
    )


def pace(pool: Pool) -> Pace:
    """How fast one import or undo may move the cards of a pool."""
    from cardcourier.services.pacing import Pace

    return Pace(pool, views(), now_ms)


@cache
def content_sealer() -> ContentSealer:
    from cardcourier.adapters.tables.stock_entry import ImportDocuments, StockEntryTable
    from cardcourier.services.fixed_content import ContentSealer

    return ContentSealer(
        documents=ImportDocuments(catalogue_table()),
        stock=StockEntryTable(main_table(), table(settings().vault_table)),
        keys=key_ring(),
        files=objects(),
        bucket=settings().import_bucket,
        restock=orders_queue(),
        clock=now_ms,
    )


@cache
def undoer() -> Undoer:
    from cardcourier.adapters.tables.stock_entry import ImportDocuments, StockEntryTable
    from cardcourier.adapters.tables.stock_exit import StockExitTable
    from cardcourier.services.undoing import Undoer

    return Undoer(
        documents=ImportDocuments(catalogue_table()),
        content=StockEntryTable(main_table(), table(settings().vault_table)),
        markers=pools(),
        exits=StockExitTable(main_table()),
        paces=pace,
        clock=now_ms,
    )


@cache
def report_runner() -> ReportRunner:
    from functools import partial

    from cardcourier.adapters.report_files import ReportFiles
    from cardcourier.adapters.tables.stock_entry import ImportDocuments
    from cardcourier.services.reporting import make_report
    from cardcourier.services.running_reports import ReportRunner

    make = partial(
        make_report,
        journal=journal(),
        files=ReportFiles(),
        objects=objects(),
        bucket=settings().report_bucket,
    )
    return ReportRunner(ImportDocuments(catalogue_table()), lambda job, now: make(job, now=now), now_ms)


def seal_journal(tenant: Tenant, now: int) -> Sealed:
    from cardcourier.services.sealing import seal

    return seal(
        tenant.id,
        since=tenant.created_at,
        journal=journal(),
        objects=objects(),
        bucket=settings().seal_bucket,
        now=now,
    )


@cache
def side_by_side() -> ThreadPoolExecutor:
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(SENDERS)


@cache
def event_sender() -> EventSender:
    from cardcourier.adapters.outbound_http import Poster
    from cardcourier.adapters.outbound_signing import signed_headers
    from cardcourier.services.sending_events import EventSender

    return EventSender(
        outbox=outbox(),
        endpoints=endpoints(),
        secrets=endpoint_secrets(),
        sign=signed_headers,
        poster=Poster(f"cardcourier/{VERSION}", now_ms, local=on_one_machine()),
        queue=outbound_queue(),
        clock=now_ms,
        chance=SystemRandom().random,
        token=lambda: token_bytes(8).hex(),
        spread=side_by_side().map,
    )


@cache
def replayer() -> Replayer:
    from cardcourier.services.replaying import Replayer

    return Replayer(endpoints(), outbox(), outbound_queue(), now_ms)


def on_one_machine() -> bool:
    """Whether receivers on this very machine may be called, without TLS."""
    return settings().stage in ("local", "test")


@cache
def watch() -> Watch:
    from functools import partial

    from cardcourier.adapters.tables import keys
    from cardcourier.adapters.tables.beacon import Beacon
    from cardcourier.domain.gates import Gate
    from cardcourier.services.sealing import overtaken
    from cardcourier.services.watching import Watch

    return Watch(
        beacon=Beacon(main_table(), table(settings().journal_table)),
        overtaken=partial(overtaken, journal=journal(), published=objects(), bucket=settings().seal_bucket),
        gate=lambda: catalogue_table().get(Gate, keys.gate()),
        sales=deployment_gate(),
        clock=now_ms,
    )


@cache
def canaries() -> CanariesTable:
    from cardcourier.adapters.tables.canaries import CanariesTable

    return CanariesTable(catalogue_table())


@cache
def prober() -> Prober:
    from cardcourier.adapters.front_door import FrontDoor
    from cardcourier.services.probing import Prober

    def public() -> str:
        return settings().link_base_url or settings().public_url

    door = FrontDoor(public, f"cardcourier/{VERSION}", now_ms)
    return Prober(canaries(), orders(), shop_secrets(), door, now_ms)


@cache
def auditor() -> Auditor:
    from functools import partial

    from cardcourier.services.auditing import Auditor
    from cardcourier.services.sealing import verify_period

    breaks = partial(verify_period, journal=journal(), objects=objects(), bucket=settings().seal_bucket)
    return Auditor(journal(), orders(), history(), breaks)


def stream_changes(event: dict[str, Any]) -> list[Changed]:
    from cardcourier.adapters.stream_records import changes

    return changes(event)


# -- what a merchant manages ----------------------------------------------------------------------


@cache
def merchants() -> MerchantsTable:
    from cardcourier.adapters.tables.merchants import MerchantsTable

    return MerchantsTable(catalogue_table())


@cache
def repeats() -> RepeatsTable:
    from cardcourier.adapters.tables.idempotency import RepeatsTable

    return RepeatsTable(main_table())


@cache
def request_limits() -> RequestLimits:
    from cardcourier.adapters.tables.limits import LimitsTable
    from cardcourier.services.limiting import RequestLimits, budgets_of

    return RequestLimits(LimitsTable(main_table()), budgets_of(settings().api_limits), now_ms)


@cache
def history() -> HistoryTable:
    from cardcourier.adapters.tables.history import HistoryTable

    return HistoryTable(main_table())


@cache
def bucket(name: str) -> Bucket:
    from cardcourier.adapters.buckets import Bucket

    return Bucket(client("s3"), objects(), name)


def links_at(base_url: str) -> BuyerLinks:
    """As `buyer_links`, at the address that was called where no other is configured."""
    return replace(buyer_links(), base_url=lambda: base_url)


def qr_code(text: str) -> str:
    from cardcourier.adapters.qr import qr_data_uri

    return qr_data_uri(text)


def bootstrap_secret() -> str:
    answer = client("secretsmanager").get_secret_value(SecretId=settings().bootstrap_secret)
    return str(answer["SecretString"])


@cache
def keys_desk() -> KeysDesk:
    from cardcourier.services.managing.api_keys import KeysDesk

    return KeysDesk(merchants(), token_bytes, now_ms, settings().stage)


@cache
def issuers() -> dict[str, frozenset[str]]:
    """Audiences by issuer, from pairs `issuer audience` with commas between."""
    found: dict[str, frozenset[str]] = {}
    for pair in filter(None, settings().oidc_issuers.split(",")):
        issuer, audience = pair.split()
        found[issuer] = found.get(issuer, frozenset()) | {audience}
    return found


@cache
def id_tokens() -> IdTokens | None:
    """None where nobody signs in at an issuer: what reads tokens is not imported then."""
    if not issuers():
        return None
    from cardcourier.adapters.oidc.id_tokens import IdTokens
    from cardcourier.adapters.oidc.issuer_keys import IssuerKeys, fetch_https

    fetch = fetch_https(loopback=settings().stage in ("local", "test"))
    return IdTokens(issuers(), IssuerKeys(fetch, now_ms))


@cache
def users_desk() -> UsersDesk:
    from cardcourier.services.managing.users import UsersDesk

    return UsersDesk(merchants(), tuple(issuers()), now_ms)


@cache
def tenants_desk() -> TenantsDesk:
    from cardcourier.services.managing.tenants import TenantsDesk

    return TenantsDesk(merchants(), key_ring(), bootstrap_secret, token_bytes, now_ms, settings().stage)


@cache
def shops_desk() -> ShopsDesk:
    from cardcourier.adapters.channels import CHANNELS
    from cardcourier.adapters.channels.standard import make_secret
    from cardcourier.services.managing.shops import ShopsDesk

    return ShopsDesk(
        shops=merchants(),
        channels=CHANNELS,
        makes_secret=("standard",),
        make_secret=make_secret,
        sealer=shop_secrets(),
        random=token_bytes,
        clock=now_ms,
    )


@cache
def canary_desk() -> CanaryDesk:
    from cardcourier.adapters.channels.standard import make_secret
    from cardcourier.services.managing.canary import CanaryDesk

    return CanaryDesk(
        canaries=canaries(),
        sealer=shop_secrets(),
        imports=import_desk(),
        make_secret=make_secret,
        random=token_bytes,
        clock=now_ms,
    )


@cache
def room_opener() -> RoomOpener:
    from cardcourier.services.managing.products import RoomOpener

    return RoomOpener(waiting(), orders_queue(), now_ms)


@cache
def gates_desk() -> GatesDesk:
    from cardcourier.services.managing.gates import GatesDesk

    return GatesDesk(merchants(), room_opener(), waiting(), orders(), now_ms)


@cache
def deployment_gate() -> DeploymentGate:
    from cardcourier.services.managing.gates import DeploymentGate

    return DeploymentGate(catalogue_table(), room_opener(), now_ms)


@cache
def products_desk() -> ProductsDesk:
    from cardcourier.services.managing.products import ProductsDesk

    return ProductsDesk(merchants(), room_opener(), now_ms)


@cache
def listings_desk() -> ListingsDesk:
    from cardcourier.services.managing.listings import ListingsDesk

    return ListingsDesk(merchants(), room_opener(), now_ms)


@cache
def endpoints_desk() -> EndpointsDesk:
    from cardcourier.adapters.channels.standard import make_secret
    from cardcourier.services.managing.endpoints import EndpointsDesk

    return EndpointsDesk(
        endpoints=endpoints(),
        outbox=outbox(),
        queue=outbound_queue(),
        sealer=endpoint_secrets(),
        make_secret=make_secret,
        random=token_bytes,
        clock=now_ms,
        local=on_one_machine(),
    )


@cache
def stock_desk() -> StockDesk:
    from cardcourier.services.managing.stock import StockDesk

    return StockDesk(merchants(), pools())


@cache
def suppliers_desk() -> SuppliersDesk:
    from cardcourier.services.managing.suppliers import SuppliersDesk

    return SuppliersDesk(merchants(), bucket(settings().import_bucket), now_ms)


@cache
def import_desk() -> ImportDesk:
    from cardcourier.services.importing_jobs import ImportDesk

    return ImportDesk(merchants(), bucket(settings().import_bucket), queue(settings().import_queue), now_ms)


@cache
def content_desk() -> ContentDesk:
    from cardcourier.services.fixed_content import ContentDesk

    return ContentDesk(merchants(), bucket(settings().import_bucket), queue(settings().import_queue), now_ms)


@cache
def report_desk() -> ReportDesk:
    from cardcourier.services.report_jobs import ReportDesk

    return ReportDesk(merchants(), bucket(settings().report_bucket), queue(settings().report_queue), now_ms)


@cache
def orders_desk() -> OrdersDesk:
    from cardcourier.services.reading_orders import OrdersDesk

    return OrdersDesk(views(), history(), now_ms)


@cache
def notifications_desk() -> NotificationsDesk:
    from cardcourier.services.managing.notifications import NotificationsDesk

    return NotificationsDesk(notifications(), delivery_queue(), now_ms)


@cache
def telling_settings() -> TellingTable:
    from cardcourier.adapters.tables.telling import TellingTable

    return TellingTable(catalogue_table())


@cache
def telling_desk() -> TellingDesk:
    from cardcourier.adapters.sms.phones import known_region
    from cardcourier.services.managing.telling import TellingDesk

    return TellingDesk(
        settings=telling_settings(),
        sealer=shop_secrets(),
        deliveries=delivery_queue(),
        limits=tokens(),
        known_region=known_region,
        sns=settings().sms_transport == "sns",
        clock=now_ms,
    )


def our_parts(channel: str, kind: str, language: Language) -> dict[str, str]:
    from cardcourier.messages.render import our_parts

    return our_parts(channel, kind, language)


def preview(
    tenant: str, channel: str, kind: str, language: Language, parts: Mapping[str, str], site: str
) -> dict[str, Any]:
    """A message with made-up data: `text`, and of a mail `subject` and `html` too."""
    from cardcourier.adapters.samples import preview

    return preview(merchants().tenant(tenant).thing, channel, kind, language, parts, site, now_ms())


@cache
def order_actions() -> OrderActions:
    from cardcourier.services.handling_orders import OrderActions

    return OrderActions(
        orders=orders(),
        passes=orders_queue(),
        notes=notes(),
        limits=tokens(),
        replacing=replacer(),
        mailing=delivery_queue(),
        clock=now_ms,
    )


@cache
def audit_table() -> AuditTable:
    from cardcourier.adapters.tables.audit import AuditTable

    return AuditTable(main_table())


@cache
def audit_desk() -> AuditDesk:
    from cardcourier.services.reading_audit import AuditDesk

    return AuditDesk(audit_table(), now_ms)


@cache
def bulk_table() -> BulkTable:
    from cardcourier.adapters.tables.bulk import BulkTable

    return BulkTable(catalogue_table())


@cache
def bulk_desk() -> BulkDesk:
    from cardcourier.services.bulk_jobs import BulkDesk

    return BulkDesk(bulk_table(), orders(), orders_desk(), queue(settings().bulk_queue), now_ms)


@cache
def bulk_runner() -> BulkRunner:
    from cardcourier.services.running_bulk import BulkRunner

    return BulkRunner(bulk_table(), lambda at: replace(order_actions(), clock=lambda: at), now_ms)


@cache
def buyers_desk() -> BuyersDesk:
    from cardcourier.services.buyers import BuyersDesk

    queue_of_work = queue(settings().delivery_queue)
    files = bucket(settings().report_bucket)
    return BuyersDesk(finder(), orders(), merchants(), queue_of_work, files, tenant_now, now_ms)


@cache
def buyer_worker() -> BuyerWorker:
    from cardcourier.adapters.tables.stock_entry import ImportDocuments
    from cardcourier.services.buyers import BuyerWorker

    write = bucket(settings().report_bucket).write
    return BuyerWorker(ImportDocuments(catalogue_table()), buyer_records(), write, tenant_now, now_ms)


@cache
def buyer_records() -> BuyerRecords:
    from cardcourier.adapters.buyer_records import BuyerRecords

    return BuyerRecords(main_table(), table(settings().views_table), contacts(), links())


def tenant_now(tenant: str) -> Tenant:
    """A tenant as it is kept at this moment."""
    from cardcourier.adapters.tables.catalogue import tenant_key
    from cardcourier.domain.catalogue import Tenant

    return catalogue_table().need(Tenant, tenant_key(tenant))


@cache
def retention() -> Retention:
    from cardcourier.adapters.tables.retention import RetentionTable
    from cardcourier.services.retaining import Retention

    return Retention(
        tenant=tenant_now,
        rounds=RetentionTable(main_table()),
        listed=views(),
        orders=orders(),
        records=buyer_records(),
        trail=audit_table(),
        spread=side_by_side().map,
        clock=now_ms,
    )


@cache
def finder() -> Finder:
    from cardcourier.services.searching import Finder

    return Finder(
        merchant=merchants(),
        orders=orders(),
        views=views(),
        fingerprints=fingerprints(),
        codes=buyer_links(),
        cards=history(),
        clock=now_ms,
    )
