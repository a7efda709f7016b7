"""All-or-nothing orders, modelled before they are built: all open pieces get their cards in one write.

The pass ends what is stopped, unit by unit as ever. What is left it serves together: one transaction deletes
a marker for each open unit and puts or moves that unit, whether it was written before or not. While there are
too few cards all wait, each parked alone (W7), and whoever serves their room serves all of them or none.
"""

from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from tests.model.items import (
    ABSENT,
    ALLOCATED,
    BACKORDER,
    ENDED,
    HOLDS_CARD,
    WAITING,
    Store,
    Unit,
    World,
    replaced,
)
from tests.model.process import Process, Step
from tests.model.rules import Rule
from tests.model.writes import DONE, GONE, Outcome, Write, park, write

Moves = list[Step | Write]
Wants = tuple[tuple[int, str], ...]
"""Units that want a card, each with the state in which it was seen."""


@write("S1")
def allocate_together(
    world: World, store: Store, order: int, wants: Wants, cards: tuple[int, ...]
) -> Outcome:
    """S1: delete all markers; put each absent unit ALLOCATED, move each waiting one. All or none."""
    for number, seen in wants:
        unit = store.unit(order, number)
        if unit.state != seen and world.without is not Rule.TOGETHER_AS_SEEN:
            return store, unit
    there = set(cards) & store.pool
    if len(there) < len(cards) and world.without is not Rule.TOGETHER_EVERY_MARKER:
        return store, GONE
    store = store._replace(pool=store.pool - there)
    for (number, seen), card in zip(wants, cards, strict=True):
        if card in there:
            own = seen in WAITING and world.without is not Rule.OWN_TIMER_SET
            store = store.with_unit(order, number, Unit(ALLOCATED, card, timer=own))
    return store, DONE


@dataclass(frozen=True, slots=True)
class Gathering:
    """The rest of a pass over an all-or-nothing order, whose stopped units have ended.

    `wants` is None before it read the units. `after` is the pass as it goes on once they are at rest.
    """

    order: int
    after: Any
    wants: Wants | None = None

    def moves(self, world: World, store: Store) -> Moves:
        if self.wants is None:
            return [Step("reads the units", self._read(world, store.units[self.order]))]
        take = [self._take(world, cards) for cards in self._choices(world, store)]
        absent = [number for number, state in self.wants if state == ABSENT]
        leaves = Step("leaves all waiting", self._rest(world))
        wait = park(self.order, absent[0], BACKORDER) if absent else leaves
        enough = self._enough(world, store)
        return [*take, wait] if enough else [wait, *take]

    def _read(self, world: World, units: tuple[Unit, ...]) -> Process | None:
        open_ = [n for n in range(len(units)) if n not in self.after.stop]
        wants = tuple((n, units[n].state) for n in open_ if units[n].state not in HOLDS_CARD | ENDED)
        rest = all(units[n].state != ALLOCATED or units[n].timer for n in open_)
        read = replace(self, wants=wants, after=replace(self.after, rest=self.after.rest and rest))
        return read if wants else read._rest(world)

    def _enough(self, world: World, store: Store) -> bool:
        blind = world.without is Rule.TOGETHER_WITHOUT_STOPPED
        return len(store.pool) >= (world.orders[self.order] if blind else len(self.wants))

    def _choices(self, world: World, store: Store) -> list[tuple[int, ...]]:
        """Cards for all: what is there first, then what a worker may have heard of."""
        if world.without is Rule.TOGETHER_WITHOUT_STOPPED and not self._enough(world, store):
            return []
        choices = list(combinations(world.card_names, len(self._together(world))))
        return sorted(choices, key=lambda cards: not store.pool.issuperset(cards))

    def _together(self, world: World) -> Wants:
        absent = tuple(want for want in self.wants if want[1] == ABSENT)
        return absent if absent and world.without is Rule.TOGETHER_WHATEVER_SEEN else self.wants

    def _take(self, world: World, cards: tuple[int, ...]) -> Write:
        return allocate_together(self.order, self._together(world), cards)

    def _rest(self, world: World) -> Process | None:
        """All are at rest; the pass looks after the rooms, whoever parked them, and the header's timer."""
        waits = {state for _, state in self.wants if state in WAITING}
        return replace(self.after, rooms=frozenset(waits)).after_units(world)

    def answered(self, world: World, request: Write, answer: Any) -> Process | None:
        if answer == GONE:
            return self
        if answer != DONE:
            return replace(self, wants=None)
        if request.number == "W7":
            parked = [number for number, _ in self.wants].index(request.args[1])
            return replace(self, wants=replaced(self.wants, parked, (request.args[1], BACKORDER)))
        fresh = any(state == ABSENT for _, state in self.wants)
        done = replace(self, wants=(), after=replace(self.after, rest=self.after.rest and not fresh))
        return done._rest(world)

    def lost(self, request: Write) -> Process | None:
        return replace(self, wants=None)
