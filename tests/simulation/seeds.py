"""The seeds that every build runs, in two halves for two workers; further ones with `make simulate`."""

from collections import Counter
from collections.abc import Sequence

from tests.simulation.campaign import run_all
from tests.simulation.story import one_seed

HALF = 600
FOUND = (3987, 5709)
"""Further seeds, each of which once found something that is mended now."""


def check(seeds: Sequence[int]) -> Counter:
    """Every promise holds in every run; returns what happened in them, and how often."""
    result = run_all(seeds)
    stories = [one_seed(found.seed)[1] for found in result.found[:2]]
    assert not result.found, f"{len(result.found)} of {len(seeds)} seeds break a promise{''.join(stories)}"
    return result.seen
