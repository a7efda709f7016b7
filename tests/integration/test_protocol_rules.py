"""The twelve rules of the order protocol, each as the shortest story that goes wrong without it.

The stories are told with the product's own tables on a real engine. `world.settle()` is the end of each:
all workers are dead, all messages lost, and the sweeper alone must bring everything to rest.
"""

from dataclasses import replace

import pytest

from cardcourier.domain.orders import Unit
from cardcourier.domain.states import Room, State
from cardcourier.domain.waiting import STALE
from cardcourier.services.delivering import complete
from cardcourier.services.draining import Drainer
from tests.integration.order_ground import EngineStore, main_table, no_request_tokens
from tests.order_scenarios import SCENARIOS
from tests.order_world import KEY, OF_READS, OTHER, READS, Gate, World

MINUTES_15 = STALE + 1


@pytest.fixture
def world(engine_endpoint, real_template):
    return World(store=EngineStore(main_table(engine_endpoint, real_template)))


def sells(world, cards, quantity=1, **pay):
    world.sell("A", cards)
    world.map("a", ("A", 1))
    world.pay(KEY, ("a", quantity), **pay)
    return world


def states(world, key=KEY):
    return [unit.state for unit in world.store.units(key)]


def timer(world, key=KEY):
    return world.store.header(key).due


def test_rule_1_the_payment_sets_the_timer(world):
    sells(world, 1)
    # The message is lost.
    world.settle()
    assert states(world) == [State.DELIVERED]


def test_rule_2_a_refund_and_its_stop_are_one_write(world):
    sells(world, 1)
    world.run(KEY)
    world.deliver(KEY)
    world.run(KEY)
    assert timer(world) is None

    world.stop(KEY)
    # The message is lost; the header knows.
    world.settle()
    assert states(world) == [State.RETURNED]


@pytest.mark.fault("races: refunded twice")
def test_rule_2a_a_repeated_refund_of_one_piece_counts_once(world):
    sells(world, 2, quantity=2)
    with no_request_tokens(world.store.table.client):
        for _ in range(3):
            world.refunds.clear()
            world.stop(KEY, pieces=(("l1", 1),))
    world.settle()
    assert states(world) == [State.DELIVERED, State.CANCELLED]


def test_rule_3_a_stop_meets_a_later_payment(world):
    world.sell("A", 1)
    world.map("a", ("A", 1))
    world.stop(KEY)
    world.run(KEY)
    assert timer(world) is None, "a cancelled order that is never paid keeps no timer"

    world.pay(KEY, ("a", 1))
    world.settle()
    assert states(world) == [State.CANCELLED]


def test_rule_4_an_absent_unit_that_is_stopped_cannot_be_created_later(world):
    sells(world, 1)

    def refunded():
        world.stop(KEY)
        world.run(KEY)

    world.run(KEY, gate=Gate(2, "before", refunded))
    world.settle()
    assert states(world) == [State.CANCELLED]


def test_rule_5_an_end_that_fails_is_decided_anew(world):
    sells(world, 1)
    world.run(KEY, gate=Gate(2, "killed late"))
    world.stop(KEY)

    calls = world.run(KEY, gate=Gate(3, "before", world.land))

    assert calls[2:4] == ["tombstone", "units"]
    assert "return_card" in calls
    world.settle()
    assert states(world) == [State.RETURNED]


def test_rule_6_the_timer_goes_only_if_nothing_happened_since(world):
    world.sell("A", 1)
    world.map("a", ("A", 1))
    world.stop(OTHER)
    world.stop(KEY, pieces=(("l1", 1),))

    calls = world.run(KEY, gate=Gate(2, "before", lambda: world.pay(KEY, ("a", 2))))

    assert calls == ["header", "clear_timer"]
    assert timer(world) is not None
    world.settle()
    assert states(world) == [State.DELIVERED, State.CANCELLED]


def test_rule_7_the_choice_of_a_piece_is_committed_before_anything_moves(world):
    sells(world, 0, quantity=2)
    world.run(KEY, gate=Gate(2, "killed after"))
    assert states(world) == [State.BACKORDER]
    world.stock("A", 1)
    world.stop(KEY, pieces=(("l1", 1),))
    assert world.run(KEY, gate=Gate(3, "killed after"))[-1] == "choose"

    # A worker that read the order before the refund comes to its second unit.
    old = replace(world.store.header(KEY), stops=frozenset())
    take_second_unit(world, old)
    assert states(world) == [State.BACKORDER, State.ALLOCATED]

    world.settle()
    assert states(world) == [State.DELIVERED, State.RETURNED]


