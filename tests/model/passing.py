"""The pass over one order: docs/protocol.md, "The pass", step by step.

A pass may know less than is true: it may try any card it has heard of, and park a unit though there is stock.
It tries a write before it reads units, since what a failure shows is as good as a read.
"""

from dataclasses import dataclass, replace
from typing import Any

from tests.model.disputing import dispute
from tests.model.gathering import Gathering
from tests.model.items import (
    ABSENT,
    ALLOCATED,
    BACKORDER,
    CANCELLED,
    ENDED,
    EXPIRED,
    HELD,
    HOLDS_CARD,
    PAUSED,
    RESERVED,
    REVEALED,
    SCHEDULED,
    WAITING,
    Header,
    Nothing,
    Store,
    Unit,
    World,
)
from tests.model.process import Process, Step
from tests.model.recalling import OPEN, return_to_quarantine
from tests.model.refunding import choose_with_credit, remove_timer_asked
from tests.model.reserving import Reserving, confirm, wait_after_all
from tests.model.rules import Rule
from tests.model.writes import (
    DONE,
    FROZEN,
    GONE,
    Write,
    allocate_new,
    allocate_waiting,
    burn,
    change_room,
    change_room_of_header,
    change_room_of_unit,
    choose,
    end_waiting,
    forget_stop,
    is_frozen,
    park,
    remove_timer,
    return_card,
    tombstone,
    touch,
)

Moves = list[Step | Write]


