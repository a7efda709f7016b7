"""The stream of a table: what every commit changed, in order, and how Lambda hands it over."""

from base64 import b64encode
from dataclasses import dataclass
from typing import Any

from local.template import ACCOUNT, PARTITION, REGION
from tests.simulation.engine.items import Stored
from tests.simulation.engine.schema import Key, TableShape
from tests.simulation.engine.values import Value


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """One change of one item; `number` rises along the stream, `at` is in epoch ms."""

    table: TableShape
    number: int
    at: int
    key: Key
    old: Stored | None
    new: Stored | None

    def event(self) -> dict[str, Any]:
        """The record as it stands in a function's event."""
        there = self.new if self.new is not None else self.old
        assert there is not None
        told = {
            "ApproximateCreationDateTime": self.at // 1000,
            "Keys": _image(self.table.key.told(there)),
            "SequenceNumber": f"{self.number:021d}",
            "SizeBytes": sum(item.size for item in (self.old, self.new) if item is not None),
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        }
        if self.new is not None:
            told["NewImage"] = _image(self.new)
        if self.old is not None:
            told["OldImage"] = _image(self.old)
        kind = "INSERT" if self.old is None else "REMOVE" if self.new is None else "MODIFY"
        return {
            "eventID": f"{self.table.name}-{self.number}",
            "eventName": kind,
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": REGION,
            "eventSourceARN": f"arn:{PARTITION}:dynamodb:{REGION}:{ACCOUNT}:table/{self.table.name}/stream/1",
            "dynamodb": told,
        }


def _image(item: dict[str, Value]) -> dict[str, Value]:
    return {name: _told(value) for name, value in item.items()}


def _told(value: Value) -> Value:
    """A value in JSON, where bytes are base64."""
    ((kind, held),) = value.items()
    if kind == "B":
        return {"B": b64encode(held).decode()}
    if kind == "BS":
        return {"BS": [b64encode(one).decode() for one in held]}
    if kind == "L":
        return {"L": [_told(part) for part in held]}
    return {"M": _image(held)} if kind == "M" else {kind: list(held) if isinstance(held, list) else held}
