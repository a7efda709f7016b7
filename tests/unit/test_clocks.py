"""Clocks that are wrong by minutes: nothing is sold twice, and nothing is forgotten."""

import pytest

from tests.order_scenarios import SCENARIOS
from tests.order_world import KEY, Gate, World

MINUTE = 60_000

each_scenario = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)


def begun(scenario):
    world = World()
    scenario.begin(world)
    return world


def calls_of(scenario):
    return range(1, len(begun(scenario).run(KEY, known=scenario.known)) + 1)


@pytest.mark.fault("clocks: worker")
@each_scenario
def test_a_worker_whose_clock_is_wrong_stands_still_at_every_call(scenario):
    """The others, and the sweeper, have the right time."""
    for skew in (10 * MINUTE, -10 * MINUTE):
        for at in calls_of(scenario):
            world = begun(scenario)
            world.skew = skew

            def meanwhile(world=world):
                world.skew = 0
                scenario.meanwhile(world)

            world.run(KEY, known=scenario.known, gate=Gate(at, then=meanwhile))
            world.skew = 0
            # An empty room whose last touch lies ahead stays that much longer.
            world.now += 10 * MINUTE
            world.settle()


@pytest.mark.fault("clocks: ahead 2", "clocks: ahead 10")
@each_scenario
def test_a_sweeper_that_is_ahead_sweeps_while_a_pass_stands_still_at_any_call(scenario):
    for ahead in (2 * MINUTE, 10 * MINUTE):
        for at in calls_of(scenario):
            world = begun(scenario)
            world.ahead = ahead

            def meanwhile(world=world):
                scenario.meanwhile(world)
                world.sweep(world.store.dump())

            world.run(KEY, known=scenario.known, gate=Gate(at, then=meanwhile))
            world.settle()
