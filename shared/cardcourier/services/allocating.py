"""One pass over one order: every unit gets its card, its place in a waiting room, or its end.

A pass may begin at any moment, any number of times and beside others; messages, timers, rooms and
restocks all start the same one. Conditions decide, and what a failed condition shows is decided anew.
The header's timer is removed last, and only against the `ver` that the pass began with.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from cardcourier.domain.cards import is_content, piece_id
from cardcourier.domain.catalogue import Content, Listing, Product, Shop, Tenant
from cardcourier.domain.gates import Closed, Gate
from cardcourier.domain.orders import Header, OrderKey, OrderLine, Part, Slot, Unit, choose_stops, slots
from cardcourier.domain.policy import line_hold, order_hold
from cardcourier.domain.protocol import Actor, Lost, MarkerLost, Pool
from cardcourier.domain.states import DRIVEN, HANDED_OVER, Room, State
from cardcourier.domain.stock import NEVER, Marker
from cardcourier.domain.waiting import FRESH
from cardcourier.errors import Unavailable
from cardcourier.services.gates import closed_for
from cardcourier.services.picking import Picker, SoldOut

ROUNDS = 8
RECHECK = {Room.BACK: 60_000, Room.MAP: 600_000, Room.PRE: 600_000, Room.PAUSE: 60_000}
"""Milliseconds until the sweeper looks at a room again, if nothing opens it before."""

Plan = tuple[Part, ...]
Take = Callable[[Unit, Marker, Pool | None], Unit | MarkerLost | Lost]


class Orders(Protocol):
    """The writes of the order protocol that a pass makes."""

    def header(self, key: OrderKey) -> Header | None: ...
    def unit(self, key: OrderKey, line: str, n: int) -> Unit | None: ...
    def units(self, key: OrderKey) -> list[Unit]: ...
    def choose(self, header: Header, stops: frozenset[str], actor: Actor) -> bool: ...
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


@dataclass(frozen=True, slots=True)
class Allocator:
    """Runs passes."""

    orders: Orders
    catalogue: Catalogue
    picker: Picker
    queue: Queue
    clock: Callable[[], int]

    def run(
        self,
        key: OrderKey,
        rid: str,
        header: Header | None = None,
        *,
        known: bool = False,
        until: int | None = None,
    ) -> list[Unit]:
        """Settle one order and return the units as this pass saw them.

        `header` saves the first read when it was just read strongly. `known` says that units may
        exist already, so that they are read before anything is tried. After `until` (epoch ms) no more is
        begun than a unit: a message asks for the rest, and the header's timer stands for it. Raises
        Unavailable when an answer was lost: the timer stands as well, and the message comes back.
        """
        for _ in range(ROUNDS):
            actor = Actor("allocation", self.clock(), rid)
            header = header or self.orders.header(key)
            if header is None:
                return []
            if not header.paid:
                if header.due is not None:
                    self.orders.clear_timer(key, header.ver)
                return []
            if not header.owed:
                return self._settle(header, actor, known or header.approved or bool(header.stops), until)
            units = {unit.name: unit for unit in self.orders.units(key)}
            self.orders.choose(header, choose_stops(header, units), actor)
            header = None
        raise Unavailable("order_busy", "The order kept changing; it is tried again.")

    def _settle(self, header: Header, actor: Actor, known: bool, until: int | None) -> list[Unit]:
        units = {unit.name: unit for unit in self.orders.units(header.key)} if known else {}
        run = _Pass(self, header, actor, units, until)
        try:
            for line in header.lines:
                run.settle_line(line)
        except _HeaderChanged:
            return list(run.seen.values())
        except _TimeIsUp:
            self.queue.order(header.key)
            return list(run.seen.values())
        run.touch_rooms()
        if run.header.due is not None and run.complete():
            self.orders.clear_timer(header.key, run.header.ver)
        return list(run.seen.values())


class _HeaderChanged(Exception):
    """Somebody made new work for this order; their pass, or the timer, goes on."""


class _TimeIsUp(Exception):
    """The function ends soon; the timer stands, and a message asks for another pass."""


@dataclass(slots=True)
class _Pass:
    tools: Allocator
    header: Header
    actor: Actor
    units: dict[str, Unit]
    until: int | None = None
    seen: dict[str, Unit] = field(default_factory=dict)
    empty: set[Pool] = field(default_factory=set)
    """Pools that this pass has proven empty: a slow table, asked again for each unit, would eat its time."""

    # -- lines ----------------------------------------------------------------------------------

    def settle_line(self, line: OrderLine) -> None:
        """Settle the units of a line. Its first unit is written first and fixes the line's plan."""
        shop = self.tools.catalogue.shop(self.header.key.shop)
        listings = self.tools.catalogue.listings(self.header.key.tenant, shop.id, line.item, line.variant)
        plan = self._plan_of(line, shop, listings)
        hold = order_hold(self.header, shop) or line_hold(self.header, line, shop, listings)
        void = line.quantity > shop.max_quantity and self.header.line_stopped(line)
        first = self._settle_first(line, plan, hold, void=void)
        held = first.state is State.HELD
        for slot in slots(line.id, line.quantity, first.plan or ()):
            if slot.n > 1 and (not held or self.header.stopped(slot.line, slot.piece)):
                self._check_time()
                unit = self._settle_slot(slot, first.plan, hold if first.ended else None)
                held = held or unit.state is State.HELD

    def _settle_first(self, line: OrderLine, plan: Plan | None, hold: str | None, *, void: bool) -> Unit:
        """Settle the unit that decides for its line; what is there already decides before `plan`.

        A line that holds nothing of ours, or is `void`, is closed by one ended unit with an empty plan.
        """
        for _ in range(ROUNDS):
            first = self.units.get(f"{line.id}#0001")
            if first is not None and first.plan is not None:
                plan = first.plan
            slot = next(slots(line.id, 1, plan or ()), Slot(line.id, 1, 1, ""))
            nothing = void or plan == () or (line.quantity < 1 and hold is None)
            if not nothing or not (first is None or first.state is State.HELD):
                unmapped = f"mapping: {line.item or line.sku}/{line.variant}"
                return self._settle_slot(slot, plan, unmapped if plan is None else hold)
            outcome = self._end(slot, first, "nothing to deliver", ())
            if not isinstance(outcome, Lost):
                return self._note(outcome)
            self._reread(slot, outcome)
        raise Unavailable("unit_busy", f"Unit {line.id}#1 kept changing; the order is tried again.")

    def _check_time(self) -> None:
        if self.until is not None and self.tools.clock() > self.until:
            raise _TimeIsUp

    def _plan_of(self, line: OrderLine, shop: Shop, listings: Sequence[Listing]) -> Plan | None:
        """What one piece of the line holds; `()` is not ours, None nobody has mapped."""
        if listings:
            parts = tuple(Part(listing.sku, listing.quantity) for listing in listings if listing.sku)
        elif line.sku and self._product(line.sku) is not None:
            parts = (Part(line.sku, 1),)
        else:
            return () if shop.unmapped == "ignore" else None
        return parts if all(self._product(part.sku) for part in parts) else None

    def _product(self, sku: str) -> Product | None:
        return self.tools.catalogue.product(self.header.key.tenant, sku)

    # -- one unit -------------------------------------------------------------------------------

    def _settle_slot(self, slot: Slot, plan: Plan | None, hold: str | None) -> Unit:
        """Bring one unit to rest, deciding anew from whatever a failed condition shows."""
        unit = self.units.get(f"{slot.line}#{slot.n:04d}")
        for _ in range(ROUNDS):
            if self._stopped(slot, plan, unit):
                return self._end_slot(slot, unit, "stopped", plan or ())
            if unit is None:
                outcome = self._create(slot, plan, hold)
            elif unit.waiting:
                outcome = self._advance(unit, slot, plan, hold)
            else:
                return self._note(unit)
            if isinstance(outcome, Lost):
                unit = self._reread(slot, outcome)
                if unit is not None and unit.plan is not None:
                    plan = unit.plan
                continue
            if outcome is unit or unit is None or unit.state is not State.HELD:
                return self._note(outcome)
            unit = outcome
        raise Unavailable("unit_busy", f"Unit {slot.line}#{slot.n} kept changing; the order is tried again.")

    def _stopped(self, slot: Slot, plan: Plan | None, unit: Unit | None) -> bool:
        """Whether a unit must end. Held without a plan it stands for its whole line, until it is released."""
        whole = plan is None or (unit is not None and unit.state is State.HELD and unit.plan is None)
        if whole and slot.n == 1:
            return self.header.line_stopped(self._line(slot))
        return self.header.stopped(slot.line, slot.piece)

    def _create(self, slot: Slot, plan: Plan | None, hold: str | None) -> Unit | Lost:
        fresh = self._fresh(slot, plan)
        if hold is not None:
            return self._park(self._held(fresh, slot, hold))
        product = self._need(slot.sku)
        if (closed := self._gate(product)) is not None:
            return self._park(_paused(fresh, closed))
        if self._too_early(product):
            return self._park(replace(fresh, state=State.SCHEDULED, room=Room.PRE, ref=slot.sku))
        try:
            return self._pick(
                product,
                fresh,
                lambda unit, marker, pool: self.tools.orders.allocate_new(unit, marker, pool, self.actor),
            )
        except SoldOut:
            return self._park(replace(fresh, state=State.BACKORDER, room=Room.BACK, ref=slot.sku))

    def _advance(self, seen: Unit, slot: Slot, plan: Plan | None, hold: str | None) -> Unit | Lost:
        """Move a waiting unit on if its gate is open, else leave it where it waits.

        Behind a closed gate it waits in that gate's room, so that it keeps nobody up in another.
        """
        if seen.state is State.HELD:
            return self._release(seen, slot, plan, hold)
        product = self._need(seen.sku)
        if (closed := self._gate(product)) is not None:
            there = (seen.room, seen.ref) == (Room.PAUSE, closed.ref)
            return seen if there else self._rehouse(seen, _paused(seen, closed))
        if self._too_early(product):
            return seen if seen.room is not Room.PAUSE else self._rehouse(seen, _scheduled(seen))
        try:
            return self._pick(
                product,
                replace(seen, why=""),
                lambda unit, marker, pool: self.tools.orders.allocate_waiting(
                    seen, unit, marker, pool, self.actor
                ),
            )
        except SoldOut:
            if seen.state is State.BACKORDER:
                return seen
        waiting = replace(seen, state=State.BACKORDER, room=Room.BACK, ref=product.sku, why="no stock")
        return self._rehouse(seen, waiting)

    def _release(self, seen: Unit, slot: Slot, plan: Plan | None, hold: str | None) -> Unit:
        """Let a held unit go on to its next room, or leave it to the person it waits for."""
        named = replace(seen, sku=seen.sku or slot.sku, plan=plan if slot.n == 1 else None)
        if hold is not None:
            held = self._held(named, slot, hold)
            return seen if (held.room, held.ref) == (seen.room, seen.ref) else self._rehouse(seen, held)
        product = self._need(named.sku)
        if (closed := self._gate(product)) is not None:
            return self._rehouse(seen, _paused(named, closed))
        early = self._too_early(product)
        state, room = (State.SCHEDULED, Room.PRE) if early else (State.BACKORDER, Room.BACK)
        return self._rehouse(seen, replace(named, state=state, room=room, ref=named.sku, why="released"))

    def _pick(
        self,
        product: Product,
        unit: Unit,
        take: Take,
    ) -> Unit | Lost:
        if product.kind == "fixed":
            return self._give_content(product, unit, take)
        pool = pool_of(product)

        def offer(marker: Marker) -> Unit | MarkerLost | Lost:
            try:
                return take(with_card(unit, marker, self.actor.now), marker, pool)
            except Unavailable:
                # It may have happened. If it has, the unit shows it; if not, another card will do.
                now = self.tools.orders.unit(unit.key, unit.line, unit.n)
                return Lost(now) if now is not None and not now.waiting else MarkerLost(gone=False, busy=True)

        if pool in self.empty:
            raise SoldOut
        try:
            return self.tools.picker.pick(pool, offer)
        except SoldOut:
            self.empty.add(pool)
            raise

    def _give_content(
        self,
        product: Product,
        unit: Unit,
        take: Take,
    ) -> Unit | Lost:
        """There is enough for everybody, once there is any. A lost answer is not asked for again."""
        content = self.tools.catalogue.content(product.tenant, product.sku)
        if content is None:
            raise SoldOut
        marker = piece_of(content, unit)
        outcome = take(with_card(unit, marker, self.actor.now), marker, None)
        if isinstance(outcome, MarkerLost):
            raise AssertionError("fixed content has no marker to lose")
        return outcome

    def _park(self, unit: Unit) -> Unit | Lost:
        return self.tools.orders.park(unit, self.header.paid_at or 0, self.actor)

    def _rehouse(self, seen: Unit, unit: Unit) -> Unit:
        if not self.tools.orders.change_room(seen, unit, self.header, self.actor):
            raise _HeaderChanged
        self.header = replace(self.header, ver=self.header.ver + 1, due=self.actor.now)
        return replace(unit, ver=seen.ver + 1)

    def _end_slot(self, slot: Slot, unit: Unit | None, why: str, plan: Plan) -> Unit:
        """End a unit, whatever it is by now. A failed condition never ends the effort."""
        for _ in range(ROUNDS):
            if unit is not None and unit.ended:
                return self._note(unit)
            outcome = self._end(slot, unit, why, plan)
            if not isinstance(outcome, Lost):
                return self._note(outcome)
            unit = self._reread(slot, outcome)
        raise Unavailable("unit_busy", f"Unit {slot.line}#{slot.n} kept changing; the order is tried again.")

    def _end(self, slot: Slot, unit: Unit | None, why: str, plan: Plan) -> Unit | Lost:
        orders = self.tools.orders
        if unit is None:
            fresh = replace(self._fresh(slot, plan), state=State.CANCELLED, why=why)
            return orders.tombstone(fresh, self.actor)
        if unit.waiting:
            gone = self._gone(unit, State.CANCELLED, why)
            return orders.end_waiting(unit, replace(gone, plan=plan) if slot.n == 1 else gone, self.actor)
        if unit.exposed:
            return orders.burn(unit, self._gone(unit, State.REFUNDED, why), self.actor)
        return self._give_back(unit, why)

    def _give_back(self, unit: Unit, why: str) -> Unit | Lost:
        pool = None if is_content(unit.card) else pool_of(self._need(unit.sku))
        marker = Marker(
            card=unit.card,
            bucket=unit.bucket,
            shard=self.tools.picker.random.randrange(pool.shards) if pool else 0,
            batch=unit.batch,
            last4=unit.last4,
            head=unit.head,
            cost=unit.cost,
            currency=unit.cost_currency,
            expires_at=unit.card_expires_at,
        )
        outcome = self.tools.orders.return_card(
            unit, self._gone(unit, State.RETURNED, why), marker, pool, self.actor
        )
        back = outcome.old if isinstance(outcome, Lost) else outcome
        if pool is not None and back is not None and back.state is State.RETURNED:
            self.tools.picker.restocked(pool)
            self.empty.discard(pool)
            self.tools.queue.room(pool.tenant, Room.BACK, pool.sku, 1)
        return outcome

    def _gone(self, unit: Unit, state: State, why: str) -> Unit:
        return replace(unit, state=state, card="", gen=unit.gen + 1, why=why, room=None, ref="", due=None)

    def _reread(self, slot: Slot, lost: Lost) -> Unit | None:
        """What a failed condition showed; this order was known to somebody, so read it all once."""
        if not self.units:
            self.units = {unit.name: unit for unit in self.tools.orders.units(self.header.key)}
        now = lost.old or self.tools.orders.unit(self.header.key, slot.line, slot.n)
        if now is not None:
            self.units[now.name] = now
        return now

    # -- small words ----------------------------------------------------------------------------

    def _fresh(self, slot: Slot, plan: Plan | None) -> Unit:
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

    def _held(self, unit: Unit, slot: Slot, hold: str) -> Unit:
        if hold.startswith("mapping"):
            ref = listing_ref(self.header.key.shop, self._line(slot))
            return replace(unit, state=State.HELD, room=Room.MAP, ref=ref, why=hold, plan=None)
        return replace(unit, state=State.HELD, room=Room.AMOUNT, ref=self.header.key.shop, why=hold)

    def _line(self, slot: Slot) -> OrderLine:
        return next(line for line in self.header.lines if line.id == slot.line)

    def _gate(self, product: Product) -> Closed | None:
        key = self.header.key
        return closed_for(self.tools.catalogue, key.tenant, key.shop, product)

    def _too_early(self, product: Product) -> bool:
        return product.release_at is not None and product.release_at > self.tools.clock()

    def _need(self, sku: str) -> Product:
        product = self._product(sku)
        if product is None:
            raise Unavailable("product_missing", f"Product {sku} is not in the catalogue; create it again.")
        return product

    def _note(self, unit: Unit) -> Unit:
        self.seen[unit.name] = unit
        return unit

    # -- the end of the pass ----------------------------------------------------------------------

    def touch_rooms(self) -> None:
        """Make sure that every room in which a unit was seen waiting has a timer, whoever parked it.

        The clock is taken after the unit was known to wait; a lost answer here ends the pass.
        """
        rooms = dict.fromkeys((u.room, u.ref) for u in self.seen.values() if u.waiting and u.room)
        for room, ref in rooms:
            if room not in DRIVEN:
                continue
            mine = self.tools.clock()
            touched = self.tools.orders.room(self.header.key.tenant, room, ref)
            if touched is None or touched < mine - FRESH:
                self.tools.orders.touch_room(
                    self.header.key.tenant, room, ref, mine, self._room_due(room, ref, mine)
                )

    def _room_due(self, room: Room, ref: str, now: int) -> int:
        later = now + RECHECK[room]
        product = self._product(ref) if room is Room.PRE else None
        return min(product.release_at, later) if product and product.release_at else later

    def complete(self) -> bool:
        """Whether nothing is left that only the header's timer would drive."""
        return all(at_rest(unit) for unit in self.seen.values())


