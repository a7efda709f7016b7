"""A small world in which passes over orders are frozen, killed and repeated at every call.

`MemoryStore` is written from the protocol's document and shares no code with the tables; `World` runs
passes over it, or over any store with the same words, and says what must be true at every moment
(`check`) and once everything forgotten was driven again (`settle`).
"""

from contextlib import suppress
from dataclasses import dataclass, field, replace
from random import Random

from cardcourier.domain.cards import is_content, use_id
from cardcourier.domain.catalogue import Content, Listing, Product, Shop, Tenant
from cardcourier.domain.facts import ALL, Fact, FirstPayment, Paid
from cardcourier.domain.gates import Gate as SalesGate
from cardcourier.domain.orders import Header, OrderKey, OrderLine, Owed, Unit, slots
from cardcourier.domain.protocol import Actor, Lost, MarkerLost
from cardcourier.domain.refunds import Answer, Told
from cardcourier.domain.states import DRIVEN, HANDED_OVER, HOLDS_CARD, KEEPS_CARD, Room, State
from cardcourier.domain.stock import Marker
from cardcourier.domain.waiting import STALE
from cardcourier.errors import Unavailable
from cardcourier.services.allocating import Allocator
from cardcourier.services.gates import closed_for
from cardcourier.services.picking import Picker
from cardcourier.services.settling.cards import pool_of

MAIN = Shop(id="main", tenant="acme", channel="standard", name="Main")
NOON = 1_790_000_000_000
GRACE = 60_000
TENANT = MAIN.tenant
KEY = OrderKey(TENANT, MAIN.id, "1001")
OTHER = OrderKey(TENANT, MAIN.id, "1002")
UNSEEN = (State.ALLOCATED, State.DELIVERED)
HELD_CARD = (*UNSEEN, State.REVEALED)


@dataclass
class Dump:
    """Everything a store holds."""

    headers: dict
    units: list
    markers: list
    burnt: list
    rooms: dict