def take_second_unit(world, header):
    (sku, marker), *_ = world.store.dump().markers
    unit = Unit(key=header.key, line="l1", n=2, piece=2, state=State.ALLOCATED, sku=sku, at=world.now)
    taken = replace(unit, card=marker.card, batch=marker.batch, bucket=marker.bucket)
    pool = world.pool(sku)
    assert isinstance(world.store.allocate_new(taken, marker, pool, world.actor()), Unit)


def test_rule_8a_a_room_is_touched_after_the_unit_waits_by_the_clock_of_then(world):
    sells(world, 0)

    calls = world.run(KEY, gate=Gate(2, "after", lambda: later(world, MINUTES_15)))

    assert calls == ["header", "park", "room", "touch_room", "clear_timer"]
    assert world.store.room("acme", Room.BACK, "A") == world.now


def later(world, milliseconds):
    world.now += milliseconds


def test_rule_8c_a_room_is_touched_also_for_a_unit_that_another_parked(world):
    sells(world, 0)
    world.run(KEY, gate=Gate(2, "killed after"))
    assert world.store.room("acme", Room.BACK, "A") is None

    world.run(KEY)

    assert world.store.room("acme", Room.BACK, "A") is not None
    world.settle()


# -- rule 9: how a room may go ----------------------------------------------------------------------------


class LaggingIndex:
    """Shows no unit yet; `meanwhile` happens while it is asked."""

    def __init__(self, meanwhile=lambda: None):
        self.meanwhile = meanwhile

    def waiting(self, tenant, room, ref):
        self.meanwhile()
        return iter(())


def drain(world, index):
    """The product's own drainer over the room of product A."""

    class Fresh:
        def forget(self):
            pass

        def __getattr__(self, name):
            return getattr(world.catalogue, name)

    allocator = world.allocator()
    drainer = Drainer(allocator, index, world.store, world.store, Fresh(), None, world.clock)
    return drainer.drain("acme", Room.BACK, "A", "rid", world.now + 60_000)


def test_rule_9a_a_room_that_was_just_touched_is_not_removed(world):
    sells(world, 0)
    world.run(KEY)
    drain(world, LaggingIndex())
    assert world.store.room("acme", Room.BACK, "A") is not None


def test_rule_9b_the_room_is_read_before_its_units_are_sought(world):
    sells(world, 0)

    def parked_and_long_ago():
        world.run(KEY)
        later(world, MINUTES_15)

    drain(world, LaggingIndex(parked_and_long_ago))

    assert world.store.room("acme", Room.BACK, "A") is not None
    world.settle()


def test_rule_9c_a_room_that_was_touched_meanwhile_is_not_removed(world):
    sells(world, 0)
    world.store.touch_room("acme", Room.BACK, "A", world.now, world.now)
    later(world, MINUTES_15)

    drain(world, LaggingIndex(lambda: world.run(KEY)))

    assert world.store.room("acme", Room.BACK, "A") is not None
    world.settle()


def test_rule_9d_a_frozen_worker_does_not_make_a_room_look_older(world):
    sells(world, 0)
    world.pay(OTHER, ("a", 1))

    def another_touches_later():
        later(world, MINUTES_15)
        world.run(OTHER)

    world.run(KEY, gate=Gate(4, "before", another_touches_later))
    touched = world.store.room("acme", Room.BACK, "A")

    assert touched > world.now - 1_000
    drain(world, LaggingIndex())
    assert world.store.room("acme", Room.BACK, "A") == touched


def test_rule_9_an_empty_room_goes_in_the_end(world):
    world.sell("A")
    world.store.touch_room("acme", Room.BACK, "A", world.now, world.now)
    later(world, MINUTES_15)
    drain(world, LaggingIndex())
    assert world.store.room("acme", Room.BACK, "A") is None


# -- rules 10 to 12 ------------------------------------------------------------------------------------------


def presale_sold_short(world):
    world.sell("A", 0, release_at=world.now + 60_000)
    world.map("a", ("A", 1))
    world.pay(KEY, ("a", 1))
    world.run(KEY)
    world.change_product("A", release_at=None)
    assert timer(world) is None


def test_rule_10a_who_changes_rooms_sets_the_timer(world):
    presale_sold_short(world)

    assert world.run(KEY, known=True, gate=Gate(3, "killed after"))[-1] == "change_room"

    assert timer(world) is not None
    world.settle()
    assert states(world) == [State.BACKORDER]


