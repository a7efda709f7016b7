"""The due index: timers that ran out, and rooms in order of payment.

An index proposes and lags behind; whoever acts on it reads the item itself strongly.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

from cardcourier.adapters.tables import keys
from cardcourier.adapters.tables.records import HeaderRecord, Record, RoomRecord
from cardcourier.adapters.tables.writes import Change, ConditionFailed, Item, Table
from cardcourier.domain.kept import Page
from cardcourier.domain.orders import OrderKey
from cardcourier.domain.outbox import MessageKey
from cardcourier.domain.states import Room
from cardcourier.domain.waiting import LONGEST_ROUND, Pushed, RoomTimer, Timer, WaitingUnit

INDEX = "due"
PAGE = 1_000
"""Units of a room's part that are read at once: who serves the oldest need not read them all."""


@dataclass(frozen=True, slots=True)
class WaitingTable:
    """Everything that waits, whether for a moment, for stock, or for a person."""

    table: Table

    def due_timers(self, kind: str, part: int, until: int, limit: int) -> list[Timer]:
        """Timers of one part of the index that ran out before `until`, earliest first."""
        condition = (Record.d == keys.timer_part(kind, part)) & (Record.due <= until)
        request = self.table.query_request(condition, IndexName=INDEX, Limit=limit)
        return [_timer(item) for item in self.table.query_page(request)["Items"]]

    def waiting(
        self, tenant: str, room: Room, ref: str, first: int = 0, step: int = 1
    ) -> Iterator[WaitingUnit]:
        """The units of a room, the oldest payment first; or of every `step`-th part of it from `first` on."""
        parts = [
            self.table.query(
                Record.d == keys.room_index(tenant, room, ref, part), IndexName=INDEX, Limit=PAGE
            )
            for part in range(first, keys.ROOM_PARTS, step)
        ]
        return heapq.merge(*(map(_waiting, part) for part in parts), key=lambda unit: unit.paid_at)

    def push(self, timer: Timer, due: int) -> Pushed | None:
        """Move a timer, unless it has changed since. Never raises `ver`: pushing is not work."""
        actions = [Record.due.set(due), HeaderRecord.tries.set((HeaderRecord.tries | 0) + 1)]
        still = (Record.due == timer.due) & Record.d.exists()
        try:
            item = self.table.write(Change((timer.pk, timer.sk), actions, still, returning="ALL_NEW"))
        except ConditionFailed:
            return None
        return Pushed(
            Timer(timer.pk, timer.sk, due),
            tries=int(item.get("tries", {}).get("N", "0")),
            paid_at=int(item.get("paid_at", {}).get("N", "0")) or None,
        )

    def order_of(self, timer: Timer) -> OrderKey:
        """Which order a header's, unit's or notification's timer belongs to."""
        return keys.order_of(timer.pk)

    def note_of(self, timer: Timer) -> str:
        """Which notification of its order a timer belongs to."""
        return timer.sk.removeprefix("N#")

    def room_of(self, timer: Timer) -> RoomTimer:
        """Which room a room's timer belongs to."""
        _, tenant, ref = timer.pk.split("#", 2)
        return RoomTimer(tenant, Room(timer.sk.removeprefix("ROOM#")), ref, timer.due)

    def in_flight(self, tenant: str) -> Iterator[OrderKey]:
        """Orders of a tenant that carry a timer, of their own or of a unit; each once."""
        seen: set[OrderKey] = set()
        for kind in ("ORDER", "DELIV"):
            for part in range(keys.TIMER_PARTS):
                for item in self.table.query(Record.d == keys.timer_part(kind, part), IndexName=INDEX):
                    key = keys.order_of(item["pk"]["S"])
                    if key.tenant == tenant and key not in seen:
                        seen.add(key)
                        yield key

    def message_of(self, timer: Timer) -> MessageKey:
        """Which message a timer of the outbox belongs to."""
        return keys.message_of(timer.pk, timer.sk)

    def is_split(self, tenant: str, room: Room, ref: str, now: int) -> bool:
        """Whether several workers serve this room now."""
        item = self.table.get(keys.room(tenant, room, ref)) or {}
        until = int(item["split_until"]["N"]) if "split_until" in item else 0
        return now < until <= now + LONGEST_ROUND

    def split_room(self, tenant: str, room: Room, ref: str, now: int, ends: int) -> bool:
        """Have a crowded room served by several workers until `ends`; False while others do that already.

        The room exists. Who asks again because an answer was lost is told True again. A time further away
        than a round takes was set by a wrong clock, and counts for nothing.
        """
        until = RoomRecord.split_until
        over = until.does_not_exist() | (until <= now) | (until > now + LONGEST_ROUND) | (until == ends)
        free = RoomRecord.touched_at.exists() & over
        try:
            self.table.write(Change(keys.room(tenant, room, ref), [until.set(ends)], free))
        except ConditionFailed:
            return False
        return True

    def open_room(self, tenant: str, room: Room, ref: str, due: int) -> bool:
        """Have the sweeper look at a room at `due`; False when there is no such room."""
        key = keys.room(tenant, room, ref)
        try:
            self.table.write(Change(key, [Record.due.set(due)], RoomRecord.touched_at.exists()))
        except ConditionFailed:
            return False
        return True


def todo_page(
    table: Table, room: str, tenant: str, after: str | None, limit: int, *, newest: bool = False
) -> Page[Item]:
    """Items of a tenant's orders that stand in a to-do list of the due index, as they are kept now.

    The index lags behind: whoever calls leaves out what waits no longer. `after` is a place of this list;
    raises ValueError for what is no place of it.
    """
    request = table.query_request(Record.d == room, IndexName=INDEX, ScanIndexForward=not newest, Limit=limit)
    if after is not None:
        due, _, rest = after.partition("/")
        pk, _, sk = rest.partition("|")
        if not (due.isdigit() and due.isascii() and pk.startswith(f"O#{tenant}#") and sk):
            raise ValueError("no place")
        place = {"pk": {"S": pk}, "sk": {"S": sk}, "d": {"S": room}, "due": {"N": due}}
        request["ExclusiveStartKey"] = place
    page = table.query_page(request)
    places = [(item["pk"]["S"], item["sk"]["S"]) for item in page["Items"]]
    kept = {(item["pk"]["S"], item["sk"]["S"]): item for item in table.get_many(places)}
    last = page.get("LastEvaluatedKey")
    return Page(
        tuple(kept[place] for place in places if place in kept),
        f"{last['due']['N']}/{last['pk']['S']}|{last['sk']['S']}" if last else None,
    )


def _timer(item: Item) -> Timer:
    return Timer(item["pk"]["S"], item["sk"]["S"], int(item["due"]["N"]))


def _waiting(item: Item) -> WaitingUnit:
    _, line, n = item["sk"]["S"].split("#")
    key: OrderKey = keys.order_of(item["pk"]["S"])
    return WaitingUnit(key, line, int(n), int(item["due"]["N"]))
