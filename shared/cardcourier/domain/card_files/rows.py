"""From records to cards: every row is either accepted or refused with a reason a person can act on.

    E_EMPTY  E_FIELDS  E_LENGTH  E_CHARSET  E_FORMAT  E_DATE  E_EXPIRED  E_COST  E_USES  E_DUP_FILE
    E_DUP_STOCK  W_FULLWIDTH  W_SPACE  W_EXPIRES_SOON

E_DUP_STOCK is said by whoever compares with the stock; here it is only counted. The secret is trimmed at its
ends and otherwise kept as it is, character by character.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from hashlib import blake2b

from cardcourier.domain.card_files.cells import Damaged, cost_of, expiry_of, identity, mask
from cardcourier.domain.card_files.layout import Layout, Record
from cardcourier.domain.card_files.patterns import matches
from cardcourier.domain.card_files.text import MOST_LINE
from cardcourier.domain.cards import MOST_USES
from cardcourier.errors import Refused

DAMAGED = "a spreadsheet made a date or a rounded number of it: format the column as text, enter it again"
MOST_CODE = 2048
MOST_NUMBER = 128
DAY_MS = 86_400_000
_MOST_REMEMBERED_DATES = 4096
# What a spreadsheet leaves of a long number that it took for a quantity.
_SCIENTIFIC = re.compile(r"\d(\.\d+)?E\+\d{2,}", re.ASCII)


@dataclass(frozen=True, slots=True)
class CardRow:
    """One acceptable row. `expires_at` in epoch ms; `cost` and `face`, the value on the card, in minor units.

    `uses` is how often a shared card is sold. None where the file is silent.
    """

    row: int
    number: str | None = field(repr=False)
    code: str = field(repr=False)
    expires_at: int | None = None
    cost: int | None = None
    face: int | None = None
    warnings: tuple[str, ...] = ()
    uses: int | None = None


@dataclass(frozen=True, slots=True)
class BadRow:
    """One refused row; `masked` shows so much of it that it can be found in the file."""

    row: int
    code: str
    hint: str
    masked: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a row is measured by. `now` in epoch ms; `zone` and `currency` are the tenant's."""

    zone: tzinfo
    now: int
    currency: str = "CNY"
    pattern: re.Pattern[str] | None = None
    fold: bool = False
    soon_ms: int = 30 * DAY_MS


def read_rows(
    found: Iterable[Record], layout: Layout, rules: Rules, *, salt: bytes
) -> Iterator[CardRow | BadRow]:
    """Every record of a file as a row, in order. The same file gives the same rows, so work can be taken up
    again by reading from the start and passing over rows that were done.

    Rows seen before in the file are refused; of each seen row 16 bytes are remembered, a hash keyed by
    `salt` (16 to 64 random bytes), so a million rows take about 100 MB.
    """
    reader = _Reader(layout, rules, salt)
    return map(reader.read, found)


class _Wrong(Exception):
    def __init__(self, code: str, hint: str) -> None:
        super().__init__(code)
        self.code = code
        self.hint = hint


