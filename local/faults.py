"""Faults on purpose: what AWS does now and then, done often, and the same way again for the same seed.

Between a source and a function:

    delay       the call waits a while before it begins
    fail        the call never begins
    lose        the function runs and its answer is thrown away: a batch comes back, an HTTP caller gets 502
    duplicate   a batch, a stretch of a stream or a run of a schedule is handed over twice
    reorder     a batch is shuffled; of a stream only across items, as its shards are
    keep        messages that are done are not deleted, so they come again

Between a function and AWS (`local.lossy` does these inside the function's process):

    lost_write  a request took effect and its answer never came
    throttle    a burst of requests is refused
    conflict    a write meets another transaction
    error       AWS answers 500

Each is a probability from 0 to 1, `delay` a range in milliseconds. `only` names the functions it is about.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

HERE = ("fail", "lose", "duplicate", "reorder", "keep")
AT_AWS = ("lost_write", "throttle", "conflict", "error")
KINDS = (*HERE, *AT_AWS)

Item = TypeVar("Item")


class FaultError(ValueError):
    """A fault was asked for in a way nobody understands; the message says what is understood."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """How often each fault strikes; `only` no function means all of them."""

    fail: float = 0.0
    lose: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    keep: float = 0.0
    lost_write: float = 0.0
    throttle: float = 0.0
    conflict: float = 0.0
    error: float = 0.0
    delay: tuple[int, int] = (0, 0)
    seed: int = 0
    only: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for kind in KINDS:
            if not 0 <= getattr(self, kind) <= 1:
                raise FaultError(f"{kind} is a probability from 0 to 1, not {getattr(self, kind)}")
        if not 0 <= self.delay[0] <= self.delay[1]:
            raise FaultError(f"delay is a range of milliseconds such as 50-400, not {self.delay}")

    def covers(self, function: str) -> bool:
        return not self.only or function in self.only

    @property
    def any(self) -> bool:
        return self.delay[1] > 0 or any(getattr(self, kind) for kind in KINDS)


def read_faults(switches: Iterable[str]) -> tuple[Faults, ...]:
    """Faults from words such as `duplicate=0.3`, `delay=50-400`, `seed=7`, `allocation:lose=0.2`."""
    told: dict[str, dict[str, Any]] = {}
    seed = 0
    for switch in switches:
        place, _, wish = switch.rpartition(":")
        kind, _, value = wish.partition("=")
        try:
            if kind == "seed":
                seed = int(value)
            elif kind == "delay":
                low, _, high = value.partition("-")
                told.setdefault(place, {})["delay"] = (int(low), int(high or low))
            elif kind in KINDS:
                told.setdefault(place, {})[kind] = float(value)
            else:
                raise FaultError(f"{switch}: there are {', '.join(KINDS)}, delay and seed")
        except ValueError as wrong:
            if isinstance(wrong, FaultError):
                raise
            raise FaultError(
                f"{switch}: say it as duplicate=0.3, delay=50-400 or allocation:lose=0.2"
            ) from None
    return tuple(
        Faults(**rates, seed=seed, only=frozenset({place} if place else ())) for place, rates in told.items()
    )


class Switches:
    """Which faults are on, and which have happened.

    The n-th draw about one function and kind falls the same way for one seed, whatever else happens.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._standing: tuple[Faults, ...] = ()
        self._passing: list[Faults] = []
        self._draws: Counter[tuple[str, str]] = Counter()
        self.happened: Counter[tuple[str, str]] = Counter()

    @property
    def active(self) -> tuple[Faults, ...]:
        """All that are on."""
        return (*self._standing, *self._passing)

    def set(self, *faults: Faults) -> None:
        """From now on these and no others stand; those of a `with` go on beside them."""
        self._standing = tuple(one for one in faults if one.any)

    @contextmanager
    def on(self, faults: Faults) -> Iterator[Counter[str]]:
        """For the length of a `with` these too; gives what has happened since, by kind."""
        before = self.totals()
        since: Counter[str] = Counter()
        self._passing.append(faults)
        try:
            yield since
        finally:
            self._passing.remove(faults)
            since.update(self.totals() - before)

    def totals(self) -> Counter[str]:
        """What has happened so far, by kind."""
        with self._lock:
            counts: Counter[str] = Counter()
            for (_, kind), count in self.happened.items():
                counts[kind] += count
            return counts

    def troubled(self, function: str) -> bool:
        """Whether any fault is on that is about this function."""
        return any(one.covers(function) for one in self.active)

    def strikes(self, kind: str, function: str) -> bool:
        """Draw whether a fault happens now, and count it if it does."""
        rate, seed = self._rate(kind, function)
        if not rate or self._draw(kind, function, seed).random() >= rate:
            return False
        self.count(function, {kind: 1})
        return True

    def wait(self, function: str) -> None:
        """Delay a call."""
        for one in self.active:
            if one.covers(function) and one.delay[1]:
                time.sleep(self._draw("delay", function, one.seed).uniform(*one.delay) / 1000)
                self.count(function, {"delay": 1})

    def shuffled(self, function: str, items: Sequence[Item]) -> list[Item]:
        """The items in another order."""
        order = list(items)
        self._draw("order", function, self._rate("reorder", function)[1]).shuffle(order)
        return order

    def at_aws(self, function: str) -> dict[str, Any] | None:
        """What the requests of one call shall meet, for the process it runs in; None for nothing."""
        rates = {kind: self._rate(kind, function) for kind in AT_AWS}
        if not any(rate for rate, _ in rates.values()):
            return None
        seed = next(seed for rate, seed in rates.values() if rate)
        draw = self._draw("aws", function, seed).getrandbits(32)
        return {kind: rate for kind, (rate, _) in rates.items()} | {"seed": draw}

    def count(self, function: str, happened: dict[str, int]) -> None:
        """Remember what happened."""
        with self._lock:
            for kind, times in happened.items():
                self.happened[function, kind] += times

    def _rate(self, kind: str, function: str) -> tuple[float, int]:
        """The highest rate that is on, and its seed."""
        rates = [(getattr(one, kind), one.seed) for one in self.active if one.covers(function)]
        return max(rates, default=(0.0, 0))

    def _draw(self, kind: str, function: str, seed: int) -> random.Random:
        with self._lock:
            self._draws[function, kind] += 1
            number = self._draws[function, kind]
        return random.Random(f"{seed}/{kind}/{function}/{number}")


def as_told(faults: Faults) -> dict[str, Any]:
    """Faults as data for people: rates that are not zero, delay as text."""
    told = {kind: value for kind, value in asdict(faults).items() if kind in KINDS and value}
    if faults.delay[1]:
        told["delay"] = "{}-{}".format(*faults.delay)
    return told | {"seed": faults.seed, "only": sorted(faults.only)}
