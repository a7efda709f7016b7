"""A global secondary index: what it shows of a table, some time after the table changed.

Each entry lags for itself, so an item that moves may be seen at both places or at none; the changes of one
entry arrive in their order.
"""

import heapq
from bisect import bisect_left, insort
from collections.abc import Mapping
from itertools import count
from operator import itemgetter
from typing import Any

from tests.simulation.engine.items import Stored, shown
from tests.simulation.engine.schema import IndexShape, Key, TableShape
from tests.simulation.engine.values import Value
from tests.simulation.engine.weather import Weather

Entry = tuple[Any, tuple[Any, Any, Any]]
"""Hash key of the index, and the place there: range key of the index, then the table's own key."""


class Index:
    ordered_by = itemgetter(0)

    def __init__(self, table: TableShape, shape: IndexShape, weather: Weather) -> None:
        self.table, self.shape, self.key = table, shape, shape.key
        self._weather = weather
        self._places: dict[Any, list[tuple[Any, Any, Any]]] = {}
        self._items: dict[Entry, Stored] = {}
        self._coming: list[tuple[int, int, Entry, Stored | None]] = []
        self._latest: dict[Entry, int] = {}
        self._numbers = count()

    # -- reading ------------------------------------------------------------------------------------------

    def places(self, pk: Any, consistent: bool) -> list[tuple[Any, Any, Any]]:
        """The places under a hash key that can be seen now, in order."""
        self._settle(self._weather.now())
        return self._places.get(pk, [])

    def hashes(self) -> list[Any]:
        self._settle(self._weather.now())
        return list(self._places)

    def item(self, pk: Any, place: tuple[Any, Any, Any], consistent: bool) -> Stored | None:
        return self._items.get((pk, place))

    def told(self, item: Mapping[str, Value]) -> dict[str, Value]:
        """The key under which a next page begins."""
        return {**self.table.key.told(item), **self.key.told(item)}

    def place_of(self, start: Mapping[str, Value]) -> Entry:
        """Where the key of an earlier page lies."""
        pk, rank = self.key.of(start)
        return pk, (rank, *self.table.key.of(start))

    # -- changing -----------------------------------------------------------------------------------------

    def entry(self, key: Key, item: Mapping[str, Value] | None) -> Entry | None:
        found = self.key.of_entry(item) if item is not None else None
        return (found[0], (found[1], *key)) if found is not None else None

    def change(self, key: Key, old: Stored | None, new: Stored | None) -> None:
        """The table has changed; whoever looks here will see it."""
        before, after = self.entry(key, old), self.entry(key, new)
        if before is not None and before != after:
            self._announce(before, None)
        if after is not None and new is not None:
            entry = shown(new, self.shape.shown)
            if before != after or (old is not None and shown(old, self.shape.shown) != entry):
                self._announce(after, entry)

    def _announce(self, entry: Entry, item: Stored | None) -> None:
        now = self._weather.now()
        at = max(now + self._weather.lag(self.table.name, self.shape.name), self._latest.get(entry, 0))
        if at <= now and entry not in self._latest:
            self._show(entry, item)
        else:
            self._latest[entry] = at
            heapq.heappush(self._coming, (at, next(self._numbers), entry, item))

    def _settle(self, now: int) -> None:
        while self._coming and self._coming[0][0] <= now:
            at, _, entry, item = heapq.heappop(self._coming)
            if self._latest.get(entry) == at:
                del self._latest[entry]
            self._show(entry, item)

    def _show(self, entry: Entry, item: Stored | None) -> None:
        pk, place = entry
        there = entry in self._items
        if item is not None:
            self._items[entry] = item
            if not there:
                insort(self._places.setdefault(pk, []), place)
        elif there:
            del self._items[entry]
            places = self._places[pk]
            del places[bisect_left(places, place)]
            if not places:
                del self._places[pk]

    # -- snapshots ----------------------------------------------------------------------------------------

    def snapshot(self) -> tuple[Any, ...]:
        places = {pk: list(found) for pk, found in self._places.items()}
        return places, dict(self._items), list(self._coming), dict(self._latest)

    def restore(self, state: tuple[Any, ...]) -> None:
        places, items, coming, latest = state
        self._places = {pk: list(found) for pk, found in places.items()}
        self._items, self._coming, self._latest = dict(items), list(coming), dict(latest)
