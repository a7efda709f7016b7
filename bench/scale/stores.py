"""What is stored, in the words of the services, each call at its price.

The writes are those of `adapters/tables/orders.py` that an order without refunds meets, with the same items,
the same conditions, and the same meaning of what stopped them. The reads are those of `pools.py` and
`waiting.py` there.
"""

import heapq
from base64 import b32encode
from bisect import insort
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import blake2b
from typing import Any

from bench.scale.database import CONFLICT, FAILED, Client, Database, Part
from bench.scale.shelves import Shelf, sort_key
from cardcourier.adapters.tables import keys
from cardcourier.adapters.tables.waiting import PAGE
from cardcourier.domain.catalogue import Listing, Product, Shop, Tenant
from cardcourier.domain.gates import Gate
from cardcourier.domain.orders import Header, OrderKey, OrderLine, Unit
from cardcourier.domain.protocol import Actor, Lost, MarkerLost, Pool
from cardcourier.domain.states import Room
from cardcourier.domain.stock import NEVER, Marker
from cardcourier.domain.waiting import WaitingUnit
from cardcourier.errors import Unavailable
from cardcourier.services.settling.cards import pool_of

TENANT, SHOP, SKU = "acme", "main", "A"
DELIVERY_GRACE = 60_000
PAGE_UNITS, INDEX_UNITS = 0.5, 20.0
"""Read units of a page of 25 markers, and of a page of the index, eventually consistent."""

INDEX_CPU = 0.04
"""Milliseconds of the processor for each unit on a page of the index."""

Place = tuple[OrderKey, str, int]


@dataclass
class Store:
    """Everything there is. `sold` is when an order got its card; `refused` counts who waits beside a card."""

    product: Product
    shelves: list[Shelf] = field(default_factory=list)
    headers: dict[OrderKey, Header] = field(default_factory=dict)
    units: dict[Place, Unit] = field(default_factory=dict)
    rooms: dict[tuple[Room, str], list[int]] = field(default_factory=dict)
    shared: dict[tuple[Room, str], int] = field(default_factory=dict)
    waiting: dict[str, list[tuple[int, int, Place]]] = field(default_factory=lambda: defaultdict(list))
    left: dict[tuple[str, Place], float] = field(default_factory=dict)
    sold: dict[OrderKey, float] = field(default_factory=dict)
    cards: Counter[str] = field(default_factory=Counter)
    refused: int = 0

    def __post_init__(self) -> None:
        self.shelves = [Shelf() for _ in range(self.product.shards)]

    def stock(self, cards: int, shards: int = 0) -> None:
        """So many cards, spread over the first so many shards, or all, as an import spreads them."""
        by_shard: list[list[Marker]] = [[] for _ in self.shelves]
        for n in range(cards):
            shard = n % (shards or len(self.shelves))
            by_shard[shard].append(Marker(card=card_name(n), bucket=NEVER, shard=shard, batch="b1"))
        for shelf, markers in zip(self.shelves, by_shard, strict=True):
            shelf.fill(markers)

    @property
    def left_over(self) -> int:
        return sum(map(len, self.shelves))

    def pay(self, number: int, now: int) -> OrderKey:
        """An order of one unit, paid just now."""
        key = OrderKey(TENANT, SHOP, f"{number:07d}")
        line = OrderLine("1", "", "", self.product.sku, 1, 2500)
        self.headers[key] = Header(
            key=key,
            ver=1,
            paid_at=now,
            amount=2500,
            total=2500,
            currency="CNY",
            lines=(line,),
            due=now + DELIVERY_GRACE,
        )
        return key

    def enter(self, unit: Unit, paid_at: int) -> None:
        """The unit stands in its room's index from now on."""
        entry = (paid_at, len(self.units), (unit.key, unit.line, unit.n))
        insort(self.waiting[room_key(unit)], entry)

    def leave(self, unit: Unit, now: float) -> None:
        self.left[room_key(unit), (unit.key, unit.line, unit.n)] = now


