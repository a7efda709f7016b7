"""One unit of an order: created, moved on from where it waits, or ended if it must.

Conditions decide: what a failed one shows is decided anew.
"""

from dataclasses import replace

from cardcourier.domain.gates import Closed
from cardcourier.domain.orders import Slot, Unit
from cardcourier.domain.policy import refund_hold
from cardcourier.domain.protocol import Lost
from cardcourier.domain.states import Room, State
from cardcourier.errors import Unavailable
from cardcourier.services.picking import SoldOut
from cardcourier.services.settling.cards import take_card
from cardcourier.services.settling.ends import end_slot
from cardcourier.services.settling.holds import held
from cardcourier.services.settling.work import ROUNDS, Plan, Work


def settle_slot(work: Work, slot: Slot, plan: Plan | None, hold: str | None) -> Unit:
    """Bring one unit to rest, deciding anew from whatever a failed condition shows."""
    unit = work.known(slot)
    for _ in range(ROUNDS):
        if must_end(work, slot, plan, unit):
            return end_slot(work, slot, unit, "stopped", plan or ())
        if unit is None:
            outcome = _create(work, slot, plan, hold)
        elif unit.waiting:
            outcome = _advance(work, unit, slot, plan, hold)
        else:
            return work.note(unit)
        if isinstance(outcome, Lost):
            unit = work.reread(slot, outcome)
            if unit is not None and unit.plan is not None:
                plan = unit.plan
            continue
        if outcome is unit or unit is None or unit.state is not State.HELD:
            return work.note(outcome)
        unit = outcome
    raise Unavailable("unit_busy", f"Unit {slot.line}#{slot.n} kept changing; the order is tried again.")


def must_end(work: Work, slot: Slot, plan: Plan | None, unit: Unit | None) -> bool:
    """Whether a unit is stopped. Held without a plan it stands for its whole line, until it is released."""
    whole = plan is None or (unit is not None and unit.state is State.HELD and unit.plan is None)
    if whole and slot.n == 1:
        return work.header.line_stopped(work.line(slot))
    return work.header.stopped(slot.line, slot.piece)


def _create(work: Work, slot: Slot, plan: Plan | None, hold: str | None) -> Unit | Lost:
    fresh = work.fresh(slot, plan)
    if hold is not None:
        return work.park(held(work, fresh, slot, hold))
    product = work.need(slot.sku)
    if (closed := work.closed(product)) is not None:
        return work.park(_paused(fresh, closed))
    if work.too_early(product):
        return work.park(replace(fresh, state=State.SCHEDULED, room=Room.PRE, ref=slot.sku))
    try:
        return take_card(
            work,
            product,
            fresh,
            lambda unit, marker, pool: work.orders.allocate_new(unit, marker, pool, work.actor),
        )
    except SoldOut:
        return work.park(replace(fresh, state=State.BACKORDER, room=Room.BACK, ref=slot.sku))


def _advance(work: Work, seen: Unit, slot: Slot, plan: Plan | None, hold: str | None) -> Unit | Lost:
    """Move a waiting unit on if its gate is open, else leave it where it waits.

    Behind a closed gate it waits in that gate's room, so that it keeps nobody up in another; and HELD while
    a person is asked what a refund by amount ends, for it may be this one.
    """
    if seen.state is State.HELD:
        return _release(work, seen, slot, plan, hold)
    if (asked := refund_hold(work.header)) is not None:
        return work.rehouse(seen, held(work, seen, slot, asked))
    product = work.need(seen.sku)
    if (closed := work.closed(product)) is not None:
        there = (seen.room, seen.ref) == (Room.PAUSE, closed.ref)
        return seen if there else work.rehouse(seen, _paused(seen, closed))
    if work.too_early(product):
        return seen if seen.room is not Room.PAUSE else work.rehouse(seen, _scheduled(seen))
    try:
        return take_card(
            work,
            product,
            replace(seen, why=""),
            lambda unit, marker, pool: work.orders.allocate_waiting(seen, unit, marker, pool, work.actor),
        )
    except SoldOut:
        if seen.state is State.BACKORDER:
            return seen
    waiting = replace(seen, state=State.BACKORDER, room=Room.BACK, ref=product.sku, why="no stock")
    return work.rehouse(seen, waiting)


def _release(work: Work, seen: Unit, slot: Slot, plan: Plan | None, hold: str | None) -> Unit:
    """Let a held unit go on to its next room, or leave it to the person it waits for."""
    named = replace(seen, sku=seen.sku or slot.sku, plan=plan if slot.n == 1 else None)
    if hold is not None:
        still = held(work, named, slot, hold)
        return seen if (still.room, still.ref) == (seen.room, seen.ref) else work.rehouse(seen, still)
    product = work.need(named.sku)
    if (closed := work.closed(product)) is not None:
        return work.rehouse(seen, _paused(named, closed))
    early = work.too_early(product)
    state, room = (State.SCHEDULED, Room.PRE) if early else (State.BACKORDER, Room.BACK)
    return work.rehouse(seen, replace(named, state=state, room=room, ref=named.sku, why="released"))


def _paused(unit: Unit, closed: Closed) -> Unit:
    """The unit as it waits in the room of a gate that somebody closed."""
    why = f"paused: {closed.reason}"
    return replace(unit, state=State.SCHEDULED, room=Room.PAUSE, ref=closed.ref, why=why)


def _scheduled(unit: Unit) -> Unit:
    """The unit as it waits for its release, once its gate has opened."""
    return replace(unit, state=State.SCHEDULED, room=Room.PRE, ref=unit.sku, why="resumed")