@dataclass(frozen=True, slots=True)
class Pass:
    """`at` is the step it is about to make; `seen` the unit as known, None before anything showed it.

    `rooms` are those in which it saw a unit waiting, `rest` says that all units so far drive themselves,
    `mine` is its clock. Unless `free`, a person has to say something before anything is allocated; `asked`
    says that it is what a refund ends. `frozen` says so of the batch of the card that it is about to return,
    `disputed` that shown cards are kept.
    """

    order: int
    at: str = "header"
    ver: int = 0
    stop: frozenset[int] = Nothing
    free: bool = True
    number: int = 0
    seen: Unit | None = None
    came_from: str = ""
    rooms: frozenset[str] = Nothing
    rest: bool = True
    mine: int = -1
    frozen: bool = False
    disputed: bool = False
    asked: bool = False

    def moves(self, world: World, store: Store) -> Moves:
        return getattr(self, f"_{self.at}")(world, store)

    # -- 1 and 2: the header, and the choice of what is owed ----------------------------------------

    def _header(self, world: World, store: Store) -> Moves:
        header = store.headers[self.order]
        return [Step("reads the header", self._read(world, store, header))]

    def _read(self, world: World, store: Store, header: Header) -> Process | None:
        if not header.paid and header.until:
            return Reserving(self.order, header.ver, header.until, header.stop)
        if not header.paid:
            left = header.timer and world.without is not Rule.UNPAID_TIMER_GOES
            return Pass(self.order, "unpaid", header.ver) if left else None
        if header.owed and world.without is not Rule.CHOICE_FIRST:
            return Pass(self.order, "units", header.ver)
        began = Pass(self.order, "unit", header.ver, header.stop, is_free(world, header))
        began = replace(began, disputed=header.disputed, asked=bool(header.asked))
        if header.owed:
            units = store.units[self.order]
            left = header.owed - sum(unit.state in ENDED for unit in units)
            began = replace(began, stop=header.stop | cheapest(units, header._replace(owed=max(0, left))))
        if world.without is Rule.CLOCK_AFTER_PARKING:
            began = replace(began, mine=store.now)
        if world.without is Rule.TOUCH_AFTER_PARKING:
            return replace(began, at="touch", mine=store.now)
        return began._at_unit(world, 0)

    def _unpaid(self, world: World, store: Store) -> Moves:
        if world.without is Rule.STOP_STAYS:
            return [forget_stop(self.order, self.ver)]
        return [remove_timer(self.order, self.ver)]

    def _units(self, world: World, store: Store) -> Moves:
        """Read strongly what is there, and choose what ends. The choice is made against `ver`."""
        header = store.headers[self.order]
        if header.ver != self.ver:
            return [Step("reads the units", Pass(self.order))]
        due = header._replace(owed=max(0, header.owed - header.credit))
        chosen = cheapest(store.units[self.order], due)
        at = "choice_with_credit" if header.credit else "choice"
        return [Step("reads the units", Pass(self.order, at, self.ver, chosen))]

    def _choice(self, world: World, store: Store) -> Moves:
        return [choose(self.order, self.ver, self.stop)]

    def _choice_with_credit(self, world: World, store: Store) -> Moves:
        return [choose_with_credit(self.order, self.ver, self.stop)]

    # -- 3: each unit is brought to rest -------------------------------------------------------------

    def _unit(self, world: World, store: Store) -> Moves:
        stopped = self.number in self.stop
        if self.seen is None:
            return self._end_absent(world, store) if stopped else self._create(world, store)
        return self._end() if stopped else self._advance(world, store)

    def _create(self, world: World, store: Store) -> Moves:
        here = self.order, self.number
        if not self.free:
            return [park(*here, HELD)]
        rooms = self._rooms(world, store)
        parks = [park(*here, room) for room in rooms]
        if BACKORDER not in rooms:
            return parks
        take = [allocate_new(*here, card) for card in for_sale(world, store)]
        first = [] if store.paused else take
        late = take if store.paused else []
        return [*first, *parks, *late, *(allocate_new(*here, card) for card in gone(world, store))]

    def rooms_of(self, world: World, store: Store) -> list[str]:
        """Where the units of an all-or-nothing order may wait, by what the worker knows."""
        return self._rooms(world, store) if self.free else [HELD]

    def _rooms(self, world: World, store: Store) -> list[str]:
        """Where a unit may wait by what the worker knows: first as things are, BACKORDER without stock."""
        late = [PAUSED] if world.gate else []
        early = [SCHEDULED] if world.presale else []
        if store.paused:
            return [PAUSED, *early, *([BACKORDER] if store.open else [])]
        return [BACKORDER, *early, *late] if store.open else [SCHEDULED, *late]

    def _advance(self, world: World, store: Store) -> Moves:
        state = self.seen.state
        stays = Step(f"leaves unit {self.number} {state}", self._next(world, self.seen))
        if state == HELD:
            return self._release(world, store, stays)
        if self.asked and state in WAITING:
            return [stays if world.without is Rule.ASKED_HOLDS else self._change(world, state, HELD)]
        if state == RESERVED:
            return [confirm(self.order, self.number, self.seen.card)]
        rooms = [one for one in self._rooms(world, store) if (state, one) != (BACKORDER, SCHEDULED)]
        moves = [stays if room == state else self._change(world, state, room) for room in rooms]
        if BACKORDER not in rooms:
            return moves
        here = self.order, self.number, state
        take = [allocate_waiting(*here, card) for card in for_sale(world, store)]
        late = [allocate_waiting(*here, card) for card in gone(world, store)]
        return [*moves, *take, *late] if store.paused else [*take, *moves, *late]

    def _release(self, world: World, store: Store, stays: Step) -> Moves:
        if not self.free:
            return [stays]
        if world.without is Rule.HELD_MOVES_ON:
            cards = for_sale(world, store)
            return [*(allocate_waiting(self.order, self.number, HELD, card) for card in cards), stays]
        return [self._change(world, HELD, room) for room in self._rooms(world, store)]

    def _change(self, world: World, seen: str, room: str) -> Write:
        if seen == EXPIRED:
            return wait_after_all(self.order, self.number, room)
        apart = world.without is Rule.ROOM_CHANGE_ONE_WRITE
        return (change_room_of_unit if apart else change_room)(self.order, self.number, seen, room, self.ver)

    def _end_absent(self, world: World, store: Store) -> Moves:
        if world.without is not Rule.TOMBSTONES:
            return [tombstone(self.order, self.number)]
        unit = store.unit(self.order, self.number)
        if unit.state == ABSENT:
            done = store._replace(settled=store.settled | {(self.order, self.number)})
            return [Step(f"finds no unit {self.number}", self._next(world, unit), done)]
        return [Step(f"reads unit {self.number}", self._know(world, unit))]

    def _end(self) -> Moves:
        here = self.order, self.number
        if self.seen.state in WAITING | {EXPIRED}:
            return [end_waiting(*here, self.seen.state)]
        if self.seen.state == REVEALED and self.disputed:
            return [dispute(*here, self.seen.card)]
        if self.seen.state == REVEALED:
            return [burn(*here, self.seen.card)]
        return [(return_to_quarantine if self.frozen else return_card)(*here, self.seen.card)]

    def _know(self, world: World, unit: Unit) -> Process | None:
        """Go on from what the unit is; one that needs nothing is left behind at once."""
        if unit.state == ABSENT:
            return replace(self, seen=None)
        held = unit.state in HOLDS_CARD and self.number not in self.stop
        if held or unit.state in ENDED or self.lets_expired_be(world, self.number, unit):
            return self._next(world, unit)
        return replace(self, seen=Unit(unit.state, unit.card))

    def lets_expired_be(self, world: World, number: int, unit: Unit) -> bool:
        rule = Rule.EXPIRED_IS_ENDED if number in self.stop else Rule.EXPIRED_MOVES_ON
        return unit.state == EXPIRED and world.without is rule

    def _next(self, world: World, unit: Unit, mine: bool = False) -> Process | None:
        """The unit is at rest, as far as this pass can see."""
        rooms = self.rooms
        if unit.state in WAITING - {HELD} and (mine or world.without is not Rule.TOUCH_FOR_OTHERS):
            rooms |= {unit.state}
        rest = self.rest and (unit.state != ALLOCATED or unit.timer)
        return replace(self, rooms=rooms, rest=rest)._at_unit(world, self.number + 1)

    def _at_unit(self, world: World, number: int) -> Process | None:
        """Go to this unit. Of an all-or-nothing order only what is stopped is brought to rest alone."""
        together = world.whole and world.without is not Rule.TOGETHER_ONE_WRITE
        units = range(number, world.orders[self.order])
        alone = [n for n in units if n in self.stop] if together else units
        if alone:
            return replace(self, number=alone[0], seen=None, frozen=False)
        done = replace(self, number=0, seen=None, frozen=False)
        return Gathering(self.order, done) if together else done.after_units(world)

    # -- 4 and 5: rooms, then the header's timer -----------------------------------------------------

    def after_units(self, world: World) -> Process | None:
        """Every unit is at rest."""
        if not self.rooms or world.without is Rule.TOUCH_AFTER_PARKING:
            return Pass(self.order, "last", self.ver, asked=self.asked) if self.rest else None
        known = Pass(self.order, "clock", self.ver, asked=self.asked)
        return replace(known, rooms=self.rooms, rest=self.rest, mine=self.mine)

    def _clock(self, world: World, store: Store) -> Moves:
        early = world.without is Rule.CLOCK_AFTER_PARKING
        taken = replace(self, at="room", mine=self.mine if early else store.now)
        return [Step("takes the clock", taken)] if world.ticks else taken.moves(world, store)

    def _room(self, world: World, store: Store) -> Moves:
        """Room by room: read, and touch it unless it was touched in this tick or later."""
        room = min(self.rooms)
        touched_at = store.room(room)
        if touched_at is None or touched_at < self.mine:
            return [Step(f"reads the room {room}", replace(self, at="touch"))]
        return [Step(f"reads the room {room}, fresh", self._touched())]

    def _touch(self, world: World, store: Store) -> Moves:
        return [touch(min(self.rooms or {BACKORDER}), self.mine)]

    def _touched(self) -> Process | None:
        if not self.rooms:
            return replace(self, at="unit", mine=-1)
        rooms = self.rooms - {min(self.rooms)}
        if rooms:
            return replace(self, at="clock", rooms=rooms)
        return Pass(self.order, "last", self.ver, asked=self.asked) if self.rest else None

    def _last(self, world: World, store: Store) -> Moves:
        return [(remove_timer_asked if self.asked else remove_timer)(self.order, self.ver)]

    # -- answers -------------------------------------------------------------------------------------

    def answered(self, world: World, request: Write, answer: Any) -> Process | None:
        if self.at in ("unpaid", "last"):
            return None
        if self.at.startswith("choice"):
            return Pass(self.order)
        if self.at == "touch":
            return self._touched()
        return self._unit_answered(world, request, answer)

    def _unit_answered(self, world: World, request: Write, answer: Any) -> Process | None:
        if answer == GONE:
            return self
        if answer in (FROZEN, OPEN):
            return replace(self, frozen=answer == FROZEN)
        if request.number.startswith("W10"):
            return self._changed(world, request, answer)
        if answer == DONE:
            return self._next(world, written(request), mine=True)
        if request.number in ("W11", "W12", "W13", "W14") and world.without is Rule.DECIDE_ANEW:
            return self._next(world, Unit())
        return self._know(world, answer)

    def _changed(self, world: World, request: Write, answer: Any) -> Process | None:
        """The pass goes on with the new `ver`; whoever was in its way has set the timer."""
        if answer != DONE:
            return None
        if request.number == "W10 header alone":
            return self._moved_on(world, self.ver + 1)
        moved = replace(self, seen=Unit(request.args[3]), came_from=request.args[2])
        if request.number == "W10 unit alone":
            return replace(moved, at="header_too")
        if world.without is Rule.ROOM_CHANGE_AGAINST_VER:
            return replace(moved, at="new_ver")
        return moved._moved_on(world, self.ver + 1)

    def _moved_on(self, world: World, ver: int) -> Process | None:
        """One that was held gets its card or its next room at once, any other rests in its new room."""
        rested = replace(self, at="unit", ver=ver, came_from="")
        return rested if self.came_from == HELD else rested._next(world, self.seen, mine=True)

    def _new_ver(self, world: World, store: Store) -> Moves:
        ver = store.headers[self.order].ver
        return [Step("takes the header's ver for its own", self._moved_on(world, ver))]

    def _header_too(self, world: World, store: Store) -> Moves:
        return [change_room_of_header(self.order, self.ver)]

    def lost(self, request: Write) -> Process | None:
        """Of a unit it is decided anew, by the next write; after any other lost answer the pass is over."""
        if self.at.startswith("choice"):
            return Pass(self.order)
        return self if self.at == "unit" and not request.number.startswith("W10") else None


