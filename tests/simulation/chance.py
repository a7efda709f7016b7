"""What is left to chance in a run: how long things take, what lags, and which call meets which fault.

Every seed has a climate of its own: which faults there are at all, and how often. Most are mild, so that a
run gets somewhere; some are wild. Once `calm` is set nothing goes wrong any more.
"""

from collections import Counter
from random import Random

from tests.simulation.engine import Weather

READ_FAULTS = ("unsent", "throttled", "frozen", "killed before", "killed after")
WRITE_FAULTS = (
    *READ_FAULTS,
    "failed",
    "lost",
    "repeated",
    "late",
    "overtaken",
    "killed late",
)
TRANSACTION_FAULTS = (*WRITE_FAULTS, "conflict", "slow", "in progress")
FAULTS = {"read": READ_FAULTS, "write": WRITE_FAULTS, "transaction": TRANSACTION_FAULTS}
"""What may befall a call, by its kind; see `calls`."""

QUEUE_FAULTS = ("duplicate", "forgotten", "delayed", "undeleted")
STREAM_FAULTS = ("replayed", "halved", "late")
SCHEDULE_FAULTS = ("twice", "absent")
TABLE_FAULTS = ("burst",)
EVERY_FAULT = (*TRANSACTION_FAULTS, *QUEUE_FAULTS, *STREAM_FAULTS, *SCHEDULE_FAULTS, *TABLE_FAULTS)

MINUTE = 60_000
MOST_SKEW = 5 * MINUTE
"""STALE, a quarter of an hour, is longer than FRESH, the index's lag and twice this."""

MOST_LAG = 60_000


class Chance(Weather):
    """The weather of one seed. `clock()` is simulated time."""

    def __init__(self, seed, clock) -> None:
        self.seen: Counter[tuple[str, str]] = Counter()
        self.random = Random(f"weather {seed}")
        self.calm = False
        self._clock = clock
        draw = self.random
        self.rate = draw.choice((0.0, 0.02, 0.05, 0.1, 0.2))
        few = draw.random() < 0.5
        self.kinds = frozenset(draw.sample(EVERY_FAULT, draw.randint(1, 4)) if few else EVERY_FAULT)
        self.skewed = draw.random() < 0.3
        begin = clock() + int(60_000 * draw.random())
        kinds = ("P#", "O#", "W#", "D#", "C#", "J#", "V#")
        burst = "burst" in self.kinds and self.rate > 0
        self.burst = (begin, begin + draw.choice((1_000, 5_000, 30_000)) * burst, draw.choice(kinds))
        self.lags = draw.choice((0, 0, 200, 5_000, MOST_LAG))
        self.sluggish = draw.choice((5, 30, 400))

    # -- the engine's questions -------------------------------------------------------------------

    def now(self) -> int:
        return self._clock()

    def lag(self, table: str, index: str) -> int:
        if self.calm or not self.lags:
            return 0
        return int(self.lags * self.random.random())

    def shows_older(self, table: str) -> bool:
        return self.random.random() < 0.5

    def throttles(self, operation: str, table: str, index: str, pk) -> bool:
        """In a burst, everything of one kind of key is asked too fast."""
        begin, end, kind = self.burst
        if self.calm or not begin <= self._clock() < end or not str(pk).startswith(kind):
            return False
        self.seen["fault", "burst"] += 1
        return self.random.random() < 0.9

    # -- time ---------------------------------------------------------------------------------------

    def latency(self) -> int:
        """Milliseconds on the way of one call: a few, and now and then many."""
        draw, most = self.random.random(), 5 if self.calm else self.sluggish
        return int(draw * most) if draw < 0.97 else int(draw * 40 * most)

    def long(self) -> int:
        """How long a frozen worker stands still."""
        return int(self.random.choice((2_000, 20_000, 2 * MINUTE, 20 * MINUTE)) * self.random.random())

    def skew(self) -> int:
        """By how much one machine's clock is wrong."""
        if not self.skewed:
            return 0
        return self.random.choice((0, 40, -300, MINUTE, -MINUTE, MOST_SKEW, -MOST_SKEW))

    # -- faults -------------------------------------------------------------------------------------

    def fault(self, kind: str) -> str:
        """What goes wrong with a call of this kind; empty for nothing."""
        if self.calm or self.random.random() >= (self.rate if kind != "read" else self.rate / 3):
            return ""
        found = self.random.choice(FAULTS[kind])
        if found not in self.kinds:
            return ""
        self.seen["fault", found] += 1
        return found

    def happens(self, fault: str, rate: float = 0.1) -> bool:
        """Whether a fault of queues, streams and schedules happens now, if this climate knows it."""
        if self.calm or not self.rate or fault not in self.kinds or self.random.random() >= rate:
            return False
        self.seen["fault", fault] += 1
        return True
