"""When a schedule runs next: `rate(...)` and `cron(...)` as EventBridge understands them.

cron has six fields: minutes, hours, day of month, month, day of week (1 is Sunday), year. Days are told by
one of the two fields, the other is `?`. Beside `*`, `,`, `-` and `/`: `L` is the last day of the month or, as
`5L`, the last Thursday; `15W` the weekday nearest to the 15th; `3#2` the second Tuesday.
(Source: AWS, "Schedule types on EventBridge Scheduler".)
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from local.template import TemplateError

_UNITS = {"minute": 60, "hour": 3600, "day": 86400}
_MONTHS = {name.upper(): number for number, name in enumerate(calendar.month_abbr) if name}
_DAYS = {name: number for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), 1)}
FARTHEST_DAYS = 366 * 8
OnDay = Callable[[date], bool]


def seconds_between(expression: str) -> int | None:
    """The time between two runs of a `rate(...)`; None for anything else."""
    rate = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression)
    return int(rate[1]) * _UNITS[rate[2]] if rate and int(rate[1]) else None


class Cron:
    """One cron expression; TemplateError for one that EventBridge would refuse."""

    def __init__(self, expression: str, zone: str = "UTC") -> None:
        found = re.fullmatch(r"cron\(([^)]+)\)", expression)
        fields = found[1].upper().split() if found else []
        if len(fields) != 6:
            raise TemplateError(
                f"the local cloud follows rate(...) and cron(...) schedules, not {expression}"
            )
        minutes, hours, days, months, weekdays, years = fields
        if (days == "?") == (weekdays == "?"):
            raise TemplateError(f"{expression}: one of day of month and day of week must be ?")
        self._zone = ZoneInfo(zone)
        try:
            self._minutes = _values(minutes, 0, 59)
            self._hours = _values(hours, 0, 23)
            self._months = _values(months, 1, 12, _MONTHS)
            self._years = _values(years, 1970, 2199)
            self._on = _weekday(weekdays) if days == "?" else _day_of_month(days)
        except ValueError as wrong:
            raise TemplateError(f"{expression}: {wrong}") from None

    def after(self, moment: datetime) -> datetime | None:
        """The first run later than an aware moment; None when there is none in the next eight years."""
        local = moment.astimezone(self._zone)
        for ahead in range(FARTHEST_DAYS):
            day = local.date() + timedelta(days=ahead)
            if day.month not in self._months or day.year not in self._years or not self._on(day):
                continue
            for hour in sorted(self._hours):
                for minute in sorted(self._minutes):
                    run = datetime.combine(day, time(hour, minute), self._zone).astimezone(UTC)
                    if run > moment:
                        return run
        return None


def _values(field: str, low: int, high: int, names: dict[str, int] | None = None) -> frozenset[int]:
    """The numbers that a field of lists, ranges and steps stands for."""

    def number(text: str) -> int:
        value = (names or {}).get(text) or int(text)
        if not low <= value <= high:
            raise ValueError(f"{text} is not from {low} to {high}")
        return value

    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        begin = low if span == "*" else number(first)
        end = number(last) if last else high if span == "*" or step else begin
        if step and int(step) < 1:
            raise ValueError(f"a step of {step}")
        # A range over the end, such as FRI-MON, goes on from the beginning.
        numbers = range(begin, end + 1) if begin <= end else [*range(begin, high + 1), *range(low, end + 1)]
        found.update(list(numbers)[:: int(step or 1)])
    return frozenset(found)


def _day_of_month(field: str) -> OnDay:
    if field == "L":
        return lambda day: day.day == _length(day)
    if near := re.fullmatch(r"(\d{1,2})W", field):
        return lambda day: day == _nearest_weekday(day, int(near[1]))
    days = _values(field, 1, 31)
    return lambda day: day.day in days


def _weekday(field: str) -> OnDay:
    if last := re.fullmatch(r"(\w+)L", field):
        wanted = _values(last[1], 1, 7, _DAYS)
        return lambda day: _number(day) in wanted and day.day + 7 > _length(day)
    if nth := re.fullmatch(r"(\w+)#([1-5])", field):
        wanted = _values(nth[1], 1, 7, _DAYS)
        return lambda day: _number(day) in wanted and (day.day - 1) // 7 + 1 == int(nth[2])
    days = _values(field, 1, 7, _DAYS)
    return lambda day: _number(day) in days


def _number(day: date) -> int:
    """Sunday is 1."""
    return day.isoweekday() % 7 + 1


def _length(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]


def _nearest_weekday(month: date, wish: int) -> date:
    """The working day nearest to a day, within its month."""
    day = month.replace(day=min(wish, _length(month)))
    if day.isoweekday() == 6:
        return day - timedelta(days=1) if day.day > 1 else day + timedelta(days=2)
    if day.isoweekday() == 7:
        return day + timedelta(days=1) if day.day < _length(day) else day - timedelta(days=2)
    return day
