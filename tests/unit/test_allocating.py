from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardcourier.domain.orders import Part, summarise
from cardcourier.domain.states import Room, State
from tests.order_scenarios import SCENARIOS, SOON
from tests.order_world import KEY, NOON, OF_READS, OF_WRITES, OTHER, READS, Gate, MemoryStore, World

OUTER = {True: ("before", "killed"), False: ("before", "killed late")}
INNER = {True: ("killed",), False: ("lost", "killed late")}


class SlowPools(MemoryStore):
    """It takes two seconds to read a shard."""

    def every(self, *wanted):
        self.world.now += 2_000
        return super().every(*wanted)


def a_world(cards=1, quantity=1, **pay):
    world = World()
    world.sell("A", cards)
    world.sell("B", 3)
    world.map("a", ("A", 1))
    world.pay(KEY, ("a", quantity), **pay)
    return world


def states(world, key=KEY):
    return {unit.name: unit.state for unit in world.store.units(key)}


def skus(world, key=KEY):
    return [world.cards[unit.card] for unit in world.store.units(key) if unit.card]


def timer(world, key=KEY):
    return world.store.header(key).due


# -- frozen, killed, repeated -----------------------------------------------------------------------


def play(scenario, outer, inner=None):
    """One pass meets `outer`; meanwhile the scenario happens, its last pass meeting `inner`."""
    world = World()
    scenario.begin(world)
    outer.then = lambda: scenario.meanwhile(world, inner)
    world.run(KEY, known=scenario.known, gate=outer)
    world.land()
    world.settle()


def calls_of(scenario):
    world = World()
    scenario.begin(world)
    return list(enumerate(world.run(KEY, known=scenario.known), start=1))


@pytest.mark.fault("kills: pass")
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_pass_may_stand_still_or_die_at_every_call(scenario):
    for at, name in calls_of(scenario):
        for how in OF_READS if name in READS else OF_WRITES:
            play(scenario, Gate(at, how))


@pytest.mark.fault("kills: pass")
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_while_a_pass_stands_still_another_may_die_at_every_call(scenario):
    for at, name in calls_of(scenario):
        for how in OUTER[name in READS]:
            inner = Gate()
            play(scenario, Gate(at, how), inner)
            for second, second_name in enumerate(tuple(inner.calls), start=1):
                for second_how in INNER[second_name in READS]:
                    play(scenario, Gate(at, how), Gate(second, second_how))


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_when_an_answer_is_lost_the_timer_stands(scenario):
    for at, name in calls_of(scenario):
        world = World()
        scenario.begin(world)
        before = timer(world)
        again = Gate(at, "refused")
        world.run(KEY, known=scenario.known, gate=again)
        if "clear_timer" not in again.calls[:-1] and before is not None:
            assert timer(world) is not None, f"{name} was not answered"


# -- anything at all, in any order --------------------------------------------------------------------

MAPPINGS = [(), (("A", 1),), (("B", 1),), (("A", 1), ("B", 2)), (("A", 2),), (("", 1),)]
KEYS = st.sampled_from([KEY, OTHER])
REASONS = st.sampled_from(["checking", ""])
HOWS = st.sampled_from([None, *OF_WRITES])


def stop_of(world, key, what):
    if what == "all":
        world.stop(key)
    elif what.startswith("one of "):
        world.stop(key, pieces=((what[7:], 1),))
    else:
        world.stop(key, named=(what,))


def a_pass(world, key, known, at, how, meanwhile, time):
    gate = Gate(at if how else 0, how or "before", lambda: perform(world, meanwhile))
    world.run(key, known=known, gate=gate, until=time and world.now + time)


STEPS = {
    "pay": lambda world, key, lines, right: world.pay(key, *lines, amount=None if right else 1),
    "stop": stop_of,
    "approve": lambda world, key: world.approve(key),
    "map": lambda world, item, mapping: world.map(item, *mapping),
    "stock": lambda world, sku, cards: world.stock(sku, cards),
    "release": lambda world, sku, at: world.change_product(sku, release_at=at and world.now + at),
    "limit": lambda world, most: setattr(
        world.catalogue, "shop_", replace(world.catalogue.shop_, max_quantity=most)
    ),
    "gate": lambda world, what, reason: world.pause(what, reason),
    "show": lambda world, key: world.show(key),
    "deliver": lambda world, key: world.deliver(key),
    "land": lambda world: world.land(),
    "wait": lambda world, milliseconds: setattr(world, "now", world.now + milliseconds),
    "pass": a_pass,
}


def perform(world, steps):
    for name, *what in steps:
        STEPS[name](world, *what)


