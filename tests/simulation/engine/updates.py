"""Updates as functions from an old item and values to a new item, made once for each text."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from tests.simulation.engine.conditions import Demands, Item, Operand, Values, operand
from tests.simulation.engine.errors import invalid
from tests.simulation.engine.syntax import Node, Reader
from tests.simulation.engine.values import SETS, Value, kept, kind_of, total

WRONG_TYPE = "An operand in the update expression has an incorrect data type"
_OPERANDS = {"add": frozenset(("N", *SETS)), "delete": frozenset(SETS)}
Action = Callable[[Item, Values, dict[str, Value]], None]


@dataclass(frozen=True, slots=True)
class Update:
    """`tops` are the attributes it touches; `demands` the kinds that a value must be of in any case."""

    actions: tuple[Action, ...]
    tops: tuple[str, ...]
    names: frozenset[str]
    values: frozenset[str]
    demands: Demands

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
    tops = tuple(node[1] for node in nodes)
    if not tops:
        raise invalid("Invalid UpdateExpression: The expression can not be empty;")
    if len(set(tops)) != len(tops):
        raise invalid("Invalid UpdateExpression: Two document paths overlap with each other;")
    demands = tuple((node[2][1], _OPERANDS[node[0]]) for node in nodes if node[0] in _OPERANDS)
    used = frozenset(reader.names), frozenset(reader.values)
    return Update(tuple(map(_action, nodes)), tops, *used, demands)


def _action(node: Node) -> Action:
    kind, name, *more = node
    if kind == "remove":
        return lambda old, values, new: _put(new, name, None)
    if kind == "set":
        value = _value(more[0])
        return lambda old, values, new: _put(new, name, value(old, values))
    change, given = _added if kind == "add" else _left, operand(more[0])
    return lambda old, values, new: _put(new, name, change(old.get(name), _need(given(old, values))))


def _put(new: dict[str, Value], name: str, value: Value | None) -> None:
    if value is None:
        new.pop(name, None)
    else:
        new[name] = value


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
    if old is None:
        return None
    if kind not in old:
        raise invalid(WRONG_TYPE)
    rest = [one for one in old[kind] if one not in given[kind]]
    return {kind: rest} if rest else None
