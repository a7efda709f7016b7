"""A seed is one run, whatever ran before and wherever it runs."""

import os
import subprocess
import sys
from pathlib import Path

from tests.simulation.run import Run
from tests.simulation.scale import small
from tests.simulation.world import world_now

ROOT = Path(__file__).parents[2]
SEEDS = range(3, 15)
PROGRAM = """
from tests.simulation.test_repeatable import digests
print(" ".join(digests([int(seed) for seed in "{}".split()])))
"""


def digests(seeds):
    with small(world_now):
        return [Run(seed).go().digest for seed in seeds]


def elsewhere(seeds, hashes):
    """The same in another process, whose sets are in another order."""
    paths = os.pathsep.join(str(ROOT / part) for part in ("", "shared", "cli"))
    environment = {**os.environ, "PYTHONHASHSEED": hashes, "PYTHONPATH": paths}
    program = PROGRAM.format(" ".join(map(str, seeds)))
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_the_same_seed_gives_the_same_run_twice():
    assert digests(SEEDS) == digests(SEEDS)


def test_another_seed_gives_another_run():
    assert len(set(digests(SEEDS))) == len(SEEDS)


def test_another_process_gives_the_same_run():
    assert elsewhere(reversed(SEEDS), "7") == digests(reversed(SEEDS))
