"""What a function's requests to AWS may meet, done in its process below the SDK: product code cannot tell.

The SDK's transport is wrapped, so its own retries, its limits on them, and what the product makes of a write
that turns out to have happened are all as they would be.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Mapping
from io import BytesIO
from typing import Any

import urllib3
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError
from botocore.httpsession import URLLib3Session

# Throttling comes in bursts: how many requests in a row are refused at most.
LONGEST_BURST = 4
READS = ("Get", "Query", "Scan", "BatchGet", "TransactGet", "Describe", "List", "Head", "Receive", "Decrypt")
WRITES_OF_TABLES = ("PutItem", "UpdateItem", "DeleteItem")
TABLES = "com.amazonaws.dynamodb.v20120810#"


class Lossy:
    """Wraps the transport of every client of this process; without faults it only passes on."""

    def __init__(self) -> None:
        self._rates: dict[str, Any] = {}
        self._random = random.Random()
        self._burst = 0
        self.happened: Counter[str] = Counter()
        send = URLLib3Session.send

        def send_in_danger(session: URLLib3Session, request: Any) -> Any:
            refused = self._refusal(request)
            if refused is not None:
                return refused
            answer = send(session, request)
            if is_write(request) and self._strikes("lost_write"):
                raise ConnectionClosedError(endpoint_url="local")
            return answer

        URLLib3Session.send = send_in_danger

    def begin(self, faults: dict[str, Any]) -> None:
        """A call begins; `faults` are rates by kind and a seed."""
        self._rates, self._burst = faults, 0
        self._random = random.Random(faults.get("seed"))
        self.happened.clear()

    def _strikes(self, kind: str) -> bool:
        if self._random.random() >= float(self._rates.get(kind, 0)):
            return False
        self.happened[kind] += 1
        return True

    def _refusal(self, request: Any) -> Any:
        if not self._rates:
            return None
        if self._burst:
            self._burst -= 1
            self.happened["throttle"] += 1
            return throttled(request)
        if self._strikes("throttle"):
            self._burst = self._random.randrange(LONGEST_BURST)
            return throttled(request)
        if self._strikes("error"):
            return answer(request, 500, {"__type": "InternalServerError", "message": "internal error"})
        operation = operation_of(request)
        if operation in (*WRITES_OF_TABLES, "TransactWriteItems") and self._strikes("conflict"):
            return conflict(request, operation)
        return None


def operation_of(request: Any) -> str:
    """The operation of a JSON protocol; the method for others, as S3's."""
    target = request.headers.get("X-Amz-Target") or b""
    target = target.decode() if isinstance(target, bytes) else str(target)
    return target.rpartition(".")[2] or str(request.method).title()


def is_write(request: Any) -> bool:
    """Whether a request may have changed something."""
    return not operation_of(request).startswith(READS)


def throttled(request: Any) -> Any:
    """The refusal of a request that came too fast."""
    is_table = "dynamodb" in str(request.headers.get("X-Amz-Target", "")).lower()
    kind = f"{TABLES}ProvisionedThroughputExceededException" if is_table else "ThrottlingException"
    return answer(request, 400, {"__type": kind, "message": "Rate exceeded"})


def conflict(request: Any, operation: str) -> Any:
    """The refusal of a write because another transaction holds one of its items."""
    if operation != "TransactWriteItems":
        return answer(
            request,
            400,
            {"__type": f"{TABLES}TransactionConflictException", "message": "Transaction is ongoing"},
        )
    last = len(json.loads(request.body)["TransactItems"]) - 1
    return cancelled(request, {last: "TransactionConflict"})


def cancelled(request: Any, because: Mapping[int, str]) -> Any:
    """The refusal of a transaction because of some of its parts: codes by their places."""
    asked = json.loads(request.body)["TransactItems"]
    codes = [because.get(place, "None") for place in range(len(asked))]
    reasons = [{"Code": code} if code == "None" else {"Code": code, "Message": "Not now"} for code in codes]
    return answer(
        request,
        400,
        {
            "__type": f"{TABLES}TransactionCanceledException",
            "message": f"Transaction cancelled, please refer cancellation reasons [{', '.join(codes)}]",
            "CancellationReasons": reasons,
        },
    )


def answer(request: Any, status: int, told: dict[str, Any]) -> AWSResponse:
    """An answer of AWS: XML for S3, whose requests have no target, JSON for the others."""
    if request.headers.get("X-Amz-Target"):
        body, kind = json.dumps(told).encode(), "application/x-amz-json-1.0"
    else:
        status, code = (503, "SlowDown") if status == 400 else (500, "InternalError")
        body, kind = f"<Error><Code>{code}</Code><Message/></Error>".encode(), "application/xml"
    raw = urllib3.HTTPResponse(body=BytesIO(body), status=status, preload_content=False)
    told_so = AWSResponse(request.url, status, {"content-type": kind}, raw)
    _ = told_so.content
    return told_so
