"""Single cells of a card file: dates, costs, and what may be shown of a secret."""

import re
import unicodedata
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from cardcourier.domain.money import parse_minor

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_DAY_ONE_OF_SPREADSHEETS = datetime(1899, 12, 30)
_NEVER = frozenset(("永久", "永久有效", "长期", "长期有效", "无", "无限期", "never", "none", "n/a", "-"))
_WRITTEN = re.compile(
    r"(\d{4})([-/.年])(\d{1,2})[-/.月](\d{1,2})日?"
    r"(?:[T ]+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)? ?(Z|[+-]\d{2}:?\d{2})?)?",
    re.ASCII,
)
_AROUND = re.compile(r" *([年月]) *| +(?=日)")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})", re.ASCII)
_SERIAL = re.compile(r"\d{5}(?:\.\d{1,12})?", re.ASCII)
_FIRST_SERIAL, _LAST_SERIAL = 20_000, 80_000  # 1954 to 2119
_CURRENCY_MARKS = "¥$€£元 "
_MASK = "****"


class Damaged(str):
    """A cell that a spreadsheet turned into a date or a rounded number: no good as a secret any more."""

    __slots__ = ()


def mask(secret: str) -> str:
    """What may be shown of a secret: its last 4 characters, and never more than a third of it."""
    shown = min(4, len(secret) // 3)
    return _MASK + secret[len(secret) - shown :]


def head(secret: str, characters: int) -> str:
    """The first so many characters of a secret: with those that `mask` shows, never more than half of it."""
    shown = len(mask(secret)) - len(_MASK)
    return secret[: max(0, min(characters, len(secret) // 2 - shown))]


def identity(number: str | None, code: str, *, fold: bool = False) -> str:
    """What makes two cards the same card, in one file and against the whole stock.

    The code, with the number before it where there is one. `fold` (a choice of the product) takes upper and
    lower case, and full-width and half-width forms, for the same.
    """
    whole = f"{number}\x1f{code}" if number else code
    return unicodedata.normalize("NFKC", whole).casefold() if fold else whole


def expiry_of(text: str, zone: tzinfo) -> int | None:
    """Epoch milliseconds of the last moment a card is good; None for words such as 永久 or never.

    A day without a time means the end of that day in `zone`; a time without an offset is in `zone`. Days are
    2026-12-31, 2026/12/31, 2026.12.31, 2026年12月31日, 20261231 or a spreadsheet's day number (20000 to
    80000). Raises ValueError for anything else.
    """
    text = _AROUND.sub(r"\g<1>", unicodedata.normalize("NFKC", text).strip())
    if text.casefold() in _NEVER:
        return None
    if compact := _COMPACT.fullmatch(text):
        return _end_of_day(*map(int, compact.groups()), zone=zone)
    if written := _WRITTEN.fullmatch(text):
        return _written(written, zone)
    if _SERIAL.fullmatch(text):
        return _from_serial(text, zone)
    raise ValueError("not a date")


def is_written_date(text: str) -> bool:
    """Whether this is a date by its form alone. Day numbers of spreadsheets are not: PINs look the same."""
    try:
        expiry_of(text, UTC)
    except ValueError:
        return False
    return not _SERIAL.fullmatch(text.strip())


def cost_of(text: str, currency: str) -> int:
    """Minor units of a cost cell such as 12.5, ¥12.50 or 12.50元; raises Refused `bad_amount`."""
    return parse_minor(unicodedata.normalize("NFKC", text).strip(_CURRENCY_MARKS), currency)


def _written(found: re.Match[str], zone: tzinfo) -> int:
    year, _, month, day, hour, minute, second, offset = found.groups()
    if hour is None:
        return _end_of_day(int(year), int(month), int(day), zone=zone)
    at = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second or 0))
    return _milliseconds(at.replace(tzinfo=_offset(offset) if offset else zone))


def _from_serial(text: str, zone: tzinfo) -> int:
    days, _, fraction = text.partition(".")
    if not _FIRST_SERIAL <= int(days) <= _LAST_SERIAL:
        raise ValueError("not a day number")
    day = _DAY_ONE_OF_SPREADSHEETS + timedelta(days=int(days))
    if not fraction.strip("0"):
        return _end_of_day(day.year, day.month, day.day, zone=zone)
    seconds = int(fraction) * 86_400 // 10 ** len(fraction)
    return _milliseconds((day + timedelta(seconds=seconds)).replace(tzinfo=zone))


def _end_of_day(year: int, month: int, day: int, *, zone: tzinfo) -> int:
    return _milliseconds(datetime(year, month, day, 23, 59, 59, 999_000, tzinfo=zone))


def _milliseconds(moment: datetime) -> int:
    try:
        since = (moment - _EPOCH) // _MILLISECOND
    except OverflowError as error:
        raise ValueError("out of range") from error
    if since < 0:
        raise ValueError("before 1970")
    return since


def _offset(text: str) -> tzinfo:
    if text == "Z":
        return UTC
    ahead = timedelta(hours=int(text[1:3]), minutes=int(text[-2:]))
    return timezone(-ahead if text[0] == "-" else ahead)
