"""Cards in tables that were restored: taken off sale, or kept out for good.

For operators: it reads the main table from end to end, which no function may.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from cardcourier.adapters.tables import keys
from cardcourier.adapters.tables.catalogue import CatalogueTable, batch_key
from cardcourier.adapters.tables.records import BurntRecord, MarkerRecord, marker_of
from cardcourier.adapters.tables.writes import Delete, Item, Put, Table, TransactionLost, busy, transact
from cardcourier.adapters.vault import VaultRecord
from cardcourier.domain.aftermath import Gone
from cardcourier.domain.catalogue import Batch
from cardcourier.domain.protocol import Actor

STONE = bytes(1)
"""Stands in the vault for a card whose ciphertext was lost: it opens to nothing, and is found as known."""

LOST = "lost-"


@dataclass(frozen=True, slots=True)
class Sale:
    """A marker and where it lies."""

    tenant: str
    card: str
    batch: str
    sku: str
    key: keys.Key


@dataclass(frozen=True, slots=True)
class RestoredStock:
    """Main and vault as they were restored."""

    main: Table
    vault: Table

    def on_sale(self) -> Iterator[Sale]:
        """Every marker of every tenant, read strongly."""
        pages = self.main.client.get_paginator("scan").paginate(
            TableName=self.main.name,
            ConsistentRead=True,
            FilterExpression="begins_with(pk, :marker)",
            ExpressionAttributeValues={":marker": {"S": "P#"}},
        )
        return (_sale(item) for page in pages for item in page["Items"])

    def burn(self, sale: Sale, why: str, unit: str, actor: Actor) -> bool:
        """Take a card off sale for good; False when it is not on sale any more."""
        marker = Delete(sale.key, MarkerRecord.pk.exists())
        burnt = _burnt(sale.tenant, sale.card, sale.batch, sale.sku, why, unit, actor)
        try:
            transact(self.main.client, (self.main, marker), (self.main, burnt))
        except TransactionLost as lost:
            of_marker, of_burnt = lost.reasons
            if of_marker.failed:
                return False
            if not of_burnt.failed:
                raise busy(lost) from lost
            # Burnt already, and on sale all the same.
            self.main.write(Delete(sale.key))
        return True

    def put_stones(self, tenant: str, cards: Iterable[Gone], actor: Actor) -> int:
        """Put a stone for each of the cards that the vault does not know; returns how many were put.

        Stones have a batch of their own beside each batch, so that counts go on to balance.
        """
        wanted = {keys.vault(tenant, gone.card): gone for gone in cards}
        there = {item["pk"]["S"]: item for item in self.vault.get_many((pk, "") for pk in wanted)}
        absent = [gone for pk, gone in wanted.items() if pk not in there]
        for gone in absent:
            self._put_stone(tenant, gone, actor)
        stones = [*absent, *(wanted[pk] for pk, item in there.items() if item["batch"]["S"].startswith(LOST))]
        counts = Counter((gone.batch, gone.sku) for gone in stones)
        for (batch, sku), count in counts.items():
            self._count(tenant, LOST + batch, sku, count, actor)
        return len(absent)

    def _put_stone(self, tenant: str, gone: Gone, actor: Actor) -> None:
        batch, now = LOST + gone.batch, actor.now
        pk = keys.vault(tenant, gone.card)
        stone = VaultRecord(pk, t=tenant, batch=batch, sealed=STONE, sku=gone.sku, row=0, at=now)
        burnt = _burnt(tenant, gone.card, batch, gone.sku, "lost by the restore", gone.unit.text, actor)
        try:
            transact(
                self.main.client,
                (self.vault, Put(stone, VaultRecord.pk.does_not_exist())),
                (self.main, burnt),
            )
        except TransactionLost as lost:
            if not lost.failed:
                raise busy(lost) from lost

    def _count(self, tenant: str, batch: str, sku: str, count: int, actor: Actor) -> None:
        catalogue, key = CatalogueTable(self.main), batch_key(tenant, batch)
        kept = catalogue.get(Batch, key) or Batch(
            tenant=tenant, id=batch, sku=sku, created_at=actor.now, by=actor.by
        )
        if kept.imported < count:
            catalogue.put(key, replace(kept, imported=count), actor.now, actor.by)


def _sale(item: Item) -> Sale:
    pk, sk = item["pk"]["S"], item["sk"]["S"]
    _, tenant, rest = pk.split("#", 2)
    marker = marker_of(item)
    return Sale(tenant, marker.card, marker.batch, rest.rsplit("#", 2)[0], (pk, sk))


def _burnt(tenant: str, card: str, batch: str, sku: str, why: str, unit: str, actor: Actor) -> Put:
    record = BurntRecord(
        *keys.burnt(tenant, card),
        card=card,
        unit=unit or None,
        batch=batch,
        sku=sku,
        at=actor.now,
        by=actor.by,
        why=why,
        rid=actor.rid,
    )
    return Put(record, BurntRecord.pk.does_not_exist())
