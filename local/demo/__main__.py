"""`python -m local.demo [--exit] [--file CARDS]`: the main job as a story."""

import argparse
import signal
import sys
import time
from pathlib import Path

from local.demo.teller import Teller, Trouble

DATA = Path(".local/demo")


def main() -> int:
    parser = argparse.ArgumentParser(prog="make demo")
    parser.add_argument("--exit", action="store_true", help="end when the story is told")
    parser.add_argument("--file", type=Path, help="your own card file, imported beside the supplier's")
    parser.add_argument("--lang", help="zh or en; the environment's language otherwise")
    wanted = parser.parse_args()
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
        story = Story(cloud, teller, wanted.file)
        try:
            story.tell()
        except Trouble as trouble:
            teller.say("failed", reason=trouble)
            return 1
        story.farewell()
        teller.say("done", seconds=round(time.monotonic() - began))
        if not wanted.exit:
            teller.say("n_stop")
            signal.sigwait({signal.SIGINT, signal.SIGTERM})
    return 0


if __name__ == "__main__":
    sys.exit(main())
