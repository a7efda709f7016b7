"""Delivery of one order: docs/protocol.md, "Delivery", without the mail."""

from dataclasses import dataclass, replace
from typing import Any

from tests.model.items import (
    ALLOCATED,
    DELIVERED,
    ENDED,
    HANDED_OVER,
    WAITING,
    Header,
    Nothing,
    Store,
    Unit,
    World,
)
from tests.model.process import Process, Step
from tests.model.rules import Rule
from tests.model.writes import DONE, Write, hand_over, remove_timer

Moves = list[Step | Write]


@dataclass(frozen=True, slots=True)
class Delivery:
    """Hands over what is allocated, then removes the header's timer if nothing else is to do."""

    order: int
    at: str = "header"
    header: Header | None = None
    units: tuple[Unit, ...] = ()

    def moves(self, world: World, store: Store) -> Moves:
        if self.at == "header":
            header = store.headers[self.order]
            seen = Header(header.ver, stop=header.stop, owed=header.owed)
            return [Step("reads the header", Delivery(self.order, "units", seen) if header.paid else None)]
        if self.at == "units":
            units = tuple(unit._replace(fresh=False) for unit in store.units[self.order])
            return [Step("reads the units", replace(self, at="hand over", units=units)._go_on(world))]
        if self.at == "last":
            return [remove_timer(self.order, self.header.ver)]
        number = self._ready()
        return [hand_over(self.order, number, self.units[number].card)]

    def _ready(self) -> int | None:
        units = enumerate(self.units)
        return next((n for n, u in units if u.state == ALLOCATED and n not in self.header.stop), None)

    def _go_on(self, world: World) -> Process | None:
        if self._ready() is not None:
            return self
        return Delivery(self.order, "last", Header(self.header.ver)) if self._complete(world) else None

    def _complete(self, world: World) -> bool:
        waits = WAITING if world.without is Rule.DELIVERY_LOOKS else Nothing
        return not self.header.owed and all(
            unit.state in ENDED | waits or (unit.state in HANDED_OVER and number not in self.header.stop)
            for number, unit in enumerate(self.units)
        )

    def answered(self, world: World, request: Write, answer: Any) -> Process | None:
        if self.at == "last":
            return None
        number = request.args[1]
        unit = Unit(DELIVERED, request.args[2]) if answer == DONE else answer._replace(fresh=False)
        units = (*self.units[:number], unit, *self.units[number + 1 :])
        return replace(self, units=units)._go_on(world)

    def lost(self, request: Write) -> Process | None:
        return None
