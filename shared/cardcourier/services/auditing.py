"""What is checked every night: that the day before adds up, from the journal and not by reading tables whole.

    doubled   a card given to a second unit while a first one still had it
    gaps      versions of an item without their line
    money     a payment booked otherwise than the order says, or a cost given back that was never booked
    seals     links of the day's chain that do not hold

`cardcourier ops verify` looks at everything, with rights that no function has.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from cardcourier.domain.cards import base_of, is_content
from cardcourier.domain.journal import DAY, JournalLine
from cardcourier.domain.ledger import LegKind
from cardcourier.domain.orders import Header, OrderKey
from cardcourier.services.sealing import Break

MOST_LINES = 500_000
MOST_CARDS = 20_000
MOST_NAMED = 20
AT_ONCE = 100
"""How many headers are read together."""


class Journal(Protocol):
    def lines(self, tenant: str, start: int, end: int) -> Iterator[JournalLine]: ...


class Orders(Protocol):
    def headers(self, wanted: Iterable[OrderKey]) -> Mapping[OrderKey, Header]: ...


class Cards(Protocol):
    """What more than one unit holds now: a card, or uses of a shared one; by an index, so a moment old."""

    def held_twice(self, tenant: str, card: str) -> Iterable[str]: ...


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: its kind, and the id of what it is about."""

    kind: str
    subject: str


@dataclass(slots=True)
class Audit:
    """What one night found. `cut` says that there was more than one run may look at."""

    lines: int = 0
    findings: list[Finding] = field(default_factory=list)
    cut: bool = False

    def count(self, kind: str) -> int:
        return sum(finding.kind == kind for finding in self.findings)


@dataclass(frozen=True, slots=True)
class Auditor:
    """Checks one UTC day of one tenant."""

    journal: Journal
    orders: Orders
    cards: Cards
    breaks: Callable[[str, int, int], Iterable[Break]]

    def audit(self, tenant: str, start: int, left: Callable[[], bool]) -> Audit:
        """The day that begins at `start` (epoch ms); ends early once `left` says that time is up."""
        audit, day = Audit(), _Day()
        for line in self.journal.lines(tenant, start, start + DAY):
            if audit.lines >= MOST_LINES or not left():
                audit.cut = True
                break
            audit.lines += 1
            day.add(line)
        audit.findings += day.findings()
        audit.findings += self._money(tenant, day)
        audit.findings += self._held_twice(tenant, day, audit, left)
        audit.findings += (
            Finding("seals", f"segment {broken.seq}: {broken.what}")
            for broken in self.breaks(tenant, start, start + DAY)
        )
        return audit

    def _money(self, tenant: str, day: "_Day") -> Iterator[Finding]:
        """What was booked when an order was paid is what the order says was paid."""
        booked = list(day.paid.items())
        for start in range(0, len(booked), AT_ONCE):
            part = dict(booked[start : start + AT_ONCE])
            headers = self.orders.headers(OrderKey(tenant, shop, order) for shop, order in part)
            for (shop, order), amount in part.items():
                header = headers.get(OrderKey(tenant, shop, order))
                if header is None or header.amount != amount:
                    yield Finding("money", f"{shop}/{order}")

    def _held_twice(
        self, tenant: str, day: "_Day", audit: Audit, left: Callable[[], bool]
    ) -> Iterator[Finding]:
        for looked_at, card in enumerate(sorted({_kept_as(name) for name in day.given})):
            if looked_at >= MOST_CARDS or not left():
                audit.cut = True
                return
            for name in sorted(self.cards.held_twice(tenant, card)):
                if day.taken[name] < 2:
                    yield Finding("doubled", name)


@dataclass(slots=True)
class _Day:
    """The lines of a day, item by item."""

    vers: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    taken: Counter[str] = field(default_factory=Counter)
    paid: dict[tuple[str, str], int] = field(default_factory=dict)
    costs: dict[str, list[tuple[int, LegKind]]] = field(default_factory=lambda: defaultdict(list))
    given: set[str] = field(default_factory=set)

    def add(self, line: JournalLine) -> None:
        self.vers[line.item].append(line.ver)
        if line.kind == "order.paid":
            self.paid[line.shop, line.order] = sum(leg.amount for leg in line.legs)
        if line.card:
            self._move(line)
        for leg in line.legs:
            self.costs[line.item].append((line.ver, leg.kind))

    def _move(self, line: JournalLine) -> None:
        """Counted and not put in order: two workers' clocks may differ by more than a card stays."""
        if line.after == "ALLOCATED":
            self.given.add(line.card)
            self.taken[line.card] += 1
        elif line.after in ("RETURNED", "REFUNDED"):
            self.taken[line.card] -= 1

    def findings(self) -> Iterator[Finding]:
        """What the lines show by themselves."""
        for item, vers in self.vers.items():
            if sorted(vers) != list(range(min(vers), max(vers) + 1)):
                yield Finding("gaps", item)
        yield from (Finding("doubled", card) for card, times in self.taken.items() if times > 1)
        for item, costs in self.costs.items():
            if _booked_wrongly([kind for _, kind in sorted(costs)], whole=min(self.vers[item]) == 1):
                yield Finding("money", item)


def _kept_as(name: str) -> str:
    """Under which name the holders of a card are found; those of all uses of a shared one together."""
    return name if is_content(name) else base_of(name)


def _booked_wrongly(kinds: list[LegKind], *, whole: bool) -> bool:
    """A first card is booked once, and given back at most as often as anything was booked."""
    spent = kinds.count(LegKind.CARD_COST) + kinds.count(LegKind.REPLACEMENT_COST)
    back = kinds.count(LegKind.COST_RECOVERY)
    return kinds.count(LegKind.CARD_COST) > 1 or (whole and back > spent)
