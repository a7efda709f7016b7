"""How cards leave the stock unsold: the batch is closed, its markers go, its cards are void."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pynamodb.attributes import NumberAttribute

from cardcourier.adapters.tables import keys
from cardcourier.adapters.tables.records import (
    BurntRecord,
    MarkerRecord,
    Record,
    StockRecord,
    stock_names,
    void_record,
)
from cardcourier.adapters.tables.writes import (
    ConditionFailed,
    Delete,
    Put,
    Table,
    TransactionLost,
    Write,
    busy,
    transact,
)
from cardcourier.domain.imports import Gone
from cardcourier.domain.protocol import Actor, Pool
from cardcourier.domain.stock import Marker


class GoneRecord(StockRecord):
    """What became of a chunk's cards when its import was undone: `n` are void, `sold` were not there."""

    sold = NumberAttribute()


@dataclass(frozen=True, slots=True)
class StockExitTable:
    """Void cards, in the main table."""

    table: Table

    def close(self, tenant: str, batch: str, actor: Actor) -> None:
        """From now on no card of the batch comes back into stock; see W13."""
        record = Record(*keys.closed(tenant, batch), at=actor.now, by=actor.by, why=actor.why or None)
        self._once(record)

    def void(self, pool: Pool, markers: Sequence[Marker], actor: Actor) -> list[str]:
        """W21: delete up to 50 markers and put each card as void, all or none; returns the cards in the way.

        Those were sold, or voided by another try, a moment ago: without them it can be asked again.
        Raises Unavailable when others were in the way.
        """
        parts: list[tuple[Table, Write]] = []
        for marker in markers:
            place = keys.pool(pool.tenant, pool.sku, pool.epoch, marker.shard)
            on_sale = MarkerRecord.pk.exists()
            parts.append((self.table, Delete((place, f"{marker.bucket}#{marker.card}"), on_sale)))
            parts.append((self.table, Put(void_record(pool, marker, actor), BurntRecord.pk.does_not_exist())))
        try:
            transact(self.table.client, *parts)
        except TransactionLost as lost:
            found = list(zip(markers, lost.reasons[::2], lost.reasons[1::2], strict=True))
            gone = [marker.card for marker, of_marker, _ in found if of_marker.failed]
            if any(of_marker.innocent and of_card.failed for _, of_marker, of_card in found):
                raise AssertionError("a card on sale has two homes") from lost
            if not gone:
                raise busy(lost) from lost
            return gone
        return []

    def voided(self, tenant: str, cards: Iterable[str]) -> int:
        """How many of the cards are void."""
        found = self.table.get_many(keys.burnt(tenant, card) for card in cards)
        return sum("unit" not in item for item in found)

    def put_gone(self, pool: Pool, batch: str, number: int, gone: Gone, actor: Actor) -> None:
        """Keep what became of a chunk, which is also told to the journal. The first word stands."""
        names = stock_names("void", pool, batch, gone.voided, actor)
        self._once(GoneRecord(*keys.gone_chunk(pool.tenant, batch, number), **names, sold=gone.sold))

    def gone(self, tenant: str, batch: str) -> dict[int, Gone]:
        """What became of every chunk that was looked at, by its number."""
        pk, _ = keys.gone_chunk(tenant, batch, 0)
        items = self.table.query((Record.pk == pk) & Record.sk.startswith("V#"), ConsistentRead=True)
        return {
            int(item["sk"]["S"].removeprefix("V#")): Gone(int(item["n"]["N"]), int(item["sold"]["N"]))
            for item in items
        }

    def _once(self, record: Record) -> None:
        try:
            self.table.write(Put(record, Record.pk.does_not_exist()))
        except ConditionFailed:
            return
