"""A chargeback, before or after a replacement, modelled before it is built.

It ends every unit, as a refund of all does. What nobody saw goes back on sale; what was shown is burnt, or
by policy DISPUTED: kept by its unit, never shown again, until the dispute is lost and it is burnt. A card
that was replaced stays burnt whatever comes later. Money is a line of each fact; no card that ends books any.
"""

from dataclasses import dataclass
from typing import Any

from tests.model.items import ALL, DISPUTED, REFUNDED, REVEALED, Store, Unit, World
from tests.model.process import Process, Step
from tests.model.rules import Rule
from tests.model.writes import DONE, Outcome, Write, burnt, stopped, write

Moves = list[Step | Write]


@write("T1")
def charge_back(world: World, store: Store, order: int, fact: str) -> Outcome:
    """T1: W3 of a chargeback whose shown cards are disputed: the header says so together with the stop."""
    if (fact, ALL) in store.facts[order]:
        return store, fact
    store = stopped(store.with_fact(order, (fact, ALL)), order, ALL)
    return store.with_header(order, store.headers[order]._replace(disputed=True)), DONE


@write("T2")
def dispute(world: World, store: Store, order: int, number: int, card: int) -> Outcome:
    """T2: a unit whose card was shown becomes DISPUTED and keeps it."""
    unit = store.unit(order, number)
    mine = unit.state == REVEALED and unit.card == card
    if not mine and world.without is not Rule.DISPUTE_THIS_CARD:
        return store, unit
    return store.with_unit(order, number, Unit(DISPUTED, card)), DONE


@write("T3")
def lose(world: World, store: Store, order: int, number: int, card: int) -> Outcome:
    """T3: the dispute is lost: the unit becomes REFUNDED, its card is burnt."""
    unit = store.unit(order, number)
    if unit.state != DISPUTED or unit.card != card:
        return store, unit
    store = burnt(world, store, order, card)
    return store.with_unit(order, number, Unit(REFUNDED)), DONE


@dataclass(frozen=True, slots=True)
class Chargeback:
    """A chargeback's webhook."""

    order: int
    fact: str = "chargeback"

    def moves(self, world: World, store: Store) -> Moves:
        return [charge_back(self.order, self.fact)]

    def answered(self, world: World, request: Write, answer: Any) -> Process | None:
        return None

    def lost(self, request: Write) -> Process | None:
        return self


@dataclass(frozen=True, slots=True)
class LostDispute:
    """The bank decides for the buyer."""

    order: int
    unit: int = 0

    def moves(self, world: World, store: Store) -> Moves:
        unit = store.unit(self.order, self.unit)
        return [lose(self.order, self.unit, unit.card)] if unit.state == DISPUTED else []

    def answered(self, world: World, request: Write, answer: Any) -> Process | None:
        return None

    def lost(self, request: Write) -> Process | None:
        return None
