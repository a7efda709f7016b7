"""`python -m local.demo [--exit] [--file CARDS] [--fault KIND=RATE]`: the main job as a story."""

import argparse
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from local.demo.teller import Teller, Trouble
from local.faults import FaultError, Faults, read_faults

if TYPE_CHECKING:
    from local.cloud import Cloud

DATA = Path(".local/demo")


def behind_the_door(faults: Faults, cloud: "Cloud") -> Iterator[Faults]:
    """The faults, for functions that queues, streams and schedules call: whoever posts here posts once."""
    for function in cloud.functions.functions.values():
        answers = any(event["Type"] == "HttpApi" for event in function.events.values())
        if faults.covers(function.name) and not answers:
            yield replace(faults, only=frozenset({function.name}))


def main() -> int:
    parser = argparse.ArgumentParser(prog="make demo")
    parser.add_argument("--exit", action="store_true", help="end when the story is told")
    parser.add_argument("--file", type=Path, help="your own card file, imported beside the supplier's")
    parser.add_argument("--lang", help="zh or en; the environment's language otherwise")
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="KIND=RATE",
        help="trouble behind the door, such as duplicate=0.3 or lose=0.1 (repeat it)",
    )
    wanted = parser.parse_args()
    try:
        faults = read_faults(wanted.fault)
    except FaultError as wrong:
        parser.error(str(wrong))
    if wanted.file and not wanted.file.is_file():
        parser.error(f"there is no file {wanted.file}")
    teller = Teller(wanted.lang)
    teller.console.print(f"[bold]{teller.text('title')}[/bold]")
    teller.say("starting")
    # Slow to import, and the first lines should stand there before.
    from local.cloud import Cloud
    from local.demo.story import Story

    began = time.monotonic()
    with Cloud(DATA, fresh=True) as cloud:
        teller.say("ready", url=cloud.url)
        teller.say("simulated")
        cloud.switches.set(*(one for fault in faults for one in behind_the_door(fault, cloud)))
        story = Story(cloud, teller, wanted.file)
        try:
            story.tell()
        except Trouble as trouble:
            teller.say("failed", reason=trouble)
            return 1
        story.farewell()
        if faults:
            happened = " · ".join(f"{kind} {count}" for kind, count in cloud.switches.totals().items())
            teller.say("faults", happened=happened)
        teller.say("done", seconds=round(time.monotonic() - began))
        if not wanted.exit:
            teller.say("n_stop")
            signal.sigwait({signal.SIGINT, signal.SIGTERM})
    return 0


if __name__ == "__main__":
    sys.exit(main())
