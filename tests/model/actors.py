"""Everybody but the worker: webhooks, the merchant, the buyer, import, the room sweeper, and time."""

from dataclasses import dataclass, replace
from typing import Any

from tests.model.items import REVEALED, UNSEEN, Store, World
from tests.model.process import Process, Step
from tests.model.rules import Rule
from tests.model.writes import (
    DONE,
    Write,
    approve,
    bring,
    expose,
    pay,
    pay_again,
    refund,
    refund_fact,
    refund_stop,
    remove_room,
    replace_card,
)

Moves = list[Step | Write]


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment's webhook; without an answer the shop sends it again."""

    order: int
    number: int = 1
    second: bool = False

    def moves(self, world: World, store: Store) -> Moves:
        return [(pay_again if self.second else pay)(self.order, self.number)]

    def answered(self, world: World, request: Write, answer: Any) -> Process | None:
        first = answer == DONE or self.second or answer.paid == self.number
        return None if first else replace(self, second=True)

    def lost(self, request: Write) -> Process | None:
        return self


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund's webhook: of everything, of one unit by its number, or of one without saying which."""

    order: int
    what: str | int
    fact: str = "refund"
    half: bool = False

    def moves(self, world: World, store: Store) -> Moves:
        if world.without is Rule.STOP_WITH_FACT:
            return [(refund_stop if self.half else refund_fact)(self.order, self.fact, self.what)]
        return [refund(self.order, self.fact, self.what)]

    def answered(self, world: World, request: Write, answer: Any) -> Process | None:
        other_half = request.number == "W3 fact alone" and answer == DONE
        return replace(self, half=True) if other_half else None

    def lost(self, request: Write) -> Process | None:
        return self


@dataclass(frozen=True, slots=True)
class Approval:
    """The merchant lets a held order go, once it is paid."""

    order: int

    def moves(self, world: World, store: Store) -> Moves:
        return [approve(self.order)] if store.headers[self.order].paid else []

    def answered(self, world: World, request: Write, answer: Any) -> Process | None:
        return None

    def lost(self, request: Write) -> Process | None:
        return self


@dataclass(frozen=True, slots=True)
class Buyer:
    """Opens one unit's card. Only after W15 committed does the plaintext leave."""

    order: int
    unit: int = 0
    at: str = "read"
    card: int = 0

    def moves(self, world: World, store: Store) -> Moves:
        unit = store.unit(self.order, self.unit)
        early = world.without is Rule.EXPOSE_FIRST
        if self.at == "read":
            if unit.state not in UNSEEN:
                return []
            return [Step("opens the page", replace(self, at="show" if early else "expose", card=unit.card))]
        if self.at == "expose":
            return [expose(self.order, self.unit, self.card)]
        if self.at == "look":
            again = unit.state == REVEALED and unit.card == self.card
            return [Step("asks again", replace(self, at="show") if again else None)]
        seen = store._replace(shown=store.shown | {(self.card, self.order, self.unit)})
        return [Step(f"sees card {self.card}", replace(self, at="expose") if early else None, seen)]

    def answered(self, world: World, request: Write, answer: Any) -> Process | None:
        if world.without is Rule.EXPOSE_FIRST:
            return None
        mine = answer == DONE or (answer.state == REVEALED and answer.card == self.card)
        return replace(self, at="show") if mine else None

    def lost(self, request: Write) -> Process | None:
        """The same viewer asks again and is shown what the unit says it was shown."""
        return replace(self, at="look")


@dataclass(frozen=True, slots=True)
class Replacement:
    """Support gives another card for one that was shown."""

    order: int
    unit: int = 0
    old: int = 0

    def moves(self, world: World, store: Store) -> Moves:
        unit = store.unit(self.order, self.unit)
        if not self.old:
            return [Step("looks at the unit", replace(self, old=unit.card))] if unit.state == REVEALED else []
        return [replace_card(self.order, self.unit, self.old, c) for c in world.card_names if c != self.old]

    def answered(self, world: World, request: Write, answer: Any) -> Process | None:
        return self if answer == "marker gone" else None

    def lost(self, request: Write) -> Process | None:
        return None


