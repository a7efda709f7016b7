"""Reports as files: CSV for people, CSV for machines, workbooks.

    csv      UTF-8 with byte order mark, CRLF, RFC 4180. A text that a spreadsheet would run as a formula
             gets a leading apostrophe (ASVS 5.0, 1.2.10), an id it would turn into a number a trailing
             TAB. Control totals follow the rows.
    csv-raw  UTF-8, LF, column names of the API, no guards, no totals.
    xlsx     a workbook; more rows than fit well become parts in CSV.

Amounts are decimal text in major units. The same report gives the same bytes of CSV, always.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from pathlib import Path

from cardcourier.adapters.report_words import Words, segments_text, words
from cardcourier.adapters.report_workbook import write_workbook
from cardcourier.domain.language import Language
from cardcourier.domain.money import format_major
from cardcourier.domain.reports import Cell, Column, Kind, Report, Row
from cardcourier.errors import Refused

MOST_WORKBOOK_ROWS = 200_000

_SPACES = " \f\v\u00a0\u200b\u200e\u200f\u2060\u3000\ufeff"
_BLANK = _SPACES + "\t\r\n\0"
_FORMULA = tuple("=+-@＝＋－＠﹢﹣−")
_CONTROL = ("\t", "\r", "\n", "\0")
_REWRITTEN = re.compile(r"0\d+|\d{12,}|\d+(\.\d+)?[eE]\+?\d+", re.ASCII)
_QUOTED = re.compile(r'[",\r\n\t]|^ | $')


class ReportFiles:
    """Writes reports into a folder."""

    def write(self, report: Report, file_format: str, language: Language, folder: Path) -> list[Path]:
        """The files of one report, named after it. Raises Refused `bad_format`."""
        if file_format == "xlsx" and len(report.rows) <= MOST_WORKBOOK_ROWS:
            path = folder / f"{report.name}.xlsx"
            write_workbook(report, words(language), language, path)
            return [path]
        if file_format == "xlsx":
            return _parts(report, language, folder)
        if file_format not in {"csv", "csv-raw"}:
            raise Refused("bad_format", "A report's format is csv, csv-raw or xlsx.")
        path = folder / f"{report.name}.csv"
        _write(path, _people(report, language) if file_format == "csv" else _machines(report))
        return [path]


def _parts(report: Report, language: Language, folder: Path) -> list[Path]:
    """CSV files of at most `MOST_WORKBOOK_ROWS` rows; the last one carries the totals."""
    starts = range(0, len(report.rows), MOST_WORKBOOK_ROWS)
    paths = []
    for number, start in enumerate(starts, start=1):
        path = folder / f"{report.name}_part{number}.csv"
        rows = report.rows[start : start + MOST_WORKBOOK_ROWS]
        _write(path, _people(report, language, rows, totals=number == len(starts)))
        paths.append(path)
    return paths


def _write(path: Path, lines: Iterable[str]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        file.writelines(lines)


def _people(
    report: Report, language: Language, rows: Sequence[Row] | None = None, *, totals: bool = True
) -> Iterator[str]:
    said = words(language)
    free = [column.kind in {Kind.TEXT, Kind.ID} for column in report.columns]
    yield "\ufeff"
    yield _line([said[column.name] for column in report.columns], "\r\n")
    for cells in _texts(report.columns, report.rows if rows is None else rows):
        guards = zip(free, cells, strict=True)
        yield _line([guarded(text) if others_wrote else text for others_wrote, text in guards], "\r\n")
    if totals:
        yield from (_line(cells, "\r\n") for cells in _totals(report, said))


def _machines(report: Report) -> Iterator[str]:
    yield _line([column.name for column in report.columns], "\n")
    yield from (_line(cells, "\n") for cells in _texts(report.columns, report.rows))


def _totals(report: Report, said: Words) -> Iterator[list[str]]:
    yield []
    for cells in _texts(report.columns, report.totals):
        yield [said["total"], *cells[1:]]
    yield [said["rows"], str(len(report.rows))]
    yield [said["segments"], segments_text(report, said)]
    yield [said["run"], guarded(report.run)]
    yield [said["version"], guarded(report.version)]


def guarded(text: str) -> str:
    """A text that no spreadsheet runs as a formula, and no long id turns into a rounded number."""
    if _REWRITTEN.fullmatch(text):
        return text + "\t"
    if text.lstrip(_SPACES).startswith(_CONTROL) or text.lstrip(_BLANK).startswith(_FORMULA):
        text = "'" + text
    return text.replace("\0", "\ufffd")


def _texts(columns: Sequence[Column], rows: Iterable[Row]) -> Iterator[list[str]]:
    currency = [column.name for column in columns].index("currency")
    for row in rows:
        cells = zip(columns, row, strict=True)
        yield [_text(column, cell, str(row[currency])) for column, cell in cells]


def _text(column: Column, cell: Cell, currency: str) -> str:
    if cell is None or (column.kind is Kind.MONEY and not currency):
        return ""
    if column.kind is Kind.MONEY and isinstance(cell, int):
        return format_major(cell, currency)
    if isinstance(cell, datetime):
        return cell.isoformat(" ", "seconds")
    return cell.isoformat() if isinstance(cell, date) else str(cell)


def _line(cells: Sequence[str], end: str) -> str:
    return ",".join(map(_quoted, cells)) + end


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text