class MemoryStore:
    """The writes of the order protocol over dictionaries; conditions as in the protocol's table."""

    def __init__(self):
        self.headers, self.by_name, self.facts = {}, {}, set()
        self.pool, self.burnt_cards, self.rooms, self.money = {}, [], {}, {}

    def dump(self):
        return Dump(
            dict(self.headers),
            list(self.by_name.values()),
            [(place[0], marker) for place, marker in self.pool.items()],
            list(self.burnt_cards),
            dict(self.rooms),
        )

    # -- headers --------------------------------------------------------------------------------

    def header(self, key):
        return self.headers.get(key)

    def _work(self, header, actor, **changes):
        self.headers[header.key] = replace(header, ver=header.ver + 1, due=actor.now + GRACE, **changes)

    def record_payment(self, payment, actor):
        header = self.headers.get(payment.key) or Header(key=payment.key, ver=0)
        if header.paid:
            return header
        self._work(
            header,
            actor,
            paid_at=payment.paid_at,
            amount=sum(paid.amount for paid in payment.payments),
            total=payment.total,
            currency=payment.currency,
            lines=payment.lines,
        )
        return None

    def record_stop(self, fact, actor):
        if (fact.key, fact.kind, fact.id) in self.facts:
            return False
        self.facts.add((fact.key, fact.kind, fact.id))
        header = self.headers.get(fact.key) or Header(key=fact.key, ver=0)
        owed = header.owed + tuple(Owed(line, pieces, fact.id) for line, pieces in fact.owed)
        disputed = header.disputed or fact.disputed
        self._work(header, actor, stops=header.stops | fact.stops, owed=owed, disputed=disputed)
        return True

    # -- money given back -----------------------------------------------------------------------

    def told(self, key):
        return list(self.money.get(key, ()))

    def ask(self, fact, actor):
        if (fact.key, fact.kind, fact.id) in self.facts:
            return False
        self.facts.add((fact.key, fact.kind, fact.id))
        self.money.setdefault(fact.key, []).append(Told(fact.kind, fact.id, fact.amount, fact.currency))
        header = self.headers.get(fact.key) or Header(key=fact.key, ver=0)
        self._work(header, actor, asked=(*header.asked, fact.name))
        return True

    def answer(self, header, name, ends, actor):
        now = self.headers[header.key]
        if now.ver != header.ver:
            return False
        owed = now.owed + tuple(Owed(line, pieces, name) for line, pieces in ends.owed)
        asked = tuple(one for one in now.asked if one != name)
        self._work(now, actor, asked=asked, stops=now.stops | ends.stops, owed=owed)
        return True

    def dispute(self, seen, unit, actor):
        old = self.by_name[self._place(unit)]
        if old.state not in HOLDS_CARD or old.card != seen.card or not old.exposed:
            return Lost(old)
        self.by_name[self._place(unit)] = replace(unit, ver=old.ver + 1)
        return unit

    def lose(self, seen, unit, actor):
        old = self.by_name[self._place(unit)]
        if old.state is not State.DISPUTED or old.card != seen.card:
            return Lost(old)
        self.burnt_cards.append(old.card)
        self.by_name[self._place(unit)] = replace(unit, ver=old.ver + 1)
        return unit

    def choose(self, header, stops, actor, credit):
        now = self.headers[header.key]
        if now.ver != header.ver:
            return False
        self._work(now, actor, stops=now.stops | stops, owed=(), credit=credit)
        return True

    def approve(self, key, actor):
        header = self.headers.get(key)
        if header is None or not header.paid or header.approved:
            return False
        self._work(header, actor, approved=True)
        return True

    def clear_timer(self, key, ver):
        if key not in self.headers or self.headers[key].ver != ver:
            return False
        self.headers[key] = replace(self.headers[key], due=None)
        return True

    # -- units ----------------------------------------------------------------------------------

    def unit(self, key, line, n):
        return self.by_name.get((key, line, n))

    def units(self, key):
        mine = (unit for unit in self.by_name.values() if unit.key == key)
        return sorted(mine, key=lambda unit: unit.name)

    def _place(self, unit):
        return unit.key, unit.line, unit.n

    def _put(self, unit, **changes):
        old = self.by_name.get(self._place(unit))
        if old is not None:
            return Lost(old)
        self.by_name[self._place(unit)] = replace(unit, ver=1, **changes)
        return unit

    def park(self, unit, paid_at, actor):
        return self._put(unit, due=paid_at)

    def tombstone(self, unit, actor):
        return self._put(unit, due=None)

    def _taken(self, pool, marker):
        """Whether the marker was there and is gone now; of fixed content there is none to take."""
        return pool is None or self.pool.pop(self._marker_place(pool, marker), None) is not None

    def _marker_place(self, pool, marker):
        return pool.sku, pool.epoch, marker.shard, f"{marker.bucket}#{marker.card}"

    def allocate_new(self, unit, marker, pool, actor):
        old = self.by_name.get(self._place(unit))
        if old is not None:
            return old if old.card == marker.card else Lost(old)
        if not self._taken(pool, marker):
            return MarkerLost(gone=True)
        return self._put(replace(unit, due=None))

    def allocate_waiting(self, seen, unit, marker, pool, actor):
        old = self.by_name[self._place(seen)]
        if old.state is not seen.state or old.card:
            return old if old.card == marker.card else Lost(old)
        if not self._taken(pool, marker):
            return MarkerLost(gone=True)
        self._move(old, unit, actor, **_card_of(unit), room=None, ref="", due=actor.now + GRACE)
        return unit

    def _move(self, old, unit, actor, **changes):
        self.by_name[self._place(old)] = replace(
            old, state=unit.state, ver=old.ver + 1, at=actor.now, why=unit.why, **changes
        )

    def change_room(self, seen, unit, header, actor):
        old, now = self.by_name[self._place(seen)], self.headers[header.key]
        if (old.state, old.ver) != (seen.state, seen.ver) or now.ver != header.ver:
            return False
        sku, plan = unit.sku or old.sku, old.plan if unit.plan is None else unit.plan
        self._move(old, unit, actor, room=unit.room, ref=unit.ref, sku=sku, plan=plan, due=header.paid_at)
        self._work(now, actor)
        return True

    def end_waiting(self, seen, unit, actor):
        old = self.by_name[self._place(seen)]
        if old.state is not seen.state:
            return Lost(old)
        plan = old.plan if unit.plan is None else unit.plan
        self._move(old, unit, actor, room=None, ref="", due=None, plan=plan)
        return unit

    def return_card(self, seen, unit, marker, pool, actor):
        old = self.by_name[self._place(seen)]
        if old.state not in UNSEEN or old.card != seen.card or old.exposed:
            return Lost(old)
        if pool is not None:
            place = self._marker_place(pool, marker)
            assert place not in self.pool
            self.pool[place] = marker
        self._move(old, unit, actor, card="", gen=unit.gen, due=None)
        return unit

    def burn(self, seen, unit, actor):
        old = self.by_name[self._place(seen)]
        if old.state not in HELD_CARD or old.card != seen.card or not old.exposed:
            return Lost(old)
        assert old.card not in self.burnt_cards
        self.burnt_cards.append(old.card)
        self._move(old, unit, actor, card="", gen=unit.gen, due=None)
        return unit

    def expose(self, seen, unit, actor):
        old = self.by_name[self._place(seen)]
        if old.state not in UNSEEN or (old.card, old.gen) != (seen.card, seen.gen):
            return Lost(old)
        self._move(old, unit, actor, exposed_at=actor.now, due=None)
        return unit

    def replace(self, seen, unit, marker, pool, actor):
        old = self.by_name[self._place(seen)]
        if old.state not in HELD_CARD or old.card != seen.card or not old.exposed:
            return old if old.card == marker.card else Lost(old)
        if not self._taken(pool, marker):
            return MarkerLost(gone=True)
        self.burnt_cards.append(old.card)
        changes = {**_card_of(unit), "gen": unit.gen, "exposed_at": None, "due": actor.now + GRACE}
        self._move(old, unit, actor, **changes)
        return unit

    def hand_over(self, seen, unit, actor):
        old = self.by_name[self._place(seen)]
        if old.state is not State.ALLOCATED or old.card != seen.card:
            return Lost(old)
        self._move(old, unit, actor, due=None)
        return unit

    # -- rooms and pools --------------------------------------------------------------------------

    def room(self, tenant, room, ref):
        return self.rooms[room, ref][0] if (room, ref) in self.rooms else None

    def touch_room(self, tenant, room, ref, mine, due):
        if (room, ref) not in self.rooms or self.rooms[room, ref][0] < mine:
            self.rooms[room, ref] = (mine, due)

    def remove_room(self, tenant, room, ref, touched_at):
        if self.room(tenant, room, ref) != touched_at:
            return False
        del self.rooms[room, ref]
        return True

    def waiting(self, tenant, room, ref):
        return sorted(
            (u for u in self.by_name.values() if u.waiting and (u.room, u.ref) == (room, ref)),
            key=lambda unit: unit.due,
        )

    def put_marker(self, tenant, sku, epoch, marker):
        self.pool[sku, epoch, marker.shard, f"{marker.bucket}#{marker.card}"] = marker

    def first(self, pool, shard, since):
        return next(iter(self.every(pool, shard, since)), None)

    def page(self, pool, shard, since, until, limit, *, consistent):
        return [m for m in self.every(pool, shard, since) if f"{m.bucket}#{m.card}" <= until][:limit]

    def every(self, pool, shard, since):
        places = sorted(p for p in self.pool if p[:3] == (pool.sku, pool.epoch, shard) and p[3] >= since)
        return iter([self.pool[place] for place in places])