@dataclass(frozen=True, slots=True)
class Stock:
    """The pools, as one environment asks for them."""

    db: Database
    client: Client
    store: Store

    def first(self, pool: Pool, shard: int, since: str) -> Marker | None:
        return next(iter(self.page(pool, shard, since, "~", 1, consistent=False)), None)

    def page(
        self, pool: Pool, shard: int, since: str, until: str, limit: int, *, consistent: bool
    ) -> list[Marker]:
        lag = 0.0 if consistent else self.db.latencies.draw("lag")
        units = 2 * PAGE_UNITS if consistent else PAGE_UNITS
        shelf, timeline = self.store.shelves[shard], self.db.timeline
        found: list[Marker] = self.client.read(
            "Query",
            pool_pk(pool, shard),
            units,
            lambda: shelf.between(since, until, limit, timeline.now - lag),
        )
        return found

    def every(self, pool: Pool, shard: int, since: str) -> Iterator[Marker]:
        """The first page is all that picking looks at: a megabyte holds thousands of markers."""
        shelf = self.store.shelves[shard]
        units = max(1.0, len(shelf) * 0.13 / 4)
        yield from self.client.read("Query", pool_pk(pool, shard), units, lambda: list(shelf.all(since)))

    def count(self, pool: Pool, now: int, limit: int | None = None) -> int:
        total = 0
        for shard in range(pool.shards):
            total += self._count(pool, shard, limit)
            if limit is not None and total >= limit:
                break
        return total

    def _count(self, pool: Pool, shard: int, limit: int | None) -> int:
        shelf = self.store.shelves[shard]
        counted: int = self.client.read(
            "Query", pool_pk(pool, shard), 1, lambda: min(len(shelf), limit or len(shelf))
        )
        return counted


