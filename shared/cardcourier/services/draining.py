"""Serve a waiting room, the oldest payment first."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

from cardcourier.domain.catalogue import Product, Shop, Tenant
from cardcourier.domain.gates import Gate
from cardcourier.domain.orders import OrderKey, Unit
from cardcourier.domain.protocol import Pool
from cardcourier.domain.states import Room
from cardcourier.domain.waiting import STALE, WaitingUnit
from cardcourier.errors import Unavailable
from cardcourier.services.allocating import Allocator, pool_of
from cardcourier.services.gates import room_closed, sku_of
from cardcourier.services.sweeping import LOOK_AHEAD

WAVE = 8
PLENTY = 64
AT_ONCE = 1_000


class Waiting(Protocol):
    def waiting(self, tenant: str, room: Room, ref: str) -> Iterator[WaitingUnit]: ...


class Rooms(Protocol):
    def room(self, tenant: str, room: Room, ref: str) -> int | None: ...
    def remove_room(self, tenant: str, room: Room, ref: str, touched_at: int) -> bool: ...


class Stock(Protocol):
    def count(self, pool: Pool, limit: int | None = None) -> int: ...


class FreshCatalogue(Protocol):
    def forget(self) -> None: ...
    def gate(self) -> Gate | None: ...
    def find_tenant(self, tenant: str) -> Tenant | None: ...
    def find_shop(self, shop: str) -> Shop | None: ...
    def product(self, tenant: str, sku: str) -> Product | None: ...


class Passes(Protocol):
    def room(self, tenant: str, room: Room, ref: str, delay: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Drainer:
    """Runs passes over the orders of one room."""

    allocator: Allocator
    waiting: Waiting
    rooms: Rooms
    stock: Stock
    catalogue: FreshCatalogue
    passes: Passes
    clock: Callable[[], int]
    _announced: dict[tuple[str, str], int] = field(default_factory=dict)

    def announce(self, units: Iterable[Unit]) -> None:
        """Have a presale looked at when it opens, if that is sooner than the sweeper may come by.

        A worker does so once for each release, and for whoever waits since its last second.
        """
        for tenant, sku in dict.fromkeys((u.key.tenant, u.ref) for u in units if u.room is Room.PRE):
            product = self.catalogue.product(tenant, sku)
            if product is None or product.release_at is None:
                continue
            known = self._announced.get((tenant, sku)) == product.release_at
            if known and product.release_at > self.clock() + AT_ONCE:
                continue
            if self._come_back(tenant, Room.PRE, sku, product.release_at):
                self._announced[tenant, sku] = product.release_at

    def drain(self, tenant: str, room: Room, ref: str, rid: str, until: int) -> int:
        """Serve the room until it is empty, its gate is closed again, or `until` (epoch ms).

        Gates are read anew. Returns how many orders were looked at. What is left when time is up goes on
        in a new message.
        """
        touched, read_at = self.rooms.room(tenant, room, ref), self.clock()
        self.catalogue.forget()
        if room_closed(self.catalogue, tenant, room, ref):
            return 0
        sku = sku_of(room, ref)
        product = self.catalogue.product(tenant, sku) if sku else None
        if room is Room.PRE and product and product.release_at and product.release_at > self.clock():
            self._come_back(tenant, room, ref, product.release_at)
            return 0
        if product is not None:
            self.allocator.picker.restocked(pool_of(product))
        orders = iter(dict.fromkeys(unit.key for unit in self.waiting.waiting(tenant, room, ref)))
        served = 0
        while wave := list(islice(orders, self._wave(product, room))):
            units = self._serve(wave, rid, until)
            served += len(wave)
            if room is not Room.PRE and any(unit.room is room and unit.ref == ref for unit in units):
                return served
            if self.clock() > until:
                self.passes.room(tenant, room, ref, 0)
                return served
        # By a clock taken before anybody was sought: whoever slept since may have missed who came just then.
        if not served and touched is not None and touched < read_at - STALE:
            self.rooms.remove_room(tenant, room, ref, touched)
        return served

    def _come_back(self, tenant: str, room: Room, ref: str, release_at: int) -> bool:
        """Too early: a message asks again at the second, unless the sweeper will be there before."""
        left = release_at - self.clock()
        if left > LOOK_AHEAD:
            return False
        self.passes.room(tenant, room, ref, max(1, -(-left // 1000)))
        return True

    def _wave(self, product: Product | None, room: Room) -> int:
        """Side by side while there is plenty; one by one near the end, so that the oldest win exactly."""
        if product is None:
            return 1
        if product.kind == "fixed":
            return WAVE
        return WAVE if self.stock.count(pool_of(product), PLENTY) >= PLENTY else 1

    def _serve(self, wave: list[OrderKey], rid: str, until: int) -> list[Unit]:
        if len(wave) == 1:
            return self._pass(wave[0], rid, until)
        with ThreadPoolExecutor(len(wave)) as pool:
            return [
                unit for units in pool.map(lambda key: self._pass(key, rid, until), wave) for unit in units
            ]

    def _pass(self, key: OrderKey, rid: str, until: int) -> list[Unit]:
        """An order that cannot be settled now holds nobody up: a timer or the next sweep asks again."""
        try:
            return self.allocator.run(key, rid, known=True, until=until)
        except Unavailable:
            return []
