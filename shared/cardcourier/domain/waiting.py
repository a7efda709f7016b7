"""What the sweeper works on."""

from dataclasses import dataclass

from cardcourier.domain.orders import OrderKey
from cardcourier.domain.states import Room

FRESH = 120_000
"""Milliseconds for which a touched room needs no new touch."""

STALE = 900_000
"""Milliseconds after which an empty room may be removed: FRESH, the index's lag and clock skew fit in."""


@dataclass(frozen=True, slots=True)
class Timer:
    """An item of the due index; `due` in epoch milliseconds."""

    pk: str
    sk: str
    due: int


@dataclass(frozen=True, slots=True)
class Pushed:
    """A timer that was moved, how often it was so far, and the payment it is about (epoch ms)."""

    timer: Timer
    tries: int
    paid_at: int | None


@dataclass(frozen=True, slots=True)
class RoomTimer:
    """A room whose time has come."""

    tenant: str
    room: Room
    ref: str
    due: int


LONGEST_ROUND = 60_000
"""Milliseconds; a round in which several workers serve a room is over long before, by any right clock."""


@dataclass(frozen=True, slots=True)
class Share:
    """What one of several workers serves of a crowded room: every so many-th part, by its number `hand`.

    Nobody who paid after `before`, and nobody after `ends` (both epoch ms).
    """

    hand: int
    before: int
    ends: int


@dataclass(frozen=True, slots=True)
class WaitingUnit:
    """A unit in a room; `paid_at` is its place in the queue."""

    key: OrderKey
    line: str
    n: int
    paid_at: int
