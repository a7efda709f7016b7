"""Many seeds, on as many processes as asked for, and what came of them.

A seed is a run of its own: which process runs it, and what ran there before, changes nothing.
"""

import multiprocessing
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tests.simulation.run import Run
from tests.simulation.scale import small
from tests.simulation.violations import Violation
from tests.simulation.world import world_now

CHUNK = 25


@dataclass(frozen=True)
class Found:
    """A broken promise, and by which seed."""

    seed: int
    invariant: str
    subject: str
    what: str


@dataclass
class Result:
    """`seen` counts what happened: writes, faults, edges, acts. `millis` is simulated time."""

    seeds: int = 0
    steps: int = 0
    millis: int = 0
    seen: Counter = field(default_factory=Counter)
    found: list[Found] = field(default_factory=list)

    def add(self, other: "Result") -> None:
        self.seeds += other.seeds
        self.steps += other.steps
        self.millis += other.millis
        self.seen.update(other.seen)
        self.found += other.found


def run_all(seeds: Iterable[int]) -> Result:
    """In this process. What the product imports is that of small worlds meanwhile."""
    result = Result()
    with small(world_now):
        for seed in seeds:
            run = Run(seed)
            try:
                run.go()
            except Violation as broken:
                result.found.append(Found(seed, broken.invariant, broken.subject, broken.what))
            result.seeds += 1
            result.steps += len(run.world.calls.trace)
            result.millis += run.lasted
            result.seen.update(run.world.seen)
    return result


def campaign(seeds: range, workers: int = 0, *, first: bool = False) -> Iterator[Result]:
    """Chunk by chunk, in order; with `first` no more than up to the first violation."""
    chunks = [seeds[at : at + CHUNK] for at in range(0, len(seeds), CHUNK)]
    workers = min(workers or os.cpu_count() or 1, len(chunks))
    if workers < 2:
        results = map(run_all, chunks)
        yield from _until(results, first=first)
        return
    with multiprocessing.get_context("fork").Pool(workers) as pool:
        yield from _until(pool.imap(run_all, chunks), first=first)


def _until(results: Iterable[Result], *, first: bool) -> Iterator[Result]:
    for result in results:
        yield result
        if first and result.found:
            return
