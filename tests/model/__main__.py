"""Search runs of the protocol model to their end and say what came of it; all of them without a name.

The model, to be read in this order: `items.py` (what is stored), `writes.py` (W1 to W20), `rules.py` (the
rules as switches), `process.py` (what a process is), `passing.py`, `delivering.py`, `actors.py` (everybody
else), `sweeping.py` (the sweeper alone), `checks.py` (what must hold), `moving.py` (moves and faults),
`judging.py` and `search.py` (the search), `runs.py` (the worlds). Modelled and not built yet: `reserving.py`,
`gathering.py` (all or nothing), `refunding.py` (refunds by amount, the merchant's own cancels),
`recalling.py` (quarantine and recall), `disputing.py` (chargebacks, also after a replacement).

To add a write, a process, a rule, a check: docs/proof.md, "The model", last paragraph.
"""

import argparse
import sys

from tests.model.runs import RUNS
from tests.model.search import Found, Search


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__.splitlines()[0])
    parser.add_argument("run", nargs="*", help=f"only these of {', '.join(RUNS)}")
    parser.add_argument("--most", type=int, help="leave a run after so many states")
    parser.add_argument("--table", action="store_true", help="print the rows of the table in docs/proof.md")
    given = parser.parse_args()
    bad = False
    for name in given.run or RUNS:
        run = RUNS[name]
        if not given.table:
            print(f"{name}  {run.says}", flush=True)
        found = Search(run).go(given.most, progress)
        print(row(found) if given.table else f"\r{found}", flush=True)
        bad = bad or found.violation is not None
    return 1 if bad else 0


def progress(found: Found) -> None:
    speed = int(found.states / max(found.seconds, 0.001))
    print(f"\r  {found.states:,} states, {found.open:,} open, {speed:,} states/s ", end="", file=sys.stderr)


def row(found: Found) -> str:
    figures = f"{found.states:,} | {found.transitions:,} | {found.stores:,}"
    return f"| {found.run.name} | {found.run.says} | {figures} | {found.result} |"


if __name__ == "__main__":
    sys.exit(main())
