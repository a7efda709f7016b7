"""Conditions as functions of an item and its values, made once for each text."""

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from tests.simulation.engine.errors import invalid
from tests.simulation.engine.syntax import Node, Reader
from tests.simulation.engine.values import RANKED, SETS, Value, kind_of, rank

Item = Mapping[str, Value]
Values = Mapping[str, Value]
Demands = tuple[tuple[str, frozenset[str]], ...]
Test = Callable[[Item, Values], bool]
Operand = Callable[[Item, Values], Value | None]

_ORDERS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


@dataclass(frozen=True, slots=True)
class Condition:
    """`tops` are the attributes it looks at; `demands` the kinds that a value must be of in any case."""

    test: Test
    tops: frozenset[str]
    names: frozenset[str]
    values: frozenset[str]
    demands: Demands


def check(demands: Demands, values: Values) -> None:
    for name, kinds in demands:
        if kind_of(values[name]) not in kinds:
            raise invalid(f"Invalid expression: Incorrect operand type for operator or function, {name}")


@lru_cache(maxsize=4096)
def condition(text: str, names: tuple[tuple[str, str], ...]) -> Condition:
    """`names` are the expression's attribute names, as items."""
    reader = Reader(text, dict(names))
    node = reader.condition()
    reader.end()
    demands = tuple(_demands(node))
    tops = frozenset(_tops(node))
    return Condition(_test(node), tops, frozenset(reader.names), frozenset(reader.values), demands)


def _tops(node: Node) -> Iterator[str]:
    if node[0] == "path":
        yield node[1]
    elif node[0] == "in":
        for part in (node[1], *node[2]):
            yield from _tops(part)
    elif node[0] != "value":
        for part in node[1:]:
            yield from _tops(part)


def _demands(node: Node) -> Iterator[tuple[str, frozenset[str]]]:
    kind = node[0]
    if kind in ("and", "or", "not"):
        for part in node[1:]:
            yield from _demands(part)
    elif kind in _ORDERS:
        yield from ((part[1], RANKED) for part in node[1:] if part[0] == "value")
    elif kind == "begins_with":
        yield from ((part[1], frozenset("SB")) for part in node[1:] if part[0] == "value")


def operand(node: Node) -> Operand:
    kind, what = node
    if kind == "value":
        return lambda item, values: values[what]
    return lambda item, values: item.get(what)


def _test(node: Node) -> Test:
    kind = node[0]
    if kind == "not":
        inner = _test(node[1])
        return lambda item, values: not inner(item, values)
    if kind in ("and", "or"):
        return _both(_test(node[1]), _test(node[2])) if kind == "and" else _either(*map(_test, node[1:]))
    if kind == "in":
        wanted, among = operand(node[1]), [operand(part) for part in node[2]]
        return lambda item, values: _among(wanted(item, values), [one(item, values) for one in among])
    operands = [operand(part) for part in node[1:]]
    if kind in ("attribute_exists", "attribute_not_exists"):
        return _exists(operands[0], kind == "attribute_exists")
    if kind in ("=", "<>"):
        return _same(operands[0], operands[1], kind == "=")
    if kind == "between":
        raise NotImplementedError("BETWEEN in a condition that is not on keys")
    left, right = operands
    if kind in _ORDERS:
        compare = _ORDERS[kind]
        return lambda item, values: _compare(compare, left(item, values), right(item, values))
    compare_words = {"begins_with": _begins, "contains": _contains}[kind]
    return lambda item, values: compare_words(left(item, values), right(item, values))


def _both(left: Test, right: Test) -> Test:
    return lambda item, values: left(item, values) and right(item, values)


def _either(left: Test, right: Test) -> Test:
    return lambda item, values: left(item, values) or right(item, values)


def _exists(path: Operand, wanted: bool) -> Test:
    return lambda item, values: (path(item, values) is not None) is wanted


def _same(left: Operand, right: Operand, wanted: bool) -> Test:
    """What is absent equals nothing, so it differs from everything."""

    def test(item: Item, values: Values) -> bool:
        value = left(item, values)
        return (value is not None and value == right(item, values)) is wanted

    return test


def _among(value: Value | None, among: list[Value | None]) -> bool:
    return value is not None and value in among


def _compare(compare: Callable[[Any, Any], bool], left: Value | None, right: Value | None) -> bool:
    if left is None or right is None:
        return False
    kind = kind_of(left)
    return kind == kind_of(right) and kind in RANKED and compare(rank(left), rank(right))


def _begins(value: Value | None, prefix: Value | None) -> bool:
    if value is None or prefix is None:
        return False
    kind = kind_of(value)
    return kind in ("S", "B") and kind == kind_of(prefix) and bool(value[kind].startswith(prefix[kind]))


def _contains(value: Value | None, part: Value | None) -> bool:
    if value is None or part is None:
        return False
    ((kind, held),) = value.items()
    ((part_kind, wanted),) = part.items()
    if kind == "L":
        return part in held
    if kind in SETS:
        return part_kind == kind[0] and wanted in held
    return kind in ("S", "B") and kind == part_kind and wanted in held
