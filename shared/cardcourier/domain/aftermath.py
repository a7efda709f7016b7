"""What the journal says happened after a second to which the tables were restored.

Nobody may get a card that was sold, shown, replaced or voided after that second, however little the restored
tables know of it. Only a card whose last word is that it went back unseen may be sold again.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from cardcourier.domain.journal import JournalLine
from cardcourier.domain.orders import OrderKey

RETURNED = "RETURNED"
REVEALED = "REVEALED"
REFUNDED = "REFUNDED"
DISPUTED = "DISPUTED"
VOIDED = "stock.voided"
REPLACED = "unit.replaced"


@dataclass(frozen=True, slots=True)
class UnitName:
    """One unit of one order: line id and number within the line."""

    key: OrderKey
    line: str
    n: int

    @property
    def text(self) -> str:
        return f"{self.key.shop}/{self.key.order}/{self.line}#{self.n:04d}"


@dataclass(frozen=True, slots=True)
class Gone:
    """A card that may not be sold again: which unit took it last, of which batch and product."""

    card: str
    unit: UnitName
    batch: str
    sku: str


@dataclass(slots=True)
class UnitTold:
    """What the journal last says of a unit; `shown` names every card that it showed or spent."""

    ver: int = 0
    at: int = 0
    state: str = ""
    card: str = ""
    shown: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Aftermath:
    """Of one tenant: cards by id, units by name, orders with the last `ver` of their header."""

    gone: dict[str, Gone] = field(default_factory=dict)
    units: dict[UnitName, UnitTold] = field(default_factory=dict)
    orders: dict[OrderKey, int] = field(default_factory=dict)
    facts: dict[OrderKey, set[str]] = field(default_factory=lambda: defaultdict(set))
    voided: set[str] = field(default_factory=set)


def aftermath(lines: Iterable[JournalLine]) -> Aftermath:
    """Lines of one tenant in any order. Of two moves of a card in one millisecond the worse counts."""
    found = Aftermath()
    last: dict[str, tuple[int, bool]] = {}
    for line in sorted(lines, key=lambda line: (line.at, line.item, line.ver)):
        key = OrderKey(line.tenant, line.shop, line.order)
        if line.kind == VOIDED:
            found.voided.add(line.batch)
        elif line.kind.startswith("unit."):
            _take_unit(found, last, line, _unit_name(key, line))
        elif line.order and line.kind.startswith("order.") and line.item.endswith("/H"):
            found.orders[key] = max(found.orders.get(key, 0), line.ver)
        elif line.order and "/F/" in line.item:
            found.facts[key].add(line.item.split("/F/", 1)[-1])
    return found


def _take_unit(
    found: Aftermath, last: dict[str, tuple[int, bool]], line: JournalLine, name: UnitName
) -> None:
    told = found.units.setdefault(name, UnitTold())
    if line.kind == REPLACED and told.card:
        told.shown.add(told.card)
    if line.ver > told.ver:
        told.ver, told.at, told.state, told.card = line.ver, line.at, line.after, line.card or told.card
    if line.after in (REVEALED, REFUNDED, DISPUTED) and line.card:
        told.shown.add(line.card)
    if not line.card:
        return
    taken = line.after != RETURNED
    before = last.get(line.card)
    if before is not None and before[0] == line.at and before[1] and not taken:
        return
    last[line.card] = (line.at, taken)
    if taken:
        found.gone[line.card] = Gone(line.card, name, line.batch, line.sku)
    else:
        found.gone.pop(line.card, None)


def _unit_name(key: OrderKey, line: JournalLine) -> UnitName:
    return UnitName(key, line.line, int(line.unit.rpartition("/")[2]))
