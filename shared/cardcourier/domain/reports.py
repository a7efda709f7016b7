"""Reports: sums over journal lines, in whole minor units, one currency per row.

A line is read here as the plain record that `journal.JournalLine.to_dict` makes. Sums do not depend on
the order in which lines arrive, so lanes and days may be read as they come. Here are the shapes that
all reports share and R1, the daily summary: one row per day and currency.
"""

import json
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from typing import Any

from cardcourier.domain.canary import is_canary

Record = Mapping[str, Any]
Cell = str | int | Decimal | date | datetime | None
Row = tuple[Cell, ...]
DayOf = Callable[[Record], date | None]
"""The day a line is booked under, or None for a line outside of the report."""

QUARTER_HOUR = 900_000
EARLY = 7 * 86_400_000
"""A refund may be known this long before its order's payment."""

_decode = json.JSONDecoder().raw_decode


class Kind(StrEnum):
    """What a column holds. Money is in minor units of the row's `currency`, a ratio has four decimals."""

    ID = "id"
    TEXT = "text"
    DAY = "day"
    TIME = "time"
    COUNT = "count"
    MONEY = "money"
    RATIO = "ratio"


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    kind: Kind

    @property
    def summable(self) -> bool:
        return self.kind in {Kind.COUNT, Kind.MONEY}


