"""A stretch of the table's stream that a function gave up: read again while it exists, else made good.

Lambda keeps no records of a failed batch, only where they stood in the stream, which holds them for 24 hours.
"""

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from botocore.exceptions import ClientError

from cardcourier.domain.orders import Header, OrderKey, Unit
from cardcourier.domain.states import State
from cardcourier.domain.views import OrderRow, order_row

BATCH = 100
SLACK = 300_000
"""Milliseconds before the first record of a lost stretch from which on orders are looked at."""

_GONE = ("TrimmedDataAccessException", "ResourceNotFoundException", "ExpiredIteratorException")


class StreamGone(Exception):
    """The stretch is not in the stream any more."""


class Orders(Protocol):
    def touched(self, since: int) -> Iterable[OrderKey]: ...
    def snapshots(self, wanted: Iterable[OrderKey]) -> Mapping[OrderKey, tuple[Header, list[Unit]]]: ...


class Views(Protocol):
    def put_orders(self, rows: Iterable[OrderRow]) -> None: ...


class Deliveries(Protocol):
    def deliver(self, wanted: list[OrderKey]) -> None: ...


@dataclass(frozen=True, slots=True)
class Stretches:
    """Makes good what a function has missed. `call` is given a function's ARN and an event."""

    streams: Any
    call: Callable[[str, dict[str, Any]], Any]
    orders: Orders
    views: Views
    deliveries: Deliveries
    say: Callable[[str], None]

    def make_good(self, note: Mapping[str, Any]) -> None:
        """Have the function work on the records again, or do from the items what it would have done.

        Raises RuntimeError when the function fails once more.
        """
        function = str(note["requestContext"]["functionArn"])
        stretch = note["DDBStreamBatchInfo"]
        try:
            records = list(self._records(stretch))
        except StreamGone:
            self._from_items(function, stretch)
            return
        for start in range(0, len(records), BATCH):
            answer = self.call(function, {"Records": records[start : start + BATCH]})
            if isinstance(answer, dict) and answer.get("batchItemFailures"):
                raise RuntimeError("the function failed on a record of the stretch once more")

    def _records(self, stretch: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """The records of orders in the stretch, as Lambda hands them over."""
        arn, last = stretch["streamArn"], int(stretch["endSequenceNumber"])
        try:
            iterator = self.streams.get_shard_iterator(
                StreamArn=arn,
                ShardId=stretch["shardId"],
                ShardIteratorType="AT_SEQUENCE_NUMBER",
                SequenceNumber=stretch["startSequenceNumber"],
            )["ShardIterator"]
            while iterator:
                answer = self.streams.get_records(ShardIterator=iterator, Limit=1000)
                for record in answer["Records"]:
                    if int(record["dynamodb"]["SequenceNumber"]) > last:
                        return
                    if record["dynamodb"]["Keys"]["pk"]["S"].startswith("O#"):
                        yield _as_event(record, arn)
                    if int(record["dynamodb"]["SequenceNumber"]) == last:
                        return
                if not answer["Records"]:
                    return
                iterator = answer.get("NextShardIterator")
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _GONE:
                raise StreamGone from error
            raise

    def _from_items(self, function: str, stretch: Mapping[str, Any]) -> None:
        """Lists and deliveries follow from the items as they are; lost journal lines do not."""
        since = _moment(stretch.get("approximateArrivalOfFirstRecord", "")) - SLACK
        keys = list(dict.fromkeys(self.orders.touched(since)))
        found = self.orders.snapshots(keys)
        self.views.put_orders([order_row(header, units) for header, units in found.values()])
        owed = [
            key for key, (_, units) in found.items() if any(unit.state is State.ALLOCATED for unit in units)
        ]
        self.deliveries.deliver(owed)
        self.say(
            f"{function.rpartition(':')[2]}: the records are gone; {len(found)} orders were listed anew and "
            f"{len(owed)} asked to be delivered. Journal lines of the stretch are lost: see what verify says."
        )


def _as_event(record: Mapping[str, Any], arn: str) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(record, default=_plain))
    return {**plain, "eventSourceARN": arn, "eventSource": "aws:dynamodb"}


def _plain(value: Any) -> Any:
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(bytes(value)).decode()
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, set | frozenset):
        return list(value)
    raise TypeError(f"{type(value).__name__} in a stream record")


def _moment(text: str) -> int:
    """Epoch milliseconds; 0, which means everything, where nobody said when."""
    return int(datetime.fromisoformat(text).timestamp() * 1000) if text else 0
