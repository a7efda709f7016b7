"""An order as we keep it: header, units, and what they say together."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from zlib import crc32

from cardcourier.domain.disputes import LOST, OPEN
from cardcourier.domain.states import ENDED, HANDED_OVER, HOLDS_CARD, WAITING, Room, State

EVERYTHING = "*"
MOST_NAME_BYTES = 512
"""Of a name in a message: three of them fit into a table's key, and no name of ours is as long."""


def is_name(value: object) -> bool:
    """Whether a word of a message can name something; reading what cannot would fail its whole batch."""
    return isinstance(value, str) and len(value.encode()) <= MOST_NAME_BYTES


@dataclass(frozen=True, slots=True)
class OrderKey:
    """Names one order of one shop of one tenant."""

    tenant: str
    shop: str
    order: str

    def spread(self, parts: int) -> int:
        """An even, stable number below `parts`, for sharded keys."""
        return crc32(f"{self.tenant}/{self.shop}/{self.order}".encode()) % parts


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One line as the shop sent it. `price` is the unit price in minor units, or unknown."""

    id: str
    item: str
    variant: str
    sku: str
    quantity: int
    price: int | None


@dataclass(frozen=True, slots=True)
class Owed:
    """Refunded pieces of a line of which it is not chosen yet which ones end."""

    line: str
    pieces: int
    fact: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The order itself. Without `paid_at` nothing may be delivered.

    `stops` names pieces that must end (`*` or `<line>/<piece>`), `owed` counts those not chosen yet.
    `asked` names the refunds by amount (`<kind>/<id>`) of which a person has to say what they end. `credit`
    counts, by line, the pieces that the merchant ended by name and whose refund may yet be told by number.
    `disputed` says that a chargeback is disputed, `outcome` what came of it: `won` or `lost`.
    `ver` rises with every write that creates work; `due` is the timer, in epoch milliseconds.
    `listed_at` is when we first heard of the order, its place in lists. `kinds` has a letter for each of
    `search` (`domain/contact_keys.py`).
    """

    key: OrderKey
    ver: int
    number: str = ""
    paid_at: int | None = None
    payment: str = ""
    payments: tuple[str, ...] = ()
    amount: int = 0
    total: int = 0
    currency: str = ""
    lines: tuple[OrderLine, ...] = ()
    contact: bytes | None = None
    search: tuple[str, ...] = ()
    kinds: str = ""
    language: str = ""
    stops: frozenset[str] = frozenset()
    owed: tuple[Owed, ...] = ()
    asked: tuple[str, ...] = ()
    credit: Mapping[str, int] = field(default_factory=dict, hash=False)
    disputed: bool = False
    outcome: str = ""
    approved: bool = False
    seq: int = 0
    due: int | None = None
    created_at: int = 0
    listed_at: int = 0

    @property
    def paid(self) -> bool:
        return self.paid_at is not None

    @property
    def dispute(self) -> str:
        """`open`, `won` or `lost`; empty where nothing is disputed."""
        return self.outcome or OPEN if self.disputed else ""

    def settled(self, unit: "Unit") -> bool:
        """Whether nothing is left to do for a unit that must end."""
        return unit.ended and not (unit.state is State.DISPUTED and self.outcome == LOST)

    def stopped(self, line: str, piece: int) -> bool:
        """Whether this piece must end."""
        return EVERYTHING in self.stops or f"{line}/{piece}" in self.stops

    def line_stopped(self, line: OrderLine) -> bool:
        """Whether every piece of this line must end."""
        pieces = range(1, line.quantity + 1)
        return EVERYTHING in self.stops or (
            bool(pieces) and all(self.stopped(line.id, piece) for piece in pieces)
        )


@dataclass(frozen=True, slots=True)
class Part:
    """One product of a bundle and how many cards of it a piece holds."""

    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Step:
    """One move of a unit: when (epoch ms), to which state, by whom, why, in which request."""

    at: int
    state: State
    by: str
    why: str
    rid: str
    last4: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One card's worth of one line. `gen` counts replacements, `exposed_at` the first showing.

    `since` is when a person opened a shown card anew, or its only viewer came then: from it days and
    grace are counted. `replaces` is the card in whose place the unit got its present one.
    `seen_from` marks the network of the first showing, `seen_on` the class of its device.
    """

    key: OrderKey
    line: str
    n: int
    piece: int
    state: State
    ver: int = 1
    sku: str = ""
    room: Room | None = None
    ref: str = ""
    why: str = ""
    plan: tuple[Part, ...] | None = None
    card: str = ""
    batch: str = ""
    bucket: str = ""
    last4: str = ""
    head: str = ""
    cost: int = 0
    cost_currency: str = ""
    card_expires_at: int | None = None
    gen: int = 0
    exposed_at: int | None = None
    since: int | None = None
    views: int = 0
    view_rid: str = ""
    viewers: tuple[str, ...] = ()
    due: int | None = None
    at: int = 0
    delivered_by: str = ""
    replaces: str = ""
    seen_from: str = ""
    seen_on: str = ""
    log: tuple[Step, ...] = ()

    @property
    def name(self) -> str:
        """`<line>#<nnnn>`, unique in its order."""
        return f"{self.line}#{self.n:04d}"

    @property
    def waiting(self) -> bool:
        return self.state in WAITING

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    @property
    def holds_card(self) -> bool:
        return self.state in HOLDS_CARD

    @property
    def exposed(self) -> bool:
        return self.exposed_at is not None

    @property
    def has_own_timer(self) -> bool:
        return self.due is not None and not self.waiting


@dataclass(frozen=True, slots=True)
class Slot:
    """A unit that a plan asks for, written or not."""

    line: str
    n: int
    piece: int
    sku: str


def slots(line: str, pieces: int, plan: Iterable[Part]) -> Iterator[Slot]:
    """The units of a line, numbered from 1 through all pieces in the plan's order."""
    skus = [part.sku for part in plan for _ in range(part.quantity)]
    for piece in range(1, pieces + 1):
        for offset, sku in enumerate(skus, start=1):
            yield Slot(line, (piece - 1) * len(skus) + offset, piece, sku)


