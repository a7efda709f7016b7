"""A presale opens: so many paid units wait in its room, and cards for them lie there."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from bench.scale.fleet import Mapping
from bench.scale.sales import Ground, Sale, percentile
from bench.scale.stores import SKU, TENANT, room_key
from bench.scale.timeline import BEGIN, SideBySide
from cardcourier.adapters.queues import room_body
from cardcourier.domain.orders import Part, Unit
from cardcourier.domain.states import Room, State
from cardcourier.services import draining

SWEEP = 60_000
"""Milliseconds between two sweeps: each asks for the room again while it has a timer."""


def release(sale: Sale, units: int, announced: int = 1, beside: float = 0.0) -> dict[str, Any]:
    """How long the room takes to empty. `announced` workers ask for it at the very second; `beside` new
    buyers come every second meanwhile; `sale.patience` in seconds ends the simulation.
    """
    ground = Ground(sale)
    ground.store.stock(units + 5_000 if sale.cards is None else sale.cards)
    _fill(ground, units)
    ask = room_body(TENANT, Room.PRE, SKU)
    for _ in range(announced):
        ground.gate.send(ask, 0)
    for sweep in range(1, int(sale.patience * 1000 / SWEEP)):
        ground.timeline.at(sweep * SWEEP, partial(ground.gate.send, ask))
    if beside:
        ground.timeline.spawn(ground.buy, sale.patience, beside)
    with _side_by_side(ground):
        while ground.timeline.now < sale.patience * 1000 and _waits(ground):
            ground.timeline.run(ground.timeline.now + 250)
    return _figures(ground, units)


def _fill(ground: Ground, units: int) -> None:
    """Paid one after the other, long before."""
    for n in range(units):
        key = ground.store.pay(10_000_000 + n, BEGIN - units + n)
        ground.store.headers[key] = replace(ground.store.headers[key], due=None)
        unit = Unit(
            key=key,
            line="1",
            n=1,
            piece=1,
            state=State.SCHEDULED,
            sku=SKU,
            plan=(Part(SKU, 1),),
            room=Room.PRE,
            ref=SKU,
        )
        ground.store.units[key, "1", 1] = unit
        ground.store.waiting[room_key(unit)].append((BEGIN - units + n, n, (key, "1", 1)))
    ground.store.rooms[Room.PRE, SKU] = [BEGIN, BEGIN]


@contextmanager
def _side_by_side(ground: Ground) -> Iterator[None]:
    """Draining serves side by side with threads; here they are greenlets."""
    threads = draining.ThreadPoolExecutor
    draining.ThreadPoolExecutor = partial(SideBySide, ground.timeline)  # type: ignore[misc, assignment]
    try:
        yield
    finally:
        draining.ThreadPoolExecutor = threads  # type: ignore[misc]


def _waits(ground: Ground) -> bool:
    return any(unit.room is Room.PRE for unit in ground.store.units.values())


def _figures(ground: Ground, units: int) -> dict[str, Any]:
    store, counts = ground.store, ground.db.counts
    served = sorted(at for key, at in store.sold.items() if key.order >= "10000000")
    new = sorted(at - ground.paid[key] for key, at in store.sold.items() if key in ground.paid)
    most = counts["TransactWriteItems"]
    figures = {
        "served": len(served),
        "left waiting": units - len(served),
        "seconds": round((served[-1] if served else 0) / 1000, 1),
        "a second": round(len(served) / max(served[-1] / 1000, 0.001)) if served else 0,
        "transactions per card": round(most / max(len(store.sold), 1), 2),
        "queries per card": round(counts["Query"] / max(len(store.sold), 1), 2),
        "sold twice": sum(count - 1 for count in store.cards.values()),
        "batches at once": ground.gate.peak if isinstance(ground.gate, Mapping) else 0,
    }
    if new:
        figures |= {"new buyers p50 ms": round(percentile(new, 50)), "p99 ms": round(percentile(new, 99))}
    return figures
