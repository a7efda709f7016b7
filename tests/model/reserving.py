"""Reservations, modelled before they are built: a card is kept for an order until a promised end.

An order that asks for it, unpaid, gets its units RESERVED, each with a card and a timer of its own at the end
of the promise. A payment confirms what is still reserved, even a little late: the buyer wins ties. What was
not paid in time expires and its card is for sale again. A later payment finds an EXPIRED unit, which is no
end: it gets another card, or waits. Writes are R1 to R6 until they have numbers in docs/protocol.md.
"""

from dataclasses import dataclass, replace
from typing import Any

from tests.model.items import (
    ABSENT,
    ALLOCATED,
    EXPIRED,
    HOLDS_CARD,
    LATE,
    RESERVED,
    Nothing,
    Store,
    Unit,
    World,
)
from tests.model.process import Process, Step
from tests.model.rules import Rule
from tests.model.writes import DONE, GONE, Outcome, Write, remove_timer, return_card, with_work, write

Moves = list[Step | Write]


@write("R1")
def ask(world: World, store: Store, order: int) -> Outcome:
    """R1: the header keeps until when the unpaid order is promised its cards; its timer asks for a pass."""
    header = store.headers[order]
    if header.paid or header.until:
        return store, header
    return store.with_header(order, with_work(header._replace(until=min(store.now + 1, LATE)))), DONE


@write("R2")
def reserve(world: World, store: Store, order: int, number: int, card: int, until: int) -> Outcome:
    """R2: delete the marker and put the unit RESERVED, with a timer of its own at the promised end."""
    unit = store.unit(order, number)
    if unit.state != ABSENT:
        return store, unit
    if card not in store.pool:
        return store, GONE
    store = store._replace(pool=store.pool - {card})
    own = world.without is not Rule.RESERVATION_TIMER
    return store.with_unit(order, number, Unit(RESERVED, card, timer=own, until=until)), DONE


@write("R3")
def confirm(world: World, store: Store, order: int, number: int, card: int) -> Outcome:
    """R3: the payment is there: the unit keeps its card, and the header's timer drives it from here on."""
    unit = store.unit(order, number)
    reserved = unit.state == RESERVED and unit.card == card
    if not reserved and world.without is not Rule.CONFIRM_RESERVED:
        return store, unit
    return store.with_unit(order, number, Unit(ALLOCATED, card)), DONE


@write("R4")
def expire(world: World, store: Store, order: int, number: int, card: int, clock: int) -> Outcome:
    """R4: nobody paid by the promised end: the unit becomes EXPIRED, the marker is put again."""
    unit = store.unit(order, number)
    may = HOLDS_CARD | {RESERVED} if world.without is Rule.EXPIRE_RESERVED else {RESERVED}
    due = unit.until <= clock or world.without is Rule.EXPIRE_AFTER_END
    if unit.state not in may or unit.card != card or not due:
        return store, unit
    early = store.early or store.now < unit.until
    store = store._replace(pool=store.pool | {card}, early=early)
    return store.with_unit(order, number, Unit(EXPIRED)), DONE


@write("R5")
def extend(world: World, store: Store, order: int, number: int, card: int) -> Outcome:
    """R5: a later end is promised, while the card is still kept."""
    unit = store.unit(order, number)
    if unit.state != RESERVED or unit.card != card:
        return store, unit
    return store.with_unit(order, number, unit._replace(until=min(unit.until + 1, LATE))), DONE


@write("R6")
def wait_after_all(world: World, store: Store, order: int, number: int, room: str) -> Outcome:
    """R6: paid too late, and there is no other card: the unit waits, as W7 would have put it."""
    unit = store.unit(order, number)
    if unit.state != EXPIRED:
        return store, unit
    return store.with_unit(order, number, Unit(room, fresh=world.lags)), DONE


@dataclass(frozen=True, slots=True)
class Reserving:
    """A pass over an order that is not paid and asked for its cards to be kept."""

    order: int
    ver: int
    until: int
    stop: frozenset[int] = Nothing
    number: int = 0
    card: int = 0

    def moves(self, world: World, store: Store) -> Moves:
        if self.number == world.orders[self.order]:
            return [remove_timer(self.order, self.ver)]
        here = self.order, self.number
        if self.card:
            return [return_card(*here, self.card)]
        unit = store.unit(*here)
        if self.number in self.stop:
            kept = replace(self, card=unit.card) if unit.state == RESERVED else self._next()
            return [Step(f"reads unit {self.number}", kept)]
        take = [reserve(*here, card, self.until) for card in sorted(store.pool)]
        gone = [reserve(*here, card, self.until) for card in world.card_names if card not in store.pool]
        nothing = Step(f"reserves nothing for unit {self.number}", self._next())
        return [*take, nothing, *gone] if store.now < self.until else [nothing, *take, *gone]

    def _next(self) -> "Reserving":
        return replace(self, number=self.number + 1, card=0)

    def answered(self, world: World, request: Write, answer: Any) -> Process | None:
        if request.number == "W18":
            return None
        return self if answer == GONE else self._next()

    def lost(self, request: Write) -> Process | None:
        return None if request.number == "W18" else replace(self, card=0)


@dataclass(frozen=True, slots=True)
class Checkout:
    """The shop asks that an order's cards be kept while its buyer pays."""

    order: int

    def moves(self, world: World, store: Store) -> Moves:
        return [ask(self.order)]

    def answered(self, world: World, request: Write, answer: Any) -> Process | None:
        return None

    def lost(self, request: Write) -> Process | None:
        return self


@dataclass(frozen=True, slots=True)
class Extension:
    """The buyer asks for more time, and is promised it only once R5 committed."""

    order: int
    number: int = 0
    card: int = 0

    def moves(self, world: World, store: Store) -> Moves:
        if self.card:
            return [extend(self.order, self.number, self.card)]
        unit = store.unit(self.order, self.number)
        known = replace(self, card=unit.card)
        return [Step("looks at the unit", known)] if unit.state == RESERVED else []

    def answered(self, world: World, request: Write, answer: Any) -> Process | None:
        return None

    def lost(self, request: Write) -> Process | None:
        return None


@dataclass(frozen=True, slots=True)
class Expiry:
    """Takes back what was promised until now, by the clock of whoever found the unit's timer due."""

    order: int
    number: int = 0
    card: int = 0
    clock: int = 0

    def moves(self, world: World, store: Store) -> Moves:
        if self.card:
            return [expire(self.order, self.number, self.card, self.clock)]
        unit = store.unit(self.order, self.number)
        if unit.state != RESERVED or not unit.timer or unit.until > store.now:
            return []
        return [Step("finds the unit due", replace(self, card=unit.card, clock=store.now))]

    def answered(self, world: World, request: Write, answer: Any) -> Process | None:
        return None

    def lost(self, request: Write) -> Process | None:
        return None
