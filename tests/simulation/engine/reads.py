"""Queries and scans: which items, in what order, a page at a time."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from zlib import crc32

from tests.simulation.engine.conditions import Condition, check, condition
from tests.simulation.engine.errors import invalid, known
from tests.simulation.engine.indexes import Index
from tests.simulation.engine.items import Stored
from tests.simulation.engine.syntax import Node, Reader
from tests.simulation.engine.tables import Table
from tests.simulation.engine.values import Value, rank
from tests.simulation.engine.writes import Request, need_all_used, placeholders, table_of

MOST_BYTES = 1024 * 1024
Source = Table | Index
Kept = Callable[[Stored], bool]

_BOTH = {
    "TableName",
    "IndexName",
    "ConsistentRead",
    "Limit",
    "Select",
    "FilterExpression",
    "ProjectionExpression",
    "ExpressionAttributeNames",
    "ExpressionAttributeValues",
    "ExclusiveStartKey",
}
QUERY_OPTIONS = frozenset({*_BOTH, "KeyConditionExpression", "ScanIndexForward"})
SCAN_OPTIONS = frozenset(_BOTH)


@dataclass(frozen=True, slots=True)
class KeyCondition:
    """`pk` names the value of the hash key; `kind` is the operator on the range key, `bounds` its values."""

    pk: str
    kind: str
    bounds: tuple[str, ...]
    names: frozenset[str]
    values: frozenset[str]


@dataclass(frozen=True, slots=True)
class Projection:
    tops: tuple[str, ...]
    names: frozenset[str]
    values: frozenset[str] = frozenset()

    def of(self, item: Mapping[str, Value]) -> dict[str, Value]:
        return {name: item[name] for name in self.tops if name in item}


@lru_cache(maxsize=1024)
def _key_condition(text: str, names: tuple[tuple[str, str], ...], hash: str, range: str) -> KeyCondition:
    reader = Reader(text, dict(names))
    node = reader.condition()
    reader.end()
    parts = [node] if node[0] != "and" else [*node[1:]]
    on_hash = [part for part in parts if part[0] == "=" and part[1] == ("path", hash)]
    on_range = [part for part in parts if part not in on_hash]
    if len(on_hash) != 1 or len(on_range) > 1:
        raise invalid(f"Query condition missed key schema element: {hash}")
    kind, bounds = _on_range(on_range[0], range) if on_range else ("", ())
    return KeyCondition(on_hash[0][2][1], kind, bounds, frozenset(reader.names), frozenset(reader.values))


def _on_range(node: Node, range: str) -> tuple[str, tuple[str, ...]]:
    kind, path, *bounds = node
    if kind not in ("=", "<", "<=", ">", ">=", "between", "begins_with") or path != ("path", range):
        raise invalid(f"Query condition missed key schema element: {range}")
    return kind, tuple(value for _, value in bounds)


@lru_cache(maxsize=1024)
def projection(text: str, names: tuple[tuple[str, str], ...]) -> Projection:
    reader = Reader(text, dict(names))
    tops = tuple(reader.listed(reader.path))
    reader.end()
    if len(set(tops)) != len(tops):
        raise invalid("Invalid ProjectionExpression: Two document paths overlap with each other;")
    return Projection(tops, frozenset(reader.names))


# -- requests ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reading:
    """A query or scan made ready. `pk` and `index` say what it asks of the table."""

    table: Table
    index: str
    pk: Any
    serve: Callable[[], dict[str, Any]]


def query(tables: Mapping[str, Table], request: Request) -> Reading:
    known(request, QUERY_OPTIONS, "Query")
    table, source, consistent = _source(tables, request)
    names, values = placeholders(request)
    keys = _key_condition(request["KeyConditionExpression"], names, source.key.hash, source.key.range)
    kept, shown, more = _told(request, names, values, source.key.names)
    need_all_used(names, values, keys, *more)
    _need_key(source.key.hash_type, values[keys.pk])
    for name in keys.bounds:
        _need_key(source.key.range_type, values[name])
    pk, forward = rank(values[keys.pk]), request.get("ScanIndexForward", True)

    def serve() -> dict[str, Any]:
        places = source.places(pk, consistent)
        low, high = _range(source, places, keys, values)
        if start := request.get("ExclusiveStartKey"):
            of, after = source.place_of(start)
            if of != pk or not _within(source, after, keys, values):
                raise invalid("The provided starting key is outside query boundaries")
            low = max(low, bisect_right(places, after)) if forward else low
            high = high if forward else min(high, bisect_left(places, after))
        chosen = places[low:high] if forward else places[low:high][::-1]
        items = (source.item(pk, place, consistent) for place in chosen)
        return _page(source, items, request, kept, shown)

    return Reading(table, request.get("IndexName", ""), pk, serve)


def scan(tables: Mapping[str, Table], request: Request) -> Reading:
    """Hash keys come in an order that says nothing, as on the real thing."""
    known(request, SCAN_OPTIONS, "Scan")
    table, source, consistent = _source(tables, request)
    names, values = placeholders(request)
    kept, shown, more = _told(request, names, values, ())
    need_all_used(names, values, *more)

    def serve() -> dict[str, Any]:
        start = request.get("ExclusiveStartKey")
        after = source.place_of(start) if start else None
        items = (source.item(pk, place, consistent) for pk, place in _everything(source, after, consistent))
        return _page(source, items, request, kept, shown)

    return Reading(table, request.get("IndexName", ""), None, serve)


def _need_key(kind: str, value: Value) -> None:
    if kind not in value:
        raise invalid("One or more parameter values were invalid: Condition parameter type does not match")
    if value[kind] in ("", b""):
        raise invalid("The AttributeValue for a key attribute cannot contain an empty string value")


def _everything(source: Source, after: Any, consistent: bool) -> Iterator[tuple[Any, Any]]:
    first = _scattered(after[0]) if after else None
    for pk in sorted(source.hashes(), key=_scattered):
        if first is not None and _scattered(pk) < first:
            continue
        places = source.places(pk, consistent)
        since = bisect_right(places, after[1]) if after and pk == after[0] else 0
        yield from ((pk, place) for place in places[since:])


def _scattered(pk: Any) -> tuple[int, Any]:
    return crc32(pk if isinstance(pk, bytes) else str(pk).encode()), pk


def _source(tables: Mapping[str, Table], request: Request) -> tuple[Table, Source, bool]:
    table, consistent = table_of(tables, request), bool(request.get("ConsistentRead", False))
    if "IndexName" not in request:
        return table, table, consistent
    if request["IndexName"] not in table.indexes:
        raise invalid("The table does not have the specified index: " + request["IndexName"])
    if consistent:
        raise invalid("Consistent reads are not supported on global secondary indexes")
    return table, table.indexes[request["IndexName"]], False


def _told(
    request: Request, names: tuple[tuple[str, str], ...], values: Mapping[str, Value], keys: Iterable[str]
) -> tuple[Kept | None, Projection | None, list[Condition | Projection]]:
    """Which of the items that are read are told, and what of them."""
    wanted, shown = None, None
    if "FilterExpression" in request:
        wanted = condition(request["FilterExpression"], names)
    if "ProjectionExpression" in request:
        shown = projection(request["ProjectionExpression"], names)
    kept: Kept | None = None
    if wanted is not None:
        found = wanted
        if unfit := found.tops.intersection(keys):
            raise invalid(f"Filter Expression can only contain non-primary key attributes: {sorted(unfit)}")
        check(found.demands, values)
        kept = lambda item: found.test(item, values)  # noqa: E731
    return kept, shown, [one for one in (wanted, shown) if one is not None]


def _range(
    source: Source, places: list[Any], keys: KeyCondition, values: Mapping[str, Value]
) -> tuple[int, int]:
    """Which stretch of the places the condition on the range key means."""
    if not keys.kind:
        return 0, len(places)
    by, bounds = source.ordered_by, [rank(values[name]) for name in keys.bounds]
    first = bounds[0]
    if keys.kind == "between" and first > bounds[1]:
        raise invalid("The BETWEEN operator requires upper bound to be greater than or equal to lower bound")
    low = bisect_left(places, first, key=by)
    if keys.kind == "begins_with":
        if not isinstance(first, str | bytes):
            raise invalid("Invalid KeyConditionExpression: Incorrect operand type for begins_with")
        sort_key: Callable[[Any], Any] = by or (lambda place: place)
        return low, bisect_left(places, True, lo=low, key=lambda place: not sort_key(place).startswith(first))
    behind = bisect_right(places, bounds[-1], key=by)
    return {
        "=": (low, behind),
        "between": (low, behind),
        "<": (0, low),
        "<=": (0, behind),
        ">": (behind, len(places)),
        ">=": (low, len(places)),
    }[keys.kind]


def _within(source: Source, place: Any, keys: KeyCondition, values: Mapping[str, Value]) -> bool:
    """Whether a place satisfies the condition on the range key."""
    return _range(source, [place], keys, values) == (0, 1)


def _page(
    source: Source,
    items: Iterable[Stored | None],
    request: Request,
    kept: Kept | None,
    shown: Projection | None,
) -> dict[str, Any]:
    limit, select = request.get("Limit"), request.get("Select", "")
    if limit is not None and limit < 1:
        raise invalid("Limit must be greater than or equal to 1")
    if select not in ("", "COUNT"):
        raise NotImplementedError(f"Select {select}")
    found: list[dict[str, Value]] = []
    read = weight = matched = 0
    answer: dict[str, Any] = {}
    for item in items:
        if item is None:
            continue
        read += 1
        weight += item.size
        if kept is None or kept(item):
            matched += 1
            if not select:
                found.append(shown.of(item) if shown is not None else dict(item))
        if read == limit or weight >= MOST_BYTES:
            answer["LastEvaluatedKey"] = source.told(item)
            break
    if not select:
        answer["Items"] = found
    return {**answer, "Count": matched, "ScannedCount": read}