def steps_with(inner):
    lines = st.lists(st.tuples(st.sampled_from("ax"), st.integers(0, 3)), min_size=1, max_size=2)
    stops = st.sampled_from(["all", "one of l1", "one of l2", "l1/1", "l1/2", "l2/1"])
    times = st.sampled_from([None, None, 1, 4])
    passes = st.tuples(st.just("pass"), KEYS, st.booleans(), st.integers(1, 9), HOWS, inner, times)
    return st.lists(
        st.one_of(
            passes,
            passes,
            st.tuples(st.just("pay"), KEYS, lines, st.booleans()),
            st.tuples(st.just("stop"), KEYS, stops),
            st.tuples(st.just("approve"), KEYS),
            st.tuples(st.just("map"), st.sampled_from("ax"), st.sampled_from(MAPPINGS)),
            st.tuples(st.just("stock"), st.sampled_from("AB"), st.integers(1, 3)),
            st.tuples(st.just("release"), st.sampled_from("AB"), st.sampled_from([None, -1, 5_000])),
            st.tuples(st.just("limit"), st.sampled_from([1, 2, 50])),
            st.tuples(st.just("gate"), st.sampled_from(["A", "B", "shop", "tenant", "all"]), REASONS),
            st.tuples(st.just("show"), KEYS),
            st.tuples(st.just("deliver"), KEYS),
            st.tuples(st.just("land")),
            st.tuples(st.just("wait"), st.sampled_from([1_500, 130_000, 1_000_000])),
        ),
        max_size=7,
    )


@settings(max_examples=400)
@given(steps_with(steps_with(steps_with(st.just([])))), st.sampled_from(["unique", "shared", "fixed"]))
def test_whatever_happens_every_order_comes_to_rest(steps, kind):
    """Of a shared card no use is held twice, and none is lost: each has one home, as a card has."""
    world = World()
    world.sell("A", 2, kind=kind)
    world.sell("B", 2)
    world.map("a", ("A", 1))
    world.map("x", ("B", 1))
    world.pay(KEY, ("a", 2))

    perform(world, steps)
    world.check()
    world.settle()
    world.land()
    world.settle()


# -- the common case ----------------------------------------------------------------------------------


def test_the_common_case_is_one_read_and_one_transaction():
    world = a_world()

    assert world.run(KEY) == ["header", "allocate_new"]
    assert states(world) == {"l1#0001": State.ALLOCATED}
    assert timer(world) is not None, "delivery removes it"


def test_a_second_pass_finds_the_unit_and_takes_no_second_card():
    world = a_world(cards=2)
    world.run(KEY)

    world.run(KEY)

    assert len(world.store.pool) == 1 + 3


def test_a_pass_that_runs_out_of_time_leaves_the_rest_to_a_message_and_the_timer():
    world = a_world(cards=5, quantity=5)

    world.run(KEY, until=world.now)
    assert (list(states(world)), world.restocks) == (["l1#0001"], [KEY])
    assert timer(world) is not None

    world.run(KEY, until=world.now + 10)
    assert len(states(world)) > 1 and world.restocks == [KEY, KEY]
    world.settle()
    assert set(states(world).values()) == {State.DELIVERED} and len(states(world)) == 5


@pytest.mark.parametrize("known", [False, True])
def test_a_pool_is_proven_empty_once_in_a_pass_however_slow_the_table_is(known):
    """Searched for every unit anew, it took each pass all its time, and what came behind was never served."""
    world = World(store=SlowPools())
    world.store.world = world
    world.sell("A", 0)
    world.sell("B", 1)
    world.map("a", ("A", 1))
    world.map("b", ("B", 1))
    world.pay(KEY, ("a", 5), ("b", 1))

    world.run(KEY, known=known, until=world.now + 10_000)

    assert list(states(world).values()) == ["BACKORDER"] * 5 + ["ALLOCATED"]


def test_an_unpaid_order_gets_nothing_and_loses_its_timer():
    world = a_world()
    world.stop(OTHER)

    assert world.run(OTHER) == ["header", "clear_timer"]
    assert timer(world, OTHER) is None


def test_an_order_nobody_knows_is_no_order():
    assert World().run(KEY) == ["header"]


def test_sold_out_units_wait_in_a_room_with_a_timer():
    world = a_world(cards=0)

    assert world.run(KEY) == ["header", "park", "room", "touch_room", "clear_timer"]
    assert states(world) == {"l1#0001": State.BACKORDER}
    assert world.store.room("acme", Room.BACK, "A") > NOON


