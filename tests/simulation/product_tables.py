"""What the product asks of its tables beside orders, each in a few writes and reads.

Every function takes a client. It may be called again on the same tables: it then meets what it wrote.
"""

from dataclasses import replace
from itertools import cycle

from cardcourier.adapters.tables.audit import AuditTable
from cardcourier.adapters.tables.catalogue import CatalogueTable, batch_key, product_key
from cardcourier.adapters.tables.data_keys import DataKeysTable
from cardcourier.adapters.tables.idempotency import RepeatsTable
from cardcourier.adapters.tables.journal import JournalTable
from cardcourier.adapters.tables.limits import LimitsTable
from cardcourier.adapters.tables.notifications import NotificationsTable
from cardcourier.adapters.tables.outbox import OutboxTable
from cardcourier.adapters.tables.pools import PoolsTable
from cardcourier.adapters.tables.restored_stock import RestoredStock
from cardcourier.adapters.tables.stock_entry import StockEntryTable
from cardcourier.adapters.tables.stock_exit import StockExitTable
from cardcourier.adapters.tables.tokens import TokensTable
from cardcourier.adapters.tables.views import ViewsTable
from cardcourier.adapters.tables.waiting import WaitingTable
from cardcourier.adapters.tables.writes import Table
from cardcourier.domain.audit import AuditLine
from cardcourier.domain.cards import Card
from cardcourier.domain.catalogue import Batch, Product
from cardcourier.domain.contact_keys import KeyRow
from cardcourier.domain.imports import Chunk, Gone, NewCard, SharedCard
from cardcourier.domain.journal import JournalLine
from cardcourier.domain.key_versions import KeyVersion
from cardcourier.domain.notification import Notification, Status
from cardcourier.domain.orders import OrderKey
from cardcourier.domain.outbox import Answer, Message, MessageKey, Wanted
from cardcourier.domain.protocol import Actor, Pool
from cardcourier.domain.segments import SealState
from cardcourier.domain.stock import Marker
from cardcourier.domain.tokens import Token
from cardcourier.domain.views import OrderRow
from cardcourier.errors import Conflict

NOW = 1_790_000_000_000
ACTOR = Actor("me", NOW, "r1", "because")
POOL = Pool("acme", "A", 1, 2)
ORDER = OrderKey("acme", "main", "1001")


def marker(number, shard=0):
    return Marker(card=f"c1{'abcdefgh'[number] * 26}", bucket="2712", shard=shard, batch="b1", cost=50)


def new_card(number, also=()):
    return NewCard(row=number, card=Card(code=f"code-{number}"), marker=marker(number, number % 2), also=also)


def stock(client):
    main, vault = Table(client, "MainTable"), Table(client, "VaultTable")
    entry, leaving, pools = StockEntryTable(main, vault), StockExitTable(main), PoolsTable(main)
    entry.put(POOL, "b1", [new_card(0), new_card(1)], bytes(32), NOW)
    entry.put(POOL, "b1", [new_card(2, also=(marker(0).card,)), new_card(1), new_card(3)], bytes(32), NOW)
    shared = SharedCard(row=9, card=Card(code="shared"), marker=marker(4), uses=5)
    uses = shared.markers(range(1, 4), cycle(range(2)))
    entry.put_shared(POOL, "b1", shared, uses[:2], bytes(32), NOW)
    entry.put_uses(POOL, "b1", shared.marker.card, 1, uses[2:], NOW)
    entry.put_chunk(
        POOL, "b1", 0, Chunk(cards=(marker(0).card,), duplicates=(3,), refused={"bad_row": 1}), ACTOR
    )
    entry.chunks("acme", "b1")
    entry.present("acme", [marker(n).card for n in range(6)])
    for shard in range(2):
        pools.first(POOL, shard, "2712")
        pools.page(POOL, shard, "2", "27~", 2, consistent=True)
        list(pools.every(POOL, shard, "2"))
    pools.count(POOL, NOW), pools.count(POOL, NOW, 2), pools.cards(POOL, NOW)
    leaving.close("acme", "b1", ACTOR)
    leaving.void(POOL, [marker(0), marker(7)], ACTOR)
    leaving.void(POOL, [marker(1, 1)], ACTOR)
    leaving.voided("acme", [marker(n).card for n in range(3)])
    leaving.put_gone(POOL, "b1", 0, Gone(voided=1, sold=0), ACTOR)
    leaving.gone("acme", "b1")
    restored = RestoredStock(main, vault)
    for sale in restored.on_sale():
        restored.burn(sale, "restored", "", ACTOR)


