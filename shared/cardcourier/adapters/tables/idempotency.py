"""What came of requests that carry an idempotency key, for a day. No secret and no card is among it."""

from dataclasses import dataclass

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from cardcourier.adapters.tables import keys
from cardcourier.adapters.tables.records import Record
from cardcourier.adapters.tables.writes import Change, ConditionFailed, Item, Put, Table
from cardcourier.domain.repeats import KEEP, LOCK, Begun, Mismatch, Running, Told

Outcome = Begun | Running | Mismatch | Told


class RepeatRecord(Record):
    """`print` is a keyed hash of the request, `until` (epoch ms) ends the lock of one that runs."""

    print = UnicodeAttribute()
    until = NumberAttribute(null=True)
    status = NumberAttribute(null=True)
    body = UnicodeAttribute(null=True)


@dataclass(frozen=True, slots=True)
class RepeatsTable:
    table: Table

    def begin(self, tenant: str, name: str, print_: str, now: int, rid: str) -> Outcome:
        """Claim the request, or say what became of it."""
        record = RepeatRecord(*_key(tenant, name), print=print_, until=now + LOCK, at=now, rid=rid)
        record.ttl = (now + KEEP) // 1000
        free = RepeatRecord.pk.does_not_exist() | (RepeatRecord.at < now - KEEP)
        try:
            self.table.write(Put(record, free))
        except ConditionFailed as failed:
            return self._again(tenant, name, print_, now, rid, failed.old or {})
        return Begun(now)

    def _again(self, tenant: str, name: str, print_: str, now: int, rid: str, old: Item) -> Outcome:
        record = RepeatRecord.from_raw_data(old)
        begun_at, until = int(record.at or 0), int(record.until or 0)
        if record.print != print_:
            return Mismatch()
        if record.status is not None:
            return Told(int(record.status), record.body, begun_at)
        if record.rid == rid:
            return Begun(begun_at)  # our own write, whose answer was lost
        if until > now:
            return Running()
        lock = [RepeatRecord.until.set(now + LOCK), RepeatRecord.rid.set(rid)]
        taken = Change(_key(tenant, name), lock, RepeatRecord.until == until)
        try:
            self.table.write(taken)
        except ConditionFailed:
            return Running()
        return Begun(begun_at)

    def finish(self, tenant: str, name: str, status: int, body: str | None) -> None:
        """Keep the answer for repeats; a `body` of None says that there was one which may not be kept."""
        actions = [RepeatRecord.status.set(status), RepeatRecord.until.remove()]
        if body is not None:
            actions.append(RepeatRecord.body.set(body))
        self.table.write(Change(_key(tenant, name), actions, RepeatRecord.pk.exists()))

    def release(self, tenant: str, name: str) -> None:
        """It came to nothing: the same request may be made again at once."""
        self.table.write(Change(_key(tenant, name), [RepeatRecord.until.set(0)], RepeatRecord.pk.exists()))


def _key(tenant: str, name: str) -> keys.Key:
    return keys.catalogue(tenant), f"IDEM#{name}"