class _Reader:
    def __init__(self, layout: Layout, rules: Rules, salt: bytes) -> None:
        place = {role: at for at, role in enumerate(layout.columns)}
        self._code, self._number = place.get("code", -1), place.get("number", -1)
        self._expiry, self._cost = place.get("expiry", -1), place.get("cost", -1)
        self._face, self._uses = place.get("face", -1), place.get("uses", -1)
        self._width = len(layout.columns)
        self._rules = rules
        self._salt = salt
        self._seen: set[bytes] = set()
        self._dates: dict[str, int | None] = {}

    def read(self, record: Record) -> CardRow | BadRow:
        try:
            return self._card(record)
        except _Wrong as wrong:
            return BadRow(record.row, wrong.code, wrong.hint, self._shown(record, wrong.code))

    def _card(self, record: Record) -> CardRow:
        fields = self._fields(record)
        if any(isinstance(fields[at], Damaged) for at in (self._code, self._number) if at >= 0):
            raise _Wrong("E_FORMAT", DAMAGED)
        code = fields[self._code].strip()
        number = fields[self._number].strip() if self._number >= 0 else ""
        if not code:
            raise _Wrong("E_EMPTY", "the column of the code is empty")
        warnings = self._check_text(code, number)
        expires_at = self._expires_at(fields, warnings) if self._expiry >= 0 else None
        cost = self._amount(fields[self._cost], "cost") if self._cost >= 0 else None
        face = self._amount(fields[self._face], "face value") if self._face >= 0 else None
        uses = _uses(fields[self._uses].strip()) if self._uses >= 0 else None
        self._check_new(number, code)
        return CardRow(record.row, number or None, code, expires_at, cost, face, tuple(warnings), uses)

    def _fields(self, record: Record) -> Sequence[str]:
        """As many fields as there are columns; the last ones may be left out if they are not the code."""
        fields = record.fields
        if self._code < 0:
            raise _Wrong("E_FIELDS", "no column holds the code: say which one does")
        if fields is None:
            raise _Wrong("E_FIELDS", "the double quotes of this line do not pair up")
        if len(record.line) > MOST_LINE:
            raise _Wrong("E_LENGTH", f"the line is longer than {MOST_LINE} characters")
        if len(fields) == self._width:
            return fields
        while len(fields) > self._width and not fields[-1].strip():
            fields.pop()
        if not self._code < len(fields) <= self._width:
            raise _Wrong("E_FIELDS", f"expected {self._width} fields, found {len(fields)}")
        return [*fields, *[""] * (self._width - len(fields))]

    def _check_text(self, code: str, number: str) -> list[str]:
        if len(code) > MOST_CODE or len(number) > MOST_NUMBER:
            raise _Wrong("E_LENGTH", f"a code has at most {MOST_CODE} characters, a number {MOST_NUMBER}")
        warnings = [] if code.isascii() and number.isascii() else _check_wide(code + number)
        if not code.isprintable() or not number.isprintable():
            _check_characters(code + number)
        if len(code.split()) > 1:
            warnings.append("W_SPACE")
        if any("E+" in text and _SCIENTIFIC.fullmatch(text) for text in (code, number)):
            raise _Wrong("E_FORMAT", DAMAGED)
        pattern = self._rules.pattern
        if pattern is not None and not matches(pattern, code):
            raise _Wrong("E_FORMAT", "the code does not match the product's pattern")
        return warnings

    def _expires_at(self, fields: Sequence[str], warnings: list[str]) -> int | None:
        text = fields[self._expiry].strip()
        expires_at = self._date(text) if text else None
        if expires_at is None:
            return None
        if expires_at <= self._rules.now:
            raise _Wrong("E_EXPIRED", "the card is no longer valid")
        if expires_at <= self._rules.now + self._rules.soon_ms:
            warnings.append("W_EXPIRES_SOON")
        return expires_at

    def _date(self, text: str) -> int | None:
        """Files repeat a few dates a million times; they are read once."""
        if text in self._dates:
            return self._dates[text]
        try:
            value = expiry_of(text, self._rules.zone)
        except ValueError as error:
            raise _Wrong(
                "E_DATE", "write dates as 2026-12-31, 2026/12/31, 2026年12月31日 or 20261231"
            ) from error
        if len(self._dates) < _MOST_REMEMBERED_DATES:
            self._dates[text] = value
        return value

    def _amount(self, cell: str, name: str) -> int | None:
        """A damaged cost is a date, and as such no amount."""
        text = cell.strip()
        if not text:
            return None
        try:
            amount = cost_of(text, self._rules.currency)
        except Refused as refused:
            raise _Wrong("E_COST", refused.detail) from refused
        if amount < 0:
            raise _Wrong("E_COST", f"a {name} cannot be negative")
        return amount

    def _check_new(self, number: str, code: str) -> None:
        same = identity(number, code, fold=self._rules.fold).encode()
        digest = blake2b(same, digest_size=16, key=self._salt).digest()
        if digest in self._seen:
            raise _Wrong("E_DUP_FILE", "the same card stands further up in this file")
        self._seen.add(digest)

    def _shown(self, record: Record, why: str) -> str:
        fields = record.fields
        if fields is None or why == "E_FIELDS" or not 0 <= self._code < len(fields):
            return mask(record.line.strip())
        return mask(_one_line(fields[self._code]))


def _uses(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= MOST_USES):
        raise _Wrong("E_USES", f"the number of uses must be a whole number from 1 to {MOST_USES}")
    return int(text)


def _check_wide(text: str) -> list[str]:
    wide = any("\uff01" <= c <= "\uff5e" or c == "\u3000" for c in text)
    if "\ufffd" in text:
        raise _Wrong("E_CHARSET", "the text was damaged before: it holds replacement characters")
    return ["W_FULLWIDTH"] if wide else []


def _check_characters(text: str) -> None:
    if any(not c.isprintable() and unicodedata.category(c) != "Zs" for c in text):
        raise _Wrong("E_CHARSET", "there are control or unassigned characters in it")


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text.strip())
