"""Serve a waiting room, the oldest payment first.

One worker serves it, message after message. A crowd for whom there is stock is served by several at a time:
whoever is asked for the room reads how far the stock reaches, gives each of them a share of the orders that
are sure of a card, and a round later the room is looked at anew. The rest is served by one again, so that
the last cards go to the oldest payments exactly.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice, takewhile
from typing import Protocol

from cardcourier.domain.catalogue import Content, Product, Shop, Tenant
from cardcourier.domain.gates import Gate
from cardcourier.domain.orders import OrderKey, Unit
from cardcourier.domain.protocol import Pool
from cardcourier.domain.states import Room
from cardcourier.domain.waiting import STALE, Share, WaitingUnit
from cardcourier.errors import Unavailable
from cardcourier.services.allocating import Allocator
from cardcourier.services.gates import room_closed, sku_of
from cardcourier.services.settling.cards import pool_of
from cardcourier.services.sweeping import LOOK_AHEAD

WAVE = 8
PLENTY = 64
AT_ONCE = 1_000

CROWD = 512
"""Units that wait, and cards for them, from which on a room is shared."""

HANDS, A_SECOND, MOST_AT_ONCE = 8, 100, 16_000
"""How many workers share a room, how many units each serves a second at least, and what all get in one round.

Of twenty that a deployment has at once unless told otherwise (`MaxConcurrency`): the others serve new orders.
"""

BEGINNING, SLICE = 3_000, 2_000
"""Milliseconds until all of them have begun, and after which each goes on in a new message.

