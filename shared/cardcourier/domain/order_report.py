"""R4, orders: one row per order line and currency, and one for what belongs to the whole order.

Shipping, discounts, refunds and further payments stand in the order's own row, which has no line. No
entry is in two rows, so every column adds up.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from cardcourier.domain.reports import (
    MONEY,
    SUM_OF,
    UNITS,
    Column,
    DayOf,
    Kind,
    Period,
    Record,
    Row,
    empty_sums,
    money,
    order_of,
)

R4_COLUMNS = (
    Column("paid_at", Kind.TIME),
    Column("shop", Kind.TEXT),
    Column("order", Kind.ID),
    Column("number", Kind.ID),
    Column("line", Kind.ID),
    Column("sku", Kind.TEXT),
    Column("currency", Kind.TEXT),
    Column("units", Kind.COUNT),
    Column("delivered", Kind.COUNT),
    Column("replaced", Kind.COUNT),
    Column("ended", Kind.COUNT),
    *(Column(name, Kind.MONEY) for name in MONEY),
)

_HANDED_OVER = {"DELIVERED", "REVEALED"}
_ENDS = {"unit.cancelled", "unit.expired", "unit.returned", "unit.refunded", "unit.disputed"}


@dataclass(slots=True)
class _Line:
    """Pieces of one order line: handed over and not replaced since, replaced, ended without a card."""

    delivered: int = 0
    replaced: int = 0
    ended: int = 0
    sold_as: str = ""
    products: set[str] = field(default_factory=set)

    @property
    def sku(self) -> str:
        """The products that were delivered, or else what the shop calls them."""
        return "+".join(sorted(self.products)) or self.sold_as

    def count(self, line: Record) -> None:
        kind, was_handed_over = line["kind"], line["before"] in _HANDED_OVER
        if kind == "unit.replaced":
            self.replaced += 1
            self.delivered -= was_handed_over
        elif line["after"] in _HANDED_OVER and not was_handed_over:
            self.delivered += 1
        elif kind in _ENDS and line["before"] != "DISPUTED":
            self.ended += 1
        if line["sku"]:
            self.products.add(line["sku"])


@dataclass(slots=True)
class _Order:
    """What is known of one order within the report. Sums are by line and currency."""

    first_at: int
    number: str = ""
    paid_at: int | None = None
    sums: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    lines: dict[str, _Line] = field(default_factory=dict)

    def add(self, line: Record) -> None:
        self.first_at = min(self.first_at, line["at"])
        if line["kind"] == "order.paid":
            self.paid_at = line["at"] if self.paid_at is None else min(self.paid_at, line["at"])
            self.number = line["number"]
        if line["unit"]:
            self._line(line["line"]).count(line)
        for leg in line["legs"]:
            sums = self.sums.setdefault((leg["line"], leg["currency"]), empty_sums())
            sums[SUM_OF[leg["kind"]]] += leg["amount"]
            if leg["kind"] == "sale":
                sums[UNITS] += leg["units"]
                self._line(leg["line"]).sold_as = leg["sku"]

    def rows(self, shop: str, order: str, period: Period) -> Iterator[Row]:
        """Pieces are counted once, in the first currency of their line; a line without news has no row."""
        paid_at = None if self.paid_at is None else period.local(self.paid_at)
        cells = dict(self.sums)
        with_money = {name for name, _ in cells}
        for name, line in self.lines.items():
            if name not in with_money and (line.delivered or line.replaced or line.ended):
                cells[name, ""] = empty_sums()
        counted: set[str] = set()
        for name, currency in sorted(cells):
            sums, line = cells[name, currency], self.lines.get(name, _Line())
            pieces = (0, 0, 0) if name in counted else (line.delivered, line.replaced, line.ended)
            counted.add(name)
            about = (paid_at, shop, order, self.number or order, name, line.sku, currency)
            yield (*about, sums[UNITS], *pieces, *money(sums))

    def _line(self, name: str) -> _Line:
        line = self.lines.get(name)
        if line is None:
            line = self.lines[name] = _Line()
        return line


def orders(lines: Iterable[Record], day_of: DayOf, period: Period) -> list[Row]:
    """The rows of R4, oldest order first; within an order the row of the whole order comes first."""
    known: dict[tuple[str, str], _Order] = {}
    for line in lines:
        if day_of(line) is None:
            continue
        key = order_of(line)
        order = known.get(key)
        if order is None:
            order = known[key] = _Order(line["at"])
        order.add(line)
    oldest_first = sorted(known, key=lambda key: (known[key].first_at, key))
    return [row for key in oldest_first for row in known[key].rows(*key, period)]
