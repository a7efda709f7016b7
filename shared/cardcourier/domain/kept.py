"""A thing together with the version under which it is kept."""

from dataclasses import dataclass
from typing import Generic, TypeVar

Thing = TypeVar("Thing")


@dataclass(frozen=True, slots=True)
class Kept(Generic[Thing]):
    """Whoever changes the thing says which `ver` was read; a newer one is not overwritten."""

    thing: Thing
    ver: int


@dataclass(frozen=True, slots=True)
class Page(Generic[Thing]):
    """A part of a list; `next` is where it goes on, None at its end."""

    items: tuple[Thing, ...]
    next: str | None = None


@dataclass(frozen=True, slots=True)
class Act:
    """One request that changes something, the same in its repeats.

    `id` names what it creates, so that a repeat creates nothing more; `at` is when it was first made
    (epoch ms).
    """

    id: str
    at: int