@dataclass(frozen=True, slots=True)
class Import:
    """Brings one card."""

    card: int

    def moves(self, world: World, store: Store) -> Moves:
        return [bring(self.card)]

    def answered(self, world: World, request: Write, answer: Any) -> Process | None:
        return None

    def lost(self, request: Write) -> Process | None:
        return self


READ, CLOCK, SEEK = "reads the room", "takes the clock", "seeks its units"


@dataclass(frozen=True, slots=True)
class RoomSweeper:
    """Comes by a room: reads it, takes the clock, seeks its units, and removes it if it is stale and empty.

    Units it finds it sends to a pass, and a pass may begin at any time anyway: so it ends there.
    """

    room: str
    done: tuple[str, ...] = ()
    touched_at: int | None = None

    def moves(self, world: World, store: Store) -> Moves:
        left = [step for step in self._order(world) if step not in self.done]
        if not left:
            return [remove_room(self.room, self.touched_at)]
        after = replace(self, done=(*self.done, left[0]))
        if left[0] == READ:
            return self._read(store, after)
        if left[0] == CLOCK:
            stale = self.touched_at < store.now or world.without is Rule.REMOVE_ONLY_STALE
            return [Step(CLOCK, after if stale else None)]
        return self._seek(store, after)

    def _order(self, world: World) -> tuple[str, ...]:
        if world.without is Rule.ITEM_BEFORE_QUERY:
            return SEEK, READ, CLOCK
        return (READ, SEEK, CLOCK) if world.without is Rule.CLOCK_BEFORE_QUERY else (READ, CLOCK, SEEK)

    def _read(self, store: Store, after: "RoomSweeper") -> Moves:
        """Without a room nobody would have sent for this sweeper, or it is gone meanwhile."""
        touched_at = store.room(self.room)
        if touched_at is None:
            return [Step(READ, None)] if self.done else []
        return [Step(READ, replace(after, touched_at=touched_at))]

    def _seek(self, store: Store, after: "RoomSweeper") -> Moves:
        """The index may not show who came in this tick; everybody else it does."""
        here = [unit for units in store.units for unit in units if unit.state == self.room]
        found = [Step("finds somebody waiting", None)] if here else []
        hidden = all(unit.fresh for unit in here)
        return [*found, Step("finds nobody waiting", after)] if hidden else found

    def answered(self, world: World, request: Write, answer: Any) -> Process | None:
        return None

    def lost(self, request: Write) -> Process | None:
        return None


@dataclass(frozen=True, slots=True)
class Clock:
    """Lets ticks pass; with each the index has caught up, and what was fresh becomes stale."""

    left: int = 1

    def moves(self, world: World, store: Store) -> Moves:
        left = Clock(self.left - 1) if self.left > 1 else None
        return [Step("a tick passes", left, settled_index(store)._replace(now=store.now + 1))]

    def answered(self, world: World, request: Write, answer: Any) -> Process | None:
        raise AssertionError("time writes nothing")

    lost = answered


@dataclass(frozen=True, slots=True)
class Release:
    """The presale opens."""

    def moves(self, world: World, store: Store) -> Moves:
        return [Step("the presale opens", None, store._replace(open=True))]

    def answered(self, world: World, request: Write, answer: Any) -> Process | None:
        raise AssertionError("time writes nothing")

    lost = answered


@dataclass(frozen=True, slots=True)
class Gate:
    """Somebody closes the product's gate, and opens it again."""

    def moves(self, world: World, store: Store) -> Moves:
        if store.paused:
            return [Step("the gate opens", None, store._replace(paused=False))]
        return [Step("the gate closes", self, store._replace(paused=True))]

    def answered(self, world: World, request: Write, answer: Any) -> Process | None:
        raise AssertionError("a gate is no item of the protocol")

    lost = answered


def settled_index(store: Store) -> Store:
    """The index shows everybody."""
    return store._replace(
        units=tuple(tuple(unit._replace(fresh=False) for unit in units) for units in store.units)
    )
