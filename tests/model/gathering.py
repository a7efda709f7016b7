"""All-or-nothing orders: all open pieces get their cards in one write.

The pass ends what is stopped, unit by unit as ever. What is left it serves together: one transaction deletes
a marker for each open unit and puts or moves that unit, whether it was written before or not. While one of
them may not be served, or there are too few cards, all wait in one room: that of what the order lacks.
Whoever serves this room serves all of them or none.
"""

from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from tests.model.items import (
    ABSENT,
    ALLOCATED,
    BACKORDER,
    ENDED,
    EXPIRED,
    HELD,
    HOLDS_CARD,
    RESERVED,
    SCHEDULED,
    WAITING,
    Store,
    Unit,
    World,
    replaced,
    stored,
)
from tests.model.process import Process, Step
from tests.model.reserving import confirm, wait_after_all
from tests.model.rules import Rule
from tests.model.writes import DONE, GONE, Outcome, Write, change_room, is_frozen, park, write

Moves = list[Step | Write]
Wants = tuple[tuple[int, str, int], ...]
"""Units that want a card, each with the state in which it was seen, and the card that is kept for it or 0."""


@write("S1")
def allocate_together(
    world: World, store: Store, order: int, wants: Wants, cards: tuple[int, ...]
) -> Outcome:
    """S1: delete all markers; put each absent unit ALLOCATED, move each other one. All or none."""
    for number, seen, kept in wants:
        unit = store.unit(order, number)
        same = stored(unit.state) == stored(seen) and unit.card == kept
        if not same and world.without is not Rule.TOGETHER_AS_SEEN:
            return store, unit
    there = set(cards) & store.pool
    if len(there) < len(cards) and world.without is not Rule.TOGETHER_EVERY_MARKER:
        return store, GONE
    store = store._replace(pool=store.pool - there)
    left = iter(cards)
    for number, seen, kept in wants:
        card = kept or next(left)
        if kept or card in there:
            own = seen != ABSENT and world.without is not Rule.OWN_TIMER_SET
            store = store.with_unit(order, number, Unit(ALLOCATED, card, timer=own))
    return store, DONE


@dataclass(frozen=True, slots=True)
class Gathering:
    """The rest of a pass over an all-or-nothing order, whose stopped units have ended.

    `wants` is None before it read the units. `after` is the pass as it goes on once they are at rest. `room`
    is where all are to wait, once one was moved there: a pass moves nobody twice.
    """

    order: int
    after: Any
    wants: Wants | None = None
    room: str = ""

    def moves(self, world: World, store: Store) -> Moves:
        if self.wants is None:
            return [Step("reads the units", self._read(world, store.units[self.order]))]
        reserved = [number for number, seen, _ in self.wants if seen == RESERVED]
        if reserved and world.without is Rule.TOGETHER_CONFIRMS:
            return [confirm(self.order, reserved[0], store.unit(self.order, reserved[0]).card)]
        rooms = [self.room] if self.room else self.after.rooms_of(world, store)
        waits = [move for room in rooms if (move := self._wait(world, room)) is not None]
        if BACKORDER not in rooms or any(seen == HELD for _, seen, _ in self.wants):
            return waits
        take = [self._take(world, cards) for cards in self._choices(world, store)]
        return [*take, *waits] if self._enough(world, store) and not store.paused else [*waits, *take]

    def _read(self, world: World, units: tuple[Unit, ...]) -> Process | None:
        open_ = [n for n in range(len(units)) if n not in self.after.stop]
        wants = tuple(
            (n, units[n].state, units[n].card)
            for n in open_
            if units[n].state not in HOLDS_CARD | ENDED and not self.after.lets_expired_be(world, n, units[n])
        )
        rest = all(units[n].state != ALLOCATED or units[n].timer for n in open_)
        read = replace(self, wants=wants, after=replace(self.after, rest=self.after.rest and rest))
        return read if wants else read._rest(world)

    def _wait(self, world: World, room: str) -> Step | Write | None:
        """The next step towards all of them waiting in this room; what is reserved stays until its end."""
        for number, seen, _ in self.wants:
            if seen == ABSENT:
                return park(self.order, number, room)
            if seen == EXPIRED:
                return wait_after_all(self.order, number, room)
            if (seen, room) == (BACKORDER, SCHEDULED):
                return None
            if seen not in (room, RESERVED) and (room != HELD or self._is_asked(world)):
                return change_room(self.order, number, seen, room, self.after.ver)
        return Step("leaves all waiting", self._rest(world))

    def _is_asked(self, world: World) -> bool:
        return self.after.asked and world.without is not Rule.ASKED_HOLDS

    def _enough(self, world: World, store: Store) -> bool:
        blind = world.without is Rule.TOGETHER_WITHOUT_STOPPED
        cards = [card for card in store.pool if not is_frozen(world, store, card)]
        return len(cards) >= (world.orders[self.order] if blind else _lacking(self.wants))

    def _choices(self, world: World, store: Store) -> list[tuple[int, ...]]:
        """Cards for all: what is there first, then what a worker may have heard of."""
        if world.without is Rule.TOGETHER_WITHOUT_STOPPED and not self._enough(world, store):
            return []
        choices = list(combinations(world.card_names, _lacking(self._together(world))))
        return sorted(choices, key=lambda cards: not store.pool.issuperset(cards))

    def _together(self, world: World) -> Wants:
        absent = tuple(want for want in self.wants if want[1] == ABSENT)
        return absent if absent and world.without is Rule.TOGETHER_WHATEVER_SEEN else self.wants

    def _take(self, world: World, cards: tuple[int, ...]) -> Write:
        return allocate_together(self.order, self._together(world), cards)

    def _rest(self, world: World) -> Process | None:
        """All are at rest but what is reserved; the pass looks after the room and the header's timer."""
        waits = {state for _, state, _ in self.wants if state in WAITING - {HELD}}
        rest = all(state in WAITING for _, state, _ in self.wants)
        after = replace(self.after, rooms=frozenset(waits), rest=self.after.rest and rest)
        return after.after_units(world)

    def answered(self, world: World, request: Write, answer: Any) -> Process | None:
        if answer == GONE:
            return self
        if request.number == "W10":
            return self._moved(request, self.after.ver + 1) if answer == DONE else None
        if answer != DONE:
            return replace(self, wants=None)
        if request.number == "R3":
            return replace(self, wants=None)
        if request.number != "S1":
            return self._moved(request, self.after.ver)
        fresh = any(state == ABSENT for _, state, _ in self.wants)
        done = replace(self, wants=(), after=replace(self.after, rest=self.after.rest and not fresh))
        return done._rest(world)

    def _moved(self, request: Write, ver: int) -> Process:
        """One more of them waits in its room."""
        number, room = request.args[1], request.args[3 if request.number == "W10" else 2]
        place = [want[0] for want in self.wants].index(number)
        wants = replaced(self.wants, place, (number, room, 0))
        return replace(self, wants=wants, after=replace(self.after, ver=ver), room=room)

    def lost(self, request: Write) -> Process | None:
        return None if request.number == "W10" else replace(self, wants=None)


def _lacking(wants: Wants) -> int:
    return sum(not kept for _, _, kept in wants)
