"""Orders as people look at them: a list by day, and one order with everything that happened to it."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, islice
from typing import Protocol

from cardcourier.domain.kept import Page
from cardcourier.domain.orders import OrderKey
from cardcourier.domain.timeline import OrderHistory
from cardcourier.domain.views import OrderRow
from cardcourier.errors import NotFound, Refused

DAY = 86_400_000
MINUTE = 60_000
"""Clocks of processes differ by less; a whole day more would be an empty one to read first."""

USUAL_DAYS = 31
MOST_DAYS = 366
MOST_LOOKED_AT = 2_000
MOST_DAYS_A_PAGE = 62
"""Days read for one page: four queries each, whether or not there was an order."""

DAYS_AT_ONCE = 8

Place = tuple[str, str]
NOTHING_LEFT = "0"
"""Sorts before every row of a day."""


class Views(Protocol):
    def orders(self, tenant: str, before: Place | None, oldest: int, newest: int) -> Iterator[OrderRow]: ...


class History(Protocol):
    def read(self, key: OrderKey) -> OrderHistory | None: ...


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """`since` and `until` (epoch ms, exclusive) bound the time at which we first heard of an order."""

    since: int
    until: int
    shop: str = ""
    status: str = ""

    def takes(self, row: OrderRow) -> bool:
        if not self.since <= row.at < self.until:
            return False
        return self.shop in ("", row.key.shop) and self.status in ("", row.status)


@dataclass(frozen=True, slots=True)
class OrdersDesk:
    """Reads orders of one tenant at a time."""

    views: Views
    history: History
    clock: Callable[[], int]

    def filter(self, since: int | None, until: int | None, shop: str, status: str) -> OrderFilter:
        """The last 31 days unless told otherwise. Raises Refused for a period that is too long."""
        end = until if until is not None else self.clock() + MINUTE
        start = since if since is not None else end - USUAL_DAYS * DAY
        if not 0 <= end - start <= MOST_DAYS * DAY:
            raise Refused("bad_period", f"from must come before to, and be at most {MOST_DAYS} days earlier.")
        return OrderFilter(start, end, shop, status)

    def page(self, tenant: str, wanted: OrderFilter, before: Place | None, limit: int) -> Page[OrderRow]:
        """Rows that fit, the newest first.

        A page may hold fewer rows than asked for, or none, and yet go on: it looks at so many days and rows
        and no more.
        """
        rows: list[OrderRow] = []
        looked_at, place = 0, before
        for day, of_day in self._read(tenant, self._days(wanted, before), before):
            for row in of_day:
                looked_at, place = looked_at + 1, row.place
                if wanted.takes(row):
                    rows.append(row)
                if len(rows) == limit or looked_at == MOST_LOOKED_AT:
                    return Page(tuple(rows), _text(place))
            place = (_name(day), NOTHING_LEFT)
        over = place is None or place[0] <= _name(wanted.since)
        return Page(tuple(rows), None if over or place is None else _text(place))

    def _read(
        self, tenant: str, days: Iterator[int], before: Place | None
    ) -> Iterator[tuple[int, Iterator[OrderRow]]]:
        """The days with their rows: the first alone, for it is often enough, then several at once."""

        def begin(day: int) -> Iterator[OrderRow]:
            rows = self.views.orders(tenant, before, day, day)
            first = next(rows, None)
            return chain((first,), rows) if first is not None else iter(())

        width = 1
        with ThreadPoolExecutor(DAYS_AT_ONCE) as threads:
            while wave := list(islice(days, width)):
                yield from zip(wave, threads.map(begin, wave), strict=True)
                width = DAYS_AT_ONCE

    def _days(self, wanted: OrderFilter, before: Place | None) -> Iterator[int]:
        """Moments in the days to read, the newest first."""
        newest = wanted.until - 1
        if before is not None:
            newest = min(newest, _end_of(before[0]))
        for n in range(MOST_DAYS_A_PAGE):
            moment = newest - n * DAY
            if _name(moment) < _name(wanted.since):
                return
            yield moment

    def order(self, key: OrderKey) -> OrderHistory:
        """Raises NotFound, also for an order of somebody else."""
        found = self.history.read(key)
        if found is None:
            raise NotFound("not_found", "There is no such order.")
        return found


def read_place(text: str) -> Place:
    """Raises ValueError for what is no place in a list of orders."""
    day, _, rest = text.partition("/")
    _end_of(day)
    if not rest:
        raise ValueError("no place")
    return day, rest


def _text(place: Place) -> str:
    return "/".join(place)


def _name(moment: int) -> str:
    return datetime.fromtimestamp(moment / 1000, UTC).strftime("%Y%m%d")


def _end_of(day: str) -> int:
    return int(datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC).timestamp() * 1000) + DAY - 1
