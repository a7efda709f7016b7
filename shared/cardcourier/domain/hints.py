"""Candidates kept in a warm worker. A hint gives no right: only the transaction takes a card."""

from dataclasses import dataclass, field
from typing import Protocol

from cardcourier.domain.stock import Marker

FRESH_FOR = 2_000
"""Milliseconds for which a page of candidates is worth keeping."""

GATE_FOR = 1_000
"""Milliseconds for which a pool that was proven empty is not searched again."""


class Random(Protocol):
    """The operating system's generator, or a seeded one in tests."""

    def randrange(self, start: int, stop: int | None = None, /) -> int: ...


@dataclass(slots=True)
class Hints:
    """Candidates of one pool and when they were read (epoch ms)."""

    read_at: int = 0
    markers: list[Marker] = field(default_factory=list)
    empty_at: int = -GATE_FOR

    def sold_out(self, now: int) -> bool:
        return 0 <= now - self.empty_at < GATE_FOR

    def draw(self, now: int, random: Random) -> Marker | None:
        """A random candidate, removed from the page; None when the page is empty or old."""
        if not 0 <= now - self.read_at < FRESH_FOR:
            self.markers.clear()
        while self.markers:
            place = random.randrange(len(self.markers))
            self.markers[place], self.markers[-1] = self.markers[-1], self.markers[place]
            marker = self.markers.pop()
            if marker.sellable(now):
                return marker
        return None

    def drop(self) -> None:
        """The page is older than the pool: forget it."""
        self.markers.clear()
