"""Every strong read of the order protocol is throttled or not answered: it tells the truth, or nothing."""

import pytest

from cardcourier.domain.protocol import Actor
from cardcourier.domain.states import Room
from cardcourier.errors import Unavailable
from tests.integration import sdk_faults as faults
from tests.integration.order_ground import answer_lost, client, network, never_sent
from tests.integration.write_ground import KEY, ME, NOON, POOL, new_ground

READS = {
    "header": lambda g: g.header(KEY),
    "headers": lambda g: g.headers([KEY]),
    "unit": lambda g: g.unit(KEY, "l1", 1),
    "units": lambda g: g.units(KEY),
    "order": lambda g: g.order(KEY)[:2],
    "snapshots": lambda g: g.snapshots([KEY]),
    "room": lambda g: g.room("acme", Room.BACK, "A"),
    "waiting": lambda g: g.waiting("acme", Room.BACK, "A"),
    "due": lambda g: [g.index.due_timers("ORDER", part, NOON + 60_000, 9) for part in range(32)],
    "in flight": lambda g: list(g.index.in_flight("acme")),
    "pool": lambda g: list(g.every(POOL, 0, "")),
    "page": lambda g: g.page(POOL, 0, "", "~", 25, consistent=True),
    "voided": lambda g: g.exit.voided("acme", ["c1aaaa3"]),
}
WHILE = [
    [answer_lost],
    [never_sent, never_sent],
    [faults.ERROR, faults.AWAY],
    *([refused] * 2 for refused in faults.BURSTS.values()),
]
TO_THE_END = [[fault] * 3 for fault in (answer_lost, never_sent, faults.ERROR, *faults.BURSTS.values())]


@pytest.fixture(scope="module")
def ground(engine_endpoint, real_template):
    """An order that waits, with a room, a timer, cards on sale and one that is void."""
    ground = new_ground(engine_endpoint, real_template)
    ground.paid()
    ground.waits()
    ground.touch_room("acme", Room.BACK, "A", NOON, NOON)
    markers = [ground.stock(number) for number in (1, 2, 3)]
    ground.exit.void(POOL, markers[2:], Actor("undo", NOON, ME.rid))
    return ground


@pytest.mark.fault("requests: reads")
@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_a_read_tells_the_truth_or_that_it_does_not_know(read, ground, engine_endpoint, monkeypatch):
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda seconds: None)
    other = ground.through(client(engine_endpoint))
    truth = read(ground)
    assert truth
    for script in WHILE:
        with network(other.table.client, *script):
            assert read(other) == truth
    for script in TO_THE_END:
        with network(other.table.client, *script), pytest.raises(Unavailable):
            read(other)
    assert read(other) == truth
