"""The markers of one shard, and what an eventually consistent read still sees of them."""

from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Iterator

from cardcourier.domain.stock import Marker

SEEN_FOR = 1_000.0
"""Milliseconds for which what is gone is remembered: no replica is further behind."""


class Shelf:
    """Markers by their sort key."""

    def __init__(self) -> None:
        self.markers: dict[str, Marker] = {}
        self._order: list[str] = []
        self._gone: deque[tuple[float, str, Marker]] = deque()

    def fill(self, markers: list[Marker]) -> None:
        """Many at once, before the simulation begins."""
        self.markers |= {sort_key(marker): marker for marker in markers}
        self._order = sorted(self.markers)

    def put(self, marker: Marker) -> None:
        key = sort_key(marker)
        self.markers[key] = marker
        insort(self._order, key)

    def take(self, key: str, now: float) -> None:
        self._gone.append((now, key, self.markers.pop(key)))
        del self._order[bisect_left(self._order, key)]
        while self._gone[0][0] < now - SEEN_FOR:
            self._gone.popleft()

    def between(self, since: str, until: str, limit: int, behind: float) -> list[Marker]:
        """The first markers of a range as they were at the moment `behind`; after it they are the newest."""
        start, end = bisect_left(self._order, since), bisect_right(self._order, until)
        found = [(key, self.markers[key]) for key in self._order[start : min(end, start + limit)]]
        for at, key, marker in reversed(self._gone):
            if at <= behind:
                break
            if since <= key <= until:
                found.append((key, marker))
        return [marker for _, marker in sorted(found, key=lambda entry: entry[0])[:limit]]

    def all(self, since: str) -> Iterator[Marker]:
        return (self.markers[key] for key in self._order[bisect_left(self._order, since) :])

    def __len__(self) -> int:
        return len(self._order)


def sort_key(marker: Marker) -> str:
    return f"{marker.bucket}#{marker.card}"