def is_free(world: World, header: Header) -> bool:
    """Whether nothing is left to be said by a person before cards are allocated."""
    return not header.asked and (header.approved or not world.held)


def written(request: Write) -> Unit:
    """The unit after the pass's own write, as far as the pass goes by it."""
    if request.number in ("W7", "R6"):
        return Unit(request.args[2])
    if request.number in ("W6", "W9", "R3"):
        return Unit(ALLOCATED, timer=request.number == "W9")
    return Unit(CANCELLED)


def for_sale(world: World, store: Store) -> list[int]:
    """Cards that a worker may sell."""
    return [card for card in sorted(store.pool) if not is_frozen(world, store, card)]


def gone(world: World, store: Store) -> list[int]:
    """Cards that are not there, or frozen, and that a worker may try all the same."""
    there = for_sale(world, store)
    return [card for card in world.card_names if card not in there]


def cheapest(units: tuple[Unit, ...], header: Header) -> frozenset[int]:
    """Which units end for what is owed: absent, waiting, unseen, shown; the highest number first."""
    open_ = [number for number in range(len(units)) if number not in header.stop]
    open_.sort(key=lambda number: (price(units[number]), -number))
    return frozenset(open_[: header.owed])


def price(unit: Unit) -> int:
    if unit.state == ABSENT:
        return 0
    if unit.state in WAITING | {EXPIRED}:
        return 1
    return {REVEALED: 3}.get(unit.state, 4 if unit.state in ENDED else 2)
