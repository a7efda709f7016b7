"""A small world: what counts in tens and hundreds counts in ones here, so that every branch is near.

Only sizes are changed (pages, lots, parts of an index), and what the product takes from the machine: threads,
random bytes. `small(...)` puts everything back at its end.
"""

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from unittest.mock import patch

from cardcourier.adapters import keyring, sealing
from cardcourier.adapters.tables import keys
from cardcourier.services import (
    delivering,
    draining,
    importing,
    picking,
    showing,
    stocking,
    undoing,
    verifying,
)
from tests.simulation.scheduler import Threads

THREADED = (delivering, draining, importing, showing, undoing)


@dataclass(frozen=True)
class Scale:
    """`rows` of a chunk and cards of a `lot` are told to those who ask for them when they are made."""

    rows: int = 2
    lot: int = 2


SIZES = {
    keys: {"TIMER_PARTS": 2, "ROOM_PARTS": 3},
    picking: {"PAGE": 3},
    draining: {"WAVE": 3, "PLENTY": 2, "CROWD": 2, "HANDS": 2, "MOST_AT_ONCE": 4},
    stocking: {"STRETCH": 3, "LOT": 2},
    verifying: {"PARTS": 1},
}


@contextmanager
def small(of_now):
    """`of_now()` is the running world: its scheduler and its chance stand in for threads and randomness."""
    with ExitStack() as changed:
        for module, sizes in SIZES.items():
            changed.enter_context(patch.multiple(module, **sizes))
        for module in THREADED:
            changed.enter_context(
                patch.object(module, "ThreadPoolExecutor", lambda most: Threads(of_now().scheduler))
            )
        random = SimpleNamespace(urandom=lambda count: of_now().chance.random.randbytes(count))
        changed.enter_context(patch.object(sealing, "os", random))
        changed.enter_context(
            patch.object(keyring, "token_hex", lambda n: of_now().chance.random.randbytes(n).hex())
        )
        yield