def _paused(unit: Unit, closed: Closed) -> Unit:
    """The unit as it waits in the room of a gate that somebody closed."""
    why = f"paused: {closed.reason}"
    return replace(unit, state=State.SCHEDULED, room=Room.PAUSE, ref=closed.ref, why=why)


def _scheduled(unit: Unit) -> Unit:
    """The unit as it waits for its release, once its gate has opened."""
    return replace(unit, state=State.SCHEDULED, room=Room.PRE, ref=unit.sku, why="resumed")


def at_rest(unit: Unit) -> bool:
    """Ended, handed over, waiting in a room, or carrying a timer of its own."""
    return unit.ended or unit.state in HANDED_OVER or unit.waiting or unit.has_own_timer


def with_card(unit: Unit, marker: Marker, now: int) -> Unit:
    """The unit as it is once it holds this card; one that waited gets a timer of its own."""
    return replace(
        unit,
        state=State.ALLOCATED,
        card=marker.card,
        batch=marker.batch,
        bucket=marker.bucket,
        last4=marker.last4,
        head=marker.head,
        cost=marker.cost,
        cost_currency=marker.currency,
        card_expires_at=marker.expires_at,
        due=now if unit.waiting else None,
        room=None,
        ref="",
        at=now,
    )


def piece_of(content: Content, unit: Unit) -> Marker:
    """What this unit gets of a content, in the shape of a marker, of which there is none."""
    key = unit.key
    name = f"{key.tenant}/{key.shop}/{key.order}/{unit.name}/{unit.gen}"
    card = piece_id(content.card, name)
    return Marker(card=card, bucket=NEVER, shard=0, batch=content.batch, last4=content.last4)


def pool_of(product: Product) -> Pool:
    return Pool(product.tenant, product.sku, product.epoch, product.shards)


def listing_ref(shop: str, line: OrderLine) -> str:
    """Names a shop's listing in the mapping room; an item without id is known by its code."""
    return f"{shop}/{line.item or line.sku}/{line.variant}"
