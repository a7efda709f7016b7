"""Many want one card: who gets it, who waits, and that nobody waits while it is there."""

import pytest

from cardcourier.domain.orders import OrderKey
from cardcourier.domain.states import Room, State
from tests.order_world import MAIN, TENANT, World


def waiting_for_one_card(buyers):
    """The first has the card, the others wait; the later in the alphabet, the earlier the payment."""
    world = World()
    world.sell("A", 1)
    world.map("a", ("A", 1))
    keys = [OrderKey(TENANT, MAIN.id, f"o{buyers - n:03d}") for n in range(buyers)]
    for key in keys:
        world.now += 1000
        world.pay(key, ("a", 1))
        world.run(key)
    return world, keys


def holders(world):
    return [unit.key for unit in world.store.dump().units if unit.holds_card]


@pytest.mark.fault("last card: 100")
def test_one_of_a_hundred_gets_the_card_and_the_others_wait_by_payment():
    world, keys = waiting_for_one_card(100)
    world.settle()
    assert holders(world) == keys[:1]
    assert [unit.key for unit in world.store.waiting(TENANT, Room.BACK, "A")] == keys[1:]


@pytest.mark.fault("last card: returned")
def test_a_card_that_comes_back_while_a_hundred_wait_goes_to_the_oldest_payment():
    world, keys = waiting_for_one_card(101)
    world.stop(keys[0])
    world.run(keys[0])
    world.settle()
    assert holders(world) == keys[1:2]
    assert len(list(world.store.waiting(TENANT, Room.BACK, "A"))) == 99


@pytest.mark.fault("last card: import")
def test_who_is_turned_away_while_cards_come_in_is_served_by_the_room():
    """A worker that has just found nothing does not look again for a second."""
    world, keys = waiting_for_one_card(3)
    worker = world.allocator()
    worker.run(keys[1], "r1", known=True)
    world.stock("A", 2)
    worker.run(keys[2], "r2", known=True)
    assert {unit.state for unit in world.store.units(keys[2])} == {State.BACKORDER}
    world.settle()
    assert set(holders(world)) == set(keys)