def buyers(client):
    tokens = TokensTable(Table(client, "MainTable"))
    tokens.put([("token", ("h1", "h2"), Token(ORDER, 0, NOW + 1000, "1"))])
    tokens.find("token", NOW)
    tokens.find_by_hash("h1", NOW)
    for _ in range(6):
        tokens.miss("subject", NOW)
    tokens.locked_until("subject", NOW)
    assert [tokens.allow("mail", "who", 3, 60_000, NOW) for _ in range(5)].count(True) <= 3


def trail(client):
    table = AuditTable(Table(client, "MainTable"))
    words = dict.fromkeys(("by", "role", "action", "target", "code", "rid", "address"), "me")
    for n in range(3):
        table.put(AuditLine(tenant="acme", at=NOW + n, fields=("name",), status=200, **words))
    (newest, _), *others = table.lines("acme", NOW, NOW + 9, None)
    assert [line.at for _, line in others] == [NOW + 1, NOW]
    assert list(table.lines("acme", NOW, NOW + 9, newest)) == others
    assert list(table.lines("acme", NOW + 5, NOW + 9, newest)) == []


def counters(client):
    limits = LimitsTable(Table(client, "MainTable"))
    for wanted in (4, 4, 4, 1, 1):
        limits.take("key", wanted, 10, NOW + 60_000)
    repeats = RepeatsTable(Table(client, "MainTable"))
    for rid, now in (("r1", NOW), ("r1", NOW), ("r2", NOW), ("r3", NOW + 10**8), ("r3", NOW + 10**9)):
        repeats.begin("acme", "name", "print", now, rid)
    repeats.finish("acme", "name", 200, "{}")
    repeats.begin("acme", "name", "other", NOW, "r4")
    repeats.release("acme", "name")


def messages(client):
    outbox = OutboxTable(Table(client, "MainTable"))
    key = MessageKey("acme", "we-1", f"evt_{NOW:013d}_aaaaaaaaaaaaaaaaaaaa")
    outbox.put_new(Message(key=key, type="order.paid", at=NOW, body="{}"), NOW)
    outbox.claim(key, "two", NOW)
    claimed = outbox.claim(key, "one", NOW)
    if claimed is not None:
        attempts = claimed.tried(Answer(500, "", 12), NOW)
        outbox.try_again(claimed, attempts, "one", NOW + 5, by_queue=False)
        outbox.failed(claimed, attempts, "one", "gone")
    outbox.again(key, "act", NOW)
    outbox.again(key, "act", NOW)
    wanted = Wanted(since=0, until=NOW + 1)
    list(outbox.messages("acme", "we-1", wanted, None, NOW))
    outbox.page("acme", "we-1", 0, None, wanted, 2)
    waiting = WaitingTable(Table(client, "MainTable"))
    for part in range(32):
        for timer in waiting.due_timers("HOOK", part, NOW + 10**7, 9):
            waiting.push(timer, timer.due + 1)
            waiting.push(timer, timer.due + 2)


def notifications(client):
    log = NotificationsTable(Table(client, "MainTable"))
    note = Notification(
        key=ORDER, id="1.0001.0.mail", kind="delivered", channel="mail", about=("1#0001/0",), due=NOW
    )
    kept = log.begin(note, ACTOR)
    given_up = replace(kept, ver=kept.ver + 1, status=Status.FAILED, due=None, noticed=False)
    log.change(kept, given_up, ACTOR)
    log.change(kept, replace(given_up, reason="other"), ACTOR)
    log.of_order(ORDER)
    page = log.unnoticed("acme", None, 1)
    assert len(page.items) == 1