def test_a_room_touched_a_moment_ago_costs_one_read():
    world = a_world(cards=0)
    world.pay(OTHER, ("a", 1))
    world.run(KEY)

    assert world.run(OTHER) == ["header", "park", "room", "clear_timer"]


def test_a_presale_waits_for_its_release_and_its_room_opens_then():
    world = a_world()
    world.change_product("A", release_at=NOON + 5_000)

    world.run(KEY)

    assert states(world) == {"l1#0001": State.SCHEDULED}
    assert world.store.rooms[Room.PRE, "A"][1] == NOON + 5_000


def test_a_bundle_numbers_its_cards_through_all_pieces():
    world = a_world(cards=2, quantity=2)
    world.map("a", ("A", 1), ("B", 1))

    world.run(KEY)

    assert skus(world) == ["A", "B", "A", "B"]
    assert [unit.piece for unit in world.store.units(KEY)] == [1, 1, 2, 2]
    assert world.store.units(KEY)[0].plan == (Part("A", 1), Part("B", 1))


def test_a_code_that_equals_a_product_needs_no_listing():
    world = a_world()
    header = world.store.header(KEY)
    line = replace(header.lines[0], item="z", sku="B")
    world.store.headers[KEY] = replace(header, lines=(line,))

    world.run(KEY)

    assert skus(world) == ["B"]


def test_a_returned_card_is_announced_even_when_the_answer_was_lost():
    world = a_world()
    world.run(KEY)
    world.stop(KEY)
    calls = world.run(KEY, gate=Gate(3, "repeated"))

    assert calls[2] == "return_card"
    assert world.restocks == [(Room.BACK, "A")]


# -- what a mapping may do in between -------------------------------------------------------------------


def test_a_waiting_unit_keeps_its_product_when_the_listing_is_mapped_anew():
    world = a_world(cards=0)
    world.run(KEY)
    world.map("a", ("B", 1))
    world.stock("A", 1)

    world.run(KEY, known=True)

    assert skus(world) == ["A"]


def test_a_line_that_is_not_ours_is_closed_so_that_no_other_pass_can_open_it():
    world = a_world()
    world.map("a", ("", 1))

    world.run(KEY)

    unit = world.store.unit(KEY, "l1", 1)
    assert (unit.state, unit.plan, unit.why) == (State.CANCELLED, (), "nothing to deliver")
    assert timer(world) is None
    world.map("a", ("A", 1))
    world.run(KEY)
    assert skus(world) == []


def test_a_line_begun_before_it_became_not_ours_is_finished():
    world = a_world(cards=1, quantity=2)
    world.run(KEY)
    world.map("a", ("", 1))
    world.stock("A", 1)

    world.run(KEY)

    assert skus(world) == ["A", "A"]


def test_a_refunded_order_that_nobody_mapped_cannot_be_opened_by_an_old_pass():
    world = a_world(cards=2, quantity=2)

    def refunded_and_unmapped():
        world.map("a")
        world.stop(KEY)
        world.run(KEY)

    world.run(KEY, gate=Gate(2, "before", refunded_and_unmapped))

    assert skus(world) == []


def test_the_placeholder_of_an_unmapped_line_stays_while_another_piece_is_owed():
    world = a_world(cards=2, quantity=2)
    world.map("a")
    world.stop(KEY, named=("l1/1",))
    world.run(KEY)
    assert states(world) == {"l1#0001": State.HELD}

    world.map("a", ("A", 1))
    world.run(KEY)

    assert states(world) == {"l1#0001": State.CANCELLED, "l1#0002": State.ALLOCATED}
    assert timer(world) is not None


def test_a_line_that_was_mapped_to_a_bundle_while_it_was_held_for_its_amount_keeps_its_numbers():
    world = a_world(cards=2, quantity=2, amount=1)
    world.map("a")
    world.run(KEY)
    world.map("a", ("A", 1))
    world.run(KEY)
    assert world.store.unit(KEY, "l1", 1).room is Room.AMOUNT
    world.stop(KEY, named=("l1/2",))
    world.run(KEY)

    world.map("a", ("A", 1), ("B", 2))
    world.approve(KEY)
    world.run(KEY)

    assert states(world) == {"l1#0001": State.ALLOCATED, "l1#0002": State.CANCELLED}


# -- held ------------------------------------------------------------------------------------------------


def test_when_the_first_piece_of_a_held_order_is_refunded_the_others_stay_held():
    world = a_world(cards=3, quantity=3, amount=1)
    world.stop(KEY, named=("l1/1",))

    world.run(KEY)

    assert states(world) == {"l1#0001": State.CANCELLED, "l1#0002": State.HELD}
    assert skus(world) == []
    world.approve(KEY)
    world.run(KEY)
    assert skus(world) == ["A", "A"]