def _card_of(unit):
    names = ("card", "batch", "bucket", "last4", "cost", "cost_currency", "card_expires_at")
    return {name: getattr(unit, name) for name in names}


@dataclass
class Catalogue:
    """What is sold and how items map; a pass keeps the view it began with."""

    shop_: Shop
    products: dict = field(default_factory=dict)
    mapping: dict = field(default_factory=dict)
    tenant_: Tenant = field(default_factory=lambda: Tenant(id=TENANT, name="Acme"))
    gate_: SalesGate | None = None
    contents: dict = field(default_factory=dict)

    def view(self):
        return replace(
            self, products=dict(self.products), mapping=dict(self.mapping), contents=dict(self.contents)
        )

    def content(self, tenant, sku):
        return self.contents.get(sku)

    def gate(self):
        return self.gate_

    def find_tenant(self, tenant):
        return self.tenant_

    def find_shop(self, shop):
        return self.shop_

    def shop(self, shop):
        return self.shop_

    def product(self, tenant, sku):
        return self.products.get(sku)

    def listings(self, tenant, shop, item, variant):
        rows = self.mapping.get(item, ())
        return [
            Listing(item=item, variant=variant, row=row, sku=sku, quantity=quantity)
            for row, (sku, quantity) in enumerate(rows)
        ]


class Killed(Exception):
    """The worker stopped for ever."""


READS = frozenset({"header", "unit", "units", "room", "told"})
OF_READS = ("before", "after", "refused", "killed")
OF_WRITES = (*OF_READS, "lost", "late", "repeated", "killed after", "killed late")


