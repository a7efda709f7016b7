"""What the local cloud is doing, as data, and the few things one may do to it by hand.

Names, counts and times only: no message's text, no address, no secret.
"""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Any

from local.faults import as_told
from local.queues import QueueSource
from local.schedules import Schedule
from local.streams import StreamSource

if TYPE_CHECKING:
    from local.cloud import Cloud

MOST_REDRIVEN = 10_000


class UnknownThing(Exception):
    """Nothing here has this name; the message says what was looked for."""


class Status:
    """The state of one cloud, asked for anew each time."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def look(self) -> dict[str, Any]:
        """Everything, by kind; times are epoch seconds, `took` milliseconds."""
        cloud = self._cloud
        return {
            "at": time.time(),
            "url": cloud.url,
            "isolated": cloud.functions.isolate,
            "engines": self._engines(),
            "functions": [self._function(name) for name in cloud.functions.functions],
            "queues": self._queues(),
            "streams": [self._stream(one) for one in cloud.sources(StreamSource)],
            "schedules": [self._schedule(one) for one in cloud.sources(Schedule)],
            "faults": [as_told(one) for one in cloud.switches.active],
            "happened": dict(cloud.switches.totals()),
        }

    def kill(self, function: str) -> None:
        """Kill the processes of a function."""
        if function not in self._cloud.functions.functions:
            raise UnknownThing(f"no function {function}")
        self._cloud.kill(function)

    def run(self, function: str) -> None:
        """Begin a run of a schedule, and do not wait for it."""
        for one in self._cloud.sources(Schedule):
            if one.function.name == function:
                threading.Thread(target=one.run_once, name=f"run-{function}", daemon=True).start()
                return
        raise UnknownThing(f"no schedule of {function}")

    def redrive(self, name: str) -> int:
        """Move every dead letter of this queue back to the queue it came from; how many."""
        queue = next((one for one in self._queues() if one["name"] == name and one["of"]), None)
        if queue is None:
            raise UnknownThing(f"no dead letters {name}")
        sqs = self._cloud.client("sqs")
        dead, origin = self._cloud.resource(name), self._cloud.resource(queue["of"])
        moved = 0
        while moved < MOST_REDRIVEN:
            answer = sqs.receive_message(
                QueueUrl=dead, MaxNumberOfMessages=10, MessageAttributeNames=["All"], VisibilityTimeout=30
            )
            messages = answer.get("Messages", [])
            for message in messages:
                attributes = message.get("MessageAttributes", {})
                sqs.send_message(QueueUrl=origin, MessageBody=message["Body"], MessageAttributes=attributes)
                sqs.delete_message(QueueUrl=dead, ReceiptHandle=message["ReceiptHandle"])
            moved += len(messages)
            if not messages:
                break
        return moved

    # ------------------------------------------------------------------ looking

    def _engines(self) -> list[dict[str, Any]]:
        cloud = self._cloud
        roles: list[tuple[Any, str]] = [(cloud.tables, "tables"), (cloud.services, "services")]
        if cloud.tables is cloud.services:
            roles = [(cloud.services, "tables, services")]
        roles.append((cloud.parent, "parent of all functions"))
        return [
            {
                "name": engine.name,
                "role": role,
                "pid": engine.process.pid,
                "port": getattr(engine, "port", None),
                "alive": engine.alive,
                "restarts": cloud.restarts[engine.name],
            }
            for engine, role in roles
        ]

    def _function(self, name: str) -> dict[str, Any]:
        functions = self._cloud.functions
        figures, function = functions.figures[name], functions.functions[name]
        problem = self._cloud.problems.get(name)
        last = figures.last
        return {
            "name": name,
            "processes": functions.processes(name),
            "calls": figures.calls,
            "errors": figures.errors,
            "timeouts": figures.timeouts,
            "p50": figures.quantile(0.5),
            "p95": figures.quantile(0.95),
            "timeout": function.timeout,
            "memory": function.memory,
            "problem": problem.kind if problem else "",
            "last_error": {"kind": last.kind, "text": last.text, "at": last.at} if last else None,
        }

    def _queues(self) -> list[dict[str, Any]]:
        cloud, sqs = self._cloud, self._cloud.client("sqs")
        told = {}
        for name in cloud.template.of_type("AWS::SQS::Queue"):
            answer = sqs.get_queue_attributes(QueueUrl=cloud.resource(name), AttributeNames=["All"])
            told[name] = answer["Attributes"]
        by_arn = {attributes["QueueArn"]: name for name, attributes in told.items()}
        origins: dict[str, list[str]] = {}
        for name, attributes in told.items():
            if redrive := attributes.get("RedrivePolicy"):
                target = by_arn.get(json.loads(redrive)["deadLetterTargetArn"], "")
                origins.setdefault(target, []).append(name)
        consumers = {source.url: source.function for source in cloud.sources(QueueSource)}
        return [
            {
                "name": name,
                "waiting": int(attributes["ApproximateNumberOfMessages"]),
                "working": int(attributes["ApproximateNumberOfMessagesNotVisible"]),
                "delayed": int(attributes["ApproximateNumberOfMessagesDelayed"]),
                "oldest": self._oldest(name, attributes),
                "function": consumers.get(cloud.resource(name), ""),
                # Where its messages came from, if that is one queue alone.
                "of": origins[name][0] if len(origins.get(name, ())) == 1 else "",
            }
            for name, attributes in told.items()
        ]

    def _oldest(self, name: str, attributes: dict[str, str]) -> float | None:
        """When the oldest message was sent of those that a poller has in hand or has given back.

        The engine does not tell the age of what nobody has asked for yet; pollers ask many times a second.
        """
        kinds = ("", "NotVisible", "Delayed")
        if not any(int(attributes[f"ApproximateNumberOfMessages{kind}"]) for kind in kinds):
            return None
        url = self._cloud.resource(name)
        ages = [one.oldest for one in self._cloud.sources(QueueSource) if one.url == url and one.oldest]
        return min(ages, default=None)

    @staticmethod
    def _stream(source: StreamSource) -> dict[str, Any]:
        since = source.caught_up_since
        behind = time.monotonic() - since if since else None
        return {"function": source.function.name, "table": source.table, "behind": behind}

    @staticmethod
    def _schedule(one: Schedule) -> dict[str, Any]:
        return {
            "function": one.function.name,
            "expression": one.expression,
            "last": one.last,
            "next": one.next,
            "error": one.error,
        }
