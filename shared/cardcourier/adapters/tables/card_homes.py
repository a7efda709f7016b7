"""Where a card is: the units that hold it, or the row that says it is never sold again."""

from dataclasses import dataclass
from itertools import islice

from cardcourier.adapters.tables import keys
from cardcourier.adapters.tables.history import CARD_INDEX
from cardcourier.adapters.tables.records import BurntRecord, UnitRecord, unit_of
from cardcourier.adapters.tables.writes import Table
from cardcourier.domain.card_status import Spent
from cardcourier.domain.cards import base_of
from cardcourier.domain.orders import Unit

MOST_UNITS = 50
"""Buyers of a shared card that are named."""


@dataclass(frozen=True, slots=True)
class CardHomes:
    table: Table

    def units(self, tenant: str, card: str) -> list[Unit]:
        """The units that hold the card or uses of it. The index proposes, the units themselves decide."""
        condition = UnitRecord.c == keys.card_index(tenant, card)
        found = self.table.query(condition, IndexName=CARD_INDEX)
        places = [(item["pk"]["S"], item["sk"]["S"]) for item in islice(found, MOST_UNITS)]
        units = map(unit_of, self.table.get_many(places))
        return [unit for unit in units if unit.holds_card and card in (unit.card, base_of(unit.card))]

    def spent(self, tenant: str, card: str) -> Spent | None:
        """How the card was burnt or made void."""
        item = self.table.get(keys.burnt(tenant, card))
        if item is None:
            return None
        record = BurntRecord.from_raw_data(item)
        return Spent(
            unit=record.unit or "",
            batch=record.batch or "",
            sku=record.sku or "",
            at=int(record.at or 0),
            by=record.by or "",
            why=record.why or "",
            replaces=record.prev or "",
            replaced_by=record.next or "",
        )
