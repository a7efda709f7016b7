"""Schedules that call functions: rates and crons, retries, and a queue for runs that failed."""

from __future__ import annotations

import json
import threading
import time
import uuid
from datetime import UTC, datetime
from typing import Any

from local.cron import Cron, seconds_between
from local.functions import Function, FunctionError, Functions
from local.resources import Resources
from local.streams import send_note
from local.template import ACCOUNT, REGION

RETRY_SECONDS = 1.0
# A clock may be set, a lid closed: the time is looked at again at least this often.
LONGEST_WAIT = 30.0


class Schedule(threading.Thread):
    """One schedule of one function; a run never overlaps the one before.

    `last` and `next` are when it ran and will run (epoch seconds, None for never), `error` the name of what
    the last run failed with.
    """

    def __init__(
        self, functions: Functions, function: Function, spec: dict[str, Any], resources: Resources
    ) -> None:
        super().__init__(name=f"schedule-{function.name}", daemon=True)
        self._functions, self.function, self._resources = functions, function, resources
        self.expression: str = spec.get("ScheduleExpression") or spec["Schedule"]
        self._seconds = seconds_between(self.expression)
        zone = spec.get("ScheduleExpressionTimezone", "UTC")
        self._cron = None if self._seconds else Cron(self.expression, zone)
        self._retries = int(spec.get("RetryPolicy", {}).get("MaximumRetryAttempts", 2))
        self._failures = spec.get("DeadLetterConfig", {}).get("Arn")
        self._input = spec.get("Input")
        self._stopping = threading.Event()
        self._running = threading.Lock()
        self.last: float | None = None
        self.next = self._after(time.time())
        self.error = ""

    def stop(self) -> None:
        """Start no further run."""
        self._stopping.set()

    def run(self) -> None:
        while self.next is not None:
            if self._stopping.wait(min(LONGEST_WAIT, max(0.0, self.next - time.time()))):
                return
            if time.time() >= self.next:
                self.run_once()
                self.next = self._after(max(self.next, time.time() - (self._seconds or 0)))

    def run_once(self) -> None:
        """Run now, as if it were time; waits for a run that is under way."""
        with self._running:
            self.last = time.time()
            self._attempt()
            if self._functions.switches.strikes("duplicate", self.function.name):
                self._attempt()

    def _after(self, moment: float) -> float | None:
        if self._seconds:
            return moment + self._seconds
        following = self._cron and self._cron.after(datetime.fromtimestamp(moment, UTC))
        return following.timestamp() if following else None

    def _attempt(self) -> None:
        event = schedule_event(self._input)
        for _ in range(self._retries + 1):
            try:
                self._functions.invoke(self.function.name, event)
                self.error = ""
                return
            except FunctionError as failed:
                self.error = failed.kind
                if self._stopping.wait(RETRY_SECONDS):
                    return
        if self._failures:
            note = {
                "version": "1.0",
                "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "requestContext": {
                    "requestId": str(uuid.uuid4()),
                    "functionArn": self.function.arn,
                    "condition": "RetriesExhausted",
                    "approximateInvokeCount": self._retries + 1,
                },
                "requestPayload": event,
                "responseContext": {"statusCode": 200, "functionError": "Unhandled"},
                "responsePayload": {"errorType": self.error},
            }
            send_note(self._resources, self._failures, note)


def schedule_event(given: Any = None) -> Any:
    """What EventBridge Scheduler sends: the schedule's own input, or its standard event."""
    if given is not None:
        return json.loads(given)
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": ACCOUNT,
        "time": datetime.fromtimestamp(int(time.time()), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
        "resources": [],
        "detail": "{}",
    }
