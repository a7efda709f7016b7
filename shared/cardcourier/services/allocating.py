"""One pass over one order: every unit gets its card, its place in a waiting room, or its end.

A pass may begin at any moment, any number of times and beside others; messages, timers, rooms and
restocks all start the same one. Conditions decide, and what a failed condition shows is decided anew.
The header's timer is removed last, and only against the `ver` that the pass began with.
"""

from collections.abc import Callable
from dataclasses import dataclass

from cardcourier.domain.orders import Header, OrderKey, OrderLine, Slot, Unit, slots
from cardcourier.domain.policy import refund_hold
from cardcourier.domain.protocol import Actor, Lost
from cardcourier.domain.refunds import settle_debts
from cardcourier.domain.states import State
from cardcourier.errors import Unavailable
from cardcourier.services.picking import Picker
from cardcourier.services.settling.answers import answer_questions
from cardcourier.services.settling.ends import end
from cardcourier.services.settling.holds import hold_of, plan_of, unmapped
from cardcourier.services.settling.rooms import at_rest, touch_rooms
from cardcourier.services.settling.units import settle_slot
from cardcourier.services.settling.work import (
    ROUNDS,
    Catalogue,
    HeaderChanged,
    Orders,
    Plan,
    Queue,
    Refunds,
    TimeIsUp,
    Work,
)


@dataclass(frozen=True, slots=True)
class Allocator:
    """Runs passes."""

    orders: Orders
    catalogue: Catalogue
    picker: Picker
    queue: Queue
    clock: Callable[[], int]
    refunds: Refunds

    def run(
        self,
        key: OrderKey,
        rid: str,
        header: Header | None = None,
        *,
        known: bool = False,
        until: int | None = None,
    ) -> list[Unit]:
        """Settle one order and return the units as this pass saw them.

        `header` saves the first read when it was just read strongly. `known` says that units may
        exist already, so that they are read before anything is tried. After `until` (epoch ms) no more is
        begun than a unit: a message asks for the rest, and the header's timer stands for it. Raises
        Unavailable when an answer was lost: the timer stands as well, and the message comes back.
        """
        for _ in range(ROUNDS):
            actor = Actor("allocation", self.clock(), rid)
            header = header or self.orders.header(key)
            if header is None:
                return []
            if not header.paid:
                if header.due is not None:
                    self.orders.clear_timer(key, header.ver)
                return []
            answered = answer_questions(self.refunds, header, actor) if header.asked else header
            if answered is not None and not answered.owed:
                began = known or answered.approved or bool(answered.stops or answered.asked)
                return self._settle(answered, actor, began, until)
            if answered is not None:
                units = {unit.name: unit for unit in self.orders.units(key)}
                stops, credit = settle_debts(answered, units)
                self.orders.choose(answered, stops, actor, credit)
            header = None
        raise Unavailable("order_busy", "The order kept changing; it is tried again.")

    def _settle(self, header: Header, actor: Actor, known: bool, until: int | None) -> list[Unit]:
        units = {unit.name: unit for unit in self.orders.units(header.key)} if known else {}
        work = Work(
            self.orders,
            self.refunds,
            self.catalogue,
            self.picker,
            self.queue,
            self.clock,
            header,
            actor,
            units,
            until,
        )
        try:
            for line in header.lines:
                _settle_line(work, line)
        except HeaderChanged:
            return list(work.seen.values())
        except TimeIsUp:
            self.queue.order(header.key)
            return list(work.seen.values())
        touch_rooms(work)
        if work.header.due is not None and all(at_rest(unit) for unit in work.seen.values()):
            self.orders.clear_timer(header.key, work.header.ver)
        return list(work.seen.values())


def _settle_line(work: Work, line: OrderLine) -> None:
    """Settle the units of a line. Its first unit is written first and fixes the line's plan."""
    shop = work.catalogue.shop(work.header.key.shop)
    listings = work.catalogue.listings(work.header.key.tenant, shop.id, line.item, line.variant)
    plan, hold = plan_of(work, line, shop, listings), hold_of(work, line, shop, listings)
    void = line.quantity > shop.max_quantity and work.header.line_stopped(line)
    first = _settle_first(work, line, plan, hold, void=void)
    held, asked = first.state is State.HELD, refund_hold(work.header)
    for slot in slots(line.id, line.quantity, first.plan or ()):
        left = held and not (asked and work.known(slot))
        if slot.n > 1 and (not left or work.header.stopped(slot.line, slot.piece)):
            work.check_time()
            unit = settle_slot(work, slot, first.plan, hold if first.ended else asked)
            held = held or unit.state is State.HELD


def _settle_first(work: Work, line: OrderLine, plan: Plan | None, hold: str | None, *, void: bool) -> Unit:
    """Settle the unit that decides for its line; what is there already decides before `plan`.

    A line that holds nothing of ours, or is `void`, is closed by one ended unit with an empty plan.
    """
    for _ in range(ROUNDS):
        first = work.units.get(f"{line.id}#0001")
        if first is not None and first.plan is not None:
            plan = first.plan
        slot = next(slots(line.id, 1, plan or ()), Slot(line.id, 1, 1, ""))
        nothing = void or plan == () or (line.quantity < 1 and hold is None)
        if not nothing or not (first is None or first.state is State.HELD):
            return settle_slot(work, slot, plan, unmapped(line) if plan is None else hold)
        outcome = end(work, slot, first, "nothing to deliver", ())
        if not isinstance(outcome, Lost):
            return work.note(outcome)
        work.reread(slot, outcome)
    raise Unavailable("unit_busy", f"Unit {line.id}#1 kept changing; the order is tried again.")
