"""Schedules that call functions: `rate(...)`, retries, and a queue for runs that failed."""

from __future__ import annotations

import json
import re
import threading
import time
import uuid
from datetime import UTC, datetime
from typing import Any

from local.functions import Function, FunctionError, Functions
from local.resources import Resources
from local.streams import send_note
from local.template import ACCOUNT, REGION, TemplateError

RETRY_SECONDS = 1.0
_UNITS = {"minute": 60, "hour": 3600, "day": 86400}


def seconds_between(expression: str) -> int:
    """The time between two runs; raises TemplateError for a schedule that is not a `rate(...)`."""
    rate = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression)
    if rate is None:
        raise TemplateError(f"the local cloud follows rate(...) schedules only, not {expression}")
    return int(rate[1]) * _UNITS[rate[2]]


class Schedule(threading.Thread):
    """One schedule of one function; a run never overlaps the one before."""

    def __init__(
        self, functions: Functions, function: Function, spec: dict[str, Any], resources: Resources
    ) -> None:
        super().__init__(name=f"schedule-{function.name}", daemon=True)
        self._functions, self._function, self._resources = functions, function, resources
        self._seconds = seconds_between(spec.get("ScheduleExpression") or spec["Schedule"])
        self._retries = int(spec.get("RetryPolicy", {}).get("MaximumRetryAttempts", 2))
        self._failures = spec.get("DeadLetterConfig", {}).get("Arn")
        self._input = spec.get("Input")
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Start no further run."""
        self._stopping.set()

    def run(self) -> None:
        due = time.monotonic()
        while True:
            due = max(due + self._seconds, time.monotonic())
            if self._stopping.wait(due - time.monotonic()):
                return
            self._attempt()

    def _attempt(self) -> None:
        event = schedule_event(self._input)
        for _ in range(self._retries + 1):
            try:
                self._functions.invoke(self._function.name, event)
                return
            except FunctionError as failed:
                error = failed
                if self._stopping.wait(RETRY_SECONDS):
                    return
        if self._failures:
            send_note(self._resources, self._failures, {"event": event, "error": error.kind})


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
