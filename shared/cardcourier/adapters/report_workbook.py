"""A report as a workbook: totals with charts, the data, and what it all means.

Rows are written as they come and kept on disk (`constant_memory`). Ids are text, amounts are numbers in
major units, dates are dates; nothing that others wrote can become a formula or a link.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import xlsxwriter

from cardcourier.adapters.report_words import Words, definitions, segments_text
from cardcourier.domain.language import Language
from cardcourier.domain.money import decimals, format_major
from cardcourier.domain.reports import Cell, Column, Kind, Report, Row

_OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_numbers": False,
    "strings_to_urls": False,
}
_WIDTHS = {
    Kind.ID: 22,
    Kind.TEXT: 16,
    Kind.DAY: 12,
    Kind.TIME: 20,
    Kind.COUNT: 10,
    Kind.MONEY: 15,
    Kind.RATIO: 10,
}
_STEPS = (
    "gross",
    "discount_merchant",
    "discount_platform",
    "subsidy_platform",
    "refunds",
    "fees",
    "card_cost",
    "adjustments",
)
_BLUE, _GREEN, _RED = "#3867A6", "#2E8B57", "#C0504D"
_CHART_ROWS = 18
_MOST_TEXT = 32_767
"""A cell holds no more characters."""


def write_workbook(report: Report, said: Words, language: Language, path: Path) -> None:
    book = xlsxwriter.Workbook(str(path), _OPTIONS)
    # Without a date of its own the file would differ from run to run.
    book.set_properties({"title": report.name, "created": report.period.local(report.period.end)})
    sheets = [book.add_worksheet(said[name]) for name in ("summary", "data", "notes")]
    pages = _Pages(report, said, _Styles(book))
    pages.summary(book, sheets[0])
    pages.data(sheets[1])
    pages.notes(sheets[2], definitions(language))
    book.close()


class _Styles:
    """Formats, each made once: a workbook keeps every one that it is asked for."""

    def __init__(self, book: Any) -> None:
        self._book = book
        self._made: dict[str, Any] = {}
        self.title = book.add_format({"bold": True, "font_size": 14})
        self.head = book.add_format(
            {"bold": True, "bg_color": "#E8EDF4", "bottom": 1, "text_wrap": True, "valign": "top"}
        )
        self.wrap = book.add_format({"text_wrap": True, "valign": "top"})
        self.faint = book.add_format({"font_color": "#808080"})

    def number(self, form: str) -> Any:
        if form not in self._made:
            self._made[form] = self._book.add_format({"num_format": form})
        return self._made[form]

    def money(self, currency: str) -> Any:
        places = decimals(currency)
        return self.number("#,##0" + ("." + "0" * places if places else ""))


@dataclass(frozen=True, slots=True)
class _Pages:
    report: Report
    said: Words
    styles: _Styles

    def data(self, sheet: Any) -> None:
        """Every row under a frozen header with filters."""
        columns = self.report.columns
        currency = [column.name for column in columns].index("currency")
        sheet.freeze_panes(1, 0)
        for index, column in enumerate(columns):
            sheet.set_column(index, index, _WIDTHS[column.kind])
            sheet.write_string(0, index, self.said[column.name], self.styles.head)
        for number, row in enumerate(self.report.rows, start=1):
            for index, column in enumerate(columns):
                self._cell(sheet, number, index, column, row[index], str(row[currency]))
        sheet.autofilter(0, 0, max(len(self.report.rows), 1), len(columns) - 1)

    def _cell(self, sheet: Any, row: int, column: int, about: Column, cell: Cell, currency: str) -> None:
        if cell is None or (about.kind is Kind.MONEY and not currency):
            return
        if about.kind is Kind.MONEY and isinstance(cell, int):
            amount = Decimal(format_major(cell, currency))
            sheet.write_number(row, column, amount, self.styles.money(currency))
        elif isinstance(cell, datetime):
            sheet.write_datetime(row, column, cell, self.styles.number("yyyy-mm-dd hh:mm:ss"))
        elif isinstance(cell, date):
            sheet.write_datetime(row, column, cell, self.styles.number("yyyy-mm-dd"))
        elif isinstance(cell, Decimal):
            sheet.write_number(row, column, cell, self.styles.number("0.00%"))
        elif isinstance(cell, int):
            sheet.write_number(row, column, cell, self.styles.number("#,##0"))
        else:
            sheet.write_string(row, column, cell[:_MOST_TEXT])

    def summary(self, book: Any, sheet: Any) -> None:
        """For each currency the totals, the way from gross sales to net profit, and its chart."""
        sheet.set_column(0, 0, 24)
        sheet.set_column(1, 1, 18)
        sheet.write_string(0, 0, f"{self.said[self.report.id]} {self.report.period.label}", self.styles.title)
        row = 2
        for total in self.report.totals:
            row = self._currency(book, sheet, row, total)
        if len(self.report.totals) == 1 and self.report.id == "R1" and self.report.rows:
            sheet.insert_chart(row, 0, self._by_day(book), {"x_scale": 1.6})

    def _currency(self, book: Any, sheet: Any, row: int, total: Row) -> int:
        """Returns the next free row. Rows are written downwards only, so tables stand side by side."""
        cells = {column.name: (column, cell) for column, cell in zip(self.report.columns, total, strict=True)}
        currency = str(cells["currency"][1])
        amounts = {name: cell for name, (_, cell) in cells.items() if isinstance(cell, int)}
        named = [name for name, (column, cell) in cells.items() if cell is not None and name != "currency"]
        steps = list(_waterfall(amounts)) if currency else []
        sheet.write_string(row, 0, self.said["total"], self.styles.head)
        sheet.write_string(row, 1, currency, self.styles.head)
        if steps:
            for index, name in enumerate(("step", "amount", "base", "up", "up", "down", "down")):
                sheet.write_string(row, 3 + index, self.said[name], self.styles.head)
        for offset in range(max(len(named), len(steps))):
            if offset < len(named):
                column, cell = cells[named[offset]]
                sheet.write_string(row + 1 + offset, 0, self.said[column.name])
                self._cell(sheet, row + 1 + offset, 1, column, cell, currency)
            if offset < len(steps):
                self._step(sheet, row + 1 + offset, steps[offset], currency)
        below = row + 2 + max(len(named), len(steps))
        if steps:
            sheet.insert_chart(
                below, 0, self._waterfall_chart(book, row + 1, len(steps), currency), {"x_scale": 1.6}
            )
            below += _CHART_ROWS
        return below

    def _step(self, sheet: Any, row: int, step: "_Step", currency: str) -> None:
        sheet.write_string(row, 3, self.said[step.name])
        for index, amount in enumerate((step.amount, *step.bars)):
            style = self.styles.money(currency) if index == 0 else self.styles.faint
            sheet.write_number(row, 4 + index, Decimal(format_major(amount, currency)), style)

    def _waterfall_chart(self, book: Any, first: int, count: int, currency: str) -> Any:
        chart = book.add_chart({"type": "column", "subtype": "stacked"})
        sheet, last = self.said["summary"], first + count - 1
        for index, colour in enumerate((None, _GREEN, _GREEN, _RED, _RED)):
            chart.add_series(
                {
                    "name": self.said[("base", "up", "up", "down", "down")[index]],
                    "categories": [sheet, first, 3, last, 3],
                    "values": [sheet, first, 5 + index, last, 5 + index],
                    "fill": {"color": colour} if colour else {"none": True},
                    "gap": 40,
                }
            )
        chart.set_title({"name": f"{self.said['waterfall']} ({currency})", "name_font": {"size": 12}})
        chart.set_legend({"none": True})
        chart.set_y_axis(
            {"num_format": "#,##0", "major_gridlines": {"visible": True, "line": {"color": "#DDDDDD"}}}
        )
        return chart

    def _by_day(self, book: Any) -> Any:
        chart = book.add_chart({"type": "line"})
        names = [column.name for column in self.report.columns]
        sheet, last = self.said["data"], len(self.report.rows)
        for name, colour in (("net_sales", _BLUE), ("net_profit", _GREEN)):
            at = names.index(name)
            chart.add_series(
                {
                    "name": self.said[name],
                    "categories": [sheet, 1, names.index("day"), last, names.index("day")],
                    "values": [sheet, 1, at, last, at],
                    "line": {"color": colour, "width": 2},
                }
            )
        chart.set_title({"name": self.said["by_day"], "name_font": {"size": 12}})
        chart.set_x_axis({"date_axis": True, "num_format": "mm-dd"})
        chart.set_y_axis(
            {"num_format": "#,##0", "major_gridlines": {"visible": True, "line": {"color": "#DDDDDD"}}}
        )
        chart.set_legend({"position": "bottom"})
        return chart

    def notes(self, sheet: Any, meanings: Words) -> None:
        sheet.set_column(0, 0, 24)
        sheet.set_column(1, 1, 90, self.styles.wrap)
        row = 0
        for label, text in self._about():
            sheet.write_string(row, 0, self.said[label])
            sheet.write_string(row, 1, text)
            row += 1
        row += 1
        sheet.write_string(row, 0, self.said["column"], self.styles.head)
        sheet.write_string(row, 1, self.said["definition"], self.styles.head)
        for column in self.report.columns:
            if column.name in meanings:
                row += 1
                sheet.write_string(row, 0, self.said[column.name])
                sheet.write_string(row, 1, meanings[column.name])

    def _about(self) -> Iterator[tuple[str, str]]:
        report, period = self.report, self.report.period
        yield "tenant", report.tenant
        yield "period", f"[{period.local(period.start)}, {period.local(period.end)})"
        yield "time_zone", str(period.zone)
        yield "basis", self.said["event" if report.basis == "event" else "order_basis"]
        yield "rows", str(len(report.rows))
        yield "segments", segments_text(report, self.said)
        yield "run", report.run
        yield "version", report.version


@dataclass(frozen=True, slots=True)
class _Step:
    """One bar of the waterfall: what lifts it, and its part above and below zero, upwards or downwards."""

    name: str
    amount: int
    bars: Sequence[int]


def _waterfall(amounts: dict[str, int]) -> Iterator[_Step]:
    level = 0
    for name in _STEPS:
        change = amounts[name]
        if change:
            yield _Step(name, change, _bars(level, level + change))
        level += change
    yield _Step("net_profit", level, _bars(0, level))


def _bars(start: int, end: int) -> tuple[int, int, int, int, int]:
    """(base, up above zero, up below zero, down above zero, down below zero) of a bar between two levels."""
    low, high = min(start, end), max(start, end)
    base = low if low > 0 else min(high, 0)
    above, below = max(high, 0) - max(low, 0), min(low, 0) - min(high, 0)
    return (base, above, below, 0, 0) if end >= start else (base, 0, 0, above, below)
