"""Take one sellable card out of a pool, without queueing behind anybody.

A conflict or a missing marker means that somebody else has this card: go on to another one, never
wait for it. Reaching at random keeps buyers out of each other's way. Only a busy table is waited for, ever
longer and at random: asked again at once, it would be kept busy by those whom it turned away.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from threading import Lock
from typing import Protocol

from cardcourier.domain.cards import base_of, is_use, number_of, use_id
from cardcourier.domain.hints import Hints, Random
from cardcourier.domain.orders import Unit
from cardcourier.domain.protocol import Lost, MarkerLost, Pool
from cardcourier.domain.stock import Marker, bucket_of
from cardcourier.errors import Unavailable

PAGE = 25
ATTEMPTS = 12
PATIENCE = 3_000
FIRST_WAIT, MOST_WAIT = 20, 640
"""Milliseconds that are waited at most for a busy table: after its first refusal, and after many."""

BUCKET_FOR, EMPTY_FOR = 60_000, 2_000
"""Milliseconds for which the first month of a shard is remembered, and that a shard is empty."""

ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"

Take = Callable[[Marker], Unit | MarkerLost | Lost]


class Markers(Protocol):
    """What picking needs of the pools."""

    def first(self, pool: Pool, shard: int, since: str) -> Marker | None: ...
    def page(
        self, pool: Pool, shard: int, since: str, until: str, limit: int, *, consistent: bool
    ) -> list[Marker]: ...
    def every(self, pool: Pool, shard: int, since: str) -> Iterator[Marker]: ...


class SoldOut(Exception):
    """Every shard was read strongly and held nothing that can be sold."""


@dataclass(slots=True)
class Picker:
    """Candidates of all pools, kept while the worker is warm."""

    markers: Markers
    random: Random
    clock: Callable[[], int]
    sleep: Callable[[float], None] = time.sleep
    _hints: dict[Pool, Hints] = field(default_factory=dict)
    _buckets: dict[tuple[Pool, int], tuple[str | None, int]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def pick(self, pool: Pool, take: Take, instead_of: str = "") -> Unit | Lost:
        """Offer candidates to `take` until one is taken or the unit turns out to be settled.

        `instead_of` is a card that does not work, and none of its uses will do.
        Raises SoldOut when the pool is proven empty, Unavailable when every candidate was contested.
        """
        started, refusals = self.clock(), 0
        for _ in range(ATTEMPTS):
            if self.clock() - started > PATIENCE:
                break
            marker = self._candidate(pool)
            if base_of(marker.card) == instead_of:
                marker = self._strongly(pool, self.clock(), instead_of)
            outcome = take(marker)
            if not isinstance(outcome, MarkerLost):
                return outcome
            if outcome.gone or outcome.busy:
                with self._lock:
                    self._of(pool).drop()
            if outcome.busy:
                self.sleep(self.random.randrange(min(MOST_WAIT, FIRST_WAIT << refusals)) / 1000)
                refusals += 1
        raise Unavailable("pool_busy", f"Too many buyers at once for {pool.sku}; the order is tried again.")

    def _candidate(self, pool: Pool) -> Marker:
        now = self.clock()
        with self._lock:
            hints = self._of(pool)
            if hints.sold_out(now):
                raise SoldOut
            marker = hints.draw(now, self.random)
        return marker or self._from_page(pool, now) or self._strongly(pool, now)

    def _from_page(self, pool: Pool, now: int) -> Marker | None:
        """A fresh page from a random place; only a full one is kept, a thin pool changes too fast."""
        page = [marker for marker in self._read_page(pool, now) if marker.sellable(now)]
        if len(page) < PAGE:
            return page[self.random.randrange(len(page))] if page else None
        with self._lock:
            hints = self._of(pool)
            hints.read_at, hints.markers = now, page
            return hints.draw(now, self.random)

    def _read_page(self, pool: Pool, now: int) -> list[Marker]:
        """From the first shard, in any order, that holds something; of new ones many may be empty."""
        shards = list(range(pool.shards))
        while shards:
            shard = shards.pop(self.random.randrange(len(shards)))
            if page := self._page_of(pool, shard, now):
                return page
        return []

    def _page_of(self, pool: Pool, shard: int, now: int) -> list[Marker]:
        bucket = self._bucket(pool, shard, now)
        if bucket is None:
            return []
        start = f"{bucket}#c1" + "".join(ALPHABET[self.random.randrange(32)] for _ in range(4))
        page = self.markers.page(pool, shard, start, f"{bucket}#~", PAGE, consistent=False)
        if len(page) < PAGE:
            page += self.markers.page(pool, shard, f"{bucket}#", start, PAGE - len(page), consistent=False)
        if not page:
            self._buckets.pop((pool, shard), None)
        return self._scattered(pool, shard, bucket, page)

    def _scattered(self, pool: Pool, shard: int, bucket: str, page: list[Marker]) -> list[Marker]:
        """A page inside of one shared card begins at its lowest use: go on from one further up, at random.

        Nobody knows how many uses are left, so small steps are as likely as large ones.
        """
        if len(page) < PAGE or not is_use(page[0].card) or base_of(page[0].card) != base_of(page[-1].card):
            return page
        step = self.random.randrange(1 << self.random.randrange(2, 14))
        since = f"{bucket}#{use_id(base_of(page[0].card), number_of(page[0].card) + step)}"
        further = self.markers.page(pool, shard, since, f"{bucket}#~", PAGE, consistent=False)
        return further if len(further) == PAGE else page

    def _bucket(self, pool: Pool, shard: int, now: int) -> str | None:
        """The earliest month of expiry on this shard; what ended before this month is passed over."""
        bucket, read_at = self._buckets.get((pool, shard), (None, -BUCKET_FOR))
        if 0 <= now - read_at < (BUCKET_FOR if bucket else EMPTY_FOR):
            return bucket
        first = self.markers.first(pool, shard, bucket_of(now))
        bucket = first.bucket if first else None
        self._buckets[pool, shard] = (bucket, now)
        return bucket

    def _strongly(self, pool: Pool, now: int, instead_of: str = "") -> Marker:
        """Read every shard strongly; the proof that a pool is empty."""
        found: list[Marker] = []
        for shard in range(pool.shards):
            markers = self.markers.every(pool, shard, bucket_of(now))
            others = (marker for marker in markers if base_of(marker.card) != instead_of)
            found += islice((marker for marker in others if marker.sellable(now)), PAGE)
        if not found and not instead_of:
            with self._lock:
                self._of(pool).empty_at = now
        if not found:
            raise SoldOut
        earliest = min(marker.bucket for marker in found)
        found = [marker for marker in found if marker.bucket == earliest]
        return found[self.random.randrange(len(found))]

    def restocked(self, pool: Pool) -> None:
        """Forget that the pool was empty: cards have come."""
        with self._lock:
            self._hints.pop(pool, None)
            self._buckets.clear()

    def _of(self, pool: Pool) -> Hints:
        return self._hints.setdefault(pool, Hints())
