"""Expressions read into trees, once for each text.

A node is a tuple that begins with what it is: ("path", name), ("value", ":v"), and one per operator or
function, in small letters. Paths lead to whole attributes; the product asks for no parts of them.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.engine.errors import invalid

Node = tuple[Any, ...]

_TOKEN = re.compile(r"\s*(?:([#:]?[A-Za-z0-9_]+)|(<>|<=|>=|[=<>(),.\[\]+-]))")
_COMPARISONS = ("=", "<>", "<", "<=", ">", ">=")
_FUNCTIONS = {
    "attribute_exists": 1,
    "attribute_not_exists": 1,
    "begins_with": 2,
    "contains": 2,
}


@dataclass
class Reader:
    """Reads one expression; `names` and `values` are what it refers to by placeholders."""

    text: str
    given: Mapping[str, str]
    names: set[str] = field(default_factory=set)
    values: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._tokens: list[str] = []
        at, text = 0, self.text.rstrip()
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                raise invalid(f"Invalid expression: Syntax error near {text[at : at + 10]!r}")
            self._tokens.append(match[1] or match[2])
            at = match.end()
        self._tokens.reverse()

    # -- tokens -------------------------------------------------------------------------------------------

    @property
    def next(self) -> str:
        return self._tokens[-1] if self._tokens else ""

    def take(self) -> str:
        if not self._tokens:
            raise invalid(f"Invalid expression: it ends too early: {self.text}")
        return self._tokens.pop()

    def skip(self, token: str) -> bool:
        """Take the next token if it is this one; words count in any case."""
        if self.next.upper() != token:
            return False
        self._tokens.pop()
        return True

    def expect(self, token: str) -> None:
        if not self.skip(token):
            raise invalid(f"Invalid expression: Syntax error near {self.next!r} in {self.text}")

    def end(self) -> None:
        if self._tokens:
            raise invalid(f"Invalid expression: Syntax error near {self.next!r} in {self.text}")

    def listed(self, read: Callable[[], Any]) -> list[Any]:
        found = [read()]
        while self.skip(","):
            found.append(read())
        return found

    # -- paths and operands -------------------------------------------------------------------------------

    def path(self) -> str:
        token = self.take()
        if self.next in (".", "["):
            raise NotImplementedError(f"a part of an attribute: {self.text}")
        if token[0] == "#":
            if token not in self.given:
                raise invalid(f"An expression attribute name used in expression is not defined: {token}")
            self.names.add(token)
            return self.given[token]
        if not (token[0].isalpha() or token[0] == "_"):
            raise invalid(f"Invalid expression: Syntax error near {token!r} in {self.text}")
        return token

    def operand(self) -> Node:
        if self.next[:1] == ":":
            self.values.add(self.next)
            return ("value", self.take())
        return ("path", self.path())

    # -- conditions ---------------------------------------------------------------------------------------

    def condition(self) -> Node:
        left = self._all_of()
        while self.skip("OR"):
            left = ("or", left, self._all_of())
        return left

    def _all_of(self) -> Node:
        left = self._one()
        while self.skip("AND"):
            left = ("and", left, self._one())
        return left

    def _one(self) -> Node:
        if self.skip("NOT"):
            return ("not", self._one())
        if self.skip("("):
            inner = self.condition()
            self.expect(")")
            return inner
        if self.next in _FUNCTIONS:
            return self._function()
        left = self.operand()
        if self.skip("BETWEEN"):
            low = self.operand()
            self.expect("AND")
            return ("between", left, low, self.operand())
        if self.skip("IN"):
            self.expect("(")
            among = tuple(self.listed(self.operand))
            self.expect(")")
            return ("in", left, among)
        comparison = self.take()
        if comparison not in _COMPARISONS:
            raise invalid(f"Invalid expression: Syntax error near {comparison!r} in {self.text}")
        right = self.operand()
        if (left[0], right[0]) != ("path", "value"):
            raise NotImplementedError(
                f"a comparison of other things than an attribute and a value: {self.text}"
            )
        return (comparison, left, right)

    def _function(self) -> Node:
        name = self.take()
        self.expect("(")
        operands = self.listed(self.operand)
        self.expect(")")
        if len(operands) != _FUNCTIONS[name] or operands[0][0] != "path":
            raise invalid(f"Invalid expression: Incorrect operands for function {name}")
        return (name, *operands)

    # -- updates ------------------------------------------------------------------------------------------

    def update(self) -> list[Node]:
        """Actions: ("set", name, node), ("remove", name), ("add" or "delete", name, value)."""
        readers = {"SET": self._set, "REMOVE": self._remove, "ADD": self._add, "DELETE": self._delete}
        actions: list[Node] = []
        seen: set[str] = set()
        while self.next:
            clause = self.take().upper()
            if clause not in readers or clause in seen:
                raise invalid(f"Invalid UpdateExpression: Syntax error near {clause!r} in {self.text}")
            seen.add(clause)
            actions += self.listed(readers[clause])
        return actions

    def _set(self) -> Node:
        path = self.path()
        self.expect("=")
        return ("set", path, self._sum())

    def _sum(self) -> Node:
        left = self._term()
        if self.next in ("+", "-"):
            sign = self.take()
            return (sign, left, self._term())
        return left

    def _term(self) -> Node:
        if self.skip("("):
            inner = self._sum()
            self.expect(")")
            return inner
        name = self.next
        if name not in ("if_not_exists", "list_append"):
            return self.operand()
        self.take()
        self.expect("(")
        left = self._term()
        self.expect(",")
        right = self._term()
        self.expect(")")
        if name == "if_not_exists" and left[0] != "path":
            raise invalid("Invalid UpdateExpression: Operator or function requires a document path")
        return (name, left, right)

    def _remove(self) -> Node:
        return ("remove", self.path())

    def _add(self) -> Node:
        return ("add", self.path(), self._value())

    def _delete(self) -> Node:
        return ("delete", self.path(), self._value())

    def _value(self) -> Node:
        node = self.operand()
        if node[0] != "value":
            raise invalid(f"Invalid UpdateExpression: a value is needed in {self.text}")
        return node