def test_an_approved_order_of_nothing_leaves_no_one_in_the_room():
    world = a_world(quantity=0)
    world.run(KEY)
    assert states(world) == {"l1#0001": State.HELD}

    world.approve(KEY)
    world.run(KEY)

    assert states(world) == {"l1#0001": State.CANCELLED}


def test_an_order_far_over_the_limit_is_held_by_one_unit_and_ended_by_one_write():
    world = a_world(quantity=9_999)
    world.run(KEY)
    assert states(world) == {"l1#0001": State.HELD}
    world.stop(KEY)

    assert world.run(KEY) == ["header", "units", "end_waiting", "clear_timer"]
    assert states(world) == {"l1#0001": State.CANCELLED}


def test_a_refund_of_one_piece_of_an_order_far_over_the_limit_is_chosen():
    world = a_world(quantity=9_999, amount=1)
    world.stop(KEY, pieces=(("l1", 2),))

    world.run(KEY)

    assert world.store.header(KEY).stops == {"l1/9999", "l1/9998"}


# -- gates ------------------------------------------------------------------------------------------------


def test_a_unit_without_stock_does_not_pass_a_release_that_was_put_off():
    world = a_world(cards=0)
    world.run(KEY)
    world.change_product("A", release_at=SOON)
    world.stock("A", 1)

    world.run(KEY, known=True)

    assert states(world) == {"l1#0001": State.BACKORDER}


def test_a_presale_that_is_sold_short_waits_for_stock():
    world = a_world(cards=0)
    world.change_product("A", release_at=SOON)
    world.run(KEY)
    world.change_product("A", release_at=None)

    world.run(KEY, known=True)

    assert states(world) == {"l1#0001": State.BACKORDER}
    assert set(world.store.rooms) == {(Room.PRE, "A"), (Room.BACK, "A")}


def test_a_paused_product_is_recorded_and_waits_visibly_for_its_gate():
    world = a_world(quantity=2)
    world.pause("A", "keys of a bad batch")

    assert world.run(KEY) == ["header", "park", "park", "room", "touch_room", "clear_timer"]

    first = world.store.unit(KEY, "l1", 1)
    assert (first.state, first.room, first.ref) == (State.SCHEDULED, Room.PAUSE, "sku/A")
    assert first.why == "paused: keys of a bad batch"
    assert summarise(world.store.header(KEY), world.store.units(KEY)).status == "paused"


@pytest.mark.parametrize(
    ("gates", "ref"),
    [
        (("A",), "sku/A"),
        (("A", "shop"), "shop/main"),
        (("A", "shop", "tenant"), "tenant"),
        (("A", "shop", "tenant", "all"), "all"),
    ],
    ids=["product", "shop", "tenant", "deployment"],
)
def test_a_unit_waits_for_the_widest_gate_and_moves_on_as_they_open(gates, ref):
    world = a_world()
    for gate in gates:
        world.pause(gate)
    world.run(KEY)
    assert world.store.unit(KEY, "l1", 1).ref == ref

    for gate in reversed(gates):
        world.pause(gate, "")
        world.run(KEY, known=True)

    assert states(world) == {"l1#0001": State.ALLOCATED}


def test_who_waits_for_stock_behind_a_closed_shop_makes_way_for_other_shops():
    world = a_world(cards=0)
    world.run(KEY)
    world.pause("shop")

    world.run(KEY, known=True)

    assert world.store.waiting("acme", Room.BACK, "A") == []
    assert [unit.due for unit in world.store.waiting("acme", Room.PAUSE, "shop/main")] == [NOON]


def test_a_resumed_presale_waits_for_its_release():
    world = a_world()
    world.change_product("A", release_at=SOON)
    world.pause("A")
    world.run(KEY)
    world.pause("A", "")

    world.run(KEY, known=True)

    unit = world.store.unit(KEY, "l1", 1)
    assert (unit.state, unit.room, unit.ref) == (State.SCHEDULED, Room.PRE, "A")


def test_a_refund_ends_a_paused_unit():
    world = a_world()
    world.pause("all")
    world.run(KEY)
    world.stop(KEY)

    world.run(KEY)

    assert states(world) == {"l1#0001": State.CANCELLED}


def test_what_holds_a_card_already_is_not_touched_by_a_pause():
    world = a_world()
    world.run(KEY)
    world.pause("all")

    world.run(KEY, known=True)

    assert states(world) == {"l1#0001": State.ALLOCATED}
