"""Queues that call functions: long polling, batches, partial failures, as Lambda's own pollers do it."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import Any

from local.functions import FunctionError, Functions
from local.template import REGION
from local.wire import SQS, Wire, WireError

LONG_POLL_SECONDS = 1
# After a batch that was not full the next one is fetched a little later, so that under load batches fill up
# and a message costs a tenth of the requests; while messages keep coming we ask at this pace instead of
# waiting at the engine.
FILL_SECONDS = 0.015
WARM_SECONDS = 0.3
# What fails while faults are on comes back after this, not after the queue's own time: trouble made on
# purpose need not take minutes.
AGAIN_SECONDS = 1


def failed_ids(answer: Any, present: set[str]) -> set[str] | None:
    """Identifiers a function reported as failed; None for an answer that fails the whole batch.

    Lambda takes a missing, empty or unknown identifier as the failure of everything, and no list as success.
    """
    failures = answer.get("batchItemFailures") if isinstance(answer, dict) else None
    try:
        ids = {failure["itemIdentifier"] for failure in failures or []}
    except (TypeError, KeyError):
        return None
    return ids if ids <= present else None


class QueueSource(threading.Thread):
    """One poller of one queue for one function."""

    def __init__(
        self, functions: Functions, function: str, spec: dict[str, Any], endpoint: str, url: str
    ) -> None:
        super().__init__(name=f"queue-{function}", daemon=True)
        self._functions, self.function = functions, function
        self._switches = functions.switches
        self._wire = Wire(endpoint, SQS)
        self.oldest: float | None = None
        self.url, self._arn = url, spec["Queue"]
        self._size = min(10, int(spec.get("BatchSize", 10)))
        self._partial = "ReportBatchItemFailures" in spec.get("FunctionResponseTypes", [])
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Take no more messages; a request under way and a batch in work are finished first."""
        self._stopping.set()

    def run(self) -> None:
        with contextlib.closing(self._wire):
            self._poll()

    def _poll(self) -> None:
        seen = 0.0
        while not self._stopping.is_set():
            try:
                warm = time.monotonic() - seen < WARM_SECONDS
                messages = self._receive(0 if warm else LONG_POLL_SECONDS)
                if messages:
                    self._work(messages)
                    seen = time.monotonic()
            except (OSError, WireError):
                self._stopping.wait(0.2)
                continue
            if warm and len(messages) < self._size:
                self._stopping.wait(FILL_SECONDS)

    def _receive(self, seconds: int) -> list[dict[str, Any]]:
        answer = self._wire.call(
            "ReceiveMessage",
            QueueUrl=self.url,
            MaxNumberOfMessages=self._size,
            WaitTimeSeconds=seconds,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        return list(answer.get("Messages", []))

    def _work(self, messages: list[dict[str, Any]]) -> None:
        records = [self._record(message) for message in messages]
        self.oldest = min(map(_sent_at, records))
        failed = self._hand_over(records)
        kept = {one["messageId"] for one in records if self._switches.strikes("keep", self.function)}
        done = [one for one in records if one["messageId"] not in failed | kept]
        again = [one for one in records if one["messageId"] in failed | kept]
        self.oldest = min(map(_sent_at, again), default=None)
        if done:
            self._wire.call("DeleteMessageBatch", QueueUrl=self.url, Entries=_handles(done))
        if again and self._switches.troubled(self.function):
            entries = [{**one, "VisibilityTimeout": AGAIN_SECONDS} for one in _handles(again)]
            self._wire.call("ChangeMessageVisibilityBatch", QueueUrl=self.url, Entries=entries)

    def _hand_over(self, records: list[dict[str, Any]]) -> set[str]:
        """Call the function, in trouble if there shall be some: shuffled, or twice."""
        if self._switches.strikes("reorder", self.function):
            records = self._switches.shuffled(self.function, records)
        failed = self._call(records)
        if self._switches.strikes("duplicate", self.function):
            failed &= self._call(records)
        return failed

    def _call(self, records: list[dict[str, Any]]) -> set[str]:
        """Identifiers that stay in the queue; they come back after the visibility time-out."""
        present = {record["messageId"] for record in records}
        try:
            answer = self._functions.invoke(self.function, {"Records": records})
        except FunctionError:
            return present
        failed = failed_ids(answer, present) if self._partial else set()
        return present if failed is None else failed

    def _record(self, message: dict[str, Any]) -> dict[str, Any]:
        attributes = {
            name: {
                **{key[0].lower() + key[1:]: value for key, value in one.items()},
                "stringListValues": [],
                "binaryListValues": [],
            }
            for name, one in message.get("MessageAttributes", {}).items()
        }
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message.get("Attributes", {}),
            "messageAttributes": attributes,
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": self._arn,
            "awsRegion": REGION,
        }


def _handles(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"Id": str(n), "ReceiptHandle": one["receiptHandle"]} for n, one in enumerate(records)]


def _sent_at(record: dict[str, Any]) -> float:
    return int(record["attributes"].get("SentTimestamp", 0)) / 1000