@dataclass(frozen=True, slots=True)
class Period:
    """[start, end) in milliseconds, told in the days of a time zone."""

    start: int
    end: int
    zone: tzinfo

    def local(self, at: int) -> datetime:
        """Wall clock time of the zone, to the second."""
        return datetime.fromtimestamp(at // 1000, UTC).astimezone(self.zone).replace(tzinfo=None)

    @property
    def label(self) -> str:
        """2026-11 for a whole month, 2026-11-03 for a day, else first and last day."""
        start, end = self.local(self.start), self.local(self.end)
        first, last = start.date(), self.local(self.end - 1).date()
        whole_month = first.day == 1 and end == datetime(
            first.year + first.month // 12, first.month % 12 + 1, 1
        )
        if whole_month and start.time() == end.time():
            return f"{first:%Y-%m}"
        return f"{first}" if first == last else f"{first}_{last}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A finished report: rows and, for each currency, the control totals of every summable column.

    `segments` are the first and the last sealed segment of the period, if it is sealed.
    """

    id: str
    tenant: str
    run: str
    period: Period
    basis: str
    version: str
    columns: tuple[Column, ...]
    rows: Sequence[Row]
    totals: tuple[Row, ...]
    segments: tuple[int, int] | None = None

    @property
    def name(self) -> str:
        """File name without extension."""
        return f"{self.id}_{self.period.label}_{self.tenant}_{self.run}"


SUMS = (
    "gross",
    "discount_merchant",
    "discount_platform",
    "subsidy_platform",
    "refunds",
    "fees",
    "card_cost",
    "adjustments",
)
SUM_OF = {
    "sale": 0,
    "discount_merchant": 1,
    "discount_platform": 2,
    "subsidy_platform": 3,
    "refund": 4,
    "commission": 5,
    "affiliate": 5,
    "payment_fee": 5,
    "fee_return": 5,
    "card_cost": 6,
    "replacement_cost": 6,
    "cost_recovery": 6,
    "adjustment": 7,
}
MONEY = (
    *SUMS[:4],
    "buyer_paid",
    "net_sales",
    *SUMS[4:],
    "net_profit",
    "receivable",
)
UNITS = len(SUMS)

R1_COLUMNS = (
    Column("day", Kind.DAY),
    Column("currency", Kind.TEXT),
    Column("orders", Kind.COUNT),
    Column("units", Kind.COUNT),
    *(Column(name, Kind.MONEY) for name in MONEY[:-1]),
    Column("margin", Kind.RATIO),
    Column("refund_rate", Kind.RATIO),
    Column(MONEY[-1], Kind.MONEY),
)


def records(texts: Iterable[str]) -> Iterator[Record]:
    """Every line, out of its text, but for those of canaries' orders."""
    found = (_decode(text)[0] for text in texts)
    return (record for record in found if not is_canary(record["tenant"], record["shop"]))


def money_records(texts: Iterable[str]) -> Iterator[Record]:
    """Of the lines that carry money: `at`, `shop`, `order` and `legs`. Twice as fast as reading all.

    A canary's lines carry none.

    It finds them by their places in the one text form that `journal.encode` gives. Inside of a string
    the quotes would be escaped, and a text that has anything escaped is read in full.
    """
    for text in texts:
        legs = text.find(',"legs":[') + len(',"legs":')
        if text[legs + 1] == "]":
            continue
        if "\\" in text:
            yield _decode(text)[0]
            continue
        at = text.find(',"at":') + len(',"at":')
        order = text.find(',"order":"', legs) + len(',"order":"')
        shop = text.find(',"shop":"', order) + len(',"shop":"')
        yield {
            "at": int(text[at : text.find(",", at)]),
            "shop": text[shop : text.find('"', shop)],
            "order": text[order : text.find('"', order)],
            "legs": _decode(text, legs)[0],
        }


def by_event(period: Period) -> DayOf:
    """Book each line under the day it happened."""
    start, end = period.start, period.end
    # No zone in use shifts by less than a quarter of an hour, so a quarter lies within one day.
    days: dict[int, date] = {}

    def day(record: Record) -> date | None:
        at = record["at"]
        if not start <= at < end:
            return None
        quarter = at // QUARTER_HOUR
        found = days.get(quarter)
        if found is None:
            found = days[quarter] = period.local(at).date()
        return found

    return day


def by_order(period: Period, lines: Iterable[Record]) -> DayOf:
    """Book all lines of an order under the day of its payment, if that lies in the period."""
    event = by_event(period)
    paid = {order_of(line): event(line) for line in lines if line["kind"] == "order.paid"}
    return lambda record: paid.get(order_of(record))


def daily(lines: Iterable[Record], day_of: DayOf) -> list[Row]:
    """The rows of R1, by day and currency."""
    found: dict[tuple[date, str], tuple[list[int], array[int]]] = {}
    for line in lines:
        legs = line["legs"]
        day = day_of(line) if legs else None
        if day is None:
            continue
        for leg in legs:
            key = (day, leg["currency"])
            if key not in found:
                found[key] = (empty_sums(), array("q"))
            sums, sellers = found[key]
            kind = leg["kind"]
            sums[SUM_OF[kind]] += leg["amount"]
            if kind == "sale":
                sums[UNITS] += leg["units"]
                sellers.append(hash(order_of(line)))
    return [_daily_row(*key, *found[key]) for key in sorted(found)]


def _daily_row(day: date, currency: str, sums: Sequence[int], sellers: "array[int]") -> Row:
    *amounts, receivable = money(sums)
    return (day, currency, _distinct(sellers), sums[UNITS], *amounts, *ratios(sums), receivable)


def totals(columns: Sequence[Column], rows: Iterable[Row]) -> tuple[Row, ...]:
    """One row per currency: Σ of every summable column, ratios of the sums, all else empty."""
    names = [column.name for column in columns]
    currency = names.index("currency")
    summed = [index for index, column in enumerate(columns) if column.summable]
    found: dict[str, list[int]] = {}
    for row in rows:
        sums = found.setdefault(str(row[currency]), [0] * len(columns))
        for index in summed:
            value = row[index]
            sums[index] += value if isinstance(value, int) else 0
    return tuple(_total(columns, name, dict(zip(names, found[name], strict=True))) for name in sorted(found))


def _total(columns: Sequence[Column], currency: str, sums: Mapping[str, int]) -> Row:
    cells: dict[str, Cell] = {column.name: sums[column.name] for column in columns if column.summable}
    if any(column.kind is Kind.RATIO for column in columns):
        cells["margin"], cells["refund_rate"] = ratios([sums[name] for name in SUMS])
    cells["currency"] = currency
    return tuple(cells.get(column.name) for column in columns)


def empty_sums() -> list[int]:
    """Nothing yet: the amounts of `SUMS`, then the units sold."""
    return [0] * (UNITS + 1)


def order_of(line: Record) -> tuple[str, str]:
    return line["shop"], line["order"]


def _distinct(hashes: "array[int]") -> int:
    """Count different values in slices, so that a busy day needs no large set."""
    slices = 1 + len(hashes) // 100_000
    if slices == 1:
        return len(set(hashes))
    return sum(len({value for value in hashes if value % slices == part}) for part in range(slices))


def money(sums: Sequence[int]) -> tuple[int, ...]:
    """The money columns in the order of `MONEY`."""
    gross, discount_merchant, discount_platform, subsidy, refunds, fees, card_cost, adjustments = sums[:UNITS]
    buyer_paid = gross + discount_merchant + discount_platform
    net_sales = buyer_paid + subsidy
    receivable = net_sales + refunds + fees
    return (
        gross,
        discount_merchant,
        discount_platform,
        subsidy,
        buyer_paid,
        net_sales,
        refunds,
        fees,
        card_cost,
        adjustments,
        receivable + card_cost + adjustments,
        receivable,
    )


def ratios(sums: Sequence[int]) -> tuple[Decimal | None, Decimal | None]:
    """Margin and refund rate."""
    amounts = dict(zip(MONEY, money(sums), strict=True))
    return (
        _ratio(amounts["net_profit"], amounts["net_sales"] + amounts["refunds"]),
        _ratio(-amounts["refunds"], amounts["buyer_paid"]),
    )


def _ratio(part: int, whole: int) -> Decimal | None:
    """Four decimals, half to even; empty where there is nothing to compare with."""
    if whole <= 0:
        return None
    return (Decimal(part) / Decimal(whole)).quantize(Decimal("0.0001"), ROUND_HALF_EVEN)
