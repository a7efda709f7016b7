"""How fast cards may go in or out of a pool without standing in the way of its sales.

A shard of a pool lies on one partition of the table, which takes 1,000 write units a second: 500 allocations,
at two units for each marker that a transaction takes or puts. While a product sells, an import or an undo
moves at most 100 cards a second and shard, a fifth of that; the rest is the buyers'. While nobody buys, it
goes as fast as the table takes it. When the table is busy, all workers of the import pause together.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Protocol

from cardcourier.domain.protocol import Pool

PER_SHARD = 100
"""Cards a second."""

SELLS_FOR = 60_000
LOOK_EVERY = 2_000


class Sales(Protocol):
    def last_sale(self, tenant: str, sku: str) -> int: ...


@dataclass(slots=True)
class Pace:
    """The turns of all workers of one import; `sales` is asked now and then when the product last sold."""

    pool: Pool
    sales: Sales
    clock: Callable[[], int]
    sleep: Callable[[float], None] = time.sleep
    _looked: int = 0
    _sells: bool = False
    _next: float = 0
    _lock: Lock = field(default_factory=Lock)

    def turn(self, cards: int) -> None:
        """Wait until so many cards may be written."""
        with self._lock:
            now = self.clock()
            self._look(now)
            start = max(float(now), self._next)
            if self._sells:
                self._next = start + cards * 1000 / (PER_SHARD * self.pool.shards)
        if start > now:
            self.sleep((start - now) / 1000)

    def pause(self, seconds: float) -> None:
        """Wait because the table is busy, and let all others wait as well."""
        with self._lock:
            self._next = max(self._next, self.clock() + seconds * 1000)
        self.sleep(seconds)

    def _look(self, now: int) -> None:
        if now - self._looked >= LOOK_EVERY:
            self._looked = now
            self._sells = now - self.sales.last_sale(self.pool.tenant, self.pool.sku) < SELLS_FOR
