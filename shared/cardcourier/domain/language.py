"""Which language a person reads, and how dates and counts are said in it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Language = Literal["zh-CN", "en"]
LANGUAGES: tuple[Language, ...] = ("zh-CN", "en")
DEFAULT: Language = "zh-CN"


def known_language(tag: str | None) -> Language | None:
    """The language we speak for a tag such as `en-GB` or `zh-Hant-TW`, if any."""
    primary = (tag or "").strip().lower().replace("_", "-").split("-")[0]
    return next((language for language in LANGUAGES if language.split("-")[0] == primary), None)


def choose_language(
    cookie: str | None, accept_language: str | None, tenant_default: str | None, asked: str | None = None
) -> Language:
    """The first known of: what is asked for now, the cookie, the browser's wishes, the tenant's default."""
    wishes = (asked, cookie, *_by_weight(accept_language or ""), tenant_default)
    return next((language for wish in wishes if (language := known_language(wish))), DEFAULT)


def _by_weight(accept_language: str) -> list[str]:
    """Tags of an Accept-Language header, the best liked first (RFC 9110, 12.5.4)."""
    weighted: list[tuple[float, str]] = []
    for part in accept_language[:500].split(","):
        tag, _, parameter = part.strip().partition(";")
        try:
            weight = float(parameter.strip().removeprefix("q=") or 1)
        except ValueError:
            continue
        if tag and weight > 0:
            weighted.append((weight, tag))
    return [tag for _, tag in sorted(weighted, key=lambda pair: -pair[0])]


Catalogue = Mapping[str, "str | Mapping[str, str]"]


class Texts:
    """The texts of one language. A text with a plural is a mapping with `one` and `other`, chosen by `n`."""

    def __init__(self, language: Language, catalogue: Catalogue) -> None:
        self.language = language
        self._catalogue = catalogue

    def __call__(self, key: str, **values: object) -> str:
        """The text for `key` with its values filled in. An unknown key or value is a `KeyError`."""
        text = self._catalogue[key]
        if not isinstance(text, str):
            text = text["one" if values.get("n") == 1 else "other"]
        return text.format(**values)

    def moment(self, at: int, time_zone: str) -> str:
        """A point in time (epoch ms), said with its zone."""
        when = local_time(at, time_zone)
        return self("moment", day=self._day(when), time=f"{when:%H:%M}", zone=self._zone(when, time_zone))

    def last_day(self, at: int, time_zone: str) -> str:
        """An expiry (epoch ms): the day alone if it runs to the end of that day, else with the time."""
        when = local_time(at, time_zone)
        if (when.hour, when.minute) == (23, 59):
            return self._day(when)
        if (when.hour, when.minute) == (0, 0):
            return self._day(when - timedelta(minutes=1))
        return self.moment(at, time_zone)

    def _day(self, when: datetime) -> str:
        month = self("months").split()[when.month - 1]
        return self("day", year=when.year, month=month, day=when.day)

    def _zone(self, when: datetime, time_zone: str) -> str:
        if time_zone == "Asia/Shanghai":
            return self("beijing_time")
        offset = cast(timedelta, when.utcoffset())
        minutes = int(offset.total_seconds()) // 60
        sign = "-" if minutes < 0 else "+"
        return f"UTC{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}" if minutes else "UTC"


def local_time(at: int, time_zone: str) -> datetime:
    """Epoch milliseconds as a time in that zone; in UTC if the zone's name is not known."""
    try:
        zone = ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        zone = ZoneInfo("UTC")
    return datetime.fromtimestamp(at / 1000, zone)
