"""The simulator on the command line: seeds by the thousand, one seed with its trace, or a planted bug.

python -m tests.simulation --seeds 20000
python -m tests.simulation --seed 4711 --trace
python -m tests.simulation --mutation exposed-card-returned
"""

import argparse
import sys
from time import monotonic

from tests.simulation.mutating import planted
from tests.simulation.mutations import BY_NAME, MUTATIONS

MOST_TOLD, MOST_NAMED = 2, 20
"""Violations whose story is told, and that are named at all."""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--seeds", metavar="N|A-B", default="", help="the first N seeds, or from A to B")
    parser.add_argument("--seed", type=int, help="one seed alone")
    parser.add_argument("--trace", action="store_true", help="with --seed: everything that happened")
    parser.add_argument("--workers", type=int, default=0, help="processes; as many as there are processors")
    parser.add_argument("--mutation", choices=sorted(BY_NAME), help="plant this bug and look for it")
    parser.add_argument("--first", action="store_true", help="stop at the first violation")
    parser.add_argument("--list", action="store_true", help="the bugs that can be planted")
    asked = parser.parse_args(arguments)
    if asked.list:
        for one in MUTATIONS:
            print(f"{one.name}: {one.what}")
        return 0
    mutation = BY_NAME.get(asked.mutation or "")
    with planted(mutation):
        if asked.seed is not None:
            return _one(asked.seed, asked.mutation or "", whole=asked.trace)
        seeds = _range(asked.seeds) if asked.seeds else range(mutation.seeds if mutation else 1_000)
        return _many(seeds, asked.workers, asked.mutation or "", first=asked.first or mutation is not None)


def _range(text: str) -> range:
    first, dash, last = text.partition("-")
    return range(int(first), int(last) + 1) if dash else range(int(first))


def _one(seed: int, mutation: str, *, whole: bool) -> int:
    from tests.simulation.story import one_seed

    broken, text = one_seed(seed, mutation, whole=whole)
    print(text)
    return int(broken)


def _many(seeds: range, workers: int, mutation: str, *, first: bool) -> int:
    from tests.simulation.campaign import Result, campaign
    from tests.simulation.coverage import table
    from tests.simulation.story import one_seed

    began, result = monotonic(), Result()
    for part in campaign(seeds, workers, first=first):
        result.add(part)
        if sys.stderr.isatty():
            print(
                f"\r{result.seeds} of {len(seeds)} seeds, {len(result.found)} violations",
                end="",
                file=sys.stderr,
            )
    took = monotonic() - began
    print(table(result.seen))
    print(
        f"{result.seeds} seeds in {took:.1f} s, {60 * result.seeds / took:.0f} a minute; "
        f"{result.steps} calls in {result.millis / 3_600_000:.0f} simulated hours; "
        f"{len(result.found)} violations"
    )
    for found in result.found[:MOST_TOLD]:
        print(one_seed(found.seed, mutation)[1])
    for found in result.found[MOST_TOLD:MOST_NAMED]:
        print(f"seed {found.seed}: {found.invariant} is broken: {found.subject}: {found.what}")
    return int(bool(result.found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