@dataclass
class Gate:
    """Lists the calls of one pass and does something special at one of them, the first being 1.

    `before` and `after` freeze the pass around the call while `then` happens. `refused` does not commit
    and says so to nobody, `lost` commits without an answer, `late` commits only when everything else is
    over, `repeated` commits and is sent once more; `killed` is the end of the worker.
    """

    at: int = 0
    how: str = "before"
    then: object = None
    calls: list = field(default_factory=list)
    in_flight: list = field(default_factory=list)

    def call(self, name, send):
        self.calls.append(name)
        if len(self.calls) != self.at:
            return send()
        return getattr(self, "_" + self.how.replace(" ", "_"))(send)

    @property
    def reached(self):
        return len(self.calls) >= self.at

    def _meanwhile(self):
        if self.then is not None:
            self.then()

    def _before(self, send):
        self._meanwhile()
        return send()

    def _after(self, send):
        answer = send()
        self._meanwhile()
        return answer

    def _refused(self, send):
        self._meanwhile()
        raise Unavailable("table_unavailable", "no answer")

    def _lost(self, send):
        send()
        self._refused(send)

    def _late(self, send):
        self.in_flight.append(send)
        self._refused(send)

    def _repeated(self, send):
        send()
        self._meanwhile()
        return send()

    def _killed(self, send):
        self._meanwhile()
        raise Killed

    def _killed_after(self, send):
        send()
        self._killed(send)

    def _killed_late(self, send):
        self.in_flight.append(send)
        self._killed(send)


class Through:
    """A store behind a gate; `watch` is told what every call answered."""

    def __init__(self, store, gate, watch):
        self._store, self._gate, self._watch = store, gate, watch

    def __getattr__(self, name):
        method = getattr(self._store, name)

        def send(*arguments):
            answer = method(*arguments)
            self._watch(name, arguments, answer)
            return answer

        return lambda *arguments: self._gate.call(name, lambda: send(*arguments))


