"""What a table engine is asked, one function per operation; `serve` finds it by its name."""

from collections.abc import Callable, Mapping
from typing import Any

from tests.simulation.engine import reads
from tests.simulation.engine.errors import (
    CONDITION_FAILED,
    CONFLICT,
    TOO_FAST,
    invalid,
    known,
    refusal,
)
from tests.simulation.engine.items import Stored
from tests.simulation.engine.reads import Reading, projection
from tests.simulation.engine.schema import Key
from tests.simulation.engine.store import Store
from tests.simulation.engine.tables import Table
from tests.simulation.engine.writes import (
    Request,
    Write,
    need_all_used,
    placeholders,
    table_of,
    write_of,
)

Answer = dict[str, Any]
MOST_READ, MOST_WRITTEN = 100, 25
_GET_OPTIONS = frozenset(
    ("TableName", "Key", "ConsistentRead", "ProjectionExpression", "ExpressionAttributeNames")
)
_MANY_OPTIONS = frozenset(("Keys", "ConsistentRead"))


def get_item(store: Store, request: Request) -> Answer:
    known(request, _GET_OPTIONS, "GetItem")
    table = table_of(store.tables, request)
    key = table.key.exact(request["Key"])
    names, _ = placeholders(request)
    shown = projection(request["ProjectionExpression"], names) if "ProjectionExpression" in request else None
    need_all_used(names, {}, shown)
    _need_calm(store, "GetItem", table, key[0])
    item = table.get(key, bool(request.get("ConsistentRead", False)))
    if item is None:
        return {}
    return {"Item": dict(item) if shown is None else shown.of(item)}


def query(store: Store, request: Request) -> Answer:
    return _read(store, "Query", reads.query(store.tables, request))


def scan(store: Store, request: Request) -> Answer:
    return _read(store, "Scan", reads.scan(store.tables, request))


def _read(store: Store, operation: str, reading: Reading) -> Answer:
    _need_calm(store, operation, reading.table, reading.pk, reading.index)
    return reading.serve()


def put_item(store: Store, request: Request) -> Answer:
    return _write(store, "PutItem", "Put", request)


def delete_item(store: Store, request: Request) -> Answer:
    return _write(store, "DeleteItem", "Delete", request)


def update_item(store: Store, request: Request) -> Answer:
    returning = request.get("ReturnValues", "NONE")
    if returning not in ("NONE", "ALL_NEW", "UPDATED_NEW"):
        raise NotImplementedError(f"UpdateItem that returns {returning}")
    rest = {name: told for name, told in request.items() if name != "ReturnValues"}
    return _write(store, "UpdateItem", "Update", rest, returning)


def _write(store: Store, operation: str, verb: str, request: Request, returning: str = "NONE") -> Answer:
    write = write_of(store.tables, verb, request)
    if write.place in store.held:
        raise refusal("TransactionConflictException", operation, CONFLICT)
    _need_calm(store, operation, write.table, write.key[0])
    old = write.table.items.get(write.key)
    if not write.allowed(old):
        failure = write.failure(old)
        raise refusal("ConditionalCheckFailedException", operation, CONDITION_FAILED, **failure)
    assert write.made is not None
    new = write.made(old)
    store.commit([(write.table, write.key, old, new)])
    return _returned(returning, write, new)


def _returned(returning: str, write: Write, new: Stored | None) -> Answer:
    if returning == "NONE" or new is None:
        return {}
    if returning == "ALL_NEW":
        return {"Attributes": dict(new)}
    touched = write.update.tops if write.update is not None else ()
    found = {name: new[name] for name in touched if name in new}
    return {"Attributes": found} if found else {}


# -- batches ----------------------------------------------------------------------------------------------


def batch_get_item(store: Store, request: Request) -> Answer:
    known(request, frozenset(("RequestItems",)), "BatchGetItem")
    wanted: list[tuple[Table, Key, Mapping[str, Any], bool]] = []
    for name, asked in request["RequestItems"].items():
        known(asked, _MANY_OPTIONS, "BatchGetItem")
        table = table_of(store.tables, {"TableName": name})
        consistent = bool(asked.get("ConsistentRead", False))
        wanted += [(table, table.key.exact(key), key, consistent) for key in asked["Keys"]]
    _need_distinct([(table.name, key) for table, key, *_ in wanted], MOST_READ)
    found: dict[str, list[Any]] = {name: [] for name in request["RequestItems"]}
    left: dict[str, Any] = {}
    for table, key, told, consistent in wanted:
        if store.weather.throttles("BatchGetItem", table.name, "", key[0]):
            rest = {**request["RequestItems"][table.name], "Keys": []}
            left.setdefault(table.name, rest)["Keys"].append(told)
        elif (item := table.get(key, consistent)) is not None:
            found[table.name].append(dict(item))
    if sum(len(rest["Keys"]) for rest in left.values()) == len(wanted):
        raise refusal("ProvisionedThroughputExceededException", "BatchGetItem", TOO_FAST)
    return {"Responses": found, "UnprocessedKeys": left}


def batch_write_item(store: Store, request: Request) -> Answer:
    """Each write stands for itself; one that meets a transaction, or is too fast, is left undone."""
    known(request, frozenset(("RequestItems",)), "BatchWriteItem")
    wanted = [
        (_one_of_many(store, name, asked), asked)
        for name, many in request["RequestItems"].items()
        for asked in many
    ]
    _need_distinct([write.place for write, _ in wanted], MOST_WRITTEN)
    left: dict[str, list[Any]] = {}
    throttled = 0
    for write, asked in wanted:
        too_fast = store.weather.throttles("BatchWriteItem", write.table.name, "", write.key[0])
        throttled += too_fast
        if too_fast or write.place in store.held:
            left.setdefault(write.table.name, []).append(asked)
            continue
        assert write.made is not None
        old = write.table.items.get(write.key)
        store.commit([(write.table, write.key, old, write.made(old))])
    if throttled == len(wanted):
        raise refusal("ProvisionedThroughputExceededException", "BatchWriteItem", TOO_FAST)
    return {"UnprocessedItems": left}


def _one_of_many(store: Store, table: str, asked: Mapping[str, Any]) -> Write:
    ((kind, told),) = asked.items()
    verb = {"PutRequest": "Put", "DeleteRequest": "Delete"}[kind]
    known(told, frozenset(("Item",) if verb == "Put" else ("Key",)), "BatchWriteItem")
    return write_of(store.tables, verb, {"TableName": table, **told})


def _need_distinct(places: list[Any], most: int) -> None:
    if not 0 < len(places) <= most:
        raise invalid(f"A batch has 1 to {most} items, not {len(places)}")
    if len(set(places)) != len(places):
        raise invalid("Provided list of item keys contains duplicates")


def _need_calm(store: Store, operation: str, table: Table, pk: Any, index: str = "") -> None:
    if store.weather.throttles(operation, table.name, index, pk):
        raise refusal("ProvisionedThroughputExceededException", operation, TOO_FAST)


SERVED: Mapping[str, Callable[[Store, Request], Answer]] = {
    "GetItem": get_item,
    "PutItem": put_item,
    "UpdateItem": update_item,
    "DeleteItem": delete_item,
    "Query": query,
    "Scan": scan,
    "BatchGetItem": batch_get_item,
    "BatchWriteItem": batch_write_item,
}
