"""What the wiring makes, made for one simulated process: its own caches, hints, clock and clients.

As in `cardcourier.wiring`, every part is made on first use; what the environment tells there is told here by
the constructor, and chance comes from the seed.
"""

from functools import cached_property

from cardcourier.adapters.buckets import Bucket
from cardcourier.adapters.buyer_links import BuyerLinks
from cardcourier.adapters.channels import CHANNELS
from cardcourier.adapters.keyring import Contacts, Fingerprints, KeyRing, Links
from cardcourier.adapters.kms import KeyService
from cardcourier.adapters.objects import Objects
from cardcourier.adapters.post import BuyersPost
from cardcourier.adapters.queues import DeliveryQueue, OrdersQueue, OutboundQueue, Queue
from cardcourier.adapters.shop_secrets import ShopSecrets
from cardcourier.adapters.tables import keys
from cardcourier.adapters.tables.catalogue import CachedCatalogue, CatalogueTable
from cardcourier.adapters.tables.claims import ClaimsTable
from cardcourier.adapters.tables.data_keys import DataKeysTable
from cardcourier.adapters.tables.endpoints import EndpointsTable
from cardcourier.adapters.tables.history import HistoryTable
from cardcourier.adapters.tables.journal import JournalTable
from cardcourier.adapters.tables.merchants import MerchantsTable
from cardcourier.adapters.tables.notes import NotesTable
from cardcourier.adapters.tables.notifications import NotificationsTable
from cardcourier.adapters.tables.orders import OrdersTable
from cardcourier.adapters.tables.outbox import OutboxTable
from cardcourier.adapters.tables.pools import PoolsTable
from cardcourier.adapters.tables.refunds import RefundsTable
from cardcourier.adapters.tables.slots import SlotsTable
from cardcourier.adapters.tables.stock_entry import ImportDocuments, StockEntryTable
from cardcourier.adapters.tables.stock_exit import StockExitTable
from cardcourier.adapters.tables.tasks import TasksView
from cardcourier.adapters.tables.tokens import TokensTable
from cardcourier.adapters.tables.views import ViewsTable
from cardcourier.adapters.tables.waiting import WaitingTable
from cardcourier.adapters.tables.writes import Table
from cardcourier.adapters.unread import UnreadTable
from cardcourier.adapters.uploads import Uploads
from cardcourier.adapters.vault import Vault
from cardcourier.services.allocating import Allocator
from cardcourier.services.announcing import Announcer
from cardcourier.services.answering import RefundAnswers
from cardcourier.services.delivering import Deliverer
from cardcourier.services.draining import Drainer
from cardcourier.services.fixed_content import ContentDesk, ContentSealer
from cardcourier.services.following import Dispatcher, Projector
from cardcourier.services.handling_orders import OrderActions
from cardcourier.services.importing import Importer
from cardcourier.services.importing_jobs import ImportDesk
from cardcourier.services.intake import Intake
from cardcourier.services.keeping_claims import ClaimKeeper
from cardcourier.services.managing.gates import DeploymentGate, GatesDesk
from cardcourier.services.managing.listings import ListingsDesk
from cardcourier.services.managing.products import ProductsDesk, RoomOpener
from cardcourier.services.notifying import Teller
from cardcourier.services.pacing import Pace
from cardcourier.services.passing import Passes
from cardcourier.services.picking import Picker
from cardcourier.services.redeeming import Redeem
from cardcourier.services.replacements import Replacements
from cardcourier.services.replacing import Replacer
from cardcourier.services.showing import Showing
from cardcourier.services.stocking import Stocker
from cardcourier.services.sweeping import Sweeper
from cardcourier.services.todo import TaskLister
from cardcourier.services.undoing import Undoer
from tests.simulation.scheduler import Process, Scheduler, Threads

IMPORTS = "imports"
SITE = "https://cards.example"