def promised(header: Header, units: Sequence[Unit]) -> int:
    """How many cards the order gets in the end, written yet or not; what was stopped does not count."""
    firsts = {unit.line: unit for unit in units if unit.n == 1}
    total = 0
    for line in header.lines:
        plan = firsts[line.id].plan if line.id in firsts else None
        cards = 1 if plan is None else sum(part.quantity for part in plan)
        stopped = sum(stop.rpartition("/")[0] == line.id for stop in header.stops)
        total += max(0, line.quantity - stopped) * cards
    return 0 if EVERYTHING in header.stops else total


def choose_stops(header: Header, units: Mapping[str, Unit]) -> frozenset[str]:
    """Say which pieces end for what is owed: the cheapest first, among equals the highest number.

    Cheapest means: nothing written yet, then waiting, then holding an unseen card, then shown.
    """
    stops = set(header.stops)
    for owed in header.owed:
        quantity = next((line.quantity for line in header.lines if line.id == owed.line), 0)
        prices = _prices(owed.line, units)
        absent = (piece for piece in range(quantity, 0, -1) if piece not in prices)
        dearer = sorted(prices, key=lambda piece: (prices[piece], -piece))
        names = (f"{owed.line}/{piece}" for piece in chain(absent, dearer))
        still_open = (name for name in names if not stops & {name, EVERYTHING})
        stops.update(tuple(islice(still_open, owed.pieces)))
    return frozenset(stops)


def _prices(line: str, units: Mapping[str, Unit]) -> dict[int, int]:
    prices: dict[int, int] = {}
    for unit in units.values():
        if unit.line == line:
            prices[unit.piece] = max(prices.get(unit.piece, 0), _price(unit))
    return prices


def _price(unit: Unit) -> int:
    if unit.ended:
        return 4
    if unit.exposed:
        return 3
    return 2 if unit.holds_card else 1


@dataclass(frozen=True, slots=True)
class Summary:
    """What people see of an order; no decision rests on it."""

    status: str
    counts: Mapping[str, int] = field(default_factory=dict)


def summarise(header: Header, units: Iterable[Unit]) -> Summary:
    """Derive an order's status from its units: the worst thing that still wants attention wins.

    A line that holds nothing of ours is closed by a unit with an empty plan; it does not count.
    """
    counts: dict[str, int] = {}
    rooms: set[Room | None] = set()
    for unit in units:
        if unit.plan == ():
            continue
        counts[unit.state] = counts.get(unit.state, 0) + 1
        if unit.waiting:
            rooms.add(unit.room)
    return Summary(_status(header, counts, rooms), counts)


def everything_stopped(header: Header) -> bool:
    """Whether every piece of the order must end."""
    return EVERYTHING in header.stops or (
        bool(header.lines) and all(header.line_stopped(line) for line in header.lines)
    )


_ROOM_STATUS = {
    Room.MAP: "held_mapping",
    Room.REFUND: "held_refund",
    Room.AMOUNT: "held_amount",
    Room.RISK: "held_risk",
    Room.PAUSE: "paused",
    Room.PRE: "presale",
    Room.BACK: "no_stock",
}


def _status(header: Header, counts: Mapping[str, int], rooms: set[Room | None]) -> str:
    handed = sum(counts.get(state, 0) for state in HANDED_OVER)
    live = handed + counts.get(State.ALLOCATED, 0) + sum(counts.get(state, 0) for state in WAITING)
    if not header.paid:
        return "cancelled" if header.stops else "unpaid"
    if not counts:
        return "cancelled" if everything_stopped(header) else "received"
    if not live and counts.get(State.DISPUTED):
        return "disputed"
    if not live:
        return "refunded" if counts.get(State.REFUNDED) or counts.get(State.RETURNED) else "cancelled"
    if rooms:
        return "partly_delivered" if handed else next(s for r, s in _ROOM_STATUS.items() if r in rooms)
    return "delivering" if counts.get(State.ALLOCATED) else "delivered"
