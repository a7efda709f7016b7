import pytest

from tests.simulation import seeds
from tests.simulation.coverage import missing


@pytest.mark.fault(
    "answers: once",
    "answers: late",
    "requests: unsent",
    "requests: in progress",
    "conflicts: each",
    "kills: pass",
    "kills: delivery",
    "queues: twice",
    "queues: late",
    "queues: reordered",
    "webhooks: order",
    "streams: twice",
    "streams: bisected",
    "streams: day",
    "clocks: hour",
    "clocks: fired twice",
)
def test_every_promise_is_kept_in_every_run():
    seen = seeds.check(range(seeds.HALF))
    assert not missing(seen), f"these never happened: {missing(seen)}"
