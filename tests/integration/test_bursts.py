"""Throttling for half a minute while orders come in, and an SDK that may repeat nothing any more."""

from contextlib import contextmanager

import pytest

from cardcourier.domain.orders import OrderKey
from cardcourier.domain.states import State
from cardcourier.errors import Unavailable
from tests.integration import sdk_faults as faults
from tests.integration.order_ground import EngineStore, answer_lost, main_table, network, never_sent
from tests.integration.write_ground import KEY, ME, new_ground, payment
from tests.order_world import MAIN, TENANT, World

SECOND = 1000
ORDERS, CARDS = 30, 20


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda seconds: None)


CONCERNS = {
    "partition": lambda body: f"P#{TENANT}#A#1#0".encode() in body,
    "index": lambda body: b'"IndexName"' in body or b'"due"' in body,
    "table": lambda body: True,
}
"""Which requests a burst refuses: those of the pool, those that read or change the due index, all."""


@contextmanager
def throttled(shared, where):
    """Whatever concerns this part is refused, however often it is asked for."""
    endpoint, refuse, refused = shared._endpoint, faults.BURSTS[where], []
    honest = endpoint._send

    def send(request):
        if not CONCERNS[where](request.body):
            return honest(request)
        refused.append(request)
        return refuse(None, request)

    endpoint._send = send
    try:
        yield refused
    finally:
        del endpoint._send


@pytest.mark.fault("requests: burst", "requests: partition", "requests: index", "requests: table")
@pytest.mark.parametrize("where", CONCERNS)
def test_orders_that_come_while_a_part_is_throttled_are_all_served_in_the_end(
    where, engine_endpoint, real_template
):
    """The shop repeats what was not acknowledged; the sweeper drives the rest."""
    world = World(store=EngineStore(main_table(engine_endpoint, real_template)), watching=False)
    world.sell("A", CARDS)
    world.map("a", ("A", 1))
    orders = [OrderKey(TENANT, MAIN.id, f"o{n:02d}") for n in range(ORDERS)]
    unacknowledged = []

    with throttled(world.store.table.client, where) as refused:
        for key in orders:
            world.now += SECOND
            try:
                world.pay(key, ("a", 1))
            except Unavailable:
                unacknowledged.append(key)
            world.run(key)
    assert len(refused) >= ORDERS
    assert where == "partition" or unacknowledged == orders

    for key in unacknowledged:
        world.pay(key, ("a", 1))
    world.settle()
    world.check()
    states = [unit.state for unit in world.store.dump().units]
    assert (len(states), states.count(State.BACKORDER)) == (ORDERS, ORDERS - CARDS)
    assert states.count(State.ALLOCATED) + states.count(State.DELIVERED) == CARDS


@pytest.mark.fault("requests: allowance")
def test_when_the_sdk_repeats_nothing_any_more_the_caller_is_told_so(engine_endpoint, real_template):
    """The SDK lets each client repeat only so many requests, until others have succeeded."""
    ground = new_ground(engine_endpoint, real_template)
    shared = ground.table.client
    for _ in range(200):
        with network(shared, never_sent, never_sent, never_sent) as left, pytest.raises(Unavailable):
            ground.header(KEY)
        if len(left) == 2:
            break
    else:
        raise AssertionError("it repeats for ever")

    with network(shared, answer_lost), pytest.raises(Unavailable):
        ground.record_payment(payment(), ME)

    assert ground.header(KEY).ver == 1
    assert ground.record_payment(payment(), ME) is None, "its own"
    assert ground.header(KEY).ver == 1
