"""The use cases that orders, cards and journal pass through."""

from __future__ import annotations

from functools import cache
from random import SystemRandom
from secrets import token_bytes
from typing import TYPE_CHECKING, Any

from cardcourier import VERSION
from cardcourier.clock import now_ms
from cardcourier.wiring.clients import settings
from cardcourier.wiring.outside import delivery_queue, objects, orders_queue, outbound_queue, post
from cardcourier.wiring.secrets import (
    buyer_links,
    contacts,
    endpoint_secrets,
    fingerprints,
    key_ring,
    mailed_links,
    shop_secrets,
    unread,
    vault,
)
from cardcourier.wiring.tables import (
    catalogue,
    catalogue_table,
    claims,
    endpoints,
    history,
    journal,
    main_table,
    notes,
    notifications,
    orders,
    outbox,
    pools,
    refunds,
    table,
    tasks_view,
    tokens,
    views,
    waiting,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import ThreadPoolExecutor

    from cardcourier.adapters.outbound_http import Poster
    from cardcourier.adapters.shop_apis import ShopApi
    from cardcourier.adapters.tables.canaries import CanariesTable
    from cardcourier.domain.catalogue import Tenant
    from cardcourier.domain.changes import Changed
    from cardcourier.domain.protocol import Pool
    from cardcourier.services.allocating import Allocator
    from cardcourier.services.announcing import Announcer
    from cardcourier.services.auditing import Auditor
    from cardcourier.services.delivering import Deliverer
    from cardcourier.services.draining import Drainer
    from cardcourier.services.fixed_content import ContentSealer
    from cardcourier.services.following import Dispatcher, Projector
    from cardcourier.services.importing import Importer
    from cardcourier.services.intake import Intake
    from cardcourier.services.managing.gates import DeploymentGate
    from cardcourier.services.managing.products import RoomOpener
    from cardcourier.services.notifying import Teller
    from cardcourier.services.pacing import Pace
    from cardcourier.services.passing import Passes
    from cardcourier.services.picking import Picker
    from cardcourier.services.probing import Prober
    from cardcourier.services.redeeming import Redeem
    from cardcourier.services.replacing import Replacer
    from cardcourier.services.replaying import Replayer
    from cardcourier.services.running_reports import ReportRunner
    from cardcourier.services.sealing import Sealed
    from cardcourier.services.sending_events import EventSender
    from cardcourier.services.sweeping import Sweeper
    from cardcourier.services.todo import TaskLister
    from cardcourier.services.undoing import Undoer
    from cardcourier.services.watching import Watch

SENDERS = 10
"""Events that one worker sends at once, as many as a batch holds: a slow endpoint holds up no other."""


@cache
def intake() -> Intake:
    from cardcourier.adapters.channels import CHANNELS
    from cardcourier.services.intake import Intake

    return Intake(
        channels=CHANNELS,
        shops=catalogue(),
        secrets=shop_secrets(),
        facts=orders(),
        refunds=refunds(),
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

    return Allocator(orders(), catalogue(), picker(), orders_queue(), now_ms, refunds())


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

    return Projector(journal(), orders(), views(), announcer(), task_lister(), now_ms)


@cache
def task_lister() -> TaskLister:
    from cardcourier.services.todo import TaskLister

    return TaskLister(history(), tasks_view())


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
        orders=claims(),
        notes=notes(),
        showing=Showing(orders(), vault(), catalogue(), now_ms),
        deliveries=delivery_queue(),
        catalogue=catalogue(),
        clock=now_ms,
    )


@cache
def replacer() -> Replacer:
    from cardcourier.services.keeping_claims import ClaimKeeper
    from cardcourier.services.replacing import Replacer

    return Replacer(orders(), catalogue(), picker(), ClaimKeeper(claims()), now_ms)


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
def poster() -> Poster:
    from cardcourier.adapters.outbound_http import Poster

    return Poster(f"cardcourier/{VERSION}", now_ms, local=on_one_machine())


@cache
def shop_calls() -> Mapping[str, ShopApi]:
    """How shops are called, by channel."""
    from cardcourier.adapters.shop_apis import shop_apis

    return shop_apis(poster())


@cache
def event_sender() -> EventSender:
    from cardcourier.adapters.outbound_signing import signed_headers
    from cardcourier.services.sending_events import EventSender

    return EventSender(
        outbox=outbox(),
        endpoints=endpoints(),
        secrets=endpoint_secrets(),
        sign=signed_headers,
        poster=poster(),
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


@cache
def room_opener() -> RoomOpener:
    from cardcourier.services.managing.products import RoomOpener

    return RoomOpener(waiting(), orders_queue(), now_ms)


@cache
def deployment_gate() -> DeploymentGate:
    from cardcourier.services.managing.gates import DeploymentGate

    return DeploymentGate(catalogue_table(), room_opener(), now_ms)
