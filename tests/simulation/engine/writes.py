"""A write of a request made ready: which item, on what condition, and what becomes of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.simulation.engine.conditions import Condition, check, condition
from tests.simulation.engine.errors import CONDITION_FAILED, invalid, known, refusal
from tests.simulation.engine.items import Stored, changed, stored
from tests.simulation.engine.schema import Key
from tests.simulation.engine.tables import Table
from tests.simulation.engine.updates import Update, update
from tests.simulation.engine.values import Value, kept

Request = Mapping[str, Any]

_ALWAYS = {
    "TableName",
    "ConditionExpression",
    "ExpressionAttributeNames",
    "ExpressionAttributeValues",
    "ReturnValuesOnConditionCheckFailure",
}
OPTIONS = {
    "Put": frozenset({*_ALWAYS, "Item"}),
    "Update": frozenset({*_ALWAYS, "Key", "UpdateExpression"}),
    "Delete": frozenset({*_ALWAYS, "Key"}),
    "ConditionCheck": frozenset({*_ALWAYS, "Key"}),
}


Made = Callable[[Stored | None], Stored | None]
_MADE: Mapping[str, Made | None] = {"Delete": lambda old: None, "ConditionCheck": None}


@dataclass(frozen=True, slots=True)
class Write:
    """`made` turns the item that is there into the one that will be, None for none.

    A check of a condition has no `made`.
    """

    table: Table
    key: Key
    made: Made | None
    condition: Condition | None
    values: Mapping[str, Value]
    update: Update | None
    tells_old: bool

    @property
    def place(self) -> tuple[str, Key]:
        return self.table.name, self.key

    def allowed(self, old: Stored | None) -> bool:
        return self.condition is None or self.condition.test(old if old is not None else {}, self.values)

    def failure(self, old: Stored | None) -> dict[str, Any]:
        """What is told beside a condition that failed."""
        return {"Item": dict(old)} if self.tells_old and old is not None else {}

    def reason(self, old: Stored | None) -> dict[str, Any]:
        return {**self.failure(old), "Code": "ConditionalCheckFailed", "Message": CONDITION_FAILED}


def table_of(tables: Mapping[str, Table], request: Request) -> Table:
    table = tables.get(request["TableName"])
    if table is None:
        raise refusal("ResourceNotFoundException", "", "Requested resource not found")
    return table


def write_of(tables: Mapping[str, Table], verb: str, request: Request) -> Write:
    """A write of `verb` (Put, Update, Delete, ConditionCheck) as a transaction has it."""
    known(request, OPTIONS[verb], verb)
    table = table_of(tables, request)
    names, values = placeholders(request)
    wanted = condition(request["ConditionExpression"], names) if "ConditionExpression" in request else None
    if verb == "ConditionCheck" and wanted is None:
        raise invalid("The ConditionExpression can not be empty")
    change = update(request["UpdateExpression"], names) if "UpdateExpression" in request else None
    need_all_used(names, values, wanted, change)
    for one in (wanted, change):
        if one is not None:
            check(one.demands, values)
    tells = request.get("ReturnValuesOnConditionCheckFailure", "NONE")
    if tells not in ("NONE", "ALL_OLD"):
        raise invalid("Invalid ReturnValuesOnConditionCheckFailure")
    made: Made | None
    if verb == "Put":
        key, made = _putting(table, request["Item"])
    else:
        key = table.key.exact(request["Key"])
        made = _updating(table, request["Key"], change, values) if verb == "Update" else _MADE[verb]
    return Write(table, key, made, wanted, values, change, tells == "ALL_OLD")


def placeholders(request: Request) -> tuple[tuple[tuple[str, str], ...], dict[str, Value]]:
    """The names of a request as items, and its values in their one form."""
    names, values = request.get("ExpressionAttributeNames"), request.get("ExpressionAttributeValues")
    if names is not None and not names:
        raise invalid("ExpressionAttributeNames must not be empty")
    if values is not None and not values:
        raise invalid("ExpressionAttributeValues must not be empty")
    ready = {name: kept(value)[0] for name, value in values.items()} if values else {}
    return tuple(names.items()) if names else (), ready


def need_all_used(names: tuple[tuple[str, str], ...], values: Mapping[str, Value], *expressions: Any) -> None:
    """Every placeholder is used, and every one that is used was given."""
    present = [one for one in expressions if one is not None]
    used_names: set[str] = set().union(*(one.names for one in present))
    used_values: set[str] = set().union(*(one.values for one in present))
    if missing := used_values - values.keys():
        raise invalid(f"An expression attribute value used in expression is not defined: {missing}")
    if len(used_names) != len(names):
        raise invalid("Value provided in ExpressionAttributeNames unused in expressions")
    if len(used_values) != len(values):
        raise invalid("Value provided in ExpressionAttributeValues unused in expressions")


def _putting(table: Table, given: Mapping[str, Value]) -> tuple[Key, Callable[[Stored | None], Stored]]:
    item = stored(given)

    def made(old: Stored | None) -> Stored:
        table.check(item)
        return item

    return table.key.of(item), made


def _updating(
    table: Table, key: Mapping[str, Value], change: Update | None, values: Mapping[str, Value]
) -> Callable[[Stored | None], Stored]:
    fresh = stored(key)
    if change is None:
        return lambda old: old if old is not None else fresh
    for name in table.key.names:
        if name in change.tops:
            raise invalid(f"Cannot update attribute {name}. This attribute is part of the key")

    def made(old: Stored | None) -> Stored:
        base = old if old is not None else fresh
        new = changed(base, change.apply(base, values), change.tops)
        table.check(new)
        return new

    return made
