"""An empty table that is brought to the point at which a write of the order protocol is made."""

from dataclasses import replace

from cardcourier.adapters.tables.refunds import RefundsTable
from cardcourier.adapters.tables.stock_entry import StockEntryTable
from cardcourier.adapters.tables.stock_exit import StockExitTable
from cardcourier.adapters.tables.writes import Table
from cardcourier.domain.facts import ALL, Fact, FirstPayment, Paid
from cardcourier.domain.orders import OrderKey, OrderLine, Part, Unit
from cardcourier.domain.protocol import Actor, Lost, Pool
from cardcourier.domain.states import Room, State
from cardcourier.domain.stock import Marker
from tests.integration.order_ground import EngineStore, table_of

NOON = 1_790_000_000_000
POOL = Pool("acme", "A", 1, 1)
KEY = OrderKey("acme", "main", "1001")
PLAN = (Part("A", 1),)
ME, YOU = Actor("me", NOON, "mine", ""), Actor("you", NOON + 5, "yours", "")


def payment(name="p1", key=KEY):
    return FirstPayment(
        key=key,
        number="#1001",
        payments=(Paid(name, 200, NOON),),
        paid_at=NOON,
        created_at=NOON - 1,
        total=200,
        currency="CNY",
        lines=(OrderLine("l1", "item", "", "", 2, 100),),
        contact=b"sealed",
        search=("digest",),
        language="en",
    )


def refund(name="f1", **what):
    return Fact(
        key=KEY, kind="refund", id=name, at=NOON, amount=100, currency="CNY", **(what or {"stops": ALL})
    )


def new_unit(n=1, state=State.PENDING, room=None, key=KEY, **more):
    more = {"sku": "A", "plan": PLAN if n == 1 else None, "ref": "A" if room else "", **more}
    return Unit(key=key, line="l1", n=n, piece=n, state=state, room=room, at=NOON, **more)


def marker(number=1):
    return Marker(
        card=f"c1aaaa{number}", bucket="9999", shard=0, batch="b1", last4="1234", cost=50, currency="CNY"
    )


def holding(unit, found, **more):
    """The unit with the marker's card."""
    return replace(
        unit,
        state=State.ALLOCATED,
        card=found.card,
        batch=found.batch,
        bucket=found.bucket,
        last4=found.last4,
        cost=found.cost,
        cost_currency=found.currency,
        **more,
    )


def gone(unit, state):
    return replace(unit, state=state, card="", gen=unit.gen + 1, why="stopped", room=None, ref="")


SECOND_PAYMENT = Fact(key=KEY, kind="pay", id="p2", at=NOON, amount=200, currency="CNY")
PIECE = replace(marker(), card="t1content.piece")
"""Of fixed content there is no marker; this says what a unit holds of it."""


class Ground(EngineStore):
    """The product's tables on an engine, and short ways to where a write begins.

    `known`: what is in them, where a test has just looked.
    """

    known = None

    def __init__(self, main, vault):
        super().__init__(main)
        self.vault = vault
        self.entry, self.exit = StockEntryTable(main, vault), StockExitTable(main)
        self.refunds = RefundsTable(main)

    def through(self, other):
        """The same tables through another client."""
        return Ground(Table(other, self.table.name), Table(other, self.vault.name))

    def stock(self, number=1):
        self.put_marker("acme", "A", 1, marker(number))
        return marker(number)

    def paid(self):
        assert self.record_payment(payment(), Actor("shop", NOON, "r0")) is None
        return self.header(KEY)

    def waits(self, state=State.BACKORDER, room=Room.BACK, n=1, **more):
        unit = new_unit(n, state, room, **more)
        assert not isinstance(self.park(unit, NOON, Actor("pass", NOON, "r0")), Lost)
        return self.unit(KEY, "l1", n)

    def holds(self, number=1, n=1):
        found = self.stock(number)
        outcome = self.allocate_new(holding(new_unit(n), found), found, POOL, Actor("pass", NOON, "r0"))
        assert isinstance(outcome, Unit)
        return self.unit(KEY, "l1", n)

    def delivered(self):
        unit = self.holds()
        self.hand_over(unit, replace(unit, state=State.DELIVERED), Actor("delivery", NOON, "r0"))
        return self.unit(KEY, "l1", 1)

    def given(self):
        unit = holding(new_unit(), PIECE)
        assert isinstance(self.allocate_new(unit, PIECE, None, ME), Unit)
        return self.unit(KEY, "l1", 1)

    def shown(self):
        unit = self.holds()
        seen = replace(unit, state=State.REVEALED, views=1, viewers=("v",))
        assert isinstance(self.expose(unit, seen, Actor("buyer", NOON, "r0")), Unit)
        return self.unit(KEY, "l1", 1)

    def sealed(self):
        """Every item of the vault by its key, without the sealed bytes, which are others each time."""
        found = self.vault.client.scan(TableName=self.vault.name, ConsistentRead=True)["Items"]
        return {item["pk"]["S"]: item | {"sealed": {"B": b""}} for item in found}

    def raw(self, n=1):
        return self.items()["O#acme#main#1001", f"U#l1#{n:04d}"]

    def markers(self):
        return {found.card for _, found in self.dump().markers}

    def unchanged_by(self, write):
        before = self.items()
        outcome = write()
        assert self.items() == before
        return outcome

    def clear(self):
        self.restore(({}, {}), self.snapshot())

    def snapshot(self):
        """Every item of both tables, by its key."""
        return self.items(), self.sealed()

    def restore(self, snapshot, present):
        """Make what is present what it was."""
        for table, was, now in zip((self.table, self.vault), snapshot, present, strict=True):
            changed = [{"PutRequest": {"Item": item}} for key, item in was.items() if now.get(key) != item]
            more = [{"DeleteRequest": {"Key": place_of(now[key])}} for key in now.keys() - was.keys()]
            requests = changed + more
            for at in range(0, len(requests), 25):
                table.client.batch_write_item(RequestItems={table.name: requests[at : at + 25]})


def place_of(item):
    return {name: item[name] for name in ("pk", "sk") if name in item}


def new_ground(endpoint, template):
    """Empty tables of their own; one client sends to both, as the product's does."""
    main = table_of(endpoint, template, "MainTable")
    return Ground(main, table_of(endpoint, template, "VaultTable", main.client))
