"""Asking again what was in the way of others, for as long as there is time."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random, SystemRandom
from typing import TypeVar

from cardcourier.errors import Unavailable

TRIES = 9
MOST_WAIT = 5.0
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Patience:
    """Waits ever longer between tries, at random, so that those who clash do not clash again."""

    clock: Callable[[], int]
    random: Random = field(default_factory=SystemRandom)
    sleep: Callable[[float], None] = time.sleep

    def ask(self, call: Callable[[], Answer], until: int) -> Answer:
        """Raises Unavailable when that was the ninth try, or time (`until`, epoch ms) is up."""
        tries = 0
        while True:
            try:
                return call()
            except Unavailable:
                tries += 1
                if tries == TRIES or self.clock() > until:
                    raise
                self.sleep(self.random.random() * min(MOST_WAIT, 0.05 * 2**tries))
