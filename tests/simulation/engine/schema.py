"""What the template says of its tables: keys, indexes, streams."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.template import Template
from tests.simulation.engine.errors import invalid
from tests.simulation.engine.values import Value, rank

Key = tuple[Any, Any]
"""Hash and range key as plain values; the second is "" where there is none."""


@dataclass(frozen=True, slots=True)
class KeyShape:
    """The names of a key's attributes with their types; `range` is empty where there is none."""

    hash: str
    hash_type: str
    range: str = ""
    range_type: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        return (self.hash, self.range) if self.range else (self.hash,)

    def of(self, item: Mapping[str, Value]) -> Key:
        """The key of a whole item, or of a request; raises a ValidationException when it is not one."""
        try:
            first = item[self.hash][self.hash_type]
            second = item[self.range][self.range_type] if self.range else ""
        except KeyError:
            raise invalid("The provided key element does not match the schema") from None
        if first in ("", b"") or (self.range and second in ("", b"")):
            raise invalid("One or more parameter values are not valid. The key may not be an empty string")
        return rank(item[self.hash]), rank(item[self.range]) if self.range else ""

    def of_entry(self, item: Mapping[str, Value]) -> Key | None:
        """The key in an index; None for an item that has no place there. A wrong type is refused."""
        for name, kind in ((self.hash, self.hash_type), (self.range, self.range_type)):
            if name and name in item and (kind not in item[name] or item[name][kind] in ("", b"")):
                raise invalid(
                    f"One or more parameter values were invalid: Type mismatch for Index Key {name}"
                )
        return self.of(item) if all(name in item for name in self.names) else None

    def exact(self, key: Mapping[str, Value]) -> Key:
        """As `of`, of a mapping that holds nothing else."""
        if len(key) != len(self.names):
            raise invalid("The provided key element does not match the schema")
        return self.of(key)

    def told(self, item: Mapping[str, Value]) -> dict[str, Value]:
        return {name: item[name] for name in self.names}


@dataclass(frozen=True, slots=True)
class IndexShape:
    """`shown` are the attributes of an item that the index holds; None is all of them."""

    name: str
    key: KeyShape
    shown: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class TableShape:
    name: str
    key: KeyShape
    indexes: tuple[IndexShape, ...]
    streams: bool


def tables_of(template: Template) -> list[TableShape]:
    """The template's tables, named by their logical ids."""
    return [
        _table(name, template.resolve(spec, lambda *_: ""))
        for name, spec in template.of_type("AWS::DynamoDB::Table").items()
    ]


def _table(name: str, spec: Mapping[str, Any]) -> TableShape:
    types = {one["AttributeName"]: one["AttributeType"] for one in spec["AttributeDefinitions"]}
    key = _key(spec["KeySchema"], types)
    if "LocalSecondaryIndexes" in spec:
        raise NotImplementedError("local secondary indexes")
    stream = spec.get("StreamSpecification", {}).get("StreamViewType", "")
    if stream not in ("", "NEW_AND_OLD_IMAGES"):
        raise NotImplementedError(f"a stream of {stream}")
    indexes = tuple(_index(one, key, types) for one in spec.get("GlobalSecondaryIndexes", []))
    return TableShape(name, key, indexes, bool(stream))


def _key(schema: list[dict[str, str]], types: Mapping[str, str]) -> KeyShape:
    by_kind = {one["KeyType"]: one["AttributeName"] for one in schema}
    first, second = by_kind["HASH"], by_kind.get("RANGE", "")
    return KeyShape(first, types[first], second, types.get(second, ""))


def _index(spec: Mapping[str, Any], table: KeyShape, types: Mapping[str, str]) -> IndexShape:
    key, projection = _key(spec["KeySchema"], types), spec["Projection"]
    if projection["ProjectionType"] == "ALL":
        return IndexShape(spec["IndexName"], key, None)
    shown = {*table.names, *key.names, *projection.get("NonKeyAttributes", [])}
    return IndexShape(spec["IndexName"], key, frozenset(shown))
