"""What may happen to a request below the SDK, and what then must be true of a write that meets it."""

from dataclasses import dataclass, field

from botocore.exceptions import ConnectionClosedError

from cardcourier.domain.protocol import MarkerLost
from local.lossy import TABLES, answer, cancelled
from tests.integration.order_ground import answer_lost, never_sent


@dataclass
class Wire:
    """Requests that are on their way: the sender gave them up, and they arrive when they are let to."""

    in_flight: list = field(default_factory=list)

    def hold(self, send, request):
        """The sender hears nothing and the request is not there yet."""
        self.in_flight.append(send)
        raise ConnectionClosedError(endpoint_url=request.url)

    def land(self):
        while self.in_flight:
            self.in_flight.pop(0)()

    def land_and_serve(self, send, request):
        """The repeat is on its way when the first request arrives before it."""
        self.land()
        return send()

    def serve_and_land(self, send, request):
        """The repeat overtakes the first request."""
        served = send()
        self.land()
        return served


def reset_before(send, request):
    raise ConnectionClosedError(endpoint_url=request.url)


def reset_after(send, request):
    send()
    raise ConnectionClosedError(endpoint_url=request.url)


def refused(code, message="", status=400):
    """The server answers with an error and does nothing."""
    return lambda send, request: answer(request, status, {"__type": TABLES + code, "message": message})


def failed_after(send, request):
    """The server did it and answers that something went wrong."""
    send()
    return ERROR(send, request)


def cancelled_for(because):
    """A transaction is cancelled for reasons of some of its parts: codes by their places."""
    return lambda send, request: cancelled(request, because)


PASSED_OVER = MarkerLost(gone=False)
"""Another worker is on this card: nothing happened, and the caller tries another."""

ERROR = refused("InternalServerError", "internal error", 500)
AWAY = refused("ServiceUnavailable", "try later", 503)
IN_PROGRESS = refused("TransactionInProgressException", "the transaction with this token is in progress")
CONFLICT = refused("TransactionConflictException", "Transaction is ongoing for the item")
THROTTLED = "ProvisionedThroughputExceededException"
BURSTS = {
    "partition": refused(THROTTLED, "The provisioned throughput of the table was exceeded."),
    "index": refused(THROTTLED, "The provisioned throughput of one or more indexes was exceeded."),
    "table": refused("ThrottlingException", "Throughput exceeds the current capacity of your table."),
}


@dataclass(frozen=True)
class Trouble:
    """What the requests of one write meet, one after the other; those that follow are served.

    `done`: the write took effect by the time its caller knows what it knows. `heard`: a repeat of the SDK
    was served, so that the caller has an answer. `lands`: what is under way arrives when the caller has
    given up.
    """

    name: str
    script: tuple
    done: bool = True
    heard: bool = True
    lands: bool = False

    def requests(self, wire):
        """The script, in which a word is what the wire does."""
        return [getattr(wire, step) if isinstance(step, str) else step for step in self.script]


def unheard(name, *script, **more):
    return Trouble(name, script, heard=False, **more)


def undone(name, *script, **more):
    return Trouble(name, script, done=False, heard=False, **more)


LOST = [Trouble("lost", (answer_lost,))]
LOST_AGAIN = [
    Trouble("twice", (answer_lost,) * 2),
    unheard("to the end", *[answer_lost] * 3),
]
LATE = [
    Trouble("before the repeat", ("hold", "land_and_serve")),
    Trouble("after the repeat", ("hold", "serve_and_land")),
    Trouble("after two repeats", ("hold", answer_lost, "serve_and_land")),
    undone("when nobody waits for it", *["hold"] * 3, lands=True),
]
UNSENT = [
    Trouble("once", (never_sent,)),
    Trouble("once, then lost", (never_sent, answer_lost)),
    undone("to the end", *[never_sent] * 3),
]
RESET = [
    Trouble("before", (reset_before,)),
    Trouble("after", (reset_after,)),
    Trouble("before, then after", (reset_before, reset_after)),
    undone("before, to the end", *[reset_before] * 3),
    unheard("after, to the end", *[reset_after] * 3),
]
FAILED = [
    Trouble("500", (ERROR,)),
    Trouble("500 of what is done", (failed_after,)),
    Trouble("503, then 500", (AWAY, ERROR)),
    undone("500 to the end", *[ERROR] * 3),
    unheard("500 of what is done to the end", *[failed_after] * 3),
]
IN_FLIGHT = [
    Trouble("for a while", ("hold", IN_PROGRESS, "land_and_serve")),
    undone("for long", "hold", IN_PROGRESS, IN_PROGRESS, lands=True),
]


def bursts(where):
    """A short one the SDK outlasts; a long one outlasts the SDK twice."""
    refusal = BURSTS[where]
    return [Trouble("short", (refusal,) * 2), undone("long", *[refusal] * 7)]


def stopped(parts, code):
    """Each part of a transaction alone is in the way, then all of them."""
    alone = [{place: code} for place in range(parts)]
    return [
        undone(str(because), cancelled_for(because))
        for because in (*alone, dict.fromkeys(range(parts), code))
    ]
