"""The states of a unit and the moves it may make.

A unit is one piece of one order line; its state machine is also the record that makes delivery
happen once. `PENDING` is also the state of a unit that nobody has written yet.
"""

from enum import StrEnum


class State(StrEnum):
    """Where a unit stands."""

    PENDING = "PENDING"
    HELD = "HELD"
    SCHEDULED = "SCHEDULED"
    BACKORDER = "BACKORDER"
    RESERVED = "RESERVED"
    ALLOCATED = "ALLOCATED"
    DELIVERED = "DELIVERED"
    REVEALED = "REVEALED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    RETURNED = "RETURNED"
    REFUNDED = "REFUNDED"
    DISPUTED = "DISPUTED"
    EXCEPTION = "EXCEPTION"


WAITING = frozenset({State.HELD, State.SCHEDULED, State.BACKORDER})
HOLDS_CARD = frozenset({State.RESERVED, State.ALLOCATED, State.DELIVERED, State.REVEALED})
KEEPS_CARD = HOLDS_CARD | {State.DISPUTED}
"""In a dispute the card stays with its unit, and is shown to nobody."""

HANDED_OVER = frozenset({State.DELIVERED, State.REVEALED})
ENDED = frozenset(
    {State.CANCELLED, State.EXPIRED, State.RETURNED, State.REFUNDED, State.DISPUTED, State.EXCEPTION}
)

EDGES: dict[State, frozenset[State]] = {
    State.PENDING: WAITING | {State.RESERVED, State.ALLOCATED, State.CANCELLED},
    State.HELD: frozenset({State.SCHEDULED, State.BACKORDER, State.CANCELLED}),
    State.SCHEDULED: frozenset(
        {State.SCHEDULED, State.BACKORDER, State.ALLOCATED, State.CANCELLED, State.HELD}
    ),
    State.BACKORDER: frozenset({State.SCHEDULED, State.ALLOCATED, State.CANCELLED, State.HELD}),
    State.RESERVED: frozenset({State.ALLOCATED, State.EXPIRED, State.RETURNED}),
    State.ALLOCATED: frozenset({State.DELIVERED, State.REVEALED, State.RETURNED, State.REFUNDED}),
    State.DELIVERED: frozenset({State.REVEALED, State.RETURNED, State.REFUNDED, State.ALLOCATED}),
    State.REVEALED: frozenset({State.ALLOCATED, State.REFUNDED, State.DISPUTED}),
    **{state: frozenset() for state in ENDED},
    State.DISPUTED: frozenset({State.REFUNDED}),
}
"""Every move a unit may make; a replacement leads from a shown card back to ALLOCATED.

SCHEDULED waits for a release or for a closed gate, and changes rooms when another one counts. What waits is
HELD while a person is asked what a refund by amount ends. DISPUTED ends a unit like the other ends, and is
left only when the dispute is lost.
"""


class Room(StrEnum):
    """Where waiting units wait. The name is part of a table key."""

    PRE = "PRE"
    BACK = "BACK"
    MAP = "MAP"
    RISK = "RISK"
    AMOUNT = "AMOUNT"
    PAUSE = "PAUSE"
    REFUND = "REFUND"


DRIVEN = frozenset({Room.PRE, Room.BACK, Room.MAP, Room.PAUSE})
"""Rooms that open by themselves; the others are to-do lists that a person empties."""
