"""Messages that were given up: where they lie, what may be shown of them, and how they are moved back.

A message is received, sent, and deleted last: a crash in between leaves it twice, never nowhere, and every
consumer takes a message twice. No call is used that a partition lacks (aws-cn has no redrive of its own).
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from cardcourier.errors import CardCourierError

Message = dict[str, Any]
MOST_SHOWN = 100
IN_HAND_SECONDS = 120
"""How long a message that we received is nobody else's."""

PAUSE_SECONDS = 2.0

NOT_HANDED_ON = (BotoCoreError, ClientError, CardCourierError, LookupError, RuntimeError, ValueError)
"""What one message may fail with; it stays, and the others have their turn."""

SHOWN = ("kind", "tenant", "shop", "order", "room", "ref", "job", "id", "note", "endpoint", "event")
"""Fields of a body that name things. Of any other only the name is shown."""


@dataclass(frozen=True, slots=True)
class Place:
    """A queue of messages that were given up, and the one they came from; resources of the template."""

    dead: str
    back: str = ""


PLACES = {
    "orders": Place("OrdersDeadLetters", "OrdersQueue"),
    "delivery": Place("DeliveryDeadLetters", "DeliveryQueue"),
    "import": Place("ImportDeadLetters", "ImportQueue"),
    "report": Place("ReportDeadLetters", "ReportQueue"),
    "outbound": Place("OutboundDeadLetters", "OutboundQueue"),
    "stream": Place("StreamFailures"),
    "schedule": Place("ScheduleDeadLetters"),
}


@dataclass(frozen=True, slots=True)
class Letters:
    """One such queue, by its address."""

    sqs: Any
    url: str

    def counts(self) -> dict[str, int]:
        """`waiting` can be received; `in_hand` were, and come back unless they are deleted."""
        names = {"ApproximateNumberOfMessages": "waiting", "ApproximateNumberOfMessagesNotVisible": "in_hand"}
        found = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=list(names))["Attributes"]
        return {name: int(found.get(attribute, 0)) for attribute, name in names.items()}

    def receive(self, seconds: int = IN_HAND_SECONDS) -> list[Message]:
        answer = self.sqs.receive_message(
            QueueUrl=self.url,
            MaxNumberOfMessages=10,
            VisibilityTimeout=seconds,
            WaitTimeSeconds=1,
            AttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        found: list[Message] = answer.get("Messages", [])
        return found

    def look(self, most: int = MOST_SHOWN) -> list[Message]:
        """Messages as they lie there; each is left where it was."""
        seen: dict[str, Message] = {}
        while len(seen) < most and (found := self.receive()):
            seen.update({message["MessageId"]: message for message in found})
        for message in seen.values():
            self._let_go(message)
        return list(seen.values())[:most]

    def all(self, *, wait: bool = False) -> Iterator[Message]:
        """Each message, until there are none; with `wait` also what an earlier run still has in hand."""
        while True:
            found = self.receive()
            yield from found
            if not found:
                if not wait or not any(self.counts().values()):
                    return
                time.sleep(PAUSE_SECONDS)

    def delete(self, message: Message) -> None:
        self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])

    def empty(self) -> int:
        """Delete whatever is there; how many there were."""
        gone = 0
        for message in self.all():
            self.delete(message)
            gone += 1
        return gone

    def _let_go(self, message: Message) -> None:
        self.sqs.change_message_visibility(
            QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
        )


@dataclass(frozen=True, slots=True)
class Redriven:
    """What became of the messages; `failed` are left where they were."""

    moved: int = 0
    failed: int = 0


def redrive(
    letters: Letters,
    hand_on: Callable[[Message], None],
    *,
    per_second: float,
    wait: bool,
    complain: Callable[[Message, Exception], None],
) -> Redriven:
    """Hand each message on, then delete it; one that cannot be handed on comes back by itself."""
    moved, tried = 0, set()
    for message in letters.all(wait=wait):
        if message["MessageId"] in tried:
            # One that failed is back: whatever others had in hand came back before it.
            break
        began = time.monotonic()
        try:
            hand_on(message)
        except NOT_HANDED_ON as error:
            tried.add(message["MessageId"])
            complain(message, error)
            continue
        letters.delete(message)
        moved += 1
        time.sleep(max(0.0, 1 / per_second - (time.monotonic() - began)))
    return Redriven(moved, len(tried))


def sender(sqs: Any, url: str) -> Callable[[Message], None]:
    """Sends a message back to where it came from, as it was."""

    def send(message: Message) -> None:
        sqs.send_message(
            QueueUrl=url,
            MessageBody=message["Body"],
            MessageAttributes=message.get("MessageAttributes", {}),
        )

    return send


def shown(message: Message, now_ms: int) -> dict[str, Any]:
    """What a message says of itself, without anything that a buyer or a shop gave us."""
    attributes = message.get("Attributes", {})
    sent = int(attributes.get("SentTimestamp", now_ms))
    body = read_body(message)
    return {
        "id": message["MessageId"],
        "age_seconds": max(0, now_ms - sent) // 1000,
        "received": int(attributes.get("ApproximateReceiveCount", 0)),
        "kind": kind_of(body),
        "names": {name: str(body[name]) for name in SHOWN if name in body and name != "kind"}
        | _stretch(body),
        "fields": sorted(body),
        "error": error_of(message, body),
    }


def read_body(message: Message) -> Mapping[str, Any]:
    """The body as an object; an empty one where it is anything else."""
    try:
        body = json.loads(message["Body"])
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def kind_of(body: Mapping[str, Any]) -> str:
    if "DDBStreamBatchInfo" in body:
        return "stream"
    if "requestContext" in body or "detail-type" in body:
        return "schedule"
    return str(body.get("kind", "unknown"))


def function_of(message: Message, body: Mapping[str, Any]) -> str:
    """The ARN of the function whose failure this tells of; empty where none is told."""
    told = body.get("requestContext", {}).get("functionArn", "")
    return str(told or _attribute(message, "TARGET_ARN"))


def error_of(message: Message, body: Mapping[str, Any]) -> str:
    """Why it was given up, as far as anybody said: never a text that could hold data."""
    failed = body.get("requestContext", {}).get("condition", "")
    kind = body.get("responseContext", {}).get("functionError", "")
    named = body.get("responsePayload") or {}
    name = named.get("errorType", "") if isinstance(named, dict) else ""
    parts = (failed, kind, name, _attribute(message, "ERROR_CODE"))
    return " ".join(str(part) for part in parts if part)


def _stretch(body: Mapping[str, Any]) -> dict[str, str]:
    stretch = body.get("DDBStreamBatchInfo", {})
    function = str(body.get("requestContext", {}).get("functionArn", "")).rpartition(":")[2]
    names = {"function": function} if function else {}
    return names | {
        name: str(stretch[name]) for name in ("startSequenceNumber", "batchSize") if name in stretch
    }


def _attribute(message: Message, name: str) -> str:
    return str(message.get("MessageAttributes", {}).get(name, {}).get("StringValue", ""))
