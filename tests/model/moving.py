"""What may happen next: the moves of each process, faults that befall its writes, requests that land late.

A state is a few small integers: the store, the requests still under way and each process are numbered once,
so that a move of one process in one store is worked out once, whatever the others do meanwhile.

A fault befalls a write: its answer is lost after it committed; the SDK repeats it after it committed; it is
under way while its sender gives up, and commits at any later time or never; or it is under way and repeated.
"""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.model.items import Store, World
from tests.model.process import Process, Step
from tests.model.writes import DONE, Write, apply


class Numbers:
    """Gives every different thing a number, from 0."""

    def __init__(self, *things: Hashable) -> None:
        self.things: list[Any] = []
        self._numbers: dict[Hashable, int] = {}
        for thing in things:
            self.of(thing)

    def of(self, thing: Hashable) -> int:
        number = self._numbers.get(thing)
        if number is None:
            number = self._numbers[thing] = len(self.things)
            self.things.append(thing)
        return number


@dataclass(frozen=True, slots=True)
class Change:
    """One way a move may go: the faults it takes, store and process afterwards, a request left under way."""

    faults: int
    store: int
    process: int
    request: Write | None
    what: str


@dataclass(frozen=True, slots=True)
class Landing:
    """A request under way that commits now: the store afterwards, and what is still under way."""

    store: int
    under_way: int
    what: str


class Moving:
    """Works out moves and remembers them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.stores = Numbers()
        self.processes = Numbers(None)
        self.requests = Numbers(())
        self.committed: set[str] = set()
        self._changes: dict[tuple[int, int], tuple[Change, ...]] = {}
        self._landings: dict[tuple[int, int], tuple[Landing, ...]] = {}
        self._with: dict[tuple[int, Write], int] = {}

    def changes(self, process: int, store: int) -> tuple[Change, ...]:
        """Every way the next move of a process may go in this store.

        Left out is what changes nothing, and what a way with fewer faults does as well.
        """
        key = (process, store)
        known = self._changes.get(key)
        if known is None:
            found: dict[tuple, Change] = {}
            for change in self._ways(process, store):
                after = (change.store, change.process, change.request)
                if after != (store, process, None) and (
                    after not in found or found[after].faults > change.faults
                ):
                    found[after] = change
            known = self._changes[key] = tuple(found.values())
        return known

    def _ways(self, number: int, at: int) -> Iterator[Change]:
        process, store, world = self.processes.things[number], self.stores.things[at], self.world
        for move in process.moves(world, store):
            if isinstance(move, Step):
                yield self._change(0, move.store or store, move.after, None, move.what)
                continue
            then, answer = apply(world, store, move)
            answered, lost = process.answered(world, move, answer), process.lost(move)
            again, second = apply(world, then, move)
            repeated = process.answered(world, move, second)
            told = f"{move} {said(answer)}"
            yield self._change(0, then, answered, None, told)
            yield self._change(1, then, lost, None, f"{told}, but the answer is lost")
            yield self._change(1, again, repeated, None, f"{told}, and the SDK repeats it")
            yield self._change(1, store, lost, move, f"{move} is under way, its sender gives up")
            yield self._change(1, then, answered, move, f"{told} when repeated, and is still under way")
            if answer == DONE:
                self.committed.add(move.number)

    def _change(
        self, faults: int, store: Store, process: Process | None, request: Write | None, what: str
    ) -> Change:
        return Change(faults, self.stores.of(store), self.processes.of(process), request, what)

    def with_request(self, under_way: int, request: Write | None) -> int:
        """The requests under way with one more."""
        if request is None:
            return under_way
        key = (under_way, request)
        number = self._with.get(key)
        if number is None:
            requests = (*self.requests.things[under_way], request)
            number = self._with[key] = self.requests.of(tuple(sorted(requests, key=str)))
        return number

    def landings(self, store: int, under_way: int) -> tuple[Landing, ...]:
        """Each request under way may commit now."""
        key = (store, under_way)
        known = self._landings.get(key)
        if known is None:
            known = self._landings[key] = tuple(self._land(store, self.requests.things[under_way]))
        return known

    def _land(self, store: int, requests: tuple[Write, ...]) -> Iterator[Landing]:
        for index, request in enumerate(requests):
            then, answer = apply(self.world, self.stores.things[store], request)
            rest = self.requests.of(requests[:index] + requests[index + 1 :])
            yield Landing(self.stores.of(then), rest, f"late {request} {said(answer)}")


def said(answer: object) -> str:
    """An answer as a trace tells it."""
    return "is done" if answer == DONE else "fails"