@dataclass(frozen=True, slots=True)
class Orders:
    """Headers, units and rooms, as one environment asks for them."""

    db: Database
    client: Client
    store: Store

    # -- reading, always strongly ---------------------------------------------------------------

    def header(self, key: OrderKey) -> Header | None:
        return self._get(key, lambda: self.store.headers.get(key))

    def headers(self, wanted: Iterable[OrderKey]) -> dict[OrderKey, Header]:
        every = list(wanted)
        if not every:
            return {}
        return self._get(every[0], lambda: {key: self.store.headers[key] for key in every}, "BatchGetItem")

    def unit(self, key: OrderKey, line: str, n: int) -> Unit | None:
        return self._get(key, lambda: self.store.units.get((key, line, n)))

    def units(self, key: OrderKey) -> list[Unit]:
        mine = (key, "1", 1)
        return self._get(key, lambda: [self.store.units[mine]] if mine in self.store.units else [], "Query")

    def room(self, tenant: str, room: Room, ref: str) -> int | None:
        pk, _ = keys.room(tenant, room, ref)
        return self.client.read("GetItem", pk, 1, lambda: self.store.rooms.get((room, ref), [None])[0])

    def _get(self, key: OrderKey, look: Callable[[], Any], call: str = "GetItem") -> Any:
        return self.client.read(call, keys.order_pk(key), 1, look)

    # -- taking ---------------------------------------------------------------------------------

    def allocate_new(
        self, unit: Unit, marker: Marker, pool: Pool | None, actor: Actor
    ) -> Unit | MarkerLost | Lost:
        """W6."""
        place = (unit.key, unit.line, unit.n)
        part = self._unit_part(unit, lambda: place not in self.store.units, lambda: self._sell(unit))
        return self._take(unit, marker, pool, part)

    def allocate_waiting(
        self, seen: Unit, unit: Unit, marker: Marker, pool: Pool | None, actor: Actor
    ) -> Unit | MarkerLost | Lost:
        """W9: the unit leaves its room for a timer of its own."""
        place = (unit.key, unit.line, unit.n)

        def waits() -> bool:
            return self.store.units[place].state is seen.state

        def move() -> None:
            self.store.leave(seen, self.db.timeline.now)
            self._sell(replace(unit, ver=seen.ver + 1))

        own = keys.timer("DELIV", keys.order_pk(unit.key))
        return self._take(unit, marker, pool, self._unit_part(unit, waits, move, room_key(seen), own))

    def _take(self, unit: Unit, marker: Marker, pool: Pool | None, write: Part) -> Unit | MarkerLost | Lost:
        assert pool is not None
        shelf, key = self.store.shelves[marker.shard], sort_key(marker)
        pk = pool_pk(pool, marker.shard)
        gone = Part(
            pk, (pk, key), lambda: key in shelf.markers, lambda: shelf.take(key, self.db.timeline.now)
        )
        reasons = self.client.transact(gone, write)
        if not reasons:
            return unit
        of_marker, of_unit = reasons
        if of_unit is FAILED:
            old = self.store.units.get((unit.key, unit.line, unit.n))
            return old if old is not None and old.card == marker.card else Lost(old)
        if of_marker in (FAILED, CONFLICT):
            return MarkerLost(gone=of_marker is FAILED)
        raise Unavailable("table_busy", "Another write was in the way; try again.")

    def _sell(self, unit: Unit) -> None:
        self.store.units[unit.key, unit.line, unit.n] = unit
        self.store.sold[unit.key] = self.db.timeline.now
        self.store.cards[unit.card] += 1

    # -- waiting --------------------------------------------------------------------------------

    def park(self, unit: Unit, paid_at: int, actor: Actor) -> Unit | Lost:
        """W7."""
        place = (unit.key, unit.line, unit.n)

        def put() -> None:
            self._judge_refusal(unit)
            self.store.units[place] = unit
            self.store.enter(unit, paid_at)

        part = self._unit_part(unit, lambda: place not in self.store.units, put, room_key(unit))
        if self.client.write("PutItem", part):
            return unit
        return Lost(self.store.units.get(place))

    def change_room(self, seen: Unit, unit: Unit, header: Header, actor: Actor) -> bool:
        """W10."""
        place, key = (unit.key, unit.line, unit.n), unit.key

        def move() -> None:
            self._judge_refusal(unit)
            self.store.leave(seen, self.db.timeline.now)
            self.store.units[place] = replace(unit, ver=seen.ver + 1)
            self.store.enter(unit, header.paid_at or 0)

        def raise_ver() -> None:
            self.store.headers[key] = replace(self.store.headers[key], ver=header.ver + 1, due=actor.now)

        of_unit = self._unit_part(
            unit, lambda: self.store.units[place].ver == seen.ver, move, room_key(seen), room_key(unit)
        )
        of_header = self._header_part(key, header.ver, raise_ver)
        reasons = self.client.transact(of_unit, of_header)
        if FAILED in reasons:
            return False
        if reasons:
            raise Unavailable("table_busy", "Another write was in the way; try again.")
        return True

    def touch_room(self, tenant: str, room: Room, ref: str, mine: int, due: int) -> None:
        """W8."""
        pk, sk = keys.room(tenant, room, ref)
        rooms = self.store.rooms

        def older() -> bool:
            return (room, ref) not in rooms or rooms[room, ref][0] < mine

        def touch() -> None:
            rooms[room, ref] = [mine, due]

        self.client.write("UpdateItem", Part(pk, (pk, sk), older, touch, index=(keys.timer("ROOM", pk),)))

    def remove_room(self, tenant: str, room: Room, ref: str, touched_at: int) -> bool:
        """Nobody's room grows stale within a simulation."""
        raise AssertionError("a room was removed")

    def clear_timer(self, key: OrderKey, ver: int) -> bool:
        """W18."""

        def clear() -> None:
            self.store.headers[key] = replace(self.store.headers[key], due=None)

        return self.client.write("UpdateItem", self._header_part(key, ver, clear))

    def _judge_refusal(self, unit: Unit) -> None:
        """Nobody may be left waiting for stock while a card lies there that nobody is taking."""
        if unit.room is Room.BACK:
            under_way = sum(isinstance(item, tuple) and item[0].startswith("P#") for item in self.db.locked)
            self.store.refused += self.store.left_over > under_way

    def _unit_part(
        self, unit: Unit, holds: Callable[[], bool], commit: Callable[[], Any], *index: str
    ) -> Part:
        pk = keys.order_pk(unit.key)
        return Part(pk, (pk, unit.name), holds, commit, index=index)

    def _header_part(self, key: OrderKey, ver: int, commit: Callable[[], Any]) -> Part:
        pk = keys.order_pk(key)
        timer = (keys.timer("ORDER", pk),)
        return Part(pk, (pk, "H"), lambda: self.store.headers[key].ver == ver, commit, index=timer)

    # -- search, of another table -----------------------------------------------------------------

    def put_search(self, rows: Iterable[Any]) -> None:
        list(rows)
        self.client.elsewhere("BatchWriteItem")


