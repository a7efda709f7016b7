"""The pools of markers: proposing candidates. Only the transaction of W6, W9 or W16 takes one."""

from collections.abc import Iterator
from dataclasses import dataclass

from cardcourier.adapters.tables import keys
from cardcourier.adapters.tables.records import MarkerRecord, marker_of
from cardcourier.adapters.tables.writes import Table
from cardcourier.domain.cards import base_of
from cardcourier.domain.protocol import Pool
from cardcourier.domain.stock import Marker, bucket_of

LAST = "~"


@dataclass(frozen=True, slots=True)
class PoolsTable:
    """Markers of every product, partitioned by shard and sorted by bucket, then card id."""

    table: Table

    def first(self, pool: Pool, shard: int, since: str) -> Marker | None:
        """The first marker at or after the sort key `since`."""
        return next(iter(self.page(pool, shard, since, LAST, 1, consistent=False)), None)

    def page(
        self, pool: Pool, shard: int, since: str, until: str, limit: int, *, consistent: bool
    ) -> list[Marker]:
        """Up to `limit` markers with `since <= sort key <= until`."""
        condition = (MarkerRecord.pk == self._pk(pool, shard)) & MarkerRecord.sk.between(since, until)
        request = self.table.query_request(condition, Limit=limit, ConsistentRead=consistent)
        return [marker_of(item) for item in self.table.query_page(request)["Items"]]

    def every(self, pool: Pool, shard: int, since: str) -> Iterator[Marker]:
        """All markers at or after `since`, strongly."""
        condition = (MarkerRecord.pk == self._pk(pool, shard)) & (MarkerRecord.sk >= since)
        return map(marker_of, self.table.query(condition, ConsistentRead=True))

    def count(self, pool: Pool, now: int, limit: int | None = None) -> int:
        """How many markers can be sold at `now` (epoch ms); with `limit`, strongly and no further."""
        total = 0
        for shard in range(pool.shards):
            total += self._count(pool, shard, now, None if limit is None else limit - total)
            if limit is not None and total >= limit:
                break
        return total

    def cards(self, pool: Pool, now: int) -> int:
        """How many cards the markers are uses of that can be sold at `now`."""
        markers = (m for shard in range(pool.shards) for m in self.every(pool, shard, bucket_of(now)))
        return len({base_of(marker.card) for marker in markers if marker.sellable(now)})

    def _count(self, pool: Pool, shard: int, now: int, limit: int | None) -> int:
        """Of the month in which cards end some may have ended: those are passed over, not counted."""
        request = self.table.query_request(
            (MarkerRecord.pk == self._pk(pool, shard)) & (MarkerRecord.sk >= bucket_of(now)),
            MarkerRecord.exp.does_not_exist() | (MarkerRecord.exp > now),
            Select="COUNT",
            ConsistentRead=limit is not None,
            **({} if limit is None else {"Limit": limit}),
        )
        total = 0
        while True:
            page = self.table.query_page(request)
            total += int(page["Count"])
            if "LastEvaluatedKey" not in page or (limit is not None and total >= limit):
                return total if limit is None else min(total, limit)
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _pk(self, pool: Pool, shard: int) -> str:
        return keys.pool(pool.tenant, pool.sku, pool.epoch, shard)
