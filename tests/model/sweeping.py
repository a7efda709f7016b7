"""The sweeper left alone: what becomes of a store when every process is dead and every message lost."""

from collections.abc import Iterator

from tests.model.actors import settled_index
from tests.model.delivering import Delivery
from tests.model.items import LATE, RESERVED, ROOMS, SCHEDULED, Store, World
from tests.model.passing import Pass
from tests.model.process import Process, Step
from tests.model.recalling import Mover
from tests.model.reserving import Expiry
from tests.model.writes import apply

ROUNDS, STEPS = 20, 200


class Restless(Exception):
    """The sweeper found something to do again and again."""


def sweep(world: World, store: Store, *, late: bool) -> Store:
    """Let the sweeper run until it finds nothing to do. `late`: so long after that every room is stale."""
    if late:
        store = settled_index(store)._replace(now=LATE)
    for _ in range(ROUNDS):
        before = store
        for process in due(world, store):
            store = alone(world, store, process)
        store = remove_rooms(store, late=late)
        if store == before:
            return store
    raise Restless


def due(world: World, store: Store) -> Iterator[Process]:
    """Whom the timers ask for: of headers pass and delivery, of units delivery or expiry, of rooms passes."""
    for order, (header, units) in enumerate(zip(store.headers, store.units, strict=True)):
        waits = {unit.state for unit in units}
        open_ = any(room in waits and store.room(room) is not None and opens(store, room) for room in ROOMS)
        if header.timer or open_:
            yield Pass(order)
        if header.timer or any(unit.timer for unit in units):
            yield Delivery(order)
        yield from (Expiry(order, number) for number, unit in enumerate(units) if unit.state == RESERVED)
    if store.batch.timer:
        yield Mover()


def opens(store: Store, room: str) -> bool:
    """Whether anybody of this room could get something now."""
    return not store.paused and (store.open or room != SCHEDULED)


def alone(world: World, store: Store, process: Process | None) -> Store:
    """Run one process to its end, doing what is best with the world as it is."""
    for _ in range(STEPS):
        if process is None:
            return store
        moves = process.moves(world, store)
        if not moves:
            return store
        move = moves[0]
        if isinstance(move, Step):
            process, store = move.after, move.store or store
        else:
            store, answer = apply(world, store, move)
            process = process.answered(world, move, answer)
    raise Restless


def remove_rooms(store: Store, *, late: bool) -> Store:
    for room in ROOMS:
        touched_at = store.room(room)
        waits = any(unit.state == room for units in store.units for unit in units)
        if touched_at is not None and not waits and (late or touched_at < store.now):
            store = store.with_room(room, None)
    return store
