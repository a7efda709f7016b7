"""The send log: one item per order, occasion and channel, written before anything is sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pynamodb.attributes import BooleanAttribute, ListAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.expressions.update import Action

from cardcourier.adapters.tables import keys
from cardcourier.adapters.tables.records import Dated, Record, order_names
from cardcourier.adapters.tables.waiting import todo_page
from cardcourier.adapters.tables.writes import Change, ConditionFailed, Item, Put, Table
from cardcourier.domain.kept import Page
from cardcourier.domain.notification import Attempt, Notification, Status
from cardcourier.domain.orders import OrderKey
from cardcourier.domain.protocol import Actor

TIMER = "NOTE"


class NotificationRecord(Dated):
    told = UnicodeAttribute()
    channel = UnicodeAttribute()
    about = ListAttribute[Any]()
    st = UnicodeAttribute()
    claim = UnicodeAttribute(null=True)
    until = NumberAttribute(null=True)
    not_before = NumberAttribute(null=True)
    tried = ListAttribute[Any](null=True)
    failures = NumberAttribute(null=True)
    pid = UnicodeAttribute(null=True)
    noticed = BooleanAttribute(null=True)
    created_at = NumberAttribute(null=True)
    tries = NumberAttribute(null=True)


@dataclass(frozen=True, slots=True)
class NotificationsTable:
    """Keeps notifications. Whoever sends must have won `begin` or `change` before."""

    table: Table

    def begin(self, note: Notification, actor: Actor) -> Notification:
        """Put the intent if absent. Returns the one that is kept: this, or an earlier one."""
        pk, sk = keys.notification(note.key, note.id)
        record = NotificationRecord(
            pk,
            sk,
            **order_names(note.key, "notification"),
            told=note.kind,
            channel=note.channel,
            about=list(note.about),
            st=note.status.value,
            claim=note.claim or None,
            until=note.until or None,
            ver=note.ver,
            created_at=note.created_at,
            at=actor.now,
            by=actor.by,
            rid=actor.rid,
        )
        if note.due is not None:
            record.d, record.due = keys.timer(TIMER, pk), note.due
        try:
            self.table.write(Put(record, NotificationRecord.pk.does_not_exist()))
        except ConditionFailed as failed:
            return notification_of(failed.old) if failed.old else note
        return note

    def change(self, seen: Notification, after: Notification, actor: Actor) -> bool:
        """Write the next version, provided that nobody wrote one since. False when somebody did."""
        key = keys.notification(seen.key, seen.id)
        try:
            self.table.write(Change(key, _actions(after, actor), NotificationRecord.ver == seen.ver))
        except ConditionFailed as failed:
            old = failed.old or {}
            mine = old.get("rid", {}).get("S") == actor.rid and old.get("ver", {}).get("N") == str(after.ver)
            return mine and notification_of(old) == after
        return True

    def read(self, key: OrderKey, note_id: str) -> Notification | None:
        found = self.table.get_many([keys.notification(key, note_id)])
        return notification_of(found[0]) if found else None

    def of_order(self, key: OrderKey) -> list[Notification]:
        """Everything sent, or meant to be sent, about an order; the oldest first."""
        condition = (Record.pk == keys.order_pk(key)) & Record.sk.startswith("N#")
        found = [notification_of(item) for item in self.table.query(condition, ConsistentRead=True)]
        return sorted(found, key=lambda note: note.created_at)

    def unnoticed(self, tenant: str, after: str | None, limit: int) -> Page[Notification]:
        """What failed for good and nobody looked at yet, the newest first; `after` is a place of this list.

        Raises ValueError for what is no place of it.
        """
        page = todo_page(self.table, keys.unnoticed(tenant), tenant, after, limit, newest=True)
        notes = map(notification_of, page.items)
        return Page(tuple(note for note in notes if not note.noticed), page.next)


def _actions(note: Notification, actor: Actor) -> Sequence[Action]:
    pk = keys.order_pk(note.key)
    record = NotificationRecord
    actions: list[Action] = [
        record.st.set(note.status.value),
        record.ver.set(note.ver),
        record.tried.set([_attempt_value(attempt) for attempt in note.attempts]),
        record.failures.set(note.failures),
        record.at.set(actor.now),
        record.by.set(actor.by),
        record.why.set(note.reason),
        record.rid.set(actor.rid),
        record.noticed.set(note.noticed),
        record.not_before.set(note.not_before),
        record.tries.remove(),
        record.claim.set(note.claim) if note.claim else record.claim.remove(),
        record.until.set(note.until) if note.until else record.until.remove(),
    ]
    if note.provider_id:
        actions.append(record.pid.set(note.provider_id))
    if not note.noticed:
        return [*actions, record.d.set(keys.unnoticed(note.key.tenant)), record.due.set(actor.now)]
    if note.due is None:
        return [*actions, record.d.remove(), record.due.remove()]
    return [*actions, record.d.set(keys.timer(TIMER, pk)), record.due.set(note.due)]


def _attempt_value(attempt: Attempt) -> dict[str, Any]:
    value: dict[str, Any] = {
        "at": attempt.at,
        "outcome": attempt.outcome,
        "took": attempt.took,
        "rid": attempt.rid,
    }
    if attempt.error:
        value["error"] = attempt.error
    return value


def notification_of(item: Item) -> Notification:
    record = NotificationRecord.from_raw_data(item)
    timed = (record.d or "").startswith("D#")
    return Notification(
        key=keys.order_of(record.pk),
        id=record.sk.removeprefix("N#"),
        kind=record.told,
        channel=record.channel,
        about=tuple(record.about),
        status=Status(record.st),
        ver=int(record.ver or 1),
        claim=record.claim or "",
        until=int(record.until or 0),
        not_before=int(record.not_before or 0),
        due=int(record.due or 0) if timed else None,
        attempts=tuple(
            Attempt(int(x["at"]), x["outcome"], x.get("error", ""), int(x["took"]), x.get("rid", ""))
            for x in record.tried or ()
        ),
        failures=int(record.failures or 0),
        provider_id=record.pid or "",
        reason=record.why or "",
        noticed=record.noticed is not False,
        created_at=int(record.created_at or 0),
    )
