"""The outbox: which event goes to which endpoint, what was tried, and what is to be tried when.

`next` is the lock: whoever moves it ahead has the message to itself until then. A write that reports what
came of an attempt names the claim under which it was made.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pynamodb.attributes import ListAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.expressions.update import Action

from cardcourier.adapters.tables import keys
from cardcourier.adapters.tables.records import HeaderRecord, Record
from cardcourier.adapters.tables.writes import Change, ConditionFailed, Item, Put, Table
from cardcourier.domain.outbox import GRACE, KEEP, LANES, LEASE, Attempt, Message, MessageKey, Sending, Wanted

TIMER = "HOOK"
PAGE = 50
EARLY = 1_000
"""Milliseconds by which clocks may differ: a message that a queue brings a little early is not too early."""


class MessageRecord(Record):
    type = UnicodeAttribute()
    body = UnicodeAttribute()
    st = UnicodeAttribute()
    next = NumberAttribute(null=True)
    failures = NumberAttribute(null=True)
    attempts = ListAttribute[Any](null=True)
    claim = UnicodeAttribute(null=True)
    told = UnicodeAttribute(null=True)
    replay = UnicodeAttribute(null=True)


@dataclass(frozen=True, slots=True)
class OutboxTable:
    table: Table

    def put_new(self, message: Message, now: int) -> None:
        """A message that is there already stays as it is, whatever became of it."""
        pk, sk = keys.message(message.key)
        pending = message.state is Sending.PENDING
        record = MessageRecord(
            pk,
            sk,
            type=message.type,
            body=message.body,
            st=message.state.value,
            why=message.reason or None,
            at=message.at,
            next=now if pending else None,
            d=keys.timer(TIMER, pk + sk) if pending else None,
            due=now + GRACE if pending else None,
            ttl=(message.at + KEEP) // 1000,
        )
        try:
            self.table.write(Put(record, MessageRecord.pk.does_not_exist()))
        except ConditionFailed:
            return

    def message(self, key: MessageKey, now: int) -> Message | None:
        item = self.table.get(keys.message(key))
        return _message(item) if item and _alive(item, now) else None

    def claim(self, key: MessageKey, token: str, now: int) -> Message | None:
        """Have a message to oneself for a while; None when it is done, not due, or somebody else's now."""
        actions = [MessageRecord.claim.set(token), MessageRecord.next.set(now + LEASE)]
        free = (MessageRecord.st == Sending.PENDING.value) & (MessageRecord.next <= now + EARLY)
        try:
            item = self.table.write(Change(keys.message(key), actions, free, returning="ALL_NEW"))
        except ConditionFailed as failed:
            if failed.old is None or failed.old.get("claim", {}).get("S") != token:
                return None
            item = failed.old
        return _message(item)

    def sent(self, message: Message, attempts: tuple[Attempt, ...], token: str) -> None:
        """It arrived; whoever else has it meanwhile has nothing left to say."""
        still = MessageRecord.st == Sending.PENDING.value
        self._end(message.key, Sending.SENT, "", token, still, attempts=attempts)

    def failed(self, message: Message, attempts: tuple[Attempt, ...], token: str, reason: str) -> None:
        """It is given up."""
        mine = (MessageRecord.st == Sending.PENDING.value) & (MessageRecord.claim == token)
        self._end(message.key, Sending.FAILED, reason, token, mine, attempts=attempts)

    def skipped(self, message: Message, token: str, reason: str) -> None:
        """It is not sent at all."""
        mine = (MessageRecord.st == Sending.PENDING.value) & (MessageRecord.claim == token)
        self._end(message.key, Sending.SKIPPED, reason, token, mine)

    def try_again(
        self, message: Message, attempts: tuple[Attempt, ...], token: str, due: int, by_queue: bool
    ) -> None:
        """It failed and is to be tried at `due`; the sweeper finds it, or finds that the queue forgot it."""
        actions = [
            MessageRecord.failures.set(message.failures + 1),
            MessageRecord.attempts.set(_values(attempts)),
            MessageRecord.next.set(due),
            MessageRecord.due.set(due + GRACE if by_queue else due),
            MessageRecord.told.set(token),
            MessageRecord.claim.remove(),
            HeaderRecord.tries.remove(),
        ]
        mine = (MessageRecord.st == Sending.PENDING.value) & (MessageRecord.claim == token)
        self._tell(message.key, actions, mine, token)

    def again(self, key: MessageKey, act: str, now: int) -> bool:
        """Send it anew, once for each `act`, whatever became of it.

        False when it is being sent this moment, or is not there.
        """
        pk, sk = keys.message(key)
        actions = [
            MessageRecord.st.set(Sending.PENDING.value),
            MessageRecord.replay.set(act),
            MessageRecord.next.set(now),
            MessageRecord.failures.set(0),
            MessageRecord.d.set(keys.timer(TIMER, pk + sk)),
            MessageRecord.due.set(now + GRACE),
            MessageRecord.why.remove(),
            MessageRecord.claim.remove(),
        ]
        at_rest = MessageRecord.pk.exists() & (
            (MessageRecord.claim.does_not_exist()) | (MessageRecord.next <= now)
        )
        new = MessageRecord.replay.does_not_exist() | (MessageRecord.replay != act)
        try:
            self.table.write(Change((pk, sk), actions, at_rest & new))
        except ConditionFailed as failed:
            return failed.old is not None and failed.old.get("replay", {}).get("S") == act
        return True

    def messages(
        self, tenant: str, endpoint: str, wanted: Wanted, before: str | None, now: int
    ) -> Iterator[Message]:
        """An endpoint's messages, the newest first; `before` is the event after which a page goes on."""
        first, last = f"evt_{wanted.since:013d}", before or f"evt_{wanted.until:013d}"

        if last < first:
            return iter(())

        def lane(number: int) -> Iterator[Item]:
            pk = keys.outbox_lane(tenant, endpoint, number)
            condition = (MessageRecord.pk == pk) & MessageRecord.sk.between(first, last)
            return self.table.query(condition, ScanIndexForward=False, ConsistentRead=True, Limit=PAGE)

        items = heapq.merge(*map(lane, range(LANES)), key=_sk, reverse=True)
        found = (_message(item) for item in items if _alive(item, now) and _sk(item) != before)
        return filter(wanted.fits, found)

    def page(
        self, tenant: str, endpoint: str, lane: int, after: str | None, wanted: Wanted, limit: int
    ) -> tuple[list[Message], str | None]:
        """Up to `limit` messages of one lane, the oldest first, and behind which the next page begins."""
        pk, sk = keys.outbox_lane(tenant, endpoint, lane), MessageRecord.sk
        first = f"{after}~" if after else f"evt_{wanted.since:013d}"
        condition = (MessageRecord.pk == pk) & sk.between(first, f"evt_{wanted.until:013d}")
        answer = self.table.query_page(self.table.query_request(condition, ConsistentRead=True, Limit=limit))
        more = answer.get("LastEvaluatedKey")
        return [_message(item) for item in answer["Items"]], more["sk"]["S"] if more else None

    def _end(
        self,
        key: MessageKey,
        state: Sending,
        reason: str,
        token: str,
        condition: Any,
        attempts: tuple[Attempt, ...] | None = None,
    ) -> None:
        actions: list[Action] = [
            MessageRecord.st.set(state.value),
            MessageRecord.told.set(token),
            MessageRecord.why.set(reason) if reason else MessageRecord.why.remove(),
            *(
                attribute.remove()
                for attribute in (
                    MessageRecord.claim,
                    MessageRecord.next,
                    MessageRecord.d,
                    MessageRecord.due,
                    HeaderRecord.tries,
                )
            ),
        ]
        if attempts is not None:
            actions.append(MessageRecord.attempts.set(_values(attempts)))
        self._tell(key, actions, condition, token)

    def _tell(self, key: MessageKey, actions: list[Any], condition: Any, token: str) -> None:
        """Nothing is lost when the condition fails: the answer was, or another worker has the message."""
        try:
            self.table.write(Change(keys.message(key), actions, condition))
        except ConditionFailed:
            return


def _sk(item: Item) -> str:
    return str(item["sk"]["S"])


def _alive(item: Item, now: int) -> bool:
    """Time to live deletes when it likes; what is past its time is not there."""
    return int(item["ttl"]["N"]) > now // 1000


def _message(item: Item) -> Message:
    record = MessageRecord.from_raw_data(item)
    return Message(
        key=keys.message_of(record.pk, record.sk),
        type=record.type,
        at=int(record.at or 0),
        body=record.body,
        state=Sending(record.st),
        reason=record.why or "",
        failures=int(record.failures or 0),
        attempts=tuple(
            Attempt(
                int(one["at"]),
                None if one.get("status") is None else int(one["status"]),
                one.get("error") or "",
                int(one["latency"]),
            )
            for one in record.attempts or ()
        ),
        next=None if record.next is None else int(record.next),
        replay=record.replay or "",
    )


def _values(attempts: tuple[Attempt, ...]) -> list[dict[str, Any]]:
    return [
        {"at": one.at, "latency": one.latency}
        | ({} if one.status is None else {"status": one.status})
        | ({"error": one.error} if one.error else {})
        for one in attempts
    ]
