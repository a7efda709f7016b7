"""Every call to the world outside passes here: others may run before it, while it is under way, and after it.

unsent                       it never reached the server
throttled, failed            refused by the server
lost                         done, but no answer
repeated                     done twice: the SDK asked again
late                         given up, and done later
overtaken                    asked again, and the first comes later
frozen                       the process stands still before it
killed before, after, late   the process dies
conflict                     another transaction has one of its items
in progress                  asked again while the first is prepared
slow                         prepared long before it is committed
"""

import sys
from contextlib import suppress
from dataclasses import dataclass

from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from cardcourier.errors import CardCourierError
from tests.simulation.engine import refusal
from tests.simulation.scheduler import Process, Scheduler, Strand
from tests.simulation.writes import write_of

READS = frozenset({"GetItem", "Query", "BatchGetItem", "Scan"})
REFUSALS = (ClientError, CardCourierError)
"""What a server answers that did not do it: AWS by its own errors, the post office by the product's."""

GIVEN_UP = 3_000
"""Milliseconds after which a client gives up."""


@dataclass(frozen=True, slots=True)
class Author:
    """Who sent a write: its process, and when it had last asked for what is judged, as it was sent."""

    name: str
    process: Process
    judged_at: dict


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the trace."""

    at: int
    strand: str
    call: str
    about: tuple
    fault: str
    outcome: str


class Calls:
    """Carries calls. `author` sent the request that is just being served, for whoever watches commits."""

    def __init__(self, scheduler: Scheduler, chance) -> None:
        self.scheduler, self.chance = scheduler, chance
        self.trace: list[Step] = []
        self.seen = chance.seen
        self.author: Author | None = None
        self.watch = lambda strand, call: None

    def of_table(self, call):
        """The hook of an engine's client."""
        strand = self.scheduler.current
        if strand is None:
            return call.send()
        operation = call.operation
        if operation in READS:
            return self.carry(operation, "read", call, strand)
        kind = "transaction" if operation == "TransactWriteItems" else "write"
        return self.carry(write_of(sys._getframe(2)) or operation, kind, call, strand)

    def carry(self, name: str, kind: str, call, strand: Strand):
        """Send one call the way chance wants it."""
        self.watch(strand, call)
        scheduler, chance = self.scheduler, self.chance
        scheduler.pause(chance.latency())
        fault = chance.fault(kind)
        if fault:
            self.seen[name, fault] += 1
        author = Author(strand.name, strand.process, dict(strand.judged_at))
        send = getattr(self, "_" + fault.replace(" ", "_")) if fault else self._send
        try:
            answer = send(call, author)
        except BaseException as error:
            self._note(name, call, strand, fault, error)
            raise
        self._note(name, call, strand, fault, None)
        scheduler.pause(chance.latency() // 2)
        return answer

    def _note(self, name, call, strand, fault, error) -> None:
        outcome = code_of(error)
        self.seen["done", name] += error is None
        self.trace.append(Step(self.scheduler.now, strand.name, name, about(call), fault, outcome))

    def _send(self, call, author):
        before, self.author = self.author, author
        try:
            return call.send()
        finally:
            self.author = before

    def _later(self, call, author, delay: int) -> None:
        def land() -> None:
            outcome = "ok"
            try:
                self._send(call, author)
            except REFUSALS as error:
                outcome = code_of(error)
            self.trace.append(Step(self.scheduler.now, author.name, "(lands)", about(call), "late", outcome))

        self.scheduler.after(delay, land)

    # -- faults -----------------------------------------------------------------------------------

    def _unsent(self, call, author):
        raise ConnectionClosedError(endpoint_url="engine")

    def _throttled(self, call, author):
        raise refusal("ProvisionedThroughputExceededException", call.operation)

    def _failed(self, call, author):
        raise refusal("InternalServerError", call.operation)

    def _lost(self, call, author):
        with suppress(*REFUSALS):
            self._send(call, author)
        self._give_up()

    def _give_up(self):
        self.scheduler.pause(GIVEN_UP)
        raise ReadTimeoutError(endpoint_url="engine")

    def _repeated(self, call, author):
        with suppress(*REFUSALS):
            self._send(call, author)
        self.scheduler.pause(self.chance.latency())
        return self._send(call, author)

    def _late(self, call, author):
        self._later(call, author, self.chance.long())
        self._give_up()

    def _overtaken(self, call, author):
        self._later(call, author, self.chance.long())
        self.scheduler.pause(self.chance.latency())
        return self._send(call, author)

    def _frozen(self, call, author):
        self.scheduler.pause(self.chance.long())
        return self._send(call, author)

    def _killed_before(self, call, author):
        self.scheduler.die()

    def _killed_after(self, call, author):
        with suppress(*REFUSALS):
            self._send(call, author)
        self.scheduler.die()

    def _killed_late(self, call, author):
        self._later(call, author, self.chance.long())
        self.scheduler.die()

    def _conflict(self, call, author):
        parts = call.request["TransactItems"]
        chosen = self.chance.random.randrange(len(parts))
        reasons = [{"Code": "TransactionConflict" if n == chosen else "None"} for n in range(len(parts))]
        raise refusal("TransactionCanceledException", call.operation, CancellationReasons=reasons)

    def _slow(self, call, author):
        """It commits in its time, whatever becomes of its sender meanwhile."""
        prepared, takes = self._prepare(call, author), self.chance.long() // 10
        self.scheduler.after(takes, lambda: self._commit(prepared, author))
        self.scheduler.pause(takes)
        return self._commit(prepared, author)

    def _in_progress(self, call, author):
        prepared = self._prepare(call, author)
        self.scheduler.after(self.chance.long() // 10, lambda: self._commit(prepared, author))
        self.scheduler.pause(self.chance.latency())
        return self._send(call, author)

    def _prepare(self, call, author):
        before, self.author = self.author, author
        try:
            return call.prepare()
        finally:
            self.author = before

    def _commit(self, prepared, author):
        before, self.author = self.author, author
        try:
            return prepared.commit()
        finally:
            self.author = before


def code_of(error: BaseException | None) -> str:
    """How a call ended."""
    if isinstance(error, ClientError):
        return error.response["Error"]["Code"]
    return type(error).__name__ if error is not None else "ok"


def about(call) -> tuple:
    """The keys that a call names, for the trace."""
    request = call.request
    if "Key" in request:
        return (_key(request["Key"]),)
    if "Item" in request:
        return (_key(request["Item"]),)
    if "TransactItems" in request:
        parts = [next(iter(part.values())) for part in request["TransactItems"]]
        return tuple(_key(part.get("Key") or part["Item"]) for part in parts)
    if "ExpressionAttributeValues" in request:
        return tuple(
            str(next(iter(value.values()))) for value in request["ExpressionAttributeValues"].values()
        )
    if "RequestItems" in request:
        return tuple(_batched(request["RequestItems"]))
    return tuple(request.get("about", ()))


def _batched(tables):
    for wanted in tables.values():
        for one in wanted["Keys"] if isinstance(wanted, dict) else wanted:
            inner = one.get("PutRequest", {}).get("Item") or one.get("DeleteRequest", {}).get("Key") or one
            yield _key(inner)


def _key(item) -> str:
    return " ".join(item[name]["S"] for name in ("pk", "sk") if name in item)
