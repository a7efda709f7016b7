"""Comments on an order: buyers' reports, refused mails, what people wrote."""

from dataclasses import dataclass

from pynamodb.attributes import UnicodeAttribute

from cardcourier.adapters.tables import keys
from cardcourier.adapters.tables.records import Dated, order_names
from cardcourier.adapters.tables.writes import Put, Table
from cardcourier.domain.orders import OrderKey
from cardcourier.domain.protocol import Actor


class NoteRecord(Dated):
    text = UnicodeAttribute()
    about = UnicodeAttribute(null=True)


@dataclass(frozen=True, slots=True)
class NotesTable:
    table: Table

    def put(self, key: OrderKey, text: str, about: str, actor: Actor) -> None:
        """A note is one fact: the same request writes the same note again."""
        self.table.write(
            Put(
                NoteRecord(
                    keys.order_pk(key),
                    f"L#{actor.now:013d}#{actor.rid}",
                    **order_names(key, "note"),
                    text=text,
                    about=about or None,
                    at=actor.now,
                    by=actor.by,
                    why=actor.why,
                    rid=actor.rid,
                )
            )
        )
