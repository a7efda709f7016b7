"""Everything of one order in one strong read, for people who look at it."""

from collections import Counter
from dataclasses import dataclass
from itertools import islice

from cardcourier.adapters.tables import keys
from cardcourier.adapters.tables.claims import claim_of
from cardcourier.adapters.tables.notes import NoteRecord
from cardcourier.adapters.tables.notifications import notification_of
from cardcourier.adapters.tables.records import FactRecord, Record, UnitRecord, header_of, unit_of
from cardcourier.adapters.tables.tasks import named_mark
from cardcourier.adapters.tables.writes import Item, Table
from cardcourier.domain.claims import Claim
from cardcourier.domain.marks import Mark
from cardcourier.domain.notification import Notification
from cardcourier.domain.orders import Header, OrderKey, Unit
from cardcourier.domain.timeline import KeptFact, Note, OrderHistory

CARD_INDEX = "card"
MOST_UNITS = 1_000
"""Units of a shared card that are looked at for the orders they belong to."""


@dataclass(frozen=True, slots=True)
class HistoryTable:
    table: Table

    def read(self, key: OrderKey) -> OrderHistory | None:
        """Everything that is kept of an order; None when nothing was ever heard of it."""
        header: Header | None = None
        units: list[Unit] = []
        facts: list[KeptFact] = []
        notes: list[Note] = []
        told: list[Notification] = []
        marks: list[tuple[tuple[str, str], Mark]] = []
        claims: list[Claim] = []
        for item in self.table.query(Record.pk == keys.order_pk(key), ConsistentRead=True):
            match item["sk"]["S"][0]:
                case "H":
                    header = header_of(item)
                case "U":
                    units.append(unit_of(item))
                case "F":
                    facts.append(_fact(item))
                case "L":
                    notes.append(_note(item))
                case "N":
                    told.append(notification_of(item))
                case "T":
                    marks.append(named_mark(item))
                case "Q":
                    claims.append(claim_of(item))
        if header is None:
            return None
        return OrderHistory(
            header=header,
            units=tuple(units),
            facts=tuple(facts),
            notes=tuple(notes),
            notifications=tuple(sorted(told, key=lambda note: note.created_at)),
            marks=dict(marks),
            claims=tuple(claims),
        )

    def orders_of_card(self, tenant: str, card: str, most: int) -> list[OrderKey]:
        """The orders whose units hold this card or uses of it, or the one that held it until it was burnt."""
        condition = UnitRecord.c == keys.card_index(tenant, card)
        units = self.table.query(condition, IndexName=CARD_INDEX)
        orders = dict.fromkeys(keys.order_of(item["pk"]["S"]) for item in islice(units, MOST_UNITS))
        if orders:
            return list(orders)[:most]
        burnt = self.table.get(keys.burnt(tenant, card))
        if burnt is None or "unit" not in burnt:
            return []
        shop, _, rest = burnt["unit"]["S"].partition("/")
        return [OrderKey(tenant, shop, rest.rpartition("/")[0])]

    def held_twice(self, tenant: str, card: str) -> frozenset[str]:
        """Of a card, or of the uses of a shared one, what more than one unit holds.

        The index proposes; where it names several units, they are read strongly and decide.
        """
        condition = UnitRecord.c == keys.card_index(tenant, card)
        found = self.table.query(condition, IndexName=CARD_INDEX)
        places = [(str(item["pk"]["S"]), str(item["sk"]["S"])) for item in found]
        if len(places) < 2:
            return frozenset()
        held = Counter(unit_of(item).card for item in self.table.get_many(places))
        return frozenset(name for name, units in held.items() if name and units > 1)


def _fact(item: Item) -> KeptFact:
    record = FactRecord.from_raw_data(item)
    return KeptFact(
        kind=record.fact,
        id=record.id,
        at=int(record.at or 0),
        occurred_at=None if record.occurred_at is None else int(record.occurred_at),
        amount=None if record.amount is None else int(record.amount),
        currency=record.currency or "",
        payment=record.payment or "",
        by=record.by or "",
        why=record.why or "",
        rid=record.rid or "",
    )


def _note(item: Item) -> Note:
    record = NoteRecord.from_raw_data(item)
    return Note(
        at=int(record.at or 0),
        text=record.text,
        by=record.by or "",
        why=record.why or "",
        about=record.about or "",
        rid=record.rid or "",
    )
