"""A table: its items, the versions that a read without consistency may still see, and its indexes."""

from bisect import bisect_left, insort
from collections.abc import Mapping
from typing import Any

from tests.simulation.engine.indexes import Index
from tests.simulation.engine.items import Stored
from tests.simulation.engine.schema import Key, TableShape
from tests.simulation.engine.values import Value
from tests.simulation.engine.weather import Weather

Version = tuple[int, Stored | None]
"""Until when it may be seen, and the item, None while there was none."""


class Table:
    ordered_by = None

    def __init__(self, shape: TableShape, weather: Weather) -> None:
        self.shape, self.name, self.key = shape, shape.name, shape.key
        self._weather = weather
        self.items: dict[Key, Stored] = {}
        self._places: dict[Any, list[Any]] = {}
        self._older: dict[Key, list[Version]] = {}
        self.indexes = {one.name: Index(shape, one, weather) for one in shape.indexes}

    # -- reading ------------------------------------------------------------------------------------------

    def get(self, key: Key, consistent: bool) -> Stored | None:
        if not consistent and key in self._older:
            versions = [one for one in self._older[key] if one[0] > self._weather.now()]
            if not versions:
                del self._older[key]
            elif self._weather.shows_older(self.name):
                return versions[0][1]
        return self.items.get(key)

    def places(self, pk: Any, consistent: bool) -> list[Any]:
        """The range keys under a hash key that can be seen, in order; some may turn out to be gone."""
        there = self._places.get(pk, [])
        if consistent or not self._older:
            return there
        gone = {sk for one, sk in self._older if one == pk and (one, sk) not in self.items}
        return sorted([*there, *gone]) if gone else there

    def hashes(self) -> list[Any]:
        return list({**self._places, **dict.fromkeys(pk for pk, _ in self._older)})

    def item(self, pk: Any, place: Any, consistent: bool) -> Stored | None:
        return self.get((pk, place), consistent)

    def told(self, item: Mapping[str, Value]) -> dict[str, Value]:
        """The key under which a next page begins."""
        return self.key.told(item)

    def place_of(self, start: Mapping[str, Value]) -> Key:
        """Where the key of an earlier page lies."""
        return self.key.exact(start)

    # -- changing -----------------------------------------------------------------------------------------

    def check(self, item: Mapping[str, Value]) -> None:
        """Refuse an item that an index could not hold."""
        for index in self.indexes.values():
            index.key.of_entry(item)

    def change(self, key: Key, old: Stored | None, new: Stored | None) -> None:
        pk, sk = key
        if new is not None:
            self.items[key] = new
            if old is None:
                insort(self._places.setdefault(pk, []), sk)
        else:
            del self.items[key]
            places = self._places[pk]
            del places[bisect_left(places, sk)]
            if not places:
                del self._places[pk]
        now = self._weather.now()
        lag = self._weather.lag(self.name, "")
        versions = self._older.get(key)
        if lag > 0 or versions:
            versions = [one for one in versions or () if one[0] > now]
            until = max(now + lag, versions[-1][0] if versions else 0)
            self._older[key] = [*versions, (until, old)]
        for index in self.indexes.values():
            index.change(key, old, new)

    # -- snapshots ----------------------------------------------------------------------------------------

    def snapshot(self) -> tuple[Any, ...]:
        places = {pk: list(found) for pk, found in self._places.items()}
        indexes = {name: index.snapshot() for name, index in self.indexes.items()}
        return dict(self.items), places, dict(self._older), indexes

    def restore(self, state: tuple[Any, ...]) -> None:
        items, places, older, indexes = state
        self.items, self._older = dict(items), dict(older)
        self._places = {pk: list(found) for pk, found in places.items()}
        for name, index in self.indexes.items():
            index.restore(indexes[name])