Several shares may arrive in one batch of messages: the later ones shall not wait long, nor shall orders.
"""


class Waiting(Protocol):
    def waiting(
        self, tenant: str, room: Room, ref: str, first: int = 0, step: int = 1
    ) -> Iterator[WaitingUnit]: ...
    def is_split(self, tenant: str, room: Room, ref: str, now: int) -> bool: ...
    def split_room(self, tenant: str, room: Room, ref: str, now: int, ends: int) -> bool: ...


class Rooms(Protocol):
    def room(self, tenant: str, room: Room, ref: str) -> int | None: ...
    def remove_room(self, tenant: str, room: Room, ref: str, touched_at: int) -> bool: ...


class Stock(Protocol):
    def count(self, pool: Pool, now: int, limit: int | None = None) -> int: ...


class FreshCatalogue(Protocol):
    def forget(self) -> None: ...
    def gate(self) -> Gate | None: ...
    def find_tenant(self, tenant: str) -> Tenant | None: ...
    def find_shop(self, shop: str) -> Shop | None: ...
    def product(self, tenant: str, sku: str) -> Product | None: ...
    def content(self, tenant: str, sku: str) -> Content | None: ...


class Passes(Protocol):
    def room(self, tenant: str, room: Room, ref: str, delay: int) -> None: ...
    def share(self, tenant: str, room: Room, ref: str, share: Share) -> None: ...


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

    def drain(
        self, tenant: str, room: Room, ref: str, rid: str, until: int, share: Share | None = None
    ) -> int:
        """Serve the room, or a share of it, until it is empty, its gate is closed, or `until` (epoch ms).

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
        if share is not None and (share.hand or self.clock() < share.ends):
            return self._serve_share(tenant, room, ref, rid, until, share)
        # The first worker comes too late where the queue is behind: then it serves the room alone, for the
        # next round would be late as well.
        may_split = share is None and touched is not None
        if may_split and product is not None and self._split(product, tenant, room, ref):
            return 0
        orders = _each_once(self.waiting.waiting(tenant, room, ref))
        served = 0
        while wave := list(islice(orders, self._wave(product, room))):
            units = self._serve(wave, rid, until)
            served += len(wave)
            if _wait_on(units, room, ref):
                return served
            if self.clock() > until:
                self.passes.room(tenant, room, ref, 0)
                return served
        # By a clock taken before anybody was sought: whoever slept since may have missed who came just then.
        if not served and touched is not None and touched < read_at - STALE:
            self.rooms.remove_room(tenant, room, ref, touched)
        return served

    def _split(self, product: Product, tenant: str, room: Room, ref: str) -> bool:
        """Have several workers serve this room, if they may; True also when they do so already."""
        if self._stock(product, CROWD + PLENTY) < CROWD + PLENTY:
            return False
        if self.waiting.is_split(tenant, room, ref, self.clock()):
            return True
        # The cards of a product can be promised to one room at a time.
        other = Room.PRE if room is Room.BACK else Room.BACK
        if self.waiting.is_split(tenant, other, ref, self.clock()):
            return False
        waiting = islice(self.waiting.waiting(tenant, room, ref), MOST_AT_ONCE + 1)
        paid = [unit.paid_at for unit in waiting]
        sure = _sure_of(paid, self._stock(product, len(paid) + PLENTY) - PLENTY)
        if sure < CROWD:
            return False
        now = self.clock()
        ends = now + BEGINNING + sure * 1000 // (HANDS * A_SECOND)
        if self.waiting.split_room(tenant, room, ref, now, ends):
            for hand in range(HANDS):
                self.passes.share(tenant, room, ref, Share(hand, before=paid[sure - 1], ends=ends))
        return True

    def _serve_share(self, tenant: str, room: Room, ref: str, rid: str, until: int, share: Share) -> int:
        """Serve what this worker was given; the first of them has the room looked at anew after the round."""
        waiting = self.waiting.waiting(tenant, room, ref, share.hand, HANDS)
        orders = _each_once(takewhile(lambda unit: unit.paid_at <= share.before, waiting))
        pause = min(until, self.clock() + SLICE)
        served, stock = 0, True
        while stock and self.clock() < share.ends and (wave := list(islice(orders, WAVE))):
            if self.clock() > pause:
                self.passes.share(tenant, room, ref, share)
                return served
            stock = not _wait_on(self._serve(wave, rid, until), room, ref)
            served += len(wave)
        # Where a card was missing, an import or the sweeper asks for the room again.
        if share.hand == 0 and stock:
            self.passes.room(tenant, room, ref, max(1, -(-(share.ends - self.clock()) // 1000)))
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
        return WAVE if product is not None and self._stock(product, PLENTY) >= PLENTY else 1

    def _stock(self, product: Product, limit: int) -> int:
        """How many cards there are, counted no further than `limit`; fixed content has no end, once it is
        set.
        """
        if product.kind == "fixed":
            return limit if self.catalogue.content(product.tenant, product.sku) else 0
        return self.stock.count(pool_of(product), self.clock(), limit)

    def _serve(self, wave: list[OrderKey], rid: str, until: int) -> list[Unit]:
        if len(wave) == 1:
            return self._pass(wave[0], rid, until)
        with ThreadPoolExecutor(min(WAVE, len(wave))) as pool:
            return [
                unit for units in pool.map(lambda key: self._pass(key, rid, until), wave) for unit in units
            ]

    def _pass(self, key: OrderKey, rid: str, until: int) -> list[Unit]:
        """An order that cannot be settled now holds nobody up: a timer or the next sweep asks again."""
        try:
            return self.allocator.run(key, rid, known=True, until=until)
        except Unavailable:
            return []


def _sure_of(paid: list[int], cards: int) -> int:
    """How many of those who wait, by time of payment, get a card whoever is served first.

    Those who paid at one moment are all among them or none: nobody else can tell them apart. `paid` is one
    longer than what one round may hand out.
    """
    sure = max(0, min(len(paid), cards, MOST_AT_ONCE))
    return sure if sure == len(paid) else bisect_left(paid, paid[sure])


def _wait_on(units: Iterable[Unit], room: Room, ref: str) -> bool:
    """Whether somebody got nothing, so that whoever paid later gets nothing either.

    Of a presale they move on to wait for stock, so the next one is looked at all the same.
    """
    return room is not Room.PRE and any(unit.room is room and unit.ref == ref for unit in units)


def _each_once(units: Iterable[WaitingUnit]) -> Iterator[OrderKey]:
    """The orders of these units, each where its first unit stands."""
    seen: set[OrderKey] = set()
    for unit in units:
        if unit.key not in seen:
            seen.add(unit.key)
            yield unit.key
