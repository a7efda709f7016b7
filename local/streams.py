"""Table streams that call functions: filters, batches, bisecting, bounded retries, a lasting checkpoint.

Each function reads the stream for itself and keeps, in a file, the last sequence number it is done with. What
was handed over after that number is handed over again, so delivery is at least once, in order.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
import uuid
from collections import defaultdict, deque
from pathlib import Path
from typing import Any

from local.filters import parse, passes
from local.functions import Function, FunctionError, Functions
from local.queues import failed_ids
from local.resources import Resources
from local.template import REGION
from local.wire import SQS, STREAMS, Wire, WireError

# Between two looks at a stream: soon after a change, and when nothing has changed for a while.
SOON_SECONDS = 0.03
LATER_SECONDS = 0.1
FETCHED = 1000
LONGEST_BACKOFF = 2.0
# What an engine answers for a position it no longer has.
LOST_POSITION = ("TrimmedDataAccessException", "ExpiredIteratorException", "ResourceNotFoundException")


class StreamSource(threading.Thread):
    """One function's reader of one stream."""

    def __init__(
        self,
        functions: Functions,
        function: Function,
        spec: dict[str, Any],
        resources: Resources,
        folder: Path,
    ) -> None:
        super().__init__(name=f"stream-{function.name}", daemon=True)
        self._functions, self.function, self._resources = functions, function, resources
        self._switches = functions.switches
        self._wire = Wire(resources.endpoints["dynamodbstreams"], STREAMS)
        self._arn = spec["Stream"]
        self.table = self._arn.partition("table/")[2].partition("/")[0].rpartition("-")[2]
        self._size = int(spec.get("BatchSize", 100))
        self._window = float(spec.get("MaximumBatchingWindowInSeconds", 0))
        self._partial = "ReportBatchItemFailures" in spec.get("FunctionResponseTypes", [])
        self._bisect = bool(spec.get("BisectBatchOnFunctionError"))
        self._retries = int(spec.get("MaximumRetryAttempts", -1))
        self._failures = spec.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
        self._patterns = parse(spec.get("FilterCriteria"))
        self._file = folder / f"{function.name}.json"
        self._done: dict[str, str] = json.loads(self._file.read_text()) if self._file.exists() else {}
        self._iterators: dict[str, str] = {}
        self._stopping = threading.Event()
        self._hurry = threading.Event()
        self._shuffled = False
        self.caught_up_since = 0.0

    def stop(self) -> None:
        """Read no further; a batch in work is finished first."""
        self._stopping.set()
        self._hurry.set()

    def hurry(self) -> None:
        """Look now, and let no batch fill."""
        self._hurry.set()

    def run(self) -> None:
        with contextlib.closing(self._wire):
            self._follow()

    def _follow(self) -> None:
        pause = SOON_SECONDS
        while not self._stopping.is_set():
            asked = time.monotonic()
            try:
                full = self._round()
            except (OSError, WireError) as lost:
                if isinstance(lost, WireError) and lost.code in LOST_POSITION:
                    self._done.clear()
                self._iterators.clear()
                self._stopping.wait(0.2)
                continue
            pause = min(LATER_SECONDS, pause * 1.1) if full is None else SOON_SECONDS
            if full is None:
                self.caught_up_since = asked
            if not full:
                self._pause(pause if full is None else max(pause, self._window))

    def _pause(self, seconds: float) -> None:
        """Wait, so that a batch may fill, unless somebody waits for us."""
        if not self._stopping.is_set():
            self._hurry.wait(seconds)
        self._hurry.clear()

    def _round(self) -> bool | None:
        """Read every shard once: None when nothing was there, True when there is probably more."""
        if not self._iterators:
            stream = self._wire.call("DescribeStream", StreamArn=self._arn)["StreamDescription"]
            self._iterators = {one["ShardId"]: self._iterator(one["ShardId"]) for one in stream["Shards"]}
        counts = [self._read(shard, iterator) for shard, iterator in list(self._iterators.items())]
        return max(counts) >= FETCHED if any(counts) else None

    def _iterator(self, shard: str) -> str:
        position: dict[str, str] = {"ShardIteratorType": "TRIM_HORIZON"}
        if done := self._done.get(f"{self._arn}/{shard}"):
            position = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": done}
        answer = self._wire.call("GetShardIterator", StreamArn=self._arn, ShardId=shard, **position)
        return str(answer["ShardIterator"])

    def _read(self, shard: str, iterator: str) -> int:
        answer = self._wire.call("GetRecords", ShardIterator=iterator, Limit=FETCHED)
        records = answer["Records"]
        wanted = [record for record in map(self._record, records) if _changed(record)]
        wanted = [record for record in wanted if passes(self._patterns, record)]
        self._shuffled = self._switches.strikes("reorder", self.function.name)
        if self._shuffled:
            wanted = self._across_items(wanted)
        for start in range(0, len(wanted), self._size):
            self._work(shard, wanted[start : start + self._size])
            if self._stopping.is_set():
                return 0
        self._shuffled = False
        if records:
            self._checkpoint(shard, records[-1])
        if answer.get("NextShardIterator"):
            self._iterators[shard] = answer["NextShardIterator"]
        else:
            del self._iterators[shard]
        return len(records)

    def _across_items(self, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """In another order, as shards are read side by side; what is about one item stays in its order."""
        lanes: dict[str, deque[dict[str, Any]]] = defaultdict(deque)
        for record in records:
            lanes[_item_of(record)].append(record)
        order = self._switches.shuffled(self.function.name, [_item_of(record) for record in records])
        return [lanes[item].popleft() for item in order]

    def _record(self, raw: dict[str, Any]) -> dict[str, Any]:
        return {**raw, "awsRegion": REGION, "eventSource": "aws:dynamodb", "eventSourceARN": self._arn}

    def _work(self, shard: str, records: list[dict[str, Any]]) -> None:
        """Hand a batch over until it is done, given up, or we are stopping."""
        attempts = 0
        while records and not self._stopping.is_set():
            failed = self._call(records)
            if failed is None:
                self._checkpoint(shard, records[-1])
                return
            if failed > 0:
                self._checkpoint(shard, records[failed - 1])
                records = records[failed:]
            elif self._bisect and len(records) > 1:
                middle = len(records) // 2
                self._work(shard, records[:middle])
                records, attempts = records[middle:], 0
                continue
            attempts += 1
            if 0 <= self._retries < attempts:
                self._give_up(shard, records, attempts)
                self._checkpoint(shard, records[-1])
                return
            self._stopping.wait(min(LONGEST_BACKOFF, 0.1 * 2**attempts))

    def _call(self, records: list[dict[str, Any]]) -> int | None:
        """None when the batch is done, else the position of the first record that is not."""
        if self._switches.strikes("duplicate", self.function.name):
            self._once(records)
        return self._once(records)

    def _once(self, records: list[dict[str, Any]]) -> int | None:
        try:
            answer = self._functions.invoke(self.function.name, {"Records": records})
        except FunctionError:
            return 0
        numbers = [record["dynamodb"]["SequenceNumber"] for record in records]
        failed = failed_ids(answer, set(numbers)) if self._partial else set()
        if failed is None:
            return 0
        return min((numbers.index(number) for number in failed), default=None)

    def _give_up(self, shard: str, records: list[dict[str, Any]], attempts: int) -> None:
        """Tell the failure queue which stretch was skipped: positions only, as Lambda does, no records."""
        if not self._failures:
            return
        first, last = (record["dynamodb"] for record in (records[0], records[-1]))
        note = {
            "requestContext": {
                "requestId": str(uuid.uuid4()),
                "functionArn": self.function.arn,
                "condition": "RetryAttemptsExhausted",
                "approximateInvokeCount": attempts,
            },
            "version": "1.0",
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "DDBStreamBatchInfo": {
                "shardId": shard,
                "startSequenceNumber": first["SequenceNumber"],
                "endSequenceNumber": last["SequenceNumber"],
                "approximateArrivalOfFirstRecord": _arrival(first),
                "approximateArrivalOfLastRecord": _arrival(last),
                "batchSize": len(records),
                "streamArn": self._arn,
            },
        }
        send_note(self._resources, self._failures, note)

    def _checkpoint(self, shard: str, record: dict[str, Any]) -> None:
        if self._shuffled:  # what lies before this record may not be done yet
            return
        self._done[f"{self._arn}/{shard}"] = record["dynamodb"]["SequenceNumber"]
        draft = self._file.with_suffix(".new")
        draft.write_text(json.dumps(self._done))
        draft.replace(self._file)


def _arrival(change: dict[str, Any]) -> str:
    return time.strftime(
        "%Y-%m-%dT%H:%M:%SZ", time.gmtime(change.get("ApproximateCreationDateTime", time.time()))
    )


def _item_of(record: dict[str, Any]) -> str:
    return json.dumps(record["dynamodb"]["Keys"], sort_keys=True)


def _changed(record: dict[str, Any]) -> bool:
    """A write that changed nothing makes no record on AWS; a local engine reports it all the same."""
    change = record["dynamodb"]
    return bool(record["eventName"] != "MODIFY" or change.get("OldImage") != change.get("NewImage"))


def send_note(resources: Resources, queue_arn: str, note: dict[str, Any]) -> None:
    """Put a message about a failure into the queue with this ARN."""
    url = resources.client("sqs").get_queue_url(QueueName=queue_arn.rpartition(":")[2])["QueueUrl"]
    with contextlib.closing(Wire(resources.endpoints[""], SQS)) as wire:
        wire.call("SendMessage", QueueUrl=url, MessageBody=json.dumps(note))
