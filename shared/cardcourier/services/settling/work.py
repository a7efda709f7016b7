"""What one pass knows of its order, and the small writes that every part of it makes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from cardcourier.domain.catalogue import Content, Listing, Product, Shop, Tenant
from cardcourier.domain.gates import Closed, Gate
from cardcourier.domain.orders import Header, OrderKey, OrderLine, Part, Slot, Unit
from cardcourier.domain.protocol import Actor, Lost, MarkerLost, Pool
from cardcourier.domain.refunds import Answer, Told
from cardcourier.domain.states import Room, State
from cardcourier.domain.stock import Marker
from cardcourier.errors import Unavailable
from cardcourier.services.gates import closed_for
from cardcourier.services.picking import Picker

ROUNDS = 8
"""How often a pass decides anew from what a failed condition showed, before the next pass goes on."""

Plan = tuple[Part, ...]


class Orders(Protocol):
    """The writes of the order protocol that a pass makes."""

    def header(self, key: OrderKey) -> Header | None: ...
    def unit(self, key: OrderKey, line: str, n: int) -> Unit | None: ...
    def units(self, key: OrderKey) -> list[Unit]: ...
    def choose(
        self, header: Header, stops: frozenset[str], actor: Actor, credit: Mapping[str, int]
    ) -> bool: ...
    def clear_timer(self, key: OrderKey, ver: int) -> bool: ...
    def allocate_new(
        self, unit: Unit, marker: Marker, pool: Pool | None, actor: Actor
    ) -> Unit | MarkerLost | Lost: ...
    def allocate_waiting(
        self, seen: Unit, unit: Unit, marker: Marker, pool: Pool | None, actor: Actor
    ) -> Unit | MarkerLost | Lost: ...
    def park(self, unit: Unit, paid_at: int, actor: Actor) -> Unit | Lost: ...
    def tombstone(self, unit: Unit, actor: Actor) -> Unit | Lost: ...
    def change_room(self, seen: Unit, unit: Unit, header: Header, actor: Actor) -> bool: ...
    def end_waiting(self, seen: Unit, unit: Unit, actor: Actor) -> Unit | Lost: ...
    def return_card(
        self, seen: Unit, unit: Unit, marker: Marker, pool: Pool | None, actor: Actor
    ) -> Unit | Lost: ...
    def burn(self, seen: Unit, unit: Unit, actor: Actor) -> Unit | Lost: ...
    def room(self, tenant: str, room: Room, ref: str) -> int | None: ...
    def touch_room(self, tenant: str, room: Room, ref: str, mine: int, due: int) -> None: ...


class Refunds(Protocol):
    """What a pass needs of money given back: facts, answers, and cards that are disputed."""

    def told(self, key: OrderKey) -> Sequence[Told]: ...
    def answer(self, header: Header, name: str, ends: Answer, actor: Actor) -> bool: ...
    def dispute(self, seen: Unit, unit: Unit, actor: Actor) -> Unit | Lost: ...
    def lose(self, seen: Unit, unit: Unit, actor: Actor) -> Unit | Lost: ...


class Catalogue(Protocol):
    """What is sold and how a shop's items map to it; may be half a minute old."""

    def gate(self) -> Gate | None: ...
    def find_tenant(self, tenant: str) -> Tenant | None: ...
    def shop(self, shop: str) -> Shop: ...
    def find_shop(self, shop: str) -> Shop | None: ...
    def product(self, tenant: str, sku: str) -> Product | None: ...
    def content(self, tenant: str, sku: str) -> Content | None: ...
    def listings(self, tenant: str, shop: str, item: str, variant: str) -> Sequence[Listing]: ...


class Queue(Protocol):
    """Tells that a card came back, and asks for what a pass had no time for."""

    def order(self, key: OrderKey) -> None: ...
    def room(self, tenant: str, room: Room, ref: str, delay: int) -> None: ...


class HeaderChanged(Exception):
    """Somebody made new work for this order; their pass, or the timer, goes on."""


class TimeIsUp(Exception):
    """The function ends soon; the timer stands, and a message asks for another pass."""


@dataclass(slots=True)
class Work:
    """One pass over one order: the header it began with, and every unit as far as it is known."""

    orders: Orders
    refunds: Refunds
    catalogue: Catalogue
    picker: Picker
    queue: Queue
    clock: Callable[[], int]
    header: Header
    actor: Actor
    units: dict[str, Unit]
    until: int | None = None
    seen: dict[str, Unit] = field(default_factory=dict)
    empty: set[Pool] = field(default_factory=set)
    """Pools that this pass has proven empty: a slow table, asked again for each unit, would eat its time."""

    # -- what is known ----------------------------------------------------------------------------

    def known(self, slot: Slot) -> Unit | None:
        return self.units.get(f"{slot.line}#{slot.n:04d}")

    def line(self, slot: Slot) -> OrderLine:
        return next(line for line in self.header.lines if line.id == slot.line)

    def product(self, sku: str) -> Product | None:
        return self.catalogue.product(self.header.key.tenant, sku)

    def need(self, sku: str) -> Product:
        """The product. Raises Unavailable where it was taken out of the catalogue."""
        product = self.product(sku)
        if product is None:
            raise Unavailable("product_missing", f"Product {sku} is not in the catalogue; create it again.")
        return product

    def closed(self, product: Product) -> Closed | None:
        """The gate that keeps this order from the product's cards."""
        key = self.header.key
        return closed_for(self.catalogue, key.tenant, key.shop, product)

    def too_early(self, product: Product) -> bool:
        return product.release_at is not None and product.release_at > self.clock()

    def check_time(self) -> None:
        """Raises TimeIsUp where no more should be begun."""
        if self.until is not None and self.clock() > self.until:
            raise TimeIsUp

    # -- units ------------------------------------------------------------------------------------

    def fresh(self, slot: Slot, plan: Plan | None) -> Unit:
        """A unit that nobody has written yet; the first of its line carries the plan."""
        return Unit(
            key=self.header.key,
            line=slot.line,
            n=slot.n,
            piece=slot.piece,
            state=State.PENDING,
            sku=slot.sku,
            plan=plan if slot.n == 1 else None,
            at=self.actor.now,
        )

    def note(self, unit: Unit) -> Unit:
        """Remember a unit as this pass saw it last."""
        self.seen[unit.name] = unit
        return unit

    def reread(self, slot: Slot, lost: Lost) -> Unit | None:
        """What a failed condition showed; this order was known to somebody, so read it all once."""
        if not self.units:
            self.units = {unit.name: unit for unit in self.orders.units(self.header.key)}
        now = lost.old or self.orders.unit(self.header.key, slot.line, slot.n)
        if now is not None:
            self.units[now.name] = now
        return now

    def park(self, unit: Unit) -> Unit | Lost:
        """Put a unit waiting (W7)."""
        return self.orders.park(unit, self.header.paid_at or 0, self.actor)

    def rehouse(self, seen: Unit, unit: Unit) -> Unit:
        """Move a waiting unit to another room (W10). Raises HeaderChanged."""
        if not self.orders.change_room(seen, unit, self.header, self.actor):
            raise HeaderChanged
        self.header = replace(self.header, ver=self.header.ver + 1, due=self.actor.now)
        return replace(unit, ver=seen.ver + 1)
