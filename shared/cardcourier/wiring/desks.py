"""What merchants manage over the API, and what the API stands on."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from secrets import token_bytes
from typing import TYPE_CHECKING, Any

from cardcourier.clock import now_ms
from cardcourier.wiring.clients import client, settings
from cardcourier.wiring.outside import delivery_queue, objects, orders_queue, outbound_queue, queue
from cardcourier.wiring.secrets import (
    buyer_links,
    contacts,
    endpoint_secrets,
    fingerprints,
    key_ring,
    links,
    shop_secrets,
    unread,
)
from cardcourier.wiring.tables import (
    catalogue,
    catalogue_table,
    connections,
    endpoints,
    history,
    main_table,
    marks,
    notes,
    notifications,
    orders,
    outbox,
    pools,
    refunds,
    slots,
    table,
    tasks_view,
    tokens,
    views,
    waiting,
)
from cardcourier.wiring.use_cases import (
    canaries,
    on_one_machine,
    replacer,
    room_opener,
    shop_calls,
    side_by_side,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cardcourier.adapters.buckets import Bucket
    from cardcourier.adapters.buyer_links import BuyerLinks
    from cardcourier.adapters.buyer_records import BuyerRecords
    from cardcourier.adapters.oidc.id_tokens import IdTokens
    from cardcourier.adapters.tables.audit import AuditTable
    from cardcourier.adapters.tables.bulk import BulkTable
    from cardcourier.adapters.tables.idempotency import RepeatsTable
    from cardcourier.adapters.tables.merchants import MerchantsTable
    from cardcourier.adapters.tables.telling import TellingTable
    from cardcourier.domain.catalogue import Tenant
    from cardcourier.domain.language import Language
    from cardcourier.services.answering import RefundAnswers
    from cardcourier.services.bulk_jobs import BulkDesk
    from cardcourier.services.buyers import BuyersDesk, BuyerWorker
    from cardcourier.services.fixed_content import ContentDesk
    from cardcourier.services.handling_orders import OrderActions
    from cardcourier.services.importing_jobs import ImportDesk
    from cardcourier.services.limiting import RequestLimits
    from cardcourier.services.managing.api_keys import KeysDesk
    from cardcourier.services.managing.canary import CanaryDesk
    from cardcourier.services.managing.connections import ConnectionsDesk
    from cardcourier.services.managing.endpoints import EndpointsDesk
    from cardcourier.services.managing.gates import GatesDesk
    from cardcourier.services.managing.listings import ListingsDesk
    from cardcourier.services.managing.notifications import NotificationsDesk
    from cardcourier.services.managing.products import ProductsDesk
    from cardcourier.services.managing.shops import ShopsDesk
    from cardcourier.services.managing.stock import StockDesk
    from cardcourier.services.managing.suppliers import SuppliersDesk
    from cardcourier.services.managing.telling import TellingDesk
    from cardcourier.services.managing.tenants import TenantsDesk
    from cardcourier.services.managing.users import UsersDesk
    from cardcourier.services.reading_audit import AuditDesk
    from cardcourier.services.reading_orders import OrdersDesk
    from cardcourier.services.replacements import Replacements
    from cardcourier.services.report_jobs import ReportDesk
    from cardcourier.services.retaining import Retention
    from cardcourier.services.running_bulk import BulkRunner
    from cardcourier.services.searching import Finder
    from cardcourier.services.todo import TodoDesk


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
def connections_desk() -> ConnectionsDesk:
    from cardcourier.adapters.channels.standard import make_secret
    from cardcourier.services.managing.connections import ConnectionsDesk

    return ConnectionsDesk(
        shops=merchants(),
        connections=connections(),
        apis=shop_calls(),
        sealer=shop_secrets(),
        make_secret=make_secret,
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
def gates_desk() -> GatesDesk:
    from cardcourier.services.managing.gates import GatesDesk

    return GatesDesk(merchants(), room_opener(), waiting(), orders(), now_ms)


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

    return StockDesk(merchants(), pools(), now_ms)


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
def todo_desk() -> TodoDesk:
    from cardcourier.adapters.unread import UnreadTasks
    from cardcourier.services.managing.people import People
    from cardcourier.services.todo import TodoDesk

    sources = (UnreadTasks(unread()),)
    return TodoDesk(history(), tasks_view(), sources, marks(), People(merchants()), now_ms)


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
def refund_answers() -> RefundAnswers:
    from cardcourier.services.answering import RefundAnswers

    return RefundAnswers(orders(), refunds(), orders_queue(), now_ms)


@cache
def order_actions() -> OrderActions:
    from cardcourier.services.handling_orders import OrderActions

    return OrderActions(
        orders=orders(),
        refunds=refunds(),
        passes=orders_queue(),
        notes=notes(),
        limits=tokens(),
        replacing=replacements(),
        mailing=delivery_queue(),
        clock=now_ms,
    )


@cache
def replacements() -> Replacements:
    from cardcourier.services.replacements import Replacements

    return Replacements(orders(), tenant_now, catalogue(), slots(), replacer(), now_ms)


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
