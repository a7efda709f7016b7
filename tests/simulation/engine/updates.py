"""Updates as functions from an old item and values to a new item, made once for each text."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

from tests.simulation.engine.conditions import Item, Operand, Values, get, operand
from tests.simulation.engine.errors import invalid
from tests.simulation.engine.syntax import Node, Path, Reader
from tests.simulation.engine.values import SETS, Value, kept, kind_of, total

WRONG_TYPE = "An operand in the update expression has an incorrect data type"
NO_PLACE = "The document path provided in the update expression is invalid for update"
Action = Callable[[Item, Values, dict[str, Value]], None]


@dataclass(frozen=True, slots=True)
class Update:
    """`tops` are the attributes it touches."""

    actions: tuple[Action, ...]
    tops: tuple[str, ...]
    names: frozenset[str]
    values: frozenset[str]
    nested: bool

    def apply(self, old: Item, values: Values) -> dict[str, Value]:
        """The new item; every right side is taken from the old one."""
        new = dict(old)
        for action in self.actions:
            action(old, values, new)
        return new


@lru_cache(maxsize=4096)
def update(text: str, names: tuple[tuple[str, str], ...]) -> Update:
    """`names` are the expression's attribute names, as items."""
    reader = Reader(text, dict(names))
    nodes = reader.update()
    paths = [node[1] for node in nodes]
    if not paths:
        raise invalid("Invalid UpdateExpression: The expression can not be empty;")
    _need_apart(paths)
    # A list gives up its last places first, so that the places of the others stay what they are.
    removals = sorted((node for node in nodes if node[0] == "remove"), key=_places, reverse=True)
    ordered = [*(node for node in nodes if node[0] != "remove"), *removals]
    return Update(
        tuple(map(_action, ordered)),
        tuple(dict.fromkeys(str(path[0]) for path in paths)),
        frozenset(reader.names),
        frozenset(reader.values),
        any(len(path) > 1 for path in paths),
    )


def _need_apart(paths: list[Path]) -> None:
    for n, one in enumerate(paths):
        for other in paths[n + 1 :]:
            shorter = min(len(one), len(other))
            if one[:shorter] == other[:shorter]:
                raise invalid("Invalid UpdateExpression: Two document paths overlap with each other;")


def _places(node: Node) -> list[tuple[bool, Any]]:
    return [(isinstance(step, int), step) for step in node[1]]


def _action(node: Node) -> Action:
    kind, path, *more = node
    if kind == "set":
        value = _value(more[0])
        return lambda old, values, new: _put(new, path, value(old, values))
    if kind == "remove":
        return lambda old, values, new: _drop(new, path)
    change = _added if kind == "add" else _left
    given = operand(more[0])

    def act(old: Item, values: Values, new: dict[str, Value]) -> None:
        changed = change(get(old, path), _need(given(old, values)))
        if changed is None:
            _drop(new, path)
        else:
            _put(new, path, changed)

    return act


# -- right sides ------------------------------------------------------------------------------------------


def _value(node: Node) -> Callable[[Item, Values], Value]:
    if node[0] in ("+", "-"):
        left, right, sign = _value(node[1]), _value(node[2]), 1 if node[0] == "+" else -1
        return lambda old, values: _sum(left(old, values), right(old, values), sign)
    if node[0] == "if_not_exists":
        there, otherwise = operand(node[1]), _value(node[2])
        return lambda old, values: there(old, values) or otherwise(old, values)
    if node[0] == "list_append":
        first, second = _value(node[1]), _value(node[2])
        return lambda old, values: _joined(first(old, values), second(old, values))
    found: Operand = operand(node)
    return lambda old, values: _need(found(old, values))


def _need(value: Value | None) -> Value:
    if value is None:
        raise invalid("The provided expression refers to an attribute that does not exist in the item")
    return value


def _sum(left: Value, right: Value, sign: int) -> Value:
    if "N" not in left or "N" not in right:
        raise invalid(WRONG_TYPE)
    return total(left, right, sign)


def _joined(first: Value, second: Value) -> Value:
    if "L" not in first or "L" not in second:
        raise invalid(WRONG_TYPE)
    return {"L": [*first["L"], *second["L"]]}


def _added(old: Value | None, given: Value) -> Value:
    kind = kind_of(given)
    if kind not in ("N", *SETS):
        raise invalid("Invalid UpdateExpression: Incorrect operand type for operator or function; ADD")
    if old is None:
        return given
    if kind not in old:
        raise invalid(WRONG_TYPE)
    if kind == "N":
        return total(old, given, 1)
    return kept({kind: list({*old[kind], *given[kind]})})[0]


def _left(old: Value | None, given: Value) -> Value | None:
    """What is left of a set without these members; a set is never empty."""
    kind = kind_of(given)
    if kind not in SETS:
        raise invalid("Invalid UpdateExpression: Incorrect operand type for operator or function; DELETE")
    if old is None:
        return None
    if kind not in old:
        raise invalid(WRONG_TYPE)
    rest = [one for one in old[kind] if one not in given[kind]]
    return {kind: rest} if rest else None


# -- places -----------------------------------------------------------------------------------------------


def _put(new: dict[str, Value], path: Path, value: Value) -> None:
    if len(path) == 1:
        new[path[0]] = value  # type: ignore[index]
        return
    inside, step = _copied(new, path)
    if isinstance(inside, dict):
        inside[step] = value
    else:
        inside[step : step + 1] = [value]


def _drop(new: dict[str, Value], path: Path) -> None:
    if len(path) == 1:
        new.pop(path[0], None)  # type: ignore[arg-type]
        return
    inside, step = _copied(new, path)
    if isinstance(inside, dict):
        inside.pop(step, None)
    else:
        del inside[step : step + 1]


def _copied(new: dict[str, Value], path: Path) -> tuple[Any, Any]:
    """The map or list that holds the last step of a path, copied on the way down; versions share the rest."""
    inside: Any = new
    for step, following in pairwise(path):
        kind = "M" if isinstance(following, str) else "L"
        try:
            found = inside[step][kind]
        except LookupError:
            raise invalid(NO_PLACE) from None
        copy = dict(found) if kind == "M" else list(found)
        inside[step] = {kind: copy}
        inside = copy
    return inside, path[-1]
