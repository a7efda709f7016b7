"""What a process is: something that sends one request after another and remembers what it was answered.

Its next moves are either steps (a read, a look at the clock: nothing that is stored changes) or writes.
A process may stop for ever after any of them, or go on much later. The first move of `moves` is what it would
do with the world as it is, the others what it may do because it knows less; a sweeper alone takes the first.
"""

from dataclasses import dataclass
from typing import Any, Protocol

from tests.model.items import Store, World
from tests.model.writes import Write


class Process(Protocol):
    """None in place of a process means that it has ended."""

    def moves(self, world: World, store: Store) -> "list[Step | Write]":
        """What it may do next; nothing while it has to wait."""
        ...

    def answered(self, world: World, request: Write, answer: Any) -> "Process | None":
        """How it goes on after an answer."""
        ...

    def lost(self, request: Write) -> "Process | None":
        """How it goes on when no answer came."""
        ...


@dataclass(frozen=True, slots=True)
class Step:
    """A move without a write: `after` is the process afterwards. Only the clock changes the store by one."""

    what: str
    after: Process | None
    store: Store | None = None
