"""A message to a buyer as it is kept: written down before it is sent, with every try and what came of it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import sha256

from cardcourier.domain.backoff import HOUR, MINUTE, BackOff
from cardcourier.domain.orders import OrderKey, Unit

MAIL, SMS = "mail", "sms"
LEASE = 60_000
"""Milliseconds for which a worker alone may try; longer than a call of its function may last."""

SCHEDULE = BackOff(
    (1 * MINUTE, 5 * MINUTE, 20 * MINUTE, 1 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, 24 * HOUR),
)
"""Nine tries within two days. A buyer who waits that long has asked the shop by then."""


@dataclass(frozen=True, slots=True)
class Plan:
    """By which channels a buyer is told: all of `first`, and `fallback` when the only one is refused."""

    first: tuple[str, ...] = ()
    fallback: str = ""


class Status(StrEnum):
    """Where a notification stands. `over` means that there is nothing left to tell of."""

    PENDING = "pending"
    SENT = "sent"
    REFUSED = "refused"
    FAILED = "failed"
    OVER = "over"


UNDELIVERED = frozenset({Status.REFUSED, Status.FAILED})
"""What a person should look at: it will not be tried again by itself."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try: when (epoch ms), how it ended, the class of error, how long it took (ms), in which request.

    `outcome` is `sent`, `refused`, `unavailable`, or `unknown`: the worker was gone before it could say.
    """

    at: int
    outcome: str
    error: str = ""
    took: int = 0
    rid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One occasion on one channel. `about` names the cards it tells of, as `mark` does.

    `ver` rises with every write. While it is pending, `claim` may try until `until` (epoch ms), and nobody
    tries before `not_before`; `due` is its own timer. `noticed` is false while a person should look at it.
    """

    key: OrderKey
    id: str
    kind: str
    channel: str
    about: tuple[str, ...]
    status: Status = Status.PENDING
    ver: int = 1
    claim: str = ""
    until: int = 0
    not_before: int = 0
    due: int | None = None
    attempts: tuple[Attempt, ...] = ()
    failures: int = 0
    provider_id: str = ""
    reason: str = ""
    noticed: bool = True
    created_at: int = 0

    @property
    def open(self) -> bool:
        return self.status is Status.PENDING

    @property
    def settled(self) -> bool:
        """Whether it needs no other timer: it ended, or has one of its own."""
        return not self.open or self.due is not None

    def free(self, now: int) -> bool:
        """Whether somebody may try now."""
        return self.open and now >= self.not_before and not (self.claim and now < self.until)

    @property
    def exhausted(self) -> bool:
        return self.failures >= SCHEDULE.attempts

    def message_id(self, seq: int) -> str:
        """Our own id of this message: the same for every try; a new one when the link was withdrawn."""
        text = "\n".join((self.key.tenant, self.key.shop, self.key.order, self.id, str(seq)))
        return sha256(text.encode()).hexdigest()[:32]

    def claimed(self, by: str, now: int) -> "Notification":
        """For the next try. A claim that ran out without a word is a try whose outcome nobody knows."""
        lost = (Attempt(self.until - LEASE, "unknown", "no_answer", 0, self.claim),) if self.claim else ()
        return replace(
            self,
            ver=self.ver + 1,
            claim=by,
            until=now + LEASE,
            due=now + LEASE,
            attempts=(*self.attempts, *lost),
            failures=self.failures + len(lost),
        )

    def given_up(self, now: int) -> "Notification":
        """After claims that ran out without a word, as often as it may be tried."""
        lost = self.claimed("", now)
        reason = "It was tried as often as it may be, and nobody knows what came of it."
        return replace(lost, claim="", until=0, due=None, status=Status.FAILED, noticed=False, reason=reason)

    def ended(
        self, attempt: Attempt | None, status: Status, *, provider_id: str = "", reason: str = ""
    ) -> "Notification":
        """No further try comes of itself."""
        return replace(
            self._tried(attempt),
            status=status,
            due=None,
            provider_id=provider_id,
            reason=reason,
            noticed=status not in UNDELIVERED,
        )

    def unavailable(self, attempt: Attempt, reason: str, *, jitter: float, asked: int = 0) -> "Notification":
        """Wait for the next try, or give up after the last one. `asked` as in `BackOff.next_due`."""
        tried = replace(self._tried(attempt), failures=self.failures + 1, reason=reason)
        due = SCHEDULE.next_due(tried.failures, attempt.at + attempt.took, jitter, asked)
        if due is None:
            return replace(tried, status=Status.FAILED, due=None, noticed=False)
        return replace(tried, due=due, not_before=due)

    def _tried(self, attempt: Attempt | None) -> "Notification":
        attempts = self.attempts if attempt is None else (*self.attempts, attempt)
        return replace(self, ver=self.ver + 1, claim="", until=0, attempts=attempts)

    def again(self, now: int) -> "Notification":
        """As a person asked: from the first try on."""
        return replace(
            self,
            ver=self.ver + 1,
            status=Status.PENDING,
            failures=0,
            due=now,
            not_before=now,
            reason="",
            noticed=True,
        )


def mark(unit: Unit) -> str:
    """Names the card that a unit holds now: a replacement is told of anew."""
    return f"{unit.name}/{unit.gen}"


def occasion_of(units: Iterable[Unit]) -> str:
    """The occasion of telling of these cards, named by the first of them."""
    first = min(units, key=lambda unit: unit.name)
    return f"{first.line}.{first.n:04d}.{first.gen}"
