"""Attribute values in DynamoDB's own JSON: one form for each, how they compare, and what they weigh.

A kept value is never changed in place, so versions of an item, stream records and answers share values. Sets
are kept sorted and numbers in their shortest form, so that equal values are equal dictionaries.
"""

import re
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow, Subnormal, Underflow
from typing import Any

from tests.simulation.engine.errors import invalid

Value = dict[str, Any]

SETS = {"SS": str, "NS": str, "BS": bytes}
RANKED = frozenset("SNB")
_PLAIN = re.compile(r"0|-?[1-9][0-9]{0,37}", re.ASCII)
_EXACT = Context(
    prec=38, Emin=-130, Emax=125, traps=[Inexact, InvalidOperation, Overflow, Subnormal, Underflow]
)


def kept(value: Value) -> tuple[Value, int]:
    """The one form of a value, and its weight in bytes."""
    if len(value) != 1:
        raise invalid("Supplied AttributeValue has more than one datatypes set")
    ((kind, held),) = value.items()
    if kind == "S" and type(held) is str:
        return value, len(held) if held.isascii() else len(held.encode())
    if kind == "N":
        text = _number_text(held)
        return value if text == held else {"N": text}, len(text) // 2 + 1
    if kind == "BOOL" and type(held) is bool:
        return value, 1
    if kind == "B" and isinstance(held, bytes | bytearray):
        return value if type(held) is bytes else {"B": bytes(held)}, len(held)
    if kind == "NULL" and held is True:
        return value, 1
    if kind == "L":
        parts = [kept(part) for part in held]
        return {"L": [part for part, _ in parts]}, 3 + sum(size + 1 for _, size in parts)
    if kind == "M":
        members, size = kept_all(held)
        return {"M": members}, 3 + size + len(members)
    if kind in SETS:
        return _kept_set(kind, held)
    raise invalid(f"Supplied AttributeValue is empty or of no known type: {kind}")


def kept_all(members: dict[str, Value]) -> tuple[dict[str, Value], int]:
    """The same for the members of an item or a map, with the weight of their names."""
    found, total = {}, 0
    for name, value in members.items():
        found[name], size = kept(value)
        total += size + (len(name) if name.isascii() else len(name.encode()))
    return found, total


def _kept_set(kind: str, held: Any) -> tuple[Value, int]:
    members = [_number_text(one) for one in held] if kind == "NS" else [SETS[kind](one) for one in held]
    if not members:
        raise invalid(f"One or more parameter values were invalid: An {kind} set  may not be empty")
    if len(set(members)) != len(members):
        raise invalid("One or more parameter values were invalid: Input collection contains duplicates.")
    members.sort(key=number if kind == "NS" else None)
    return {kind: members}, sum(len(one.encode() if kind == "SS" else one) for one in members)


def _number_text(text: Any) -> str:
    if type(text) is not str:
        raise TypeError(f"a number is told as text, not as {text!r}")
    return text if _PLAIN.fullmatch(text) else _told(_decimal(text))


def _decimal(text: str) -> Decimal:
    try:
        return _EXACT.create_decimal(text)
    except ArithmeticError:
        raise invalid(f"The parameter cannot be converted to a numeric value: {text}") from None


def _told(found: int | Decimal) -> str:
    if isinstance(found, int):
        return str(found)
    text = f"{found.normalize(_EXACT):f}" if found else "0"
    return text


def number(text: str) -> int | Decimal:
    """What a kept number stands for."""
    return int(text) if _PLAIN.fullmatch(text) else _decimal(text)


def total(left: Value, right: Value, sign: int) -> Value:
    """`left + right`, or `left - right` with the sign -1."""
    try:
        result = _EXACT.add(Decimal(left["N"]), sign * Decimal(right["N"]))
    except ArithmeticError:
        raise invalid("Number overflow. Attempting to store a number with magnitude too large") from None
    return {"N": _told(int(result) if result == result.to_integral_value() else result)}


def kind_of(value: Value) -> str:
    return next(iter(value))


def rank(value: Value) -> Any:
    """What a text, number or binary sorts by; text by code points, which is the order of its UTF-8."""
    ((kind, held),) = value.items()
    return number(held) if kind == "N" else held
