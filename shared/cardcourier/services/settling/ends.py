"""How a unit ends, whatever it is by now. A failed condition never ends the effort."""

from dataclasses import replace

from cardcourier.domain.cards import is_content
from cardcourier.domain.disputes import LOST
from cardcourier.domain.orders import Slot, Unit
from cardcourier.domain.protocol import Lost
from cardcourier.domain.states import Room, State
from cardcourier.domain.stock import Marker
from cardcourier.errors import Unavailable
from cardcourier.services.settling.cards import pool_of
from cardcourier.services.settling.work import ROUNDS, Plan, Work


def end_slot(work: Work, slot: Slot, unit: Unit | None, why: str, plan: Plan) -> Unit:
    """End a unit, deciding anew from whatever it has become."""
    for _ in range(ROUNDS):
        if unit is not None and work.header.settled(unit):
            return work.note(unit)
        outcome = end(work, slot, unit, why, plan)
        if not isinstance(outcome, Lost):
            return work.note(outcome)
        unit = work.reread(slot, outcome)
    raise Unavailable("unit_busy", f"Unit {slot.line}#{slot.n} kept changing; the order is tried again.")


def end(work: Work, slot: Slot, unit: Unit | None, why: str, plan: Plan) -> Unit | Lost:
    """End a unit as it was seen: not written yet, waiting, shown, or holding a card nobody saw.

    A shown card of a disputed chargeback is kept until the dispute is lost.
    """
    if unit is None:
        fresh = replace(work.fresh(slot, plan), state=State.CANCELLED, why=why)
        return work.orders.tombstone(fresh, work.actor)
    if unit.waiting:
        gone = _gone(unit, State.CANCELLED, why)
        return work.orders.end_waiting(unit, replace(gone, plan=plan) if slot.n == 1 else gone, work.actor)
    if unit.state is State.DISPUTED:
        return work.refunds.lose(unit, _gone(unit, State.REFUNDED, "dispute lost"), work.actor)
    if unit.exposed and work.header.disputed and work.header.outcome != LOST:
        kept = replace(unit, state=State.DISPUTED, why="charged back", due=None)
        return work.refunds.dispute(unit, kept, work.actor)
    if unit.exposed:
        return work.orders.burn(unit, _gone(unit, State.REFUNDED, why), work.actor)
    return _give_back(work, unit, why)


def _give_back(work: Work, unit: Unit, why: str) -> Unit | Lost:
    pool = None if is_content(unit.card) else pool_of(work.need(unit.sku))
    marker = Marker(
        card=unit.card,
        bucket=unit.bucket,
        shard=work.picker.random.randrange(pool.shards) if pool else 0,
        batch=unit.batch,
        last4=unit.last4,
        head=unit.head,
        cost=unit.cost,
        currency=unit.cost_currency,
        expires_at=unit.card_expires_at,
    )
    outcome = work.orders.return_card(unit, _gone(unit, State.RETURNED, why), marker, pool, work.actor)
    back = outcome.old if isinstance(outcome, Lost) else outcome
    if pool is not None and back is not None and back.state is State.RETURNED:
        work.picker.restocked(pool)
        work.empty.discard(pool)
        work.queue.room(pool.tenant, Room.BACK, pool.sku, 1)
    return outcome


def _gone(unit: Unit, state: State, why: str) -> Unit:
    return replace(unit, state=state, card="", gen=unit.gen + 1, why=why, room=None, ref="", due=None)