@dataclass(frozen=True, slots=True)
class Waiting:
    """A room in order of payment, from an index that lags."""

    db: Database
    client: Client
    store: Store

    def waiting(
        self, tenant: str, room: Room, ref: str, first: int = 0, step: int = 1
    ) -> Iterator[WaitingUnit]:
        numbers = range(first, keys.ROOM_PARTS, step)
        parts = [self._part(keys.room_index(tenant, room, ref, n)) for n in numbers]
        return heapq.merge(*parts, key=lambda unit: unit.paid_at)

    def _part(self, key: str) -> Iterator[WaitingUnit]:
        after: tuple[int, int] = (-1, -1)
        while True:
            page = self.client.read_index(key, INDEX_UNITS, partial(self._page, key, after))
            self.client.work(len(page) * INDEX_CPU)
            for paid_at, order, (of, line, n) in page:
                yield WaitingUnit(of, line, n, paid_at)
                after = (paid_at, order)
            if len(page) < PAGE:
                return

    def is_split(self, tenant: str, room: Room, ref: str, now: int) -> bool:
        pk, _ = keys.room(tenant, room, ref)
        found: bool = self.client.read("GetItem", pk, 1, lambda: self.store.shared.get((room, ref), 0) > now)
        return found

    def split_room(self, tenant: str, room: Room, ref: str, now: int, ends: int) -> bool:
        shared = self.store.shared
        pk, sk = keys.room(tenant, room, ref)

        def is_free() -> bool:
            return shared.get((room, ref), 0) <= now

        return self.client.write(
            "UpdateItem", Part(pk, (pk, sk), is_free, lambda: shared.update({(room, ref): ends}))
        )

    def _page(self, key: str, after: tuple[int, int]) -> list[tuple[int, int, Place]]:
        seen = self.db.timeline.now - self.db.latencies.draw("lag")
        entries, left = self.store.waiting[key], self.store.left
        there = (e for e in entries if e[:2] > after and left.get((key, e[2]), seen + 1) > seen)
        return [entry for entry, _ in zip(there, range(PAGE), strict=False)]


@dataclass(frozen=True, slots=True)
class Shelved:
    """The catalogue as a warm worker has it: one shop, one product, no gate."""

    store: Store

    def gate(self) -> Gate | None:
        return None

    def find_tenant(self, tenant: str) -> Tenant | None:
        return None

    def shop(self, shop: str) -> Shop:
        return MAIN

    def find_shop(self, shop: str) -> Shop | None:
        return MAIN

    def product(self, tenant: str, sku: str) -> Product | None:
        return self.store.product

    def content(self, tenant: str, sku: str) -> None:
        return None

    def listings(self, tenant: str, shop: str, item: str, variant: str) -> tuple[Listing, ...]:
        return ()

    def forget(self) -> None:
        return None


MAIN = Shop(id=SHOP, tenant=TENANT, channel="standard", name="Main")


def card_name(number: int) -> str:
    """A card id as uniform as a real one, and the same for the same number."""
    digest = blake2b(str(number).encode(), digest_size=15).digest()
    return "c1" + b32encode(digest).decode().lower()


def room_key(unit: Unit) -> str:
    return keys.room_index(
        unit.key.tenant, unit.room or Room.BACK, unit.ref, unit.key.spread(keys.ROOM_PARTS)
    )


def pool_pk(pool: Pool, shard: int) -> str:
    return keys.pool(pool.tenant, pool.sku, pool.epoch, shard)


def pools_of(product: Product) -> list[str]:
    pool = pool_of(product)
    return [pool_pk(pool, shard) for shard in range(pool.shards)]
