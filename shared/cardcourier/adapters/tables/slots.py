"""Daily caps that hold however many ask at once: so many slots a day, each an item that one thing takes.

A counter would count a repeat twice and cannot be given back; a slot knows what took it, so that the same
thing asked for again has its slot already.
"""

from dataclasses import dataclass
from hashlib import sha256

from pynamodb.attributes import UnicodeAttribute

from cardcourier.adapters.tables.records import Record
from cardcourier.adapters.tables.writes import Change, ConditionFailed, Table

DAY = 86_400_000


class SlotRecord(Record):
    what = UnicodeAttribute()


@dataclass(frozen=True, slots=True)
class SlotsTable:
    table: Table

    def take(self, action: str, who: str, what: str, most: int, now: int) -> bool:
        """Whether `who` may do `action` to `what` today (UTC); at most `most` different things in a day."""
        day = now // DAY
        digest = sha256(who.encode()).hexdigest()[:24]
        pk = f"R#slot#{action}#{digest}#{day}"
        taken = {
            item["sk"]["S"]: item["what"]["S"]
            for item in self.table.query(SlotRecord.pk == pk, ConsistentRead=True)
        }
        if what in taken.values():
            return True
        free = (sk for n in range(most) if (sk := f"{n:05d}") not in taken)
        return any(self._takes(pk, sk, what, day) for sk in free)

    def _takes(self, pk: str, sk: str, what: str, day: int) -> bool:
        """An update, since whoever may count tries may send one; it makes the slot if nobody did."""
        actions = [SlotRecord.what.set(what), SlotRecord.ttl.set((day + 2) * DAY // 1000)]
        try:
            self.table.write(Change((pk, sk), actions, SlotRecord.pk.does_not_exist()))
        except ConditionFailed as failed:
            return failed.old is not None and failed.old["what"]["S"] == what
        return True
