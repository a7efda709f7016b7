"""Workbooks (.xlsx) as rows of text, each cell as the person saw it who filled it in, or marked as damaged.

A spreadsheet keeps numbers to 15 digits and turns much into dates. Whole numbers of at most 15 digits come as
they were typed; what is longer was rounded, and dates were not always meant: both are marked.
"""

import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import IO, Any

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from cardcourier.adapters.archives import MOST_UNPACKED, opened, unpacked
from cardcourier.domain.card_files import Damaged, visible
from cardcourier.errors import Refused

MOST_CELLS = 12_000_000
"""Of the rectangle that a sheet fills: it is held in memory, about 30 bytes each."""

_ROUNDED = 10**15
_AT = re.compile(rb"""\br=["']([A-Z]{1,3})([0-9]{1,7})["']""")
_LONGEST_AT = 20


def first_sheet(file: IO[bytes]) -> tuple[str, Callable[[], Iterator[Sequence[str]]]]:
    """The first visible sheet that holds anything: its name, and all of its rows. Raises Refused."""
    with opened(file) as archive:
        _measure(archive)
    file.seek(0)
    try:
        book = CalamineWorkbook.from_filelike(file)
        shown = [
            sheet.name
            for sheet in book.sheets_metadata
            if sheet.typ == SheetTypeEnum.WorkSheet and sheet.visible == SheetVisibleEnum.Visible
        ]
        sheets = map(book.get_sheet_by_name, shown)
        filled = next((sheet for sheet in sheets if sheet.start is not None), None)
    except CalamineError as error:
        raise Refused(
            "unreadable_workbook", "The workbook cannot be read; save it as .xlsx without a password."
        ) from error
    if filled is None:
        raise Refused("empty_file", "No visible sheet of the workbook holds anything.")
    return filled.name, lambda: _rows(filled)


def _rows(sheet: CalamineSheet) -> Iterator[Sequence[str]]:
    for row in sheet.iter_rows():
        yield [_text(cell) for cell in row]


def _text(cell: Any) -> str:
    match cell:
        case str():
            return visible(cell)
        case bool():
            return str(cell).upper()
        case float() | int():
            return _number(cell)
        case datetime() if cell.time() == time():
            return Damaged(cell.date().isoformat())
        case datetime():
            return Damaged(cell.isoformat(" ", "seconds"))
        case date() | time() | timedelta():
            return Damaged(cell)
    return str(cell)


def _number(value: float) -> str:
    if abs(value) >= _ROUNDED:
        return Damaged(f"{value:.5E}")
    return str(int(value)) if value == int(value) else f"{value:.15g}"


def _measure(archive: zipfile.ZipFile) -> None:
    """Refuse what would not fit into memory before anything is unpacked there."""
    left = MOST_UNPACKED
    for info in archive.infolist():
        # Pictures and the like are never unpacked.
        if not info.filename.lower().endswith((".xml", ".rels")):
            continue
        pieces = unpacked(archive, info, left)
        left -= _measure_sheet(pieces) if "worksheets/" in info.filename else sum(map(len, pieces))


def _measure_sheet(pieces: Iterator[bytes]) -> int:
    size, columns, rows, rest = 0, 1, 1, b""
    for piece in pieces:
        size += len(piece)
        text = rest + piece
        places = _AT.findall(text)
        if places:
            columns = max(columns, max(map(_column, {letters for letters, _ in places})))
            rows = max(rows, int(places[-1][1]), int(max(places, key=lambda at: (len(at[1]), at[1]))[1]))
        if columns * rows > MOST_CELLS:
            raise Refused(
                "too_large", f"A sheet of the workbook reaches over more than {MOST_CELLS:,} cells."
            )
        rest = text[-_LONGEST_AT:]
    return size


def _column(letters: bytes) -> int:
    """A is 1, Z is 26, AA is 27."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number
