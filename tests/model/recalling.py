"""Quarantine and recall, modelled before they are built.

Freezing a batch is one write on its record, which pickers and pages ask for. Its markers go into quarantine
in the background, and whatever would put a card of it back on sale asks the record in the same transaction.
Who holds an unseen card of it gets another, or waits again; who was shown one is replaced (W16) or refunded
(W3). A thaw brings back what is in quarantine. Pickers and buyers have an old word of the record throughout.
"""

from dataclasses import dataclass, replace
from typing import Any

from tests.model.items import ALLOCATED, BACKORDER, HOLDS_CARD, RETURNED, UNSEEN, Store, Unit, World
from tests.model.process import Process, Step
from tests.model.rules import Rule
from tests.model.writes import DONE, FROZEN, GONE, Outcome, Write, is_frozen, with_work, write

Moves = list[Step | Write]

OPEN = "the batch is not frozen"


@write("Q1")
def freeze(world: World, store: Store) -> Outcome:
    """Q1: nothing of the batch is for sale from here on; its timer asks for the mover."""
    return store if store.batch.frozen else turned(world, store, True), DONE


@write("Q4")
def thaw(world: World, store: Store) -> Outcome:
    """Q4: the batch is for sale again; its timer asks for the mover."""
    return turned(world, store, False) if store.batch.frozen else store, DONE


def turned(world: World, store: Store, frozen: bool) -> Store:
    batch = store.batch._replace(frozen=frozen, ver=store.batch.ver + 1)
    timer = batch.timer if world.without is Rule.FREEZE_IS_WORK else True
    return store._replace(batch=batch._replace(timer=timer))


def into_quarantine(world: World, store: Store, card: int) -> Store | None:
    """The store with this card in quarantine, None if the batch of this very card is not frozen."""
    if not is_frozen(world, store, card) and world.without is not Rule.QUARANTINE_ASKS_BATCH:
        return None
    return store._replace(quarantine=store.quarantine | {card})


@write("Q2")
def set_aside(world: World, store: Store, card: int) -> Outcome:
    """Q2: delete the marker, put the card into quarantine."""
    if card not in store.pool:
        return store, GONE
    after = into_quarantine(world, store, card)
    return (store, OPEN) if after is None else (after._replace(pool=store.pool - {card}), DONE)


@write("Q3")
def return_to_quarantine(world: World, store: Store, order: int, number: int, card: int) -> Outcome:
    """Q3: W13 of a frozen batch: the unit becomes RETURNED, its unseen card goes into quarantine."""
    unit = store.unit(order, number)
    if unit.state not in UNSEEN or unit.card != card:
        return store, unit
    after = into_quarantine(world, store, card)
    return (store, OPEN) if after is None else (after.with_unit(order, number, Unit(RETURNED)), DONE)


@write("Q5")
def put_back(world: World, store: Store, card: int) -> Outcome:
    """Q5: the card leaves quarantine, its marker is put again."""
    if card not in store.quarantine:
        return store, GONE
    if store.batch.frozen and world.without is not Rule.PUT_BACK_ASKS_BATCH:
        return store, FROZEN
    return store._replace(quarantine=store.quarantine - {card}, pool=store.pool | {card}), DONE


@write("Q6")
def swap(world: World, store: Store, order: int, number: int, old: int, card: int) -> Outcome:
    """Q6: another card for one that nobody saw, which goes into quarantine in the same write."""
    unit = store.unit(order, number)
    may = HOLDS_CARD if world.without is Rule.SWAP_UNSEEN else UNSEEN
    if unit.state not in may or unit.card != old:
        return store, unit
    if card not in store.pool:
        return store, GONE
    after = into_quarantine(world, store, old)
    if after is None:
        return store, OPEN
    own = world.without is not Rule.SWAP_OWN_TIMER
    swapped = after._replace(pool=store.pool - {card})
    return swapped.with_unit(order, number, Unit(ALLOCATED, card, timer=own)), DONE


@write("Q7")
def take_back(world: World, store: Store, order: int, number: int, old: int) -> Outcome:
    """Q7: there is no other card: the unit waits again, its unseen card goes into quarantine."""
    unit = store.unit(order, number)
    if unit.state not in UNSEEN or unit.card != old:
        return store, unit
    after = into_quarantine(world, store, old)
    if after is None:
        return store, OPEN
    after = after.with_unit(order, number, Unit(BACKORDER, fresh=world.lags))
    work = world.without is not Rule.TAKE_BACK_IS_WORK
    return after.with_header(order, with_work(after.headers[order])) if work else after, DONE


@write("Q8")
def moved(world: World, store: Store, ver: int) -> Outcome:
    """Q8: every card of the batch was looked at, as a mover saw it that began with this `ver`."""
    if store.batch.ver != ver and world.without is not Rule.BATCH_TIMER_AGAINST_VER:
        return store, store.batch
    return store._replace(batch=store.batch._replace(timer=False)), DONE


@dataclass(frozen=True, slots=True)
class Turn:
    """Somebody freezes the batch, or thaws it."""

    frozen: bool

    def moves(self, world: World, store: Store) -> Moves:
        return [] if store.batch.frozen == self.frozen else [freeze() if self.frozen else thaw()]

    def answered(self, world: World, request: Write, answer: Any) -> Process | None:
        return None

    def lost(self, request: Write) -> Process | None:
        return None


@dataclass(frozen=True, slots=True)
class Mover:
    """Brings the cards of the batch to where its record says, one after the other, then removes its timer."""

    ver: int = -1
    frozen: bool = False
    left: tuple[int, ...] = ()

    def moves(self, world: World, store: Store) -> Moves:
        if self.ver < 0:
            began = Mover(store.batch.ver, store.batch.frozen, tuple(sorted(world.batch)))
            return [Step("reads the batch", began)] if store.batch.timer else []
        if not self.left:
            return [moved(self.ver)]
        return [(set_aside if self.frozen else put_back)(self.left[0])]

    def answered(self, world: World, request: Write, answer: Any) -> Process | None:
        return replace(self, left=self.left[1:]) if self.left and answer in (DONE, GONE) else None

    def lost(self, request: Write) -> Process | None:
        return None


@dataclass(frozen=True, slots=True)
class Recall:
    """A person has the unseen card of one unit swapped; without another card the unit waits again."""

    order: int
    unit: int = 0
    old: int = 0

    def moves(self, world: World, store: Store) -> Moves:
        here = self.order, self.unit
        if not self.old:
            unit = store.unit(*here)
            held = store.batch.frozen and unit.card in world.batch and unit.state in UNSEEN
            return [Step("looks at the unit", replace(self, old=unit.card))] if held else []
        others = [card for card in world.card_names if card not in world.batch]
        return [*(swap(*here, self.old, card) for card in others), take_back(*here, self.old)]

    def answered(self, world: World, request: Write, answer: Any) -> Process | None:
        return self if answer == GONE else None

    def lost(self, request: Write) -> Process | None:
        return None
