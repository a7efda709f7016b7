"""Transactions in two phases, recognised by their tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from tests.simulation.engine.errors import (
    CONFLICT,
    IN_PROGRESS,
    TOO_FAST,
    cancelled,
    invalid,
    known,
    refusal,
)
from tests.simulation.engine.items import Stored
from tests.simulation.engine.store import Store
from tests.simulation.engine.writes import Write, write_of

OPERATION = "TransactWriteItems"
OPTIONS = frozenset(("TransactItems", "ClientRequestToken"))
MOST_PARTS = 100
TOKEN_LIVES = 600_000
INNOCENT = {"Code": "None"}

Made = tuple[Write, Stored | None, Stored | None]


@dataclass(slots=True)
class Prepared:
    """A transaction whose conditions held and whose items are its own, until it commits or gives up."""

    transactions: Transactions
    token: str
    parts: list[Made]
    settled: bool = False

    def commit(self) -> dict[str, Any]:
        """Make it happen; nothing when it has happened, or was given up, before."""
        if not self.settled:
            self._release()
            self.transactions.store.commit((one.table, one.key, old, new) for one, old, new in self.parts)
            self.transactions.done(self.token)
        return {}

    def abort(self) -> None:
        """Give it up, as if it had never been sent."""
        if not self.settled:
            self._release()
            self.transactions.forget(self.token)

    def _release(self) -> None:
        self.settled = True
        for one, _, _ in self.parts:
            del self.transactions.store.held[one.place]


@dataclass(slots=True)
class _Token:
    """What was asked under a token; `until` is None while it is prepared."""

    asked: Any
    until: int | None = None


@dataclass(slots=True)
class Transactions:
    store: Store
    _tokens: dict[str, _Token] = field(default_factory=dict)

    def prepare(self, request: Mapping[str, Any]) -> Prepared:
        """Check every part and hold its items. Raises TransactionCanceledException with a reason for each."""
        known(request, OPTIONS, OPERATION)
        items, token = request["TransactItems"], request.get("ClientRequestToken", "")
        if self._repeats(token, items):
            return Prepared(self, token, [], settled=True)
        if not 0 < len(items) <= MOST_PARTS:
            raise invalid(f"A transaction has 1 to {MOST_PARTS} items, not {len(items)}")
        writes = [self._write(item) for item in items]
        if len({write.place for write in writes}) != len(writes):
            raise invalid("Transaction request cannot include multiple operations on one item")
        parts, reasons = [], []
        for write in writes:
            made, reason = self._part(write)
            parts.append(made)
            reasons.append(reason)
        if any(reason is not INNOCENT for reason in reasons):
            raise cancelled([dict(reason) for reason in reasons])
        prepared = Prepared(self, token, parts)
        for write in writes:
            self.store.held[write.place] = prepared
        if token:
            self._tokens[token] = _Token(items)
        return prepared

    def done(self, token: str) -> None:
        if token:
            self._tokens[token].until = self.store.weather.now() + TOKEN_LIVES

    def forget(self, token: str) -> None:
        self._tokens.pop(token, None)

    def snapshot(self) -> Any:
        return {token: (one.asked, one.until) for token, one in self._tokens.items()}

    def restore(self, state: Any) -> None:
        self._tokens = {token: _Token(asked, until) for token, (asked, until) in state.items()}

    def _write(self, item: Mapping[str, Any]) -> Write:
        ((verb, request),) = item.items()
        if verb not in ("Put", "Update", "Delete", "ConditionCheck"):
            raise NotImplementedError(f"{verb} in a transaction")
        return write_of(self.store.tables, verb, request)

    def _repeats(self, token: str, items: Any) -> bool:
        """Whether this was done under its token before."""
        known_as = self._tokens.get(token) if token else None
        if known_as is None:
            return False
        if known_as.until is not None and known_as.until <= self.store.weather.now():
            self.forget(token)
            return False
        if known_as.asked != items:
            raise refusal("IdempotentParameterMismatchException", OPERATION)
        if known_as.until is None:
            raise refusal("TransactionInProgressException", OPERATION, IN_PROGRESS)
        return True

    def _part(self, write: Write) -> tuple[Made, dict[str, Any]]:
        old = write.table.items.get(write.key)
        untouched = (write, old, old)
        if write.place in self.store.held:
            return untouched, {"Code": "TransactionConflict", "Message": CONFLICT}
        if self.store.weather.throttles(OPERATION, write.table.name, "", write.key[0]):
            return untouched, {"Code": "ThrottlingError", "Message": TOO_FAST}
        if not write.allowed(old):
            return untouched, write.reason(old)
        if write.made is None:
            return untouched, INNOCENT
        try:
            return (write, old, write.made(old)), INNOCENT
        except ClientError as error:
            return untouched, {"Code": "ValidationError", "Message": error.response["Error"]["Message"]}
