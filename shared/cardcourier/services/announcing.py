"""Tell merchants' systems what happened: each change of an order becomes a message for whoever wants to hear.

The message is written before it is queued, so the sweeper finds what a queue forgot; and it is written once
for each event, so a change that is read again tells nothing again.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from cardcourier.domain.changes import Changed
from cardcourier.domain.endpoints import Endpoint
from cardcourier.domain.journal import JournalLine
from cardcourier.domain.orders import Header, OrderKey, Unit
from cardcourier.domain.outbound import Event, delivered, event_of, imported, untold
from cardcourier.domain.outbox import Message, MessageKey, Sending
from cardcourier.domain.states import HANDED_OVER, WAITING, State
from cardcourier.errors import Unavailable
from cardcourier.services.delivering import complete

Told = Sequence[tuple[Changed, Sequence[JournalLine]]]
Orders = Mapping[OrderKey, tuple[Header, list[Unit]]]
NOT_YET = frozenset({State.PENDING, *WAITING, State.ALLOCATED})
"""A unit that leaves these may have been the last that its order waited for."""


class Audience(Protocol):
    """Who hears of a tenant's events; may be half a minute old."""

    def endpoints(self, tenant: str) -> Sequence[Endpoint]: ...


class Outbox(Protocol):
    def put_new(self, message: Message, now: int) -> None: ...


class Queue(Protocol):
    def events(self, wanted: Sequence[MessageKey]) -> None: ...


@dataclass(frozen=True, slots=True)
class Announcer:
    """Fills the outbox. `spread` runs one function over many things side by side."""

    audience: Audience
    outbox: Outbox
    queue: Queue
    clock: Callable[[], int]
    spread: Callable[[Callable[[Message], None], Iterable[Message]], Iterable[None]]

    def announce(self, told: Told, orders: Orders) -> int:
        """Returns how many messages there are of these changes; `orders` are as they stand now."""
        # Of links, gates and the like there is nothing to hear, so nobody is asked who would.
        about = [(change, lines) for change, lines in told if _may_be_heard(change, lines)]
        heard = [(change, lines) for change, lines in about if self.audience.endpoints(_tenant(change))]
        events = {event.id: event for event in _events(heard, orders)}
        return self.tell(
            (event, endpoint)
            for event in events.values()
            for endpoint in self.audience.endpoints(event.tenant)
            if endpoint.wants(event.type)
        )

    def tell(self, wanted: Iterable[tuple[Event, Endpoint]]) -> int:
        """Write a message for each, and ask for those to be sent that may be."""
        now, messages = self.clock(), [_message(event, endpoint) for event, endpoint in wanted]
        for _ in self.spread(lambda message: self.outbox.put_new(message, now), messages):
            pass
        # A queue that is away delays a message until the sweeper comes, and must not hold up the journal.
        with suppress(Unavailable):
            self.queue.events([one.key for one in messages if one.state is Sending.PENDING])
        return len(messages)


def _may_be_heard(change: Changed, lines: Sequence[JournalLine]) -> bool:
    return change.of_order or bool(lines) or imported(change.before, change.after) is not None


def _tenant(change: Changed) -> str:
    return change.key["pk"].split("#", 2)[1]


def _message(event: Event, endpoint: Endpoint) -> Message:
    """What happens while an endpoint is disabled is kept for it, to be sent when it is asked for."""
    return Message(
        key=MessageKey(event.tenant, endpoint.id, event.id),
        type=event.type,
        at=event.at,
        body=event.body,
        state=Sending.PENDING if endpoint.enabled else Sending.SKIPPED,
        reason="" if endpoint.enabled else "the endpoint is disabled",
    )


def _events(told: Told, orders: Orders) -> Iterator[Event]:
    moved: list[OrderKey] = []
    for change, lines in told:
        if change.of_order:
            moved += [change.order for line in lines if line.before in NOT_YET and line.after not in NOT_YET]
            yield from (event for line in lines if (event := event_of(line, change.after or {})))
            if event := untold(change.before, change.after, change.key):
                yield event
        elif event := imported(change.before, change.after):
            yield event
    for key in dict.fromkeys(moved):
        if key in orders and _all_there(*orders[key]):
            yield delivered(*orders[key])


def _all_there(header: Header, units: Sequence[Unit]) -> bool:
    return complete(header, units) and any(unit.state in HANDED_OVER for unit in units)
