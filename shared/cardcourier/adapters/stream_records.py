"""Records of a table's stream as plain values."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import Binary, TypeDeserializer

from cardcourier.domain.changes import Changed

_read = TypeDeserializer().deserialize


def changes(event: Mapping[str, Any]) -> list[Changed]:
    """What a batch of stream records says, in its order."""
    return [_changed(record["dynamodb"]) for record in event["Records"]]


def _changed(record: Mapping[str, Any]) -> Changed:
    before, after = record.get("OldImage"), record.get("NewImage")
    key = {name: str(value["S"]) for name, value in record["Keys"].items()}
    return Changed(key, _image(before) if before else None, _image(after) if after else None)


def _image(image: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _plain(_read(value)) for name, value in image.items() if "B" not in value}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value)
    if isinstance(value, Binary):
        return value.value
    if isinstance(value, list):
        return [_plain(part) for part in value]
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    return value