def lists(client):
    views = ViewsTable(Table(client, "ViewsTable"))
    orders = [OrderKey("acme", "main", f"o{n}") for n in range(60)]
    views.put_orders(
        OrderRow(key=key, at=NOW + n, number=f"#{n}", status="paid", amount=n, currency="CNY")
        for n, key in enumerate(orders)
    )
    views.put_search(KeyRow("digest", key, NOW, 1, 100, "CNY") for key in orders)
    views.put_last4([("1234", ORDER, "l1#0001", NOW)])
    views.put_outcomes([("acme", "b1", "D", "c1"), ("acme", "b1", "I", "c1")])
    views.put_sales([("acme", "A", NOW)])
    views.outcomes("acme", "b1", "D"), views.last_sale("acme", "A"), views.last_sale("acme", "B")
    assert len(views.since("acme", ["digest"], NOW, 9)) == 9
    views.search("acme", "digest", 7), views.by_last4("acme", "1234", 3)
    found = list(views.orders("acme", None, NOW, NOW + 1000))
    assert len(found) == 60
    assert list(views.oldest("acme", found[0].place[1], NOW)) == []
    list(views.orders("acme", found[10].place, NOW, NOW + 1000))
    list(views.oldest("acme", found[50].place[1], NOW + 1000))


def a_line(n):
    names = dict.fromkeys(("number", "line", "unit", "sku", "before", "after", "by", "why", "request_id"), "")
    home = {"tenant": "acme", "shop": "main", "order": f"o{n}", "card": "", "batch": ""}
    id = f"{NOW + n:013d}#main/o{n}/H#000001"
    return JournalLine(id=id, at=NOW + n, kind="order.changed", quantity=0, ver=1, legs=(), **names, **home)


def journal(client):
    table = JournalTable(client, "JournalTable", sleep=lambda _: None)
    lines = [a_line(n) for n in range(30)]
    table.put_lines(lines, now=NOW)
    table.put_lines(lines[:3], now=NOW + 10**9)
    assert len(list(table.lines("acme", NOW, NOW + 30))) == 30
    list(table.ordered("acme", NOW + 3, NOW + 9))
    table.find(lines)
    list(table.late("acme", NOW, NOW + 10))
    table.forget_late("acme", [line.id for line in lines[:2]])
    state = SealState(1, NOW + 5, "f" * 64)
    for new in (state, SealState(1, NOW + 6, "0" * 64)):
        try:
            table.advance("acme", None, new)
            table.advance("acme", state, SealState(2, NOW + 9, "e" * 64))
        except Conflict:
            continue
    table.segments("acme", NOW, NOW + 4)


def documents(client):
    catalogue = CatalogueTable(Table(client, "MainTable"))
    key, product = product_key("acme", "A"), Product(tenant="acme", sku="A", name="月卡")
    things = [
        (key, product),
        (batch_key("acme", "b1"), Batch(tenant="acme", id="b1", sku="A", created_at=NOW, by="me")),
    ]
    for attempt in (
        lambda: catalogue.put_new(things, NOW, "me"),
        lambda: catalogue.put_new(things[:1], NOW, "me"),
        lambda: catalogue.change(key, product, 1, NOW, "me"),
        lambda: catalogue.change(key, product, 1, NOW, "me"),
    ):
        try:
            attempt()
        except Conflict:
            continue
    catalogue.version(key)
    assert catalogue.need(Product, key) == product
    keys = DataKeysTable(Table(client, "MainTable"))
    keys.put_new("acme", "card", "k1", b"wrapped", NOW)
    for wrapped in list(keys.keys("acme")):
        keys.rewrap(wrapped, b"anew", "kms")
        keys.rewrap(wrapped, b"again", "kms")
    one, two = KeyVersion(id="1"), KeyVersion(id="2")
    keys.put_versions("acme", "pepper", (one,), (one, two), NOW)
    keys.put_versions("acme", "pepper", (one,), (two,), NOW)


ACTS = (stock, buyers, trail, counters, messages, notifications, lists, journal, documents)