def test_rule_10b_who_changes_rooms_has_seen_every_stop(world):
    presale_sold_short(world)

    calls = world.run(KEY, known=True, gate=Gate(3, "before", lambda: world.stop(KEY)))

    assert calls[-1] == "change_room"
    assert timer(world) is not None
    world.settle()
    assert states(world) == [State.CANCELLED]


def test_rule_11_a_unit_that_waited_carries_a_timer_of_its_own(world):
    sells(world, 0)
    world.run(KEY)
    assert timer(world) is None
    world.stock("A", 1)

    assert world.run(KEY, known=True, gate=Gate(3, "killed after"))[-1] == "allocate_waiting"

    world.settle()
    assert states(world) == [State.DELIVERED]


def test_rule_11_a_timer_of_its_own_goes_with_the_card(world):
    sells(world, 0)
    world.run(KEY)
    world.stock("A", 1)
    world.run(KEY, known=True)
    world.stop(KEY)
    world.run(KEY)
    assert [(unit.state, unit.due) for unit in world.store.units(KEY)] == [(State.RETURNED, None)]


def test_rule_12a_delivery_leaves_the_timer_while_a_unit_waits_is_missing_or_must_end(world):
    sells(world, 1, quantity=2)
    world.run(KEY, gate=Gate(2, "killed after"))
    world.deliver(KEY)
    assert not complete(world.store.header(KEY), world.store.units(KEY)), "one is missing"
    world.run(KEY, gate=Gate(5, "killed after"))
    assert states(world) == [State.DELIVERED, State.BACKORDER]
    assert not complete(world.store.header(KEY), world.store.units(KEY)), "one waits in a room nobody touched"
    world.stop(KEY, pieces=(("l1", 1),))
    assert not complete(world.store.header(KEY), world.store.units(KEY)), "one is owed"
    world.run(KEY)
    assert complete(world.store.header(KEY), world.store.units(KEY))
    world.stop(KEY)
    assert not complete(world.store.header(KEY), world.store.units(KEY)), "one must end"


def test_rule_12b_an_approved_unit_is_moved_on_by_whoever_meets_it(world):
    sells(world, 1, amount=1)
    world.run(KEY, gate=Gate(2, "killed late"))
    world.approve(KEY)

    calls = world.run(KEY, gate=Gate(3, "before", world.land))

    assert calls[2:] == ["allocate_new", "units", "change_room", "allocate_waiting", "clear_timer"]
    world.settle()
    assert states(world) == [State.DELIVERED]


def test_rule_12c_an_approval_while_a_unit_is_parked_sets_the_timer(world):
    sells(world, 1, amount=1)

    calls = world.run(KEY, gate=Gate(2, "before", lambda: world.approve(KEY)))

    assert calls == ["header", "park", "clear_timer"]
    assert timer(world) is not None
    world.settle()
    assert states(world) == [State.DELIVERED]


# -- frozen, killed, repeated: a part of what the memory store sees ------------------------------

ON_THE_ENGINE = (
    "one_of_two_cards: a_pass, reveal, full_refund, a_pass",
    "one_that_waits: full_refund, a_pass",
    "two_but_one_card: a_pass, refund_of_one, a_pass",
    "presale_sold_short: import_of_two, a_knowing_pass",
    "held_waiting: approval, refund_of_one, a_pass",
    "unmapped_waiting: mapped, refund_of_the_first, a_pass",
    "all_not_ours: mapped, full_refund, a_pass",
)


@pytest.mark.fault("kills: pass")
@pytest.mark.parametrize("name", ON_THE_ENGINE)
def test_a_pass_may_stand_still_or_die_at_every_call(name, engine_endpoint, real_template):
    scenario = next(one for one in SCENARIOS if one.name == name)
    table = main_table(engine_endpoint, real_template)
    store = EngineStore(table)

    def begin():
        store.clear()
        world = World(store=store)
        scenario.begin(world)
        return world

    calls = tuple(begin().run(KEY, known=scenario.known))
    for at, call in enumerate(calls, start=1):
        for how in OF_READS[:1] if call in READS else ("before", "lost", "killed late"):
            world = begin()
            gate = Gate(at, how, lambda world=world: scenario.meanwhile(world))
            world.run(KEY, known=scenario.known, gate=gate)
            world.land()
            world.settle()
