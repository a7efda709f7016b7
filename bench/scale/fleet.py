"""Environments of `allocation`, and what hands them their messages.

An environment runs the product's own code: `services/passing.py` and everything behind it. `Direct` gives
each order to a warm one at once, so that allocation is measured alone; `Mapping` is the queue, with pollers.
"""

from collections import Counter, deque
from collections.abc import Callable
from collections.abc import Mapping as MappingOf
from dataclasses import asdict, dataclass, field
from random import Random
from typing import Any

from bench.scale.database import Client, Database
from bench.scale.stores import Orders, Shelved, Stock, Store, Waiting
from bench.scale.timeline import Timeline
from cardcourier.adapters.queues import order_body, room_body
from cardcourier.domain.orders import OrderKey
from cardcourier.domain.states import Room
from cardcourier.domain.waiting import Share
from cardcourier.errors import Unavailable
from cardcourier.services.allocating import Allocator
from cardcourier.services.draining import Drainer
from cardcourier.services.passing import Passes
from cardcourier.services.picking import Picker

BATCH, TIME, MARGIN = 10, 20_000, 10_000
"""As in the template and in `functions/allocation/app.py`; milliseconds."""

MOST = 1_000
"""Environments of one account, unless its limit was raised."""

STANDARD = (5, 300 / 60)
"""The mapping's own mode: batches at once in the beginning, and how many more with each second of backlog."""

PER_POLLER, PROVISIONED_GROWTH = 10, 1_000 / 60
"""Provisioned pollers: batches at once for each, and how many more a second."""

Body = MappingOf[str, Any]


@dataclass
class Fleet:
    """Makes environments; every one has a generator of its own, as `SystemRandom` gives it."""

    db: Database
    store: Store
    seed: int
    picker: type[Picker] = Picker
    send: Callable[[Body, int], None] | None = None
    idle: list[Passes] = field(default_factory=list)
    made: int = 0

    def environment(self) -> Passes:
        self.made += 1
        random = Random(f"{self.seed}/{self.made}")
        client, clock = Client(self.db, random), self.db.timeline.clock
        stock, catalogue = Stock(self.db, client, self.store), Shelved(self.store)
        orders, asked = Orders(self.db, client, self.store), Asked(client, self.send)
        allocator = Allocator(
            orders,
            catalogue,
            self.picker(stock, random, clock, self.db.timeline.sleep_seconds),
            asked,
            clock,
            refunds=NoRefunds(),
        )
        waiting = Waiting(self.db, client, self.store)
        drainer = Drainer(allocator, waiting, orders, stock, catalogue, asked, clock)
        return Passes(orders, orders, allocator, drainer)


class NoRefunds:
    """Nobody is given anything back in a sale."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The orders queue, as an environment writes to it."""

    client: Client
    send: Callable[[Body, int], None] | None

    def order(self, key: OrderKey) -> None:
        self._send(order_body(key), 0)

    def room(self, tenant: str, room: Room, ref: str, delay: int) -> None:
        self._send(room_body(tenant, room, ref), delay)

    def share(self, tenant: str, room: Room, ref: str, share: Share) -> None:
        self._send({**room_body(tenant, room, ref), "share": asdict(share)}, 0)

    def _send(self, body: Body, delay: int) -> None:
        assert self.send is not None
        self.client.elsewhere("SendMessage")
        self.send(body, delay)


@dataclass
class Direct:
    """Each message by itself, at once, in a warm environment; they wait only when all are at work."""

    timeline: Timeline
    fleet: Fleet
    given_up: Counter[str] = field(default_factory=Counter)
    waiting: deque[Body] = field(default_factory=deque)

    def send(self, body: Body, delay: int = 0) -> None:
        if not self.fleet.idle and self.fleet.made >= MOST:
            self.waiting.append(body)
            return
        passes = self.fleet.idle.pop() if self.fleet.idle else self.fleet.environment()
        self.timeline.spawn(self._work, passes, body)

    def _work(self, passes: Passes, body: Body) -> None:
        serve(passes, [body], self.timeline, self.given_up)
        while self.waiting:
            serve(passes, [self.waiting.popleft()], self.timeline, self.given_up)
        self.fleet.idle.append(passes)


@dataclass
class Mapping:
    """The orders queue with its event source mapping: batches of up to ten, more at once as time goes by.

    `pollers` are provisioned ones, 0 for the mapping's own mode. What is given back stays hidden for two
    minutes, longer than a simulation looks.
    """

    timeline: Timeline
    fleet: Fleet
    most: int
    pollers: int = 0
    given_up: Counter[str] = field(default_factory=Counter)
    messages: deque[Body] = field(default_factory=deque)
    busy: int = 0
    peak: int = 0

    def __post_init__(self) -> None:
        begin, self._growth = STANDARD
        if self.pollers:
            begin, self._growth = self.pollers * PER_POLLER, PROVISIONED_GROWTH
        self._allowed = float(min(begin, self.most))
        self.timeline.at(self.timeline.now + 1_000, self._grow)

    def send(self, body: Body, delay: int = 0) -> None:
        if delay:
            self.timeline.at(self.timeline.now + delay * 1_000, lambda: self.send(body))
            return
        self.messages.append(body)
        self._start()

    def _grow(self) -> None:
        if self.messages:
            self._allowed = min(self._allowed + self._growth, self.most)
            self._start()
        self.timeline.at(self.timeline.now + 1_000, self._grow)

    def _start(self) -> None:
        while self.messages and self.busy + 1 <= self._allowed:
            self.busy += 1
            self.peak = max(self.peak, self.busy)
            self.timeline.spawn(self._work, self._batch())

    def _batch(self) -> list[Body]:
        return [self.messages.popleft() for _ in range(min(BATCH, len(self.messages)))]

    def _work(self, bodies: list[Body]) -> None:
        self.timeline.sleep(self.fleet.db.latencies.draw("poll"))
        if self.fleet.idle:
            passes = self.fleet.idle.pop()
        else:
            passes = self.fleet.environment()
            self.timeline.sleep(self.fleet.db.latencies.draw("cold start"))
        while bodies:
            serve(passes, bodies, self.timeline, self.given_up)
            self.timeline.sleep(self.fleet.db.latencies.draw("poll"))
            bodies = self._batch()
        self.fleet.idle.append(passes)
        self.busy -= 1


def serve(passes: Passes, bodies: list[Body], timeline: Timeline, given_up: Counter[str]) -> None:
    """A batch, as the function's door serves it; what fails goes back into the queue."""
    until = timeline.clock() + TIME - MARGIN
    try:
        headers = passes.read(bodies)
    except Unavailable as error:
        given_up[error.code] += len(bodies)
        return
    for body in bodies:
        try:
            passes.run(body, headers, "scale", until, again=False)
        except Unavailable as error:
            given_up[error.code] += 1
