"""Simulated time: code that waits hands over to whoever is due next. One thread, no real waiting.

The product's services are written as plain calls; each runs in a greenlet, and a call to the database
model puts it to sleep until its answer arrives. Times are milliseconds since the simulation began.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from greenlet import getcurrent, greenlet

BEGIN = 1_790_000_000_000
"""The epoch milliseconds at which every simulation begins."""


class Timeline:
    """What happens when. Events of one moment happen in the order in which they were asked for."""

    def __init__(self) -> None:
        self.now = 0.0
        self._hub = getcurrent()
        self._due: list[tuple[float, int, Callable[..., Any]]] = []
        self._asked = 0

    def clock(self) -> int:
        """The clock that the product's code reads."""
        return BEGIN + int(self.now)

    def at(self, when: float, call: Callable[[], Any]) -> None:
        self._asked += 1
        heapq.heappush(self._due, (max(when, self.now), self._asked, call))

    def spawn(self, call: Callable[..., Any], *arguments: Any) -> None:
        """Have `call` run beside everything else, from now on."""
        self.at(self.now, lambda: greenlet(call, self._hub).switch(*arguments))

    def sleep(self, milliseconds: float) -> None:
        self.at(self.now + milliseconds, getcurrent().switch)
        self._hub.switch()

    def sleep_seconds(self, seconds: float) -> None:
        """In place of `time.sleep`."""
        self.sleep(seconds * 1000)

    def stop(self) -> Callable[[], None]:
        """What wakes the caller up again, once it has called `pause`."""
        here = getcurrent()
        return lambda: self.at(self.now, here.switch)

    def pause(self) -> None:
        """Wait until somebody calls what `stop` returned."""
        self._hub.switch()

    def run(self, until: float = float("inf")) -> None:
        """Let everything happen that is due before `until`."""
        while self._due and self._due[0][0] <= until:
            self.now, _, call = heapq.heappop(self._due)
            call()
        if until != float("inf"):
            self.now = max(self.now, until)


class SideBySide:
    """Stands in for a pool of threads: `workers` calls at once, each in a greenlet."""

    def __init__(self, timeline: Timeline, workers: int) -> None:
        self._timeline, self._workers = timeline, workers

    def __enter__(self) -> "SideBySide":
        return self

    def __exit__(self, *_: Any) -> None:
        return None

    def map(self, call: Callable[[Any], Any], arguments: Iterable[Any]) -> Iterator[Any]:
        """All answers in the order of the arguments; the first error among them is raised."""
        waiting = list(enumerate(arguments))[::-1]
        answers: dict[int, Any] = {}
        errors: dict[int, BaseException] = {}
        if not waiting:
            return iter(())
        total, wake = len(waiting), self._timeline.stop()

        def work() -> None:
            while waiting:
                place, argument = waiting.pop()
                try:
                    answers[place] = call(argument)
                except Exception as error:
                    errors[place] = error
                if len(answers) + len(errors) == total:
                    wake()

        for _ in range(min(self._workers, total)):
            self._timeline.spawn(work)
        self._timeline.pause()
        for place in sorted(errors):
            raise errors[place]
        return iter([answers[place] for place in range(total)])
