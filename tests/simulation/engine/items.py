"""One version of an item. It is replaced, never changed, so whoever holds it keeps what he saw."""

from collections.abc import Iterable, Mapping

from tests.simulation.engine.errors import invalid
from tests.simulation.engine.values import Value, kept_all

MOST_BYTES = 400 * 1024


class Stored(dict[str, Value]):
    """An item with its weight in bytes."""

    __slots__ = ("size",)
    size: int


def stored(item: Mapping[str, Value]) -> Stored:
    """An item of a request, with every value in its one form."""
    members, size = kept_all(dict(item))
    return _sized(Stored(members), size)


def changed(old: Stored, new: dict[str, Value], tops: Iterable[str]) -> Stored:
    """The next version of an item, of which only the attributes `tops` were touched; values are in form."""
    before = {name: old[name] for name in tops if name in old}
    after = {name: new[name] for name in tops if name in new}
    return _sized(Stored(new), old.size - kept_all(before)[1] + kept_all(after)[1])


def shown(item: Stored, names: frozenset[str] | None) -> Stored:
    """What an index holds of an item."""
    if names is None:
        return item
    members = {name: value for name, value in item.items() if name in names}
    return _sized(Stored(members), kept_all(members)[1])


def _sized(item: Stored, size: int) -> Stored:
    if size > MOST_BYTES:
        raise invalid("Item size has exceeded the maximum allowed size")
    item.size = size
    return item
