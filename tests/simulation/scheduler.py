"""Many strands in one thread: each runs until its next call, and simulated time decides who goes on.

A strand is what a thread is elsewhere: one handler at work, one request of a person. It belongs to a process,
with which it dies. Time does not pass while a strand computes; it jumps to whatever comes next when all
sleep.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from greenlet import getcurrent, greenlet

from tests.simulation.violations import Violation


class Killed(BaseException):
    """The process of this strand is no more. No handler of errors catches it."""


@dataclass(eq=False)
class Process:
    """One running function, with a clock that may be wrong by `skew` ms. `parts` are made when it starts."""

    name: str
    function: str
    skew: int = 0
    dead: bool = False
    busy: bool = False
    parts: object = None


@dataclass(eq=False)
class Strand:
    """`tenants` are those for whom it works now; None while that is anybody's. `serving` is what it was asked
    for, and what watchers remember of that.
    """

    name: str
    process: Process
    tenants: frozenset[str] | None = None
    judged_at: dict = field(default_factory=dict)
    serving: dict = field(default_factory=dict)
    rid: str = ""
    over: bool = False
    answer: object = None
    error: BaseException | None = None
    waiters: list = field(default_factory=list)
    body: greenlet | None = None


class Scheduler:
    """Runs what was put on the calendar, in the order of its time; equal times in the order they were put."""

    def __init__(self, now: int) -> None:
        self.now = now
        self.current: Strand | None = None
        self._calendar: list[tuple[int, int, Callable[[], None]]] = []
        self._numbers = count()
        self._hub = getcurrent()

    # -- the calendar ---------------------------------------------------------------------------

    def after(self, delay: int, action: Callable[[], None]) -> None:
        heapq.heappush(self._calendar, (self.now + max(0, delay), next(self._numbers), action))

    def run(self, until: int | None = None) -> None:
        """Until nothing is on the calendar, or up to `until` (epoch ms)."""
        self._hub = getcurrent()
        calendar = self._calendar
        while calendar and (until is None or calendar[0][0] <= until):
            at, _, action = heapq.heappop(calendar)
            self.now = max(self.now, at)
            action()
        if until is not None:
            self.now = max(self.now, until)

    @property
    def idle(self) -> bool:
        return not self._calendar

    # -- strands --------------------------------------------------------------------------------

    def start(self, name: str, process: Process, work: Callable[[], object], delay: int = 0) -> Strand:
        """Have `work` done by a new strand; it inherits for whom its starter works."""
        strand = Strand(name, process)
        if self.current is not None:
            strand.tenants, strand.rid = self.current.tenants, self.current.rid
            strand.judged_at = self.current.judged_at
        strand.body = greenlet(lambda: self._work(strand, work), self._hub)
        self.after(delay, lambda: self._go_on(strand))
        return strand

    def pause(self, ms: int) -> None:
        """The current strand sleeps, and others may go on. Outside of a strand nothing ever waits."""
        strand = self.current
        if strand is None:
            return
        self.after(ms, lambda: self._go_on(strand))
        self._sleep(strand)

    def join(self, other: Strand) -> object:
        """What another strand came to; its exception is raised here."""
        while not other.over:
            other.waiters.append(self.current)
            self._sleep(self.current)
        if other.error is not None:
            raise other.error
        return other.answer

    def die(self) -> None:
        """The process of the current strand is killed, with all of its strands."""
        self.current.process.dead = True
        raise Killed

    def _sleep(self, strand: Strand) -> None:
        self._hub.switch()
        if strand.process.dead:
            raise Killed

    def _go_on(self, strand: Strand) -> None:
        self.current = strand
        try:
            strand.body.switch()
        finally:
            self.current = None

    def _work(self, strand: Strand, work: Callable[[], object]) -> None:
        try:
            if not strand.process.dead:
                strand.answer = work()
        except Violation:
            raise
        except BaseException as error:
            strand.error = error  # whoever waits for the strand gets it
        strand.over = True
        for waiter in strand.waiters:
            self.after(0, lambda waiter=waiter: self._go_on(waiter))


@dataclass
class Threads:
    """Stands where a ThreadPoolExecutor stands: its threads are strands of the same process."""

    scheduler: Scheduler

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def map(self, function, *things):
        wanted = list(zip(*things, strict=False))
        if len(wanted) < 2 or self.scheduler.current is None:
            return iter([function(*each) for each in wanted])
        mine = self.scheduler.current
        strands = [
            self.scheduler.start(f"{mine.name}/{n}", mine.process, lambda each=each: function(*each))
            for n, each in enumerate(wanted)
        ]
        results = []
        for strand in strands:
            # All are waited for, as leaving the executor does, before the first failure is told.
            while not strand.over:
                strand.waiters.append(mine)
                self.scheduler._sleep(mine)
            results.append(strand)
        return (self.scheduler.join(strand) for strand in results)
