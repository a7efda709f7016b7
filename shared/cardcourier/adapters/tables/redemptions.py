"""What issuers say of redeemed cards: one item for each card, beside the row that says it is burnt."""

from collections.abc import Iterable
from dataclasses import dataclass

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from cardcourier.adapters.tables import keys
from cardcourier.adapters.tables.records import Record
from cardcourier.adapters.tables.writes import ConditionFailed, Item, Put, Table
from cardcourier.domain.redemptions import Redemption


class RedemptionRecord(Record):
    """`at`, `by` and `rid` are those of every record; it is written once."""

    kind = UnicodeAttribute()
    t = UnicodeAttribute()
    card = UnicodeAttribute()
    batch = UnicodeAttribute()
    sku = UnicodeAttribute()
    redeemed_at = NumberAttribute()
    place = UnicodeAttribute(null=True)
    source = UnicodeAttribute(null=True)


@dataclass(frozen=True, slots=True)
class RedemptionsTable:
    table: Table

    def keep(self, fact: Redemption, rid: str) -> Redemption:
        """Keep that a card was redeemed, once. Returns what is kept: this, or what was told before."""
        record = RedemptionRecord(
            *keys.redemption(fact.tenant, fact.card),
            kind="redemption",
            t=fact.tenant,
            card=fact.card,
            batch=fact.batch,
            sku=fact.sku,
            redeemed_at=fact.redeemed_at,
            place=fact.place or None,
            source=fact.source or None,
            ver=1,
            at=fact.told_at,
            by=fact.by,
            rid=rid,
        )
        try:
            self.table.write(Put(record, RedemptionRecord.pk.does_not_exist()))
        except ConditionFailed as failed:
            return redemption_of(failed.old) if failed.old else fact
        return fact

    def get_many(self, tenant: str, cards: Iterable[str]) -> dict[str, Redemption]:
        """Of those cards of which somebody told, by card."""
        found = self.table.get_many(keys.redemption(tenant, card) for card in cards)
        return {fact.card: fact for fact in map(redemption_of, found)}


def redemption_of(item: Item) -> Redemption:
    record = RedemptionRecord.from_raw_data(item)
    return Redemption(
        tenant=record.t,
        card=record.card,
        batch=record.batch,
        sku=record.sku,
        redeemed_at=int(record.redeemed_at),
        place=record.place or "",
        source=record.source or "",
        told_at=int(record.at or 0),
        by=record.by or "",
    )
