"""One event on its way to one endpoint: a message, the attempts made to send it, and what came of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

KEEP = 30 * 86_400_000
"""Milliseconds for which a message can be looked at and sent again."""

LEASE = 45_000
"""Milliseconds for which a worker has a message to itself; no function that sends runs as long."""

GRACE = 60_000
"""Milliseconds after which the sweeper looks for what the queue should have brought at once."""

MOST_ATTEMPTS = 10
"""Attempts that are kept; of more, the last ones."""

LANES = 16
"""Parts in which the messages of one endpoint lie."""

GONE = 410
RETRY_LATER = frozenset({429, 503})


class Sending(StrEnum):
    """Where a message stands."""

    PENDING = "pending"
    SENT = "sent"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class MessageKey:
    """Names the message of one event for one endpoint."""

    tenant: str
    endpoint: str
    event: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one attempt: a status, or why there is none. Times in milliseconds.

    `asked` is how long the endpoint wants to be left alone (Retry-After).
    """

    status: int | None
    error: str = ""
    latency: int = 0
    asked: int = 0

    @property
    def good(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt as it is kept; `at` in epoch ms."""

    at: int
    status: int | None
    error: str
    latency: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """`failures` counts since it was last asked for; `next` is when it may be tried again (epoch ms).

    `replay` is what asked for it last.
    """

    key: MessageKey
    type: str
    at: int
    body: str
    state: Sending = Sending.PENDING
    reason: str = ""
    failures: int = 0
    attempts: tuple[Attempt, ...] = ()
    next: int | None = None
    replay: str = ""

    def tried(self, answer: Answer, at: int) -> tuple[Attempt, ...]:
        """Its attempts with one more."""
        new = Attempt(at, answer.status, answer.error, answer.latency)
        return (*self.attempts, new)[-MOST_ATTEMPTS:]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which messages of an endpoint a list or a replay is about; times of events, `until` not included."""

    since: int
    until: int
    types: tuple[str, ...] = ()
    states: tuple[str, ...] = ()

    def fits(self, message: Message) -> bool:
        return (not self.types or message.type in self.types) and (
            not self.states or message.state in self.states
        )


def read_key(body: Mapping[str, object]) -> MessageKey:
    """The message that a queue's body names; raises ValueError."""
    words = [body.get(word) for word in ("tenant", "endpoint", "event")]
    if not all(isinstance(word, str) and word for word in words):
        raise ValueError("a message of the outbound queue names a tenant, an endpoint and an event")
    tenant, endpoint, event = map(str, words)
    return MessageKey(tenant, endpoint, event)
