"""The end of a pass: which rooms need a timer, and whether anything is left that only the header drives."""

from cardcourier.domain.orders import Unit
from cardcourier.domain.states import DRIVEN, HANDED_OVER, Room
from cardcourier.domain.waiting import FRESH
from cardcourier.services.settling.work import Work

RECHECK = {Room.BACK: 60_000, Room.MAP: 600_000, Room.PRE: 600_000, Room.PAUSE: 60_000}
"""Milliseconds until the sweeper looks at a room again, if nothing opens it before."""


def touch_rooms(work: Work) -> None:
    """Make sure that every room in which a unit was seen waiting has a timer, whoever parked it.

    The clock is taken after the unit was known to wait; a lost answer here ends the pass.
    """
    rooms = dict.fromkeys((u.room, u.ref) for u in work.seen.values() if u.waiting and u.room)
    for room, ref in rooms:
        if room not in DRIVEN:
            continue
        mine = work.clock()
        touched = work.orders.room(work.header.key.tenant, room, ref)
        if touched is None or touched < mine - FRESH:
            work.orders.touch_room(work.header.key.tenant, room, ref, mine, _due(work, room, ref, mine))


def _due(work: Work, room: Room, ref: str, now: int) -> int:
    later = now + RECHECK[room]
    product = work.product(ref) if room is Room.PRE else None
    return min(product.release_at, later) if product and product.release_at else later


def at_rest(unit: Unit) -> bool:
    """Ended, handed over, waiting in a room, or carrying a timer of its own."""
    return unit.ended or unit.state in HANDED_OVER or unit.waiting or unit.has_own_timer
