"""The search: breadth first through every order of events, so that the trace it finds is a shortest one."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from tests.model.items import World
from tests.model.judging import Judge, Verdict
from tests.model.moving import Moving
from tests.model.process import Process

State = tuple[int, ...]
"""Store, requests under way, faults left, then one number for each process; 0 is a process that ended."""

STORE, UNDER_WAY, FAULTS, FIRST = range(4)

PROGRESS = 50_000
"""States between two words about how far it is."""


@dataclass(frozen=True)
class Run:
    """What is searched: a world, its processes, how many faults, and whether whole sweeps occur between.

    Processes that are alike stand side by side; they are interchangeable, so their order is no difference.
    """

    name: str
    world: World
    processes: tuple[Process, ...]
    says: str
    faults: int = 1
    sweeps: bool = False


@dataclass
class Found:
    """What a search came to. `violation` is None if there is none; `open` counts states not looked into."""

    run: Run
    states: int = 0
    transitions: int = 0
    stores: int = 0
    seconds: float = 0.0
    open: int = 0
    violation: str | None = None
    trace: list[str] = field(default_factory=list)
    committed: frozenset[str] = frozenset()

    @property
    def result(self) -> str:
        return self.violation or (f"clean so far, {self.open:,} open" if self.open else "clean")

    def __str__(self) -> str:
        figures = (
            f"{self.states:,} states, {self.transitions:,} transitions, "
            f"{self.stores:,} stores checked for liveness, {self.seconds:.1f} s"
        )
        steps = (f"  {n:2} {step}" for n, step in enumerate(self.trace, 1))
        return "\n".join([f"{self.run.name}: {self.result}; {figures}", *steps])


class Search:
    """One run, searched until a violation, the end, or so many states."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.moving = Moving(run.world)
        self.judge = Judge(self.moving)
        self.places = places(run.processes)

    def go(self, most: int | None = None, told: Callable[[Found], None] | None = None) -> Found:
        """Search. `told` hears now and then how far it is."""
        found, began = Found(self.run), time.process_time()
        first = self._first()
        parents: dict[State, State | None] = {first: None}
        queue, last, verdict = deque([first]), first, self._judge(first)

        def count() -> Found:
            found.states, found.open, found.stores = len(parents), len(queue), len(self.judge.unfinished)
            found.seconds = time.process_time() - began
            return found

        while queue and verdict is None and (most is None or len(parents) < most):
            state = queue.popleft()
            for after in self._after(state):
                found.transitions += 1
                if after in parents:
                    continue
                parents[after] = state
                queue.append(after)
                verdict = self._judge(after)
                if verdict is not None:
                    last = after
                    break
                if told and len(parents) % PROGRESS == 0:
                    told(count())
        count()
        found.committed = frozenset(self.moving.committed)
        if verdict is not None:
            found.violation = verdict[0]
            found.trace = [*self._trace(parents, last), *verdict[1]]
        return found

    def _first(self) -> State:
        store = self.moving.stores.of(self.run.world.first_store())
        return (store, 0, self.run.faults, *(self.moving.processes.of(one) for one in self.run.processes))

    def _judge(self, state: State) -> Verdict:
        return self.judge.verdict(state[STORE], state[UNDER_WAY])

    def _after(self, state: State) -> Iterator[State]:
        """Every state that follows."""
        store, under_way, faults = state[:FIRST]
        for place, low, high in self.places:
            process = state[place]
            if process == 0 or (place > low and process == state[place - 1]):
                continue
            for change in self.moving.changes(process, store):
                if change.faults > faults:
                    continue
                after = [*state]
                left = self.moving.with_request(under_way, change.request)
                after[:FIRST] = change.store, left, faults - change.faults
                after[place] = change.process
                if high - low > 1:
                    after[low:high] = sorted(after[low:high])
                yield tuple(after)
        if under_way:
            for landing in self.moving.landings(store, under_way):
                yield (landing.store, landing.under_way, *state[FAULTS:])
        if self.run.sweeps:
            yield (self.judge.swept(store, late=False), *state[UNDER_WAY:])

    # -- telling how it came to a state ----------------------------------------------------------------

    def _trace(self, parents: dict[State, State | None], last: State) -> list[str]:
        path = [last]
        while (before := parents[path[-1]]) is not None:
            path.append(before)
        names, trace = list(self._names()), []
        for before, after in pairwise(reversed(path)):
            step, names = self._step(before, after, names)
            trace.append(step)
        return trace

    def _names(self) -> Iterator[str]:
        for place, low, high in self.places:
            process = self.run.processes[place - FIRST]
            number = f" {place - low + 1}" if high - low > 1 else ""
            order = getattr(process, "order", None)
            of = f" of order {order}" if order is not None and len(self.run.world.orders) > 1 else ""
            yield f"{type(process).__name__}{number}{of}"

    def _step(self, before: State, after: State, names: list[str]) -> tuple[str, list[str]]:
        """What led from one state to the next, and the names of the processes in the places of the next."""
        for place, low, high in self.places:
            for change in self.moving.changes(before[place], before[STORE]) if before[place] else ():
                moved = [*before]
                left = self.moving.with_request(before[UNDER_WAY], change.request)
                moved[:FIRST] = change.store, left, before[FAULTS] - change.faults
                moved[place] = change.process
                group = sorted(range(low, high), key=moved.__getitem__)
                moved[low:high] = [moved[at] for at in group]
                if tuple(moved) == after:
                    renamed = [*names]
                    renamed[low - FIRST : high - FIRST] = [names[at - FIRST] for at in group]
                    return f"{names[place - FIRST]}: {change.what}", renamed
        for landing in self.moving.landings(before[STORE], before[UNDER_WAY]):
            if (landing.store, landing.under_way, *before[FAULTS:]) == after:
                return landing.what, names
        return "the sweeper runs", names


def places(processes: tuple[Process, ...]) -> list[tuple[int, int, int]]:
    """For each place of a state the stretch of places whose processes began alike."""
    found = []
    for index, process in enumerate(processes):
        same = [n for n, other in enumerate(processes) if other == process]
        if same != list(range(same[0], same[-1] + 1)):
            raise ValueError("processes that are alike stand side by side")
        found.append((FIRST + index, FIRST + same[0], FIRST + same[-1] + 1))
    return found
