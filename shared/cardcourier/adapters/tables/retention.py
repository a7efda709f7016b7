"""How far erasure by age has come: one item per tenant, and the journal reads its evidence off it."""

from dataclasses import dataclass, fields

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from cardcourier.adapters.tables import keys
from cardcourier.adapters.tables.records import Dated
from cardcourier.adapters.tables.writes import Change, ConditionFailed, Item, Table
from cardcourier.domain.protocol import Actor
from cardcourier.domain.retention import KIND, Progress


class ProgressRecord(Dated):
    place = UnicodeAttribute()
    since = UnicodeAttribute()
    reached = UnicodeAttribute()
    left = UnicodeAttribute()
    clear = NumberAttribute()
    kept = NumberAttribute()
    rev = NumberAttribute()


@dataclass(frozen=True, slots=True)
class RetentionTable:
    table: Table

    def read(self, tenant: str) -> Progress | None:
        item = self.table.get(keys.retention(tenant))
        return _progress(item) if item else None

    def save(self, tenant: str, seen: Progress, after: Progress, actor: Actor) -> bool:
        """Move on from what was seen. False when another run has moved on."""
        record = ProgressRecord
        actions = [getattr(record, f.name).set(getattr(after, f.name)) for f in fields(Progress)]
        actions += [record.kind.set(KIND), record.t.set(tenant), record.at.set(actor.now)]
        actions += [record.by.set(actor.by), record.why.set(actor.why), record.rid.set(actor.rid)]
        unchanged = record.rev == seen.rev if seen.rev else record.pk.does_not_exist()
        try:
            self.table.write(Change(keys.retention(tenant), actions, unchanged))
        except ConditionFailed as failed:
            old = failed.old or {}
            return old.get("rid", {}).get("S") == actor.rid and _progress(old) == after
        return True


def _progress(item: Item) -> Progress:
    record = ProgressRecord.from_raw_data(item)
    return Progress(
        place=record.place,
        since=record.since,
        reached=record.reached,
        left=record.left,
        clear=int(record.clear),
        kept=int(record.kept),
        ver=int(record.ver or 1),
        rev=int(record.rev),
    )
