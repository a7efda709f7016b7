"""Find everything that is due and was forgotten: the queues make things fast, this makes them certain."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from cardcourier.domain.orders import OrderKey
from cardcourier.domain.outbox import MessageKey
from cardcourier.domain.states import Room
from cardcourier.domain.waiting import Pushed, RoomTimer, Timer

LOOK_AHEAD = 120_000
AGAIN = 60_000
MUCH_LATER = 900_000
PATIENT_TRIES = 5
PAGE = 100


class Due(Protocol):
    """The due index."""

    def due_timers(self, kind: str, part: int, until: int, limit: int) -> list[Timer]: ...
    def push(self, timer: Timer, due: int) -> Pushed | None: ...
    def order_of(self, timer: Timer) -> OrderKey: ...
    def note_of(self, timer: Timer) -> str: ...
    def room_of(self, timer: Timer) -> RoomTimer: ...
    def message_of(self, timer: Timer) -> MessageKey: ...


class Passes(Protocol):
    def orders(self, wanted: list[OrderKey]) -> None: ...
    def room(self, tenant: str, room: Room, ref: str, delay: int) -> None: ...


class Deliveries(Protocol):
    def deliver(self, wanted: list[OrderKey]) -> None: ...
    def notify(self, wanted: list[tuple[OrderKey, str]]) -> None: ...


class Outbound(Protocol):
    def events(self, wanted: list[MessageKey]) -> None: ...


class Releases(Protocol):
    """When a presale opens; None when it has no such time."""

    def release_at(self, tenant: str, sku: str) -> int | None: ...


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep found. `oldest` is the age of the oldest overdue payment in milliseconds.

    `sold_out` is how many products somebody waits for, or did a quarter of an hour ago.
    """

    orders: int
    units: int
    rooms: int
    oldest: int
    notes: int = 0
    sold_out: int = 0


@dataclass(frozen=True, slots=True)
class Sweeper:
    """Runs once a minute; twice at once does no harm."""

    due: Due
    passes: Passes
    deliveries: Deliveries
    outbound: Outbound
    releases: Releases
    clock: Callable[[], int]
    parts: int

    def sweep(self) -> Swept:
        """Send everything overdue on its way again."""
        now = self.clock()
        late = list(self._push_all("ORDER", now))
        orders = [self.due.order_of(pushed.timer) for pushed in late]
        self.passes.orders(orders)
        waiting_for_delivery = list(self._push_all("DELIV", now))
        units = list(dict.fromkeys(self.due.order_of(pushed.timer) for pushed in waiting_for_delivery))
        self.deliveries.deliver(list(dict.fromkeys([*orders, *units])))
        notes = [pushed.timer for pushed in self._push_all("NOTE", now)]
        self.deliveries.notify([(self.due.order_of(timer), self.due.note_of(timer)) for timer in notes])
        asked = (self._open(timer, now) for timer in self._timers("ROOM", now + LOOK_AHEAD))
        rooms = [room for room in asked if room is not None]
        # Last, for nobody who bought waits for it.
        self.outbound.events([self.due.message_of(pushed.timer) for pushed in self._push_all("HOOK", now)])
        ages = [now - pushed.paid_at for pushed in late if pushed.paid_at]
        oldest, sold_out = max(ages, default=0), rooms.count(Room.BACK)
        return Swept(len(orders), len(units), len(rooms), oldest, len(notes), sold_out)

    def _push_all(self, kind: str, now: int) -> Iterator[Pushed]:
        """Each due timer is moved before its work is sent: a second sweeper finds it moved."""
        for timer in self._timers(kind, now):
            pushed = self.due.push(timer, now + AGAIN)
            if pushed is None:
                continue
            if pushed.tries > PATIENT_TRIES:
                self.due.push(pushed.timer, now + MUCH_LATER)
            yield pushed

    def _timers(self, kind: str, until: int) -> Iterable[Timer]:
        for part in range(self.parts):
            yield from self.due.due_timers(kind, part, until, PAGE)

    def _open(self, timer: Timer, now: int) -> Room | None:
        """Have a room's orders looked at: a presale to the second, other rooms now."""
        room = self.due.room_of(timer)
        opens = self.releases.release_at(room.tenant, room.ref) if room.room is Room.PRE else None
        if opens is not None and opens > now + LOOK_AHEAD:
            self.due.push(timer, min(opens, now + MUCH_LATER))
            return None
        if opens is None and timer.due > now:
            return None
        delay = max(0, -((now - opens) // 1000)) if opens is not None else 0
        self.passes.room(room.tenant, room.room, room.ref, delay)
        self.due.push(timer, max(opens or now, now) + AGAIN)
        return room.room