class Turnstile:
    """A lock for strands: what is done between `with` and its end may sleep, so others have to wait."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler, self.taken = scheduler, False

    def __enter__(self):
        while self.taken:
            self.scheduler.pause(1)
        self.taken = True

    def __exit__(self, *_):
        self.taken = False


class WatchedCatalogue(CachedCatalogue):
    """Remembers when the strand at work last asked for what, for the invariants that judge gates."""

    __slots__ = ("scheduler",)

    def find_tenant(self, tenant):
        return self._noted(("tenant", tenant), lambda: CachedCatalogue.find_tenant(self, tenant))

    def find_shop(self, shop):
        return self._noted(("shop", shop), lambda: CachedCatalogue.find_shop(self, shop))

    def gate(self):
        return self._noted(("gate",), lambda: CachedCatalogue.gate(self))

    def product(self, tenant, sku):
        return self._noted(("product", tenant, sku), lambda: CachedCatalogue.product(self, tenant, sku))

    def _noted(self, what, ask):
        strand = self.scheduler.current
        if strand is None:
            return ask()
        began = self.scheduler.now
        answer = ask()
        strand.judged_at[what] = (began, self.scheduler.now)
        return answer


class Parts:
    """`outside` is what all processes share: engine, queues, key server, objects, post office, calls."""

    def __init__(self, outside, process: Process) -> None:
        self.outside, self.process = outside, process
        self.scheduler, self.random = outside.scheduler, outside.chance.random

    def clock(self) -> int:
        return self.scheduler.now + self.process.skew

    def sleep(self, seconds: float) -> None:
        self.scheduler.pause(int(seconds * 1000))

    # -- clients and tables ---------------------------------------------------------------------

    @cached_property
    def dynamodb(self):
        return self.outside.engine.client(hook=self.outside.calls.of_table)

    @cached_property
    def main(self):
        return Table(self.dynamodb, "MainTable", self.sleep)

    @cached_property
    def vault_table(self):
        return Table(self.dynamodb, "VaultTable", self.sleep)

    @cached_property
    def orders(self):
        return OrdersTable(self.main)

    @cached_property
    def refunds(self):
        return RefundsTable(self.main)

    @cached_property
    def pools(self):
        return PoolsTable(self.main)

    @cached_property
    def waiting(self):
        return WaitingTable(self.main)

    @cached_property
    def catalogue_table(self):
        return CatalogueTable(self.main)

    @cached_property
    def catalogue(self):
        made = WatchedCatalogue(self.catalogue_table, self.clock)
        made.scheduler = self.scheduler
        return made

    @cached_property
    def merchants(self):
        return MerchantsTable(self.catalogue_table)

    @cached_property
    def tokens(self):
        return TokensTable(self.main)

    @cached_property
    def notes(self):
        return NotesTable(self.main)

    @cached_property
    def notifications(self):
        return NotificationsTable(self.main)

    @cached_property
    def views(self):
        return ViewsTable(Table(self.dynamodb, "ViewsTable", self.sleep))

    @cached_property
    def tasks_view(self):
        return TasksView(Table(self.dynamodb, "ViewsTable", self.sleep))

    @cached_property
    def journal(self):
        return JournalTable(self.dynamodb, "JournalTable", sleep=self.sleep)

    @cached_property
    def outbox(self):
        return OutboxTable(self.main)

    @cached_property
    def endpoints(self):
        return EndpointsTable(self.catalogue_table)

    @cached_property
    def stock_entry(self):
        return StockEntryTable(self.main, self.vault_table)

    @cached_property
    def documents(self):
        return ImportDocuments(self.catalogue_table)

    # -- queues, keys, objects, post --------------------------------------------------------------

    def queue(self, name: str) -> Queue:
        return Queue(self.outside.sqs, name)

    @cached_property
    def orders_queue(self):
        return OrdersQueue(self.queue("orders"))

    @cached_property
    def delivery_queue(self):
        return DeliveryQueue(self.queue("delivery"))

    @cached_property
    def outbound_queue(self):
        return OutboundQueue(self.queue("outbound"))

    @cached_property
    def key_service(self):
        return KeyService(self.outside.kms, "key")

    @cached_property
    def ring(self):
        return KeyRing(self.key_service, DataKeysTable(self.main), self.clock)

    @cached_property
    def fingerprints(self):
        return Fingerprints(self.ring)

    @cached_property
    def contacts(self):
        return Contacts(self.ring)

    @cached_property
    def shop_secrets(self):
        return ShopSecrets(self.key_service, self.clock)

    @cached_property
    def vault(self):
        return Vault(self.vault_table, self.ring)

    @cached_property
    def buyer_links(self):
        return BuyerLinks(Links(self.ring), self.tokens, lambda: SITE)

    @cached_property
    def mailed_links(self):
        return BuyerLinks(Links(self.ring), self.tokens, lambda: SITE, self.contacts)

    @cached_property
    def objects(self):
        return Objects(self.outside.s3)

    @cached_property
    def bucket(self):
        return Bucket(self.outside.s3, self.objects, IMPORTS)

    @cached_property
    def post(self):
        return BuyersPost(
            contacts=self.contacts,
            notifier=lambda: self.outside.post_office,
            sms_sender=lambda settings: self.outside.post_office,
            product=self.catalogue.product,
            settings=self.catalogue.sms,
            wording=self.catalogue.wording,
            site=lambda: SITE,
        )

    # -- use cases --------------------------------------------------------------------------------

    @cached_property
    def intake(self):
        return Intake(
            channels=CHANNELS,
            shops=self.catalogue,
            secrets=self.shop_secrets,
            facts=self.orders,
            refunds=self.refunds,
            passes=self.orders_queue,
            contacts=self.contacts,
            digests=self.fingerprints,
            unread=UnreadTable(self.main, self.contacts, self.clock),
            clock=self.clock,
        )

    @cached_property
    def picker(self):
        return Picker(self.pools, self.random, self.clock, self.sleep)

    @cached_property
    def allocator(self):
        return Allocator(
            self.orders, self.catalogue, self.picker, self.orders_queue, self.clock, self.refunds
        )

    @cached_property
    def drainer(self):
        return Drainer(
            allocator=self.allocator,
            waiting=self.waiting,
            rooms=self.orders,
            stock=self.pools,
            catalogue=self.catalogue,
            passes=self.orders_queue,
            clock=self.clock,
        )

    @cached_property
    def passes(self):
        return Passes(self.orders, self.views, self.allocator, self.drainer)

    @cached_property
    def sweeper(self):
        return Sweeper(
            due=self.waiting,
            passes=self.orders_queue,
            deliveries=self.delivery_queue,
            outbound=self.outbound_queue,
            releases=self.catalogue,
            clock=self.clock,
            parts=keys.TIMER_PARTS,
        )

    @cached_property
    def announcer(self):
        spread = Threads(self.scheduler).map
        return Announcer(self.catalogue, self.outbox, self.outbound_queue, self.clock, spread)

    @cached_property
    def projector(self):
        tasks = TaskLister(HistoryTable(self.main), self.tasks_view)
        return Projector(self.journal, self.orders, self.views, self.announcer, tasks, self.clock)

    @cached_property
    def dispatcher(self):
        return Dispatcher(self.delivery_queue)

    @cached_property
    def deliverer(self):
        teller = Teller(
            log=self.notifications,
            post=self.post,
            links=self.mailed_links,
            catalogue=self.catalogue,
            clock=self.clock,
            chance=self.random.random,
        )
        return Deliverer(self.orders, self.mailed_links, teller, self.clock)

    @cached_property
    def redeem(self):
        return Redeem(
            tokens=self.tokens,
            codes=self.buyer_links,
            orders=self.claims,
            notes=self.notes,
            showing=Showing(self.orders, self.vault, self.catalogue, self.clock),
            deliveries=self.delivery_queue,
            catalogue=self.catalogue,
            clock=self.clock,
        )

    @cached_property
    def replacer(self):
        return Replacer(self.orders, self.catalogue, self.picker, ClaimKeeper(self.claims), self.clock)

    @cached_property
    def claims(self):
        return ClaimsTable(self.main)

    @cached_property
    def replacements(self):
        slots, tenant = SlotsTable(self.main), self.catalogue.tenant
        return Replacements(self.orders, tenant, self.catalogue, slots, self.replacer, self.clock)

    @cached_property
    def refund_answers(self):
        return RefundAnswers(self.orders, self.refunds, self.orders_queue, self.clock)

    @cached_property
    def order_actions(self):
        return OrderActions(
            orders=self.orders,
            refunds=self.refunds,
            passes=self.orders_queue,
            notes=self.notes,
            limits=self.tokens,
            replacing=self.replacements,
            mailing=self.delivery_queue,
            clock=self.clock,
        )

    def pace(self, pool):
        return Pace(pool, self.views, self.clock, self.sleep, _lock=Turnstile(self.scheduler))

    @cached_property
    def importer(self):
        stocker = Stocker(self.stock_entry, self.fingerprints, self.clock, self.random, self.sleep)
        return Importer(
            documents=self.documents,
            stocker=stocker,
            keys=self.ring,
            uploads=Uploads(self.objects, IMPORTS),
            files=self.objects,
            bucket=IMPORTS,
            restock=self.orders_queue,
            paces=self.pace,
            clock=self.clock,
            random=self.random,
            chunk=self.outside.scale.rows,
        )

    @cached_property
    def content_sealer(self):
        return ContentSealer(
            documents=self.documents,
            stock=self.stock_entry,
            keys=self.ring,
            files=self.objects,
            bucket=IMPORTS,
            restock=self.orders_queue,
            clock=self.clock,
        )

    @cached_property
    def undoer(self):
        return Undoer(
            documents=self.documents,
            content=self.stock_entry,
            markers=self.pools,
            exits=StockExitTable(self.main),
            paces=self.pace,
            clock=self.clock,
            random=self.random,
            lot=self.outside.scale.lot,
        )

    # -- desks of people --------------------------------------------------------------------------

    @cached_property
    def room_opener(self):
        return RoomOpener(self.waiting, self.orders_queue, self.clock)

    @cached_property
    def gates(self):
        return GatesDesk(self.merchants, self.room_opener, self.waiting, self.orders, self.clock)

    @cached_property
    def deployment_gate(self):
        return DeploymentGate(self.catalogue_table, self.room_opener, self.clock)

    @cached_property
    def products(self):
        return ProductsDesk(self.merchants, self.room_opener, self.clock)

    @cached_property
    def listings(self):
        return ListingsDesk(self.merchants, self.room_opener, self.clock)

    @cached_property
    def imports(self):
        return ImportDesk(self.merchants, self.bucket, self.queue("imports"), self.clock)

    @cached_property
    def content(self):
        return ContentDesk(self.merchants, self.bucket, self.queue("imports"), self.clock)
