"""Send events to endpoints: one attempt for each message, and a record of it, whatever comes of it.

A message is claimed before it is sent, so two workers never send it at once. A crash between the answer and
its record repeats the message with the same `webhook-id`, by which receivers know it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from cardcourier.domain.backoff import WEBHOOKS
from cardcourier.domain.endpoints import Endpoint
from cardcourier.domain.outbox import GONE, Answer, Attempt, Message, MessageKey
from cardcourier.errors import Unavailable

BY = "outbound"
MOST_QUEUED = 60_000
"""Milliseconds for which the queue holds a message back; whatever waits longer is found by the sweeper."""


class Outcome(Enum):
    """What came of asking for a message; `BUSY` has to be asked for again."""

    DONE = "nothing left to do"
    SENT = "sent"
    FAILED = "failed, to be tried again"
    GIVEN_UP = "given up"
    SKIPPED = "skipped"
    BUSY = "busy"


class Outbox(Protocol):
    def claim(self, key: MessageKey, token: str, now: int) -> Message | None: ...
    def sent(self, message: Message, attempts: tuple[Attempt, ...], token: str) -> None: ...
    def failed(self, message: Message, attempts: tuple[Attempt, ...], token: str, reason: str) -> None: ...
    def skipped(self, message: Message, token: str, reason: str) -> None: ...
    def try_again(
        self, message: Message, attempts: tuple[Attempt, ...], token: str, due: int, by_queue: bool
    ) -> None: ...


class Endpoints(Protocol):
    def some(self, wanted: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], Endpoint]: ...
    def disable(self, tenant: str, endpoint_id: str, reason: str, now: int, by: str) -> bool: ...
    def begins_to_fail(self, endpoint: Endpoint, now: int) -> None: ...
    def works_again(self, endpoint: Endpoint) -> None: ...


class Secrets(Protocol):
    def open(self, endpoint: Endpoint) -> Sequence[str]: ...


class Poster(Protocol):
    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer: ...


class Queue(Protocol):
    def events(self, wanted: Sequence[MessageKey], delay: int = 0) -> None: ...


Sign = Callable[[Sequence[str], str, int, bytes], Mapping[str, str]]
"""Headers for the secrets, the event's id, the time (epoch ms) and the body."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of one message; `disabled` says why its endpoint hears nothing any more."""

    outcome: Outcome
    disabled: str = ""


@dataclass(frozen=True, slots=True)
class EventSender:
    """Sends what the queue names. `spread` runs one function over many things side by side."""

    outbox: Outbox
    endpoints: Endpoints
    secrets: Secrets
    sign: Sign
    poster: Poster
    queue: Queue
    clock: Callable[[], int]
    chance: Callable[[], float]
    token: Callable[[], str]
    spread: Callable[[Callable[[MessageKey], Sent], Iterable[MessageKey]], Iterable[Sent]]

    def send(self, wanted: Sequence[MessageKey]) -> dict[MessageKey, Sent]:
        """Make one attempt for each of these messages, all at once. Raises Unavailable before the first."""
        keys = list(dict.fromkeys(wanted))
        found = self.endpoints.some([(key.tenant, key.endpoint) for key in keys])
        send = lambda key: self._send(key, found.get((key.tenant, key.endpoint)))  # noqa: E731
        return dict(zip(keys, self.spread(send, keys), strict=True))

    def _send(self, key: MessageKey, endpoint: Endpoint | None) -> Sent:
        try:
            token = self.token()
            message = self.outbox.claim(key, token, self.clock())
            if message is None:
                return Sent(Outcome.DONE)
            if endpoint is None or not endpoint.enabled:
                reason = "the endpoint is disabled" if endpoint else "the endpoint was deleted"
                self.outbox.skipped(message, token, reason)
                return Sent(Outcome.SKIPPED)
            return self._attempt(message, endpoint, token)
        except Unavailable:
            return Sent(Outcome.BUSY)

    def _attempt(self, message: Message, endpoint: Endpoint, token: str) -> Sent:
        now, body = self.clock(), message.body.encode()
        headers = self.sign(self.secrets.open(endpoint), message.key.event, now, body)
        answer = self.poster.post(endpoint.url, headers, body)
        attempts = message.tried(answer, now)
        if answer.good:
            self.outbox.sent(message, attempts, token)
            if endpoint.failing_since:
                self.endpoints.works_again(endpoint)
            return Sent(Outcome.SENT)
        if not endpoint.failing_since:
            self.endpoints.begins_to_fail(endpoint, now)
        if (reason := _why_disable(endpoint, answer, now)) and self.endpoints.disable(
            endpoint.tenant, endpoint.id, reason, now, BY
        ):
            self.outbox.failed(message, attempts, token, reason)
            return Sent(Outcome.GIVEN_UP, reason)
        return Sent(self._later(message, attempts, token, answer))

    def _later(self, message: Message, attempts: tuple[Attempt, ...], token: str, answer: Answer) -> Outcome:
        """Plan the next attempt, soon by the queue and late by the sweeper, or give up."""
        now = self.clock()
        due = WEBHOOKS.next_due(message.failures + 1, now, self.chance(), answer.asked)
        if due is None:
            self.outbox.failed(message, attempts, token, f"given up after {WEBHOOKS.attempts} attempts")
            return Outcome.GIVEN_UP
        wait = due - now
        self.outbox.try_again(message, attempts, token, due, by_queue=wait <= MOST_QUEUED)
        if wait <= MOST_QUEUED:
            self.queue.events([message.key], -(-wait // 1000))
        return Outcome.FAILED


def _why_disable(endpoint: Endpoint, answer: Answer, now: int) -> str:
    if answer.status == GONE:
        return "it answered 410 Gone"
    return "it only failed for five days" if endpoint.worn_out(now) else ""
