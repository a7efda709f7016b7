"""What the model remembers: the items of the tables as far as the protocol looks at them, and nothing else.

Everything is a small immutable value, so that a whole store can be told apart from another by equality.
Orders and units are numbered from 0, cards from 1.
"""

from dataclasses import dataclass
from typing import NamedTuple

from tests.model.rules import Rule

ABSENT = "ABSENT"
HELD, SCHEDULED, BACKORDER = "HELD", "SCHEDULED", "BACKORDER"
PAUSED = "SCHEDULED/PAUSE"
"""SCHEDULED in the room of a closed gate, not in that of a release. No condition can tell the two apart."""

ALLOCATED, DELIVERED, REVEALED = "ALLOCATED", "DELIVERED", "REVEALED"
CANCELLED, RETURNED, REFUNDED = "CANCELLED", "RETURNED", "REFUNDED"
RESERVED, EXPIRED = "RESERVED", "EXPIRED"
DISPUTED = "DISPUTED"
"""Ended by a chargeback, its shown card kept by the unit."""

WAITING = frozenset({HELD, SCHEDULED, BACKORDER, PAUSED})
UNSEEN = frozenset({ALLOCATED, DELIVERED})
HANDED_OVER = frozenset({DELIVERED, REVEALED})
HOLDS_CARD = UNSEEN | {REVEALED}
ENDED = frozenset({CANCELLED, RETURNED, REFUNDED, DISPUTED})

ROOMS = (SCHEDULED, BACKORDER, PAUSED)
"""Rooms the sweeper drives, each named for the state of who waits there. HELD is a to-do list."""

ALL, ONE = "all", "one"
"""What a refund ends: every unit, or one of which it is not said which. A number names the unit."""

MONEY = "money"
"""What a refund by amount ends: what a person will say."""

LINE = "line"
"""What a line of money is about that no fact told; there must be none."""

LATE = 99
"""The tick when everything that was ever promised or touched is long past."""

Nothing: frozenset = frozenset()


class Header(NamedTuple):
    """`paid` is the number of the first payment or 0, `stop` holds units, `owed` counts those to choose.

    `until` is the end of a reservation it asked for (tick), 0 without. `asked` names the refunds by amount
    that wait for a person, `credit` counts units that the merchant cancelled and no refund has met yet.
    `disputed` says that a chargeback stopped it, so that shown cards are kept.
    """

    ver: int = 0
    paid: int = 0
    stop: frozenset[int] = Nothing
    owed: int = 0
    approved: bool = False
    timer: bool = False
    until: int = 0
    asked: frozenset[str] = Nothing
    credit: int = 0
    disputed: bool = False


class Unit(NamedTuple):
    """`fresh`: it came to its room in this tick, so that the index may not show it yet.

    `until` is the promised end while it is RESERVED (tick).
    """

    state: str = ABSENT
    card: int = 0
    timer: bool = False
    fresh: bool = False
    until: int = 0


class Batch(NamedTuple):
    """The record of the one batch that may be frozen."""

    ver: int = 0
    frozen: bool = False
    timer: bool = False


class Store(NamedTuple):
    """Everything that is stored, and below what only the checks look at.

    `rooms` says when each of ROOMS was last touched (tick), None where there is no room. `open` says that
    the presale has begun, `paused` that the gate of the product is closed. `shown` holds (card, order, unit)
    for each plaintext that left; `settled` the units that a pass took for ended though nothing was written;
    `early` that a card was taken back before the end that was promised; `kept` the units that a pass left to
    a person who is asked.
    """

    headers: tuple[Header, ...]
    units: tuple[tuple[Unit, ...], ...]
    facts: tuple[frozenset, ...]
    vault: frozenset[int]
    pool: frozenset[int]
    burnt: frozenset[int] = Nothing
    rooms: tuple[int | None, ...] = (None,) * len(ROOMS)
    now: int = 0
    open: bool = True
    paused: bool = False
    shown: frozenset = Nothing
    settled: frozenset = Nothing
    early: bool = False
    batch: Batch = Batch()
    quarantine: frozenset[int] = Nothing
    kept: frozenset = Nothing

    def unit(self, order: int, number: int) -> Unit:
        return self.units[order][number]

    def with_header(self, order: int, header: Header) -> "Store":
        return self._replace(headers=replaced(self.headers, order, header))

    def with_unit(self, order: int, number: int, unit: Unit) -> "Store":
        return self._replace(units=replaced(self.units, order, replaced(self.units[order], number, unit)))

    def with_fact(self, order: int, fact: tuple) -> "Store":
        return self._replace(facts=replaced(self.facts, order, self.facts[order] | {fact}))

    def room(self, room: str) -> int | None:
        return self.rooms[ROOMS.index(room)]

    def with_room(self, room: str, touched_at: int | None) -> "Store":
        return self._replace(rooms=replaced(self.rooms, ROOMS.index(room), touched_at))


def stored(state: str) -> str:
    """The state as the unit's item says it."""
    return SCHEDULED if state == PAUSED else state


def replaced(values: tuple, index: int, value: object) -> tuple:
    return (*values[:index], value, *values[index + 1 :])


@dataclass(frozen=True)
class World:
    """What a run begins with. `orders` says how many units each order has; `without` is the rule left out.

    `paid`: payments came before. `held`: orders wait for approval. `presale`: its time is still to come.
    `gate`: it may be closed, and workers may have an old word of it. `old_room`: the room for stock stands
    since long ago, empty. `supply` counts the cards still to be imported, `delivered` hands the units over
    before anything begins, `whole` gives each order all its cards together or none, `batch` names
    the cards of a batch that may be frozen. A tick is the time a room counts as freshly touched, and also the
    time after which it counts as stale; the index lags for less than one.
    """

    orders: tuple[int, ...] = (1,)
    cards: int = 0
    supply: int = 0
    paid: bool = False
    held: bool = False
    presale: bool = False
    gate: bool = False
    old_room: bool = False
    delivered: bool = False
    whole: bool = False
    batch: frozenset[int] = Nothing
    ticks: int = 0
    without: Rule | None = None

    @property
    def card_names(self) -> range:
        """Every card a worker may have heard of."""
        return range(1, self.cards + self.supply + 1)

    @property
    def lags(self) -> bool:
        """Whether it matters that the index lags: a room may become stale only in such a world."""
        return self.ticks > 0 or self.old_room

    def first_store(self) -> Store:
        header = Header(ver=1, paid=1, timer=not self.delivered) if self.paid else Header()
        pool = frozenset(range(1, self.cards + 1))
        store = Store(
            headers=(header,) * len(self.orders),
            units=tuple((Unit(),) * count for count in self.orders),
            facts=(Nothing,) * len(self.orders),
            vault=pool,
            pool=pool,
            rooms=tuple(0 if self.old_room and room == BACKORDER else None for room in ROOMS),
            now=1 if self.old_room else 0,
            open=not self.presale,
        )
        if self.delivered:
            for order, count in enumerate(self.orders):
                for number in range(count):
                    card = min(store.pool)
                    store = store.with_unit(order, number, Unit(DELIVERED, card))
                    store = store._replace(pool=store.pool - {card})
        return store
