"""Serving a waiting room: the oldest first, no further than the stock reaches, and when to close it."""

from dataclasses import dataclass, field, replace
from threading import Lock

import pytest

from cardcourier.domain.catalogue import Product, Shop
from cardcourier.domain.gates import Gate
from cardcourier.domain.orders import OrderKey, Unit
from cardcourier.domain.states import Room, State
from cardcourier.domain.waiting import STALE, Share, WaitingUnit
from cardcourier.services.draining import CROWD, HANDS, MOST_AT_ONCE, PLENTY, SLICE, WAVE, Drainer

NOW = 1_790_000_000_000
LATER = NOW + 60_000
DAY = 86_400_000
PARTS = 16
PRODUCT = Product(tenant="t", sku="A", name="A")


@dataclass
class World:
    """A room of orders and so many cards."""

    orders: list = field(default_factory=list)
    cards: int = 0
    product_: Product = PRODUCT
    room_: Room = Room.BACK
    gate_: Gate | None = None
    shop_: Shop | None = None
    touched: int | None = NOW
    sleep: int = 0
    asked: list = field(default_factory=list)
    passes: list = field(default_factory=list)
    removed: list = field(default_factory=list)
    restocked_: int = 0
    now: int = NOW
    lock: Lock = field(default_factory=Lock)
    is_free: bool = True
    claimed: list = field(default_factory=list)
    shares: list = field(default_factory=list)
    takes: int = 0
    together: int = 1
    split: set = field(default_factory=set)

    def __post_init__(self):
        self.allocator = self
        self.picker = self

    # -- the allocator

    def run(self, key, rid, header=None, *, known=False, until=None):
        assert known
        with self.lock:
            self.passes.append(key.order)
            got = self.cards > 0
            self.cards -= got
            self.now += self.takes
        state, room = (State.ALLOCATED, None) if got else (State.BACKORDER, self.room_)
        return [
            Unit(key=key, line="1", n=1, piece=1, state=state, sku="A", room=room, ref="" if got else "A")
        ]

    def restocked(self, pool):
        self.restocked_ += 1

    # -- tables and queue

    def waiting(self, tenant, room, ref, first=0, step=1):
        assert room is self.room_
        self.now += self.sleep
        return iter(
            WaitingUnit(OrderKey("t", "s", order), "1", n, NOW - DAY + n // self.together)
            for n, order in enumerate(self.orders)
            if n % PARTS % step == first
        )

    def is_split(self, tenant, room, ref, now):
        return room in self.split

    def split_room(self, tenant, room, ref, now, ends):
        self.claimed.append((now, ends))
        return self.is_free

    def room(self, tenant, room, ref, delay=None):
        if delay is None:
            return self.touched
        self.asked.append((room, ref, delay))
        return None

    def share(self, tenant, room, ref, share):
        self.shares.append(share)

    def remove_room(self, tenant, room, ref, touched_at):
        self.removed.append(touched_at)
        return True

    def count(self, pool, now, limit=None):
        return min(self.cards, limit)

    def forget(self):
        pass

    def gate(self):
        return self.gate_

    def find_tenant(self, tenant):
        return None

    def find_shop(self, shop):
        return self.shop_

    def product(self, tenant, sku):
        return self.product_ if sku == "A" else None

    def content(self, tenant, sku):
        return self.cards or None

    def drain(self, ref="A", until=LATER, share=None):
        drainer = Drainer(self, self, self, self, self, self, lambda: self.now)
        return drainer.drain("t", self.room_, ref, "rid", until, share)


def test_the_oldest_are_served_until_the_stock_is_gone():
    world = World(["a", "b", "c", "d"], cards=2)
    assert world.drain() == 3
    assert (world.passes, world.restocked_) == (["a", "b", "c"], 1)


def test_near_the_end_nobody_is_served_side_by_side():
    world = World([f"{n:03d}" for n in range(PLENTY + 10)], cards=PLENTY - 1)
    world.drain()
    assert world.passes == world.orders[:PLENTY]


def test_with_plenty_of_stock_everybody_is_served():
    world = World([f"{n:03d}" for n in range(50)], cards=500)
    assert world.drain() == 50
    assert sorted(world.passes) == world.orders


def test_an_order_of_many_units_is_run_once():
    world = World(["a", "a", "a", "b"], cards=9)
    assert world.drain() == 2
    assert world.passes == ["a", "b"]


def test_what_is_left_when_time_is_up_goes_on_in_a_new_message():
    world = World(["a", "b", "c"], cards=9)
    assert world.drain(until=NOW - 1) == 1
    assert world.asked == [(Room.BACK, "A", 0)]


@pytest.mark.parametrize(
    ("touched", "removed"),
    [(None, []), (NOW, []), (NOW - STALE, []), (NOW - STALE - 1, [NOW - STALE - 1])],
    ids=["none", "fresh", "at the limit", "stale"],
)
def test_an_empty_room_is_removed_only_when_it_is_stale(touched, removed):
    world = World(touched=touched)
    assert world.drain() == 0
    assert world.removed == removed


def test_who_falls_asleep_over_an_empty_room_does_not_take_it_for_stale():
    """The index may have hidden who came to the room just before it was asked."""
    world = World(touched=NOW, sleep=STALE + 1)
    assert world.drain() == 0
    assert world.removed == []


def test_a_room_in_which_somebody_waits_is_never_removed():
    world = World(["a"], touched=0)
    world.drain()
    assert world.removed == []


def test_a_presale_serves_all_of_its_room():
    """Who gets nothing moves on to wait for stock, so the next one is looked at all the same."""
    world = World(["a", "b", "c"], cards=1, room_=Room.PRE)
    assert world.drain() == 3
    assert world.passes == ["a", "b", "c"]


@pytest.mark.parametrize(("left", "delay"), [(1, 1), (1000, 1), (1001, 2), (120_000, 120), (120_001, None)])
def test_a_presale_that_is_not_open_yet_is_left_alone(left, delay):
    world = World(["a"], cards=1, room_=Room.PRE)
    world.product_ = Product(tenant="t", sku="A", name="A", release_at=NOW + left)
    assert (world.drain(), world.passes) == (0, [])
    assert world.asked == ([(Room.PRE, "A", delay)] if delay else [])


def test_a_mapping_room_has_no_product():
    world = World(["a", "b"], cards=2, room_=Room.MAP)
    assert world.drain("shop/item/") == 2
    assert world.restocked_ == 0


# -- a crowd -----------------------------------------------------------------------------------------------


def a_crowd(orders=CROWD, cards=10_000, **more):
    return World([f"{n:05d}" for n in range(orders)], cards=cards, **more)


@pytest.mark.parametrize("room", [Room.PRE, Room.BACK])
def test_a_crowd_with_stock_is_shared_among_several_workers(room):
    world = a_crowd(room_=room)
    assert (world.drain(), world.passes) == (0, [])
    assert [share.hand for share in world.shares] == list(range(HANDS))
    assert {share.before for share in world.shares} == {NOW - DAY + CROWD - 1}
    assert {share.ends for share in world.shares} == {world.claimed[0][1]} and world.shares[0].ends > NOW


def test_while_a_room_is_shared_nobody_else_serves_it():
    world = a_crowd(is_free=False)
    assert (world.drain(), world.passes, world.shares) == (0, [], [])


@pytest.mark.parametrize(("orders", "cards"), [(CROWD - 1, 10_000), (CROWD, CROWD + PLENTY - 1)])
def test_a_smaller_crowd_or_stock_is_served_by_one(orders, cards):
    world = a_crowd(orders, cards)
    world.drain()
    assert (world.claimed, world.shares, sorted(world.passes)) == ([], [], world.orders)


def test_only_those_are_shared_out_who_are_sure_of_a_card():
    """Some cards are kept back: the last ones go one by one, to the oldest that are left."""
    world = a_crowd(orders=2 * CROWD, cards=CROWD + PLENTY + 10)
    world.drain()
    assert {share.before for share in world.shares} == {NOW - DAY + CROWD + 10 - 1}


def test_a_round_is_not_endless():
    world = a_crowd(orders=MOST_AT_ONCE + 5, cards=100_000)
    world.drain()
    assert {share.before for share in world.shares} == {NOW - DAY + MOST_AT_ONCE - 1}


def test_of_fixed_content_there_is_always_enough():
    world = a_crowd(cards=1, product_=replace(PRODUCT, kind="fixed"))
    world.drain()
    assert len(world.shares) == HANDS


def test_a_crowd_is_not_shared_round_after_round_while_there_is_no_content():
    world = a_crowd(cards=0, product_=replace(PRODUCT, kind="fixed"))
    world.drain()
    assert world.shares == []


def test_all_shares_together_are_those_who_are_sure():
    world = a_crowd(orders=2 * CROWD, cards=CROWD + PLENTY)
    world.drain()
    for share in world.shares:
        world.drain(share=share)
    assert sorted(world.passes) == world.orders[:CROWD]
    assert world.cards == PLENTY


def test_after_the_round_the_room_is_looked_at_anew_once():
    world = a_crowd()
    world.drain()
    for share in world.shares:
        world.drain(share=share)
    seconds = -(-(world.shares[0].ends - NOW) // 1000)
    assert world.asked == [(Room.BACK, "A", seconds)]


def test_a_share_goes_on_in_a_new_message_after_a_while():
    world = a_crowd(orders=20 * CROWD, takes=SLICE // 10)
    share = Share(3, before=NOW, ends=NOW + DAY)
    assert 0 < world.drain(share=share, until=LATER) < 20 * CROWD // HANDS
    assert world.shares == [share]


def test_a_share_that_comes_too_late_is_left_to_the_next_round():
    world = a_crowd()
    assert world.drain(share=Share(3, before=NOW, ends=NOW)) == 0
    assert (world.passes, world.shares, world.asked) == ([], [], [])


def test_where_the_queue_is_behind_the_first_of_them_serves_the_room_alone():
    """The next round would come too late as well, and nobody else serves a room that is split."""
    world = a_crowd()
    assert world.drain(share=Share(0, before=NOW, ends=NOW)) == CROWD
    assert (sorted(world.passes), world.claimed, world.shares) == (world.orders, [], [])


def test_a_share_ends_with_the_stock_and_asks_for_no_further_round():
    world = a_crowd(orders=20 * CROWD, cards=0)
    world.drain(share=Share(0, before=NOW, ends=LATER))
    assert len(world.passes) <= WAVE and world.asked == []


def test_who_paid_at_one_moment_is_sure_together_or_not_at_all():
    """Platforms tell whole seconds: a sure one must not be told by them from one who is not."""
    world = a_crowd(orders=4 * CROWD, cards=2 * CROWD + PLENTY + 100, together=200)
    world.drain()
    assert {share.before for share in world.shares} == {NOW - DAY + (2 * CROWD + 100) // 200 - 1}


def test_a_crowd_of_one_moment_that_is_too_large_is_served_by_one():
    world = a_crowd(orders=2 * CROWD, cards=CROWD + PLENTY + 10, together=2 * CROWD)
    world.drain()
    assert (world.claimed, world.shares) == ([], []) and world.passes


def test_the_cards_of_a_product_are_promised_to_one_room_at_a_time():
    world = a_crowd(split={Room.PRE})
    assert world.drain() == CROWD
    assert world.shares == []
    world = a_crowd(split={Room.BACK})
    assert (world.drain(), world.passes, world.claimed) == (0, [], [])


def test_a_share_of_a_room_behind_a_closed_gate_is_not_served():
    world = a_crowd(gate_=Gate(paused="restored"))
    assert (world.drain(share=Share(0, before=NOW, ends=LATER)), world.passes) == (0, [])


# -- behind a gate ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("room", [Room.BACK, Room.PRE])
@pytest.mark.parametrize("closed", ["everywhere", "product"])
def test_nobody_of_a_room_behind_a_closed_gate_is_moved_about(room, closed):
    world = World(["a", "b"], cards=2, room_=room, touched=0)
    if closed == "everywhere":
        world.gate_ = Gate(paused="restored")
    else:
        world.product_ = replace(PRODUCT, paused="checking")
    assert (world.drain(), world.passes, world.removed) == (0, [], [])


def test_a_paused_room_is_served_side_by_side_once_its_product_is_resumed():
    world = World([f"{n:03d}" for n in range(50)], cards=500, room_=Room.PAUSE)
    world.product_ = replace(PRODUCT, paused="checking")
    assert world.drain("sku/A") == 0
    world.product_ = PRODUCT
    assert world.drain("sku/A") == 50
    assert world.restocked_ == 1


def test_a_shops_room_is_served_one_by_one_once_the_shop_is_resumed():
    world = World(["a", "b"], cards=2, room_=Room.PAUSE)
    world.shop_ = Shop(id="s", tenant="t", channel="standard", name="S", paused="checking")
    assert world.drain("shop/s") == 0
    world.shop_ = replace(world.shop_, paused="")
    assert (world.drain("shop/s"), world.passes, world.restocked_) == (2, ["a", "b"], 0)


def test_a_room_whose_own_gate_opened_is_emptied_though_a_wider_one_is_closed():
    """Its units move on to the room of the wider gate."""
    world = World(["a"], cards=1, room_=Room.PAUSE)
    world.gate_ = Gate(paused="restored")
    assert world.drain("sku/A") == 1


# -- announcing -----------------------------------------------------------------------------------------


def a_waiting(order="a", room=Room.PRE, sku="A"):
    key = OrderKey("t", "s", order)
    return Unit(key=key, line="1", n=1, piece=1, state=State.SCHEDULED, sku=sku, room=room, ref=sku)


def an_announcer(world, **product):
    world.product_ = Product(tenant="t", sku="A", name="A", **product)
    return Drainer(world, world, world, world, world, world, lambda: world.now)


def test_a_release_of_the_next_two_minutes_is_announced_once():
    world = World()
    drainer = an_announcer(world, release_at=NOW + 8000)
    for order in "abc":
        drainer.announce([a_waiting(order), a_waiting(order)])
    assert world.asked == [(Room.PRE, "A", 8)]


def test_a_release_that_was_moved_is_announced_anew():
    world = World()
    drainer = an_announcer(world, release_at=NOW + 8000)
    drainer.announce([a_waiting()])
    world.product_ = Product(tenant="t", sku="A", name="A", release_at=NOW + 5000)
    drainer.announce([a_waiting()])
    assert world.asked == [(Room.PRE, "A", 8), (Room.PRE, "A", 5)]


def test_whoever_comes_at_the_very_moment_is_announced_always():
    world = World()
    drainer = an_announcer(world, release_at=NOW + 8000)
    drainer.announce([a_waiting("a")])
    world.now = NOW + 7500
    drainer.announce([a_waiting("b")])
    world.now = NOW + 8100
    drainer.announce([a_waiting("c")])
    assert world.asked == [(Room.PRE, "A", 8), (Room.PRE, "A", 1), (Room.PRE, "A", 1)]


@pytest.mark.parametrize(
    ("unit", "product"),
    [
        (a_waiting(room=Room.BACK), {"release_at": NOW + 8000}),
        (a_waiting(room=Room.MAP), {"release_at": NOW + 8000}),
        (a_waiting(), {"release_at": NOW + 120_001}),
        (a_waiting(), {"release_at": None}),
        (a_waiting(sku="gone"), {"release_at": NOW + 8000}),
    ],
    ids=["stock", "mapping", "far", "no presale", "no product"],
)
def test_nothing_else_is_announced(unit, product):
    world = World()
    an_announcer(world, **product).announce([unit])
    assert world.asked == []