@dataclass
class World:
    """Orders, stock and workers. `now` moves by a millisecond with each look at the clock.

    `skew`: how far the clock of the next worker is ahead; `ahead`: how far that of the sweeper is (ms).
    """

    store: object = field(default_factory=MemoryStore)
    catalogue: Catalogue = field(default_factory=lambda: Catalogue(MAIN))
    now: int = NOON
    seed: int = 0
    cards: dict = field(default_factory=dict)
    shown: set = field(default_factory=set)
    finished: set = field(default_factory=set)
    in_flight: list = field(default_factory=list)
    refunds: dict = field(default_factory=dict)
    restocks: list = field(default_factory=list)
    held: dict = field(default_factory=dict)
    may_ignore: bool = False
    watching: bool = True
    skew: int = 0
    ahead: int = 0

    def clock(self):
        self.now += 1
        return self.now

    def actor(self, by="test"):
        return Actor(by, self.clock(), f"r{self.now}", by)

    # -- what happens -----------------------------------------------------------------------------

    def sell(self, sku, cards=0, **product):
        self.catalogue.products[sku] = Product(tenant=TENANT, sku=sku, name=sku, **product)
        self.stock(sku, cards)

    def change_product(self, sku, **changes):
        self.catalogue.products[sku] = replace(self.catalogue.products[sku], **changes)

    def stock(self, sku, cards):
        """New cards, or of a product with fixed content, if there are any, new content."""
        product = self.catalogue.products[sku]
        if product.kind == "fixed":
            return self.set_content(sku) if cards else None
        for _ in range(cards):
            card = f"c1{sku.lower()}{len(self.cards):04d}"
            if product.kind == "shared":
                card = use_id(f"c1{sku.lower()}", len(self.cards) + 1)
            marker = Marker(card=card, bucket="9999", shard=len(self.cards) % product.shards, batch="b1")
            self.cards[card] = sku
            self.store.put_marker(TENANT, sku, product.epoch, marker)

    def pause(self, what, reason="checking"):
        """Close the gate of `all`, the `tenant`, the `shop` or a product; an empty reason opens it."""
        catalogue = self.catalogue
        if what == "all":
            catalogue.gate_ = SalesGate(paused=reason)
        elif what == "tenant":
            catalogue.tenant_ = replace(catalogue.tenant_, paused=reason)
        elif what == "shop":
            catalogue.shop_ = replace(catalogue.shop_, paused=reason)
        else:
            self.change_product(what, paused=reason)

    def set_content(self, sku):
        before = self.catalogue.contents.get(sku)
        version = before.version + 1 if before else 1
        self.catalogue.contents[sku] = Content(
            tenant=TENANT,
            sku=sku,
            card=f"t1{sku.lower()}{version}",
            batch="b1",
            last4="",
            version=version,
            at=version,
            by="mei",
        )

    def map(self, item, *rows):
        self.catalogue.mapping[item] = rows
        self.may_ignore = self.may_ignore or any(not sku for sku, _ in rows)

    def pay(self, key=KEY, *lines, amount=None, at=None):
        """`lines` are (item, quantity); each piece costs 100."""
        total = sum(quantity * 100 for _, quantity in lines)
        self.store.record_payment(
            FirstPayment(
                key=key,
                number="",
                payments=(Paid(f"p-{key.order}", total if amount is None else amount, at or self.now),),
                paid_at=at or self.now,
                created_at=self.now,
                total=total,
                currency="CNY",
                lines=tuple(
                    OrderLine(f"l{place}", item, "", "", quantity, 100)
                    for place, (item, quantity) in enumerate(lines, start=1)
                ),
                contact=None,
                search=(),
            ),
            self.actor("webhook"),
        )

    def stop(self, key=KEY, *, pieces=(), named=()):
        """A full refund, or `pieces` as (line, number), or `named` pieces as line/piece."""
        stops = frozenset(named) if named else frozenset() if pieces else ALL
        number = self.refunds.setdefault(key, [])
        number.append(pieces)
        self.store.record_stop(
            Fact(key=key, kind="refund", id=f"f{len(number)}", at=self.now, stops=stops, owed=tuple(pieces)),
            self.actor("webhook"),
        )

    def give_back(self, amount, key=KEY, *, pieces=()):
        """Money alone; `pieces` are those that it can only mean."""
        number = self.refunds.setdefault(key, [])
        number.append(pieces or (("", 0),))
        fact = Fact(key=key, kind="refund", id=f"f{len(number)}", at=self.now, amount=amount, currency="CNY")
        self.store.ask(fact, self.actor("webhook"))

    def answer(self, key=KEY, *, named=()):
        """A person says which pieces end for the first refund by amount that is asked about."""
        header = self.store.header(key)
        number = self.refunds[key]
        number.append(tuple((name.partition("/")[0], 1) for name in named) or (("", 0),))
        self.held.pop(key, None)
        self.store.answer(header, header.asked[0], Answer(stops=frozenset(named)), self.actor("owner"))

    def charge_back(self, key=KEY):
        """A chargeback that is disputed."""
        number = self.refunds.setdefault(key, [])
        number.append(())
        fact = Fact(key=key, kind="chargeback", id=f"c{len(number)}", at=self.now, stops=ALL, disputed=True)
        self.store.record_stop(fact, self.actor("webhook"))

    def decide(self, outcome, key=KEY):
        header = self.store.header(key)
        self.store._work(header, self.actor("webhook"), outcome=outcome)

    def approve(self, key=KEY):
        self.store.approve(key, self.actor("owner"))

    def show(self, key=KEY):
        """The buyer opens whatever holds an unseen card."""
        for unit in self.store.units(key):
            if unit.state in UNSEEN:
                outcome = self.store.expose(unit, replace(unit, state=State.REVEALED), self.actor("buyer"))
                if not isinstance(outcome, Lost):
                    self.shown.add(unit.card)
        self.check()

    def deliver(self, key=KEY):
        for unit in self.store.units(key):
            if unit.state is State.ALLOCATED:
                self.store.hand_over(unit, replace(unit, state=State.DELIVERED), self.actor("delivery"))

    def run(self, key=KEY, *, known=False, gate=None, until=None):
        """One pass by a worker of its own, through a gate if there is one; says which calls it made."""
        gate = gate or Gate()
        allocator = self.allocator(gate)
        with suppress(Unavailable, Killed):
            allocator.run(key, f"run{self.seed}", known=known, until=until)
        return gate.calls

    def allocator(self, gate=None):
        """A worker that just started."""
        gate = gate or Gate()
        gate.in_flight = self.in_flight
        view = self.catalogue.view()
        store = Through(self.store, gate, lambda *call: self._watch(view, *call))
        self.seed += 1
        skew = self.skew

        def clock():
            return self.clock() + skew

        picker = Picker(self.store, Random(self.seed), clock, sleep=lambda seconds: None)
        return Allocator(store, view, picker, Restocks(self.restocks), clock, refunds=store)

    def pool(self, sku):
        return pool_of(self.catalogue.products[sku])

    def land(self):
        """Whatever was still on its way commits now, or finds its condition broken."""
        while self.in_flight:
            self.in_flight.pop()()

    # -- what must be true ------------------------------------------------------------------------

    def _watch(self, view, name, arguments, answer):
        if name in READS or not self.watching:
            return
        self.check()
        if name == "clear_timer" and answer:
            self._check_nothing_undone(arguments[0])
            self._remember_the_held(arguments[0])
        if name == "answer" and answer:
            self.held.pop(arguments[0].key, None)
        if name in ("allocate_new", "allocate_waiting") and isinstance(answer, Unit):
            release_at = view.products[answer.sku].release_at
            assert release_at is None or release_at <= self.now, "allocated before its release"
            product = view.products[answer.sku]
            assert closed_for(view, TENANT, MAIN.id, product) is None, "allocated behind a closed gate"
            header = self.store.header(answer.key)
            had_cards = self.held.get(answer.key, {answer.name})
            assert answer.name in had_cards, "allocated while a person is asked what ends"
            assert header.approved or header.amount == header.total, "allocated while it is held"

    def _remember_the_held(self, key):
        """A pass is over while a person is asked what ends: until they answer only these hold cards."""
        if self.store.header(key).asked:
            self.held[key] = {unit.name for unit in self.store.units(key) if not unit.waiting}

    def check(self):
        """True at every moment: one home for each card, and nothing taken for what has ended."""
        dump = self.store.dump()
        homes = [(marker.card, sku) for sku, marker in dump.markers]
        homes += [(unit.card, unit.sku) for unit in dump.units if unit.card]
        homes += [(card, self.cards.get(card, "")) for card in dump.burnt]
        pieces = [card for card, _ in homes if is_content(card)]
        assert len(pieces) == len(set(pieces)), "a piece of a content has one home"
        homes = [home for home in homes if not is_content(home[0])]
        assert sorted(homes) == sorted(self.cards.items()), "every card has one home, under its own product"
        assert not self.shown & {marker.card for _, marker in dump.markers}, "a shown card can be sold again"
        for unit in dump.units:
            assert bool(unit.card) == (unit.state in KEEPS_CARD), unit
            assert not unit.holds_card or dump.headers[unit.key].paid, "allocated unpaid"
            finished = (unit.key, unit.line, unit.piece) in self.finished
            assert not (finished and unit.holds_card), "allocated after the refund was complete"

    def _check_nothing_undone(self, key):
        """True whenever the header's timer goes: all that is left carries a timer, or has ended."""
        dump = self.store.dump()
        header = dump.headers[key]
        if not header.paid:
            return
        assert not header.owed
        units = {unit.name: unit for unit in dump.units if unit.key == key}
        for unit in units.values():
            stopped = header.stopped(unit.line, unit.piece)
            if stopped and unit.ended:
                self.finished.add((key, unit.line, unit.piece))
            assert header.settled(unit) or not stopped or self._stands_for_a_line(unit), f"{unit} is stopped"
            own = unit.due is not None and not unit.waiting
            assert unit.ended or unit.waiting or own or unit.state in HANDED_OVER, f"{unit} is forgotten"
            if unit.waiting and unit.room in DRIVEN:
                assert (unit.room, unit.ref) in dump.rooms, f"{unit} waits in a room without a timer"
        for line in header.lines:
            for slot in self._missing(header, line, units):
                raise AssertionError(f"{slot} is missing")
            if header.line_stopped(line):
                self.finished |= {(key, line.id, piece) for piece in range(1, line.quantity + 1)}

    def _stands_for_a_line(self, unit):
        """A held placeholder of a line nobody has mapped stays while another piece of it is owed."""
        header = self.store.header(unit.key)
        line = next(line for line in header.lines if line.id == unit.line)
        placeholder = unit.state is State.HELD and unit.n == 1 and unit.plan is None
        return placeholder and not header.line_stopped(line)

    def _missing(self, header, line, units):
        first = units.get(f"{line.id}#0001")
        if first is None:
            return [f"{line.id}#0001"]
        if first.plan is None:
            return []
        wanted = list(slots(line.id, line.quantity, first.plan))
        held = next(
            (
                u
                for s in wanted
                if (u := units.get(f"{s.line}#{s.n:04d}")) and u.waiting and u.state is State.HELD
            ),
            None,
        )
        return [
            slot
            for slot in wanted
            if f"{slot.line}#{slot.n:04d}" not in units
            and not (held and not header.stopped(slot.line, slot.piece))
        ]

    # -- the sweeper, alone -------------------------------------------------------------------------

    def settle(self):
        """Every message is lost, every worker dead: the sweeper drives what is left until it rests."""
        for _ in range(12):
            self.now += STALE + 1
            before = self.store.dump()
            self.sweep(before)
            after = self.store.dump()
            if (after.headers, after.units, after.rooms.keys()) == (
                before.headers,
                before.units,
                before.rooms.keys(),
            ):
                return self._check_rest(after)
        raise AssertionError("the sweeper never comes to rest")

    def sweep(self, dump):
        for header in dump.headers.values():
            own = any(u.key == header.key and u.due is not None and not u.waiting for u in dump.units)
            if header.due is not None:
                self.run(header.key, known=bool(self.seed % 2))
            if header.due is not None or own:
                self.deliver(header.key)
        for (room, ref), (touched, _) in dump.rooms.items():
            waiting = list(self.store.waiting(TENANT, room, ref))
            for unit in waiting:
                self.run(unit.key, known=True)
            if not waiting and touched < self.now + self.ahead - STALE:
                self.store.remove_room(TENANT, room, ref, touched)

    def _check_rest(self, dump):
        self.check()
        for header in dump.headers.values():
            assert header.due is None, f"the timer of {header.key} never ends"
            units = {unit.name: unit for unit in dump.units if unit.key == header.key}
            if header.paid:
                for line in header.lines:
                    self._check_line(header, line, units, dump)
            else:
                assert all(unit.ended for unit in units.values())
        occupied = {(u.room, u.ref) for u in dump.units if u.waiting and u.room in DRIVEN}
        assert occupied == dump.rooms.keys(), "each driven room has its timer, and no empty one has"

    def _check_line(self, header, line, units, dump):
        assert not self._missing(header, line, units), (line, units)
        pieces = range(1, line.quantity + 1)
        stopped = {piece for piece in pieces if header.stopped(line.id, piece)}
        owed = self.refunds.get(header.key, [])
        if owed and all(owed):
            told = sum(number for some in owed for name, number in some if name == line.id)
            assert len(stopped) == min(told, line.quantity), "as many pieces end as were refunded"
        mine = [unit for unit in units.values() if unit.line == line.id]
        first = units[f"{line.id}#0001"]
        if first.ended and not slots_of(line, first):
            assert self.may_ignore or not line.quantity or stopped == set(pieces), "a line was lost"
            assert all(unit.ended for unit in mine)
            return
        for unit in mine:
            if unit.piece in stopped and not self._stands_for_a_line(unit):
                assert header.settled(unit), f"{unit} was refunded"
            elif unit.waiting:
                self._check_waits_rightly(header, line, unit, dump)
            else:
                nothing = unit.ended and not first.plan
                assert unit.state in HANDED_OVER or nothing, f"{unit} was paid for"
            assert unit.due is None or unit.waiting, f"{unit} keeps its timer"

    def _check_waits_rightly(self, header, line, unit, dump):
        product = self.catalogue.products.get(unit.sku)
        closed = bool(product and product.release_at and product.release_at > self.now)
        gate = closed_for(self.catalogue, TENANT, MAIN.id, product)
        sold_out = unit.sku not in self.catalogue.contents and all(sku != unit.sku for sku, _ in dump.markers)
        reasons = {
            Room.MAP: not self.catalogue.listings("", "", line.item, line.variant),
            Room.AMOUNT: not header.approved,
            Room.REFUND: bool(header.asked),
            Room.PRE: closed and gate is None,
            Room.BACK: (closed or sold_out) and gate is None,
            Room.PAUSE: gate is not None and gate.ref == unit.ref,
        }
        assert reasons[unit.room], f"{unit} waits for nothing"


def slots_of(line, first):
    return list(slots(line.id, line.quantity, first.plan or ()))


@dataclass
class Restocks:
    """Messages that are written down and never delivered."""

    told: list

    def order(self, key):
        self.told.append(key)

    def room(self, tenant, room, ref, delay):
        self.told.append((room, ref))
