"""How a card file is laid out: what parts its fields, which of them is the secret, and its records.

Separators are tried in a fixed order, and the first one that gives nearly every line the same number of
fields is taken. A single `-` never is one: it is part of too many codes.
"""

import csv
import re
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, NamedTuple, Self

from cardcourier.domain.card_files.cells import is_written_date
from cardcourier.domain.card_files.names import labelled_fields, labels_of, role_of
from cardcourier.errors import Refused

SAMPLE = 200
"""How many lines that are not blank `layout_of` looks at."""

ROLES = ("number", "code", "expiry", "cost", "face", "uses", "ignore")
MOST_COLUMNS = 50
_NEARLY_ALL = 0.95
_MOST_LINES_OF_A_RECORD = 20
_QUOTABLE = frozenset(("", "\t", "|", ",", "，", ";"))
_LABELS = "labels"
CELLS = "cells"
"""The separator of a workbook, whose fields are apart already."""

_ANY_SEPARATOR = re.compile(r"-{3,}|[\s|,，;；:：]+")


def _splitter(pattern: str) -> Callable[[str], list[str]]:
    return re.compile(pattern).split


_SPLIT: Mapping[str, Callable[[str], list[str]]] = {
    "----": _splitter(r"-{4,}"),
    "---": _splitter(r"---"),
    "\t": lambda line: line.split("\t"),
    "|": _splitter(r"[|｜]"),
    ",": lambda line: line.split(","),
    "，": lambda line: line.split("，"),
    ";": _splitter(r"[;；]"),
    ":": _splitter(r"[:：]"),
    " ": lambda line: line.split(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How to read a file. `separator` is one of the keys above, `labels`, `cells`, or empty for one column.

    `columns` are roles from `ROLES`, in the file's order. `header`: the first line that is not blank names
    the columns and holds no card. `quoted`: fields may stand in double quotes as in RFC 4180.
    """

    separator: str = ""
    columns: tuple[str, ...] = ("code",)
    header: bool = False
    quoted: bool = False

    def __post_init__(self) -> None:
        if self.separator not in ("", _LABELS, CELLS, *_SPLIT):
            named = f"{_LABELS} {CELLS} {' '.join(map(repr, _SPLIT))}"
            raise Refused("bad_layout", f"separator must be empty or one of {named}")
        if not 1 <= len(self.columns) <= MOST_COLUMNS or not set(self.columns) <= set(ROLES):
            raise Refused("bad_layout", f"columns must be 1 to {MOST_COLUMNS} of {', '.join(ROLES)}")
        doubled = next((r for r in ROLES[:-2] if self.columns.count(r) > 1), None)
        if doubled:
            raise Refused("bad_layout", f"columns: only one column can be the {doubled}")

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Self:
        """A layout as chosen by a person, from JSON; raises Refused `bad_layout`."""
        columns = value.get("columns")
        if not isinstance(columns, (list, tuple)) or not all(isinstance(c, str) for c in columns):
            raise Refused("bad_layout", f"columns must be a list of {', '.join(ROLES)}")
        return cls(
            separator=str(value.get("separator", "")),
            columns=tuple(columns),
            header=value.get("header") is True,
            quoted=value.get("quoted") is True,
        )

    @property
    def has_code(self) -> bool:
        """Whether a column holds the secret; without one nothing can be imported."""
        return "code" in self.columns


class Record(NamedTuple):
    """One record: the number of its first line (from 1), its text, its fields; None if quotes do not pair."""

    row: int
    line: str
    fields: list[str] | None


def layout_of(lines: Iterable[str], *, quoted: bool = False) -> Layout:
    """The layout of a file from its first lines; `quoted` for files named .csv or .tsv.

    With a header its names decide. Without one: a single column is the code; of several, the first is the
    number and the second the code, and the first later column that holds dates in nearly every line is the
    expiry; only if the second holds the dates, the first is the code. Everything else is ignored until a
    person says otherwise.
    """
    sample = _head(lines)
    if not sample:
        return Layout(quoted=quoted)
    labelled = _labelled(sample)
    if labelled:
        return labelled
    first, body = sample[0], sample[1:] or sample
    separator = _separator(body, quoted)
    if _names_columns(first, Layout(separator=separator, quoted=quoted)):
        return _by_header(first, separator or _separator_of_names(first), quoted)
    separator = _separator(sample, quoted)
    layout = Layout(separator=separator, quoted=quoted)
    rows = [record.fields for record in records(sample, layout) if record.fields]
    return replace(layout, columns=_by_content(rows))


def layout_of_cells(rows: Iterable[Sequence[str]]) -> Layout:
    """As `layout_of`, for the rows of a workbook; one that fills a single column holds lines of text."""
    sample = _head_of_cells(rows)
    if all(_filled(row) < 2 for row in sample):
        return layout_of([row[0] for row in sample])
    if any(map(_is_card, sample[0])):
        return Layout(separator=CELLS, columns=_columns_of(sample[0]), header=True)
    return Layout(separator=CELLS, columns=_by_content(sample))


def fits(layout: Layout, found: Iterable[Record]) -> bool:
    """Whether nearly all of the first records have the layout's columns, and dates where it has them."""
    rows = [record.fields for record in islice(found, SAMPLE) if record.fields]
    if not rows or not layout.has_code:
        return False
    code, width = layout.columns.index("code"), len(layout.columns)
    filled = [_filled(row) for row in rows]
    if sum(code < count <= width for count in filled) < _NEARLY_ALL * len(rows):
        return False
    if width > 1 and max(filled) < 2:
        return False
    dated = layout.columns.index("expiry") if "expiry" in layout.columns else width
    has_dates = any(len(row) > dated and row[dated].strip() for row in rows)
    return not has_dates or _holds_dates(rows, dated)


def records(lines: Iterable[str], layout: Layout) -> Iterator[Record]:
    """The records of a file; blank lines and the header are left out."""
    quoted = layout.quoted and layout.separator in _QUOTABLE
    found = _quoted(lines, layout.separator) if quoted else _plain(lines, layout)
    if layout.header:
        next(found, None)
    return found


def records_of_cells(rows: Iterable[Sequence[str]], layout: Layout) -> Iterator[Record]:
    """The records of a workbook, whose rows come all, empty ones too, so that they can be counted."""
    if layout.separator != CELLS:
        return records((_line(row) for row in rows), layout)
    filled = (
        Record(number, "\t".join(row), list(row))
        for number, row in enumerate(rows, 1)
        if any(map(str.strip, row))
    )
    if layout.header:
        next(filled, None)
    return filled


def _line(row: Sequence[str]) -> str:
    """A row as a line of text; a lone cell stays what it is."""
    return row[0] if _filled(row) == 1 else "\t".join(row).rstrip("\t")


def _plain(lines: Iterable[str], layout: Layout) -> Iterator[Record]:
    split = _split_of(layout)
    for row, line in enumerate(lines, 1):
        if line and not line.isspace():
            yield Record(row, line, split(line))


def _quoted(lines: Iterable[str], separator: str) -> Iterator[Record]:
    """Records by RFC 4180; a quoted field may go over a few lines.

    A quote that is never closed spoils its own line only, not the rest of the file.
    """
    source = _Source(lines)
    split = _SPLIT.get(separator, _whole)
    delimiter = separator or "\x1f"  # one column: a character that no line holds
    while (line := source.take()) is not None:
        row = source.row
        if '"' not in line:
            if line and not line.isspace():
                yield Record(row, line, split(line))
            continue
        try:
            fields = next(csv.reader(source.from_here(line), delimiter=delimiter, strict=True))
            yield Record(row, line, [_unforced(field) for field in fields])
        except csv.Error:
            source.back_to(row)
            yield Record(row, line, None)


class _Source:
    """Lines that can be given back."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._again: deque[str] = deque()
        self._taken: list[str] = []
        self.row = 0

    def take(self) -> str | None:
        line = self._again.popleft() if self._again else next(self._lines, None)
        if line is not None:
            self.row += 1
        return line

    def from_here(self, line: str) -> Iterator[str]:
        """This line and the following ones, as far as a record may go."""
        self._taken = []
        yield f"{line}\n"
        while len(self._taken) < _MOST_LINES_OF_A_RECORD and (following := self.take()) is not None:
            self._taken.append(following)
            yield f"{following}\n"

    def back_to(self, row: int) -> None:
        """Give back what `from_here` took behind this row."""
        self._again.extendleft(reversed(self._taken))
        self.row = row


def _split_of(layout: Layout) -> Callable[[str], list[str]]:
    if layout.separator == _LABELS:
        return lambda line: labelled_fields(line, layout.columns)
    return _SPLIT.get(layout.separator, _whole)


def _whole(line: str) -> list[str]:
    return [line]


def _unforced(field: str) -> str:
    """Spreadsheets write ="00123" to keep a number's zeros; the formula is not part of the value."""
    return field[2:-1] if field.startswith('="') and field.endswith('"') and len(field) > 3 else field


def _head(lines: Iterable[str]) -> list[str]:
    sample: list[str] = []
    for line in lines:
        if line and not line.isspace():
            sample.append(line)
        if len(sample) == SAMPLE:
            break
    return sample


def _head_of_cells(rows: Iterable[Sequence[str]]) -> list[Sequence[str]]:
    return list(islice((row for row in rows if any(map(str.strip, row))), SAMPLE))


def _fits(separator: str, sample: Sequence[str], quoted: bool) -> bool:
    """Whether nearly all lines have the same number of fields, empty ones at the end counted or not."""
    layout = Layout(separator=separator, quoted=quoted)
    fields = [record.fields or [] for record in records(sample, layout)]
    return any(
        count > 1 and times >= _NEARLY_ALL * len(fields)
        for counts in (map(len, fields), map(_filled, fields))
        for count, times in Counter(counts).most_common(1)
    )


def _filled(fields: Sequence[str]) -> int:
    """How many fields there are up to the last that is not empty."""
    return next((at for at in range(len(fields), 0, -1) if fields[at - 1].strip()), 0)


def _separator(sample: Sequence[str], quoted: bool) -> str:
    return next((name for name in _SPLIT if _fits(name, sample, quoted)), "")


def _separator_of_names(header: str) -> str:
    """The separator that parts a header into names, for files whose lines are too uneven to tell."""
    return next((name for name, split in _SPLIT.items() if sum(map(_is_card, split(header))) > 1), "")


def _is_card(cell: str) -> bool:
    return role_of(cell) in ("number", "code")


def _names_columns(line: str, layout: Layout) -> bool:
    """Whether a line is a header: a cell is called as numbers or codes are.

    It may be parted otherwise than the lines below it; then half of its words have to be known names.
    """
    words = [word for word in _ANY_SEPARATOR.split(line) if word]
    known = sum(role_of(word) is not None for word in words)
    return any(map(_is_card, _cells(line, layout))) or (any(map(_is_card, words)) and 2 * known >= len(words))


def _cells(line: str, layout: Layout) -> list[str]:
    return next(records([line], layout)).fields or [line]


def _by_header(header: str, separator: str, quoted: bool) -> Layout:
    """Columns by name. Of two columns for the same thing the first counts; a lone number is the code."""
    cells = _cells(header, Layout(separator=separator, quoted=quoted))
    if not any(map(_is_card, cells)):
        cells = _ANY_SEPARATOR.split(header)
    return Layout(separator=separator, quoted=quoted, columns=_columns_of(cells), header=True)


def _columns_of(names: Sequence[str]) -> tuple[str, ...]:
    columns: list[str] = []
    for cell in names[:MOST_COLUMNS]:
        role = role_of(cell) or "ignore"
        columns.append("ignore" if role in columns else role)
    if "code" not in columns:
        columns[columns.index("number")] = "code"
    return tuple(columns)


def _by_content(rows: Sequence[Sequence[str]]) -> tuple[str, ...]:
    width = Counter(map(_filled, rows)).most_common(1)[0][0] if rows else 1
    if width < 2:
        return ("code",)
    dated = next((at for at in range(1, width) if _holds_dates(rows, at)), None)
    if dated == 1:
        return ("code", "expiry", *["ignore"] * (min(width, MOST_COLUMNS) - 2))
    columns = ["number", "code", *["ignore"] * (min(width, MOST_COLUMNS) - 2)]
    if dated is not None and dated < len(columns):
        columns[dated] = "expiry"
    return tuple(columns)


def _holds_dates(rows: Sequence[Sequence[str]], at: int) -> bool:
    cells = [row[at] for row in rows if len(row) > at and row[at].strip()]
    return bool(cells) and sum(map(is_written_date, cells)) >= _NEARLY_ALL * len(cells)


def _labelled(sample: Sequence[str]) -> Layout | None:
    """The layout of lines such as 卡号：123 密码：456, where each value has its name before it."""
    usual, times = Counter(tuple(dict.fromkeys(labels_of(line))) for line in sample).most_common(1)[0]
    if not usual or times < _NEARLY_ALL * len(sample):
        return None
    if "code" not in usual:
        usual = tuple("code" if role == "number" else role for role in usual)
    return Layout(separator=_LABELS, columns=usual)
