"""`python -m local serve` runs the local cloud; `python -m local env` prints its variables for a shell."""

from __future__ import annotations

import argparse
import json
import shlex
import signal
import sys
import threading
from pathlib import Path

from local.cloud import Cloud
from local.engines import ROOT, EngineError
from local.faults import FaultError, Faults, read_faults
from local.template import TemplateError

BANNER = """
  CardCourier 本机云 local cloud
  API, 提卡页 pages   {cloud.url}
  收件箱 mailbox      {cloud.mailbox_url}
  状态 status         {cloud.status_url}
  数据 data           {cloud.data}
  函数日志 log        {cloud.log}
  引擎 engines        tables {cloud.tables.name} {cloud.tables.endpoint}, rest {cloud.services.name} \
{cloud.services.endpoint}
  首次使用 first time in another terminal:
    export CARDCOURIER_URL={cloud.url}
    export CARDCOURIER_BOOTSTRAP_SECRET="$(cat {secret})"
    {command} tenant bootstrap --help
  Ctrl-C 停止并保存 stops and saves
"""


def serve(data: Path, *, fresh: bool, isolate: bool, faults: tuple[Faults, ...]) -> None:
    """Run until Ctrl-C or SIGTERM."""
    asked_to_stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: asked_to_stop.set())
    print("  启动中 starting …", flush=True)
    with Cloud(data, fresh=fresh, isolate=isolate) as cloud:
        cloud.switches.set(*faults)
        secret = cloud.data / "bootstrap-secret"
        secret.touch(mode=0o600)
        secret.write_text(cloud.bootstrap_secret(), "utf-8")
        command = Path(sys.executable).parent / "cardcourier"
        print(BANNER.format(cloud=cloud, secret=secret, command=command), flush=True)
        asked_to_stop.wait()
        print("  停止中 stopping …", flush=True)


def env(data: Path) -> None:
    """Print `export` lines, to be used as `eval "$(python -m local env)"`."""
    state = json.loads((data / "cloud.json").read_text("utf-8"))
    for name, value in state["environment"].items():
        if name not in ("PATH", "HOME", "LANG"):
            print(f"export {name}={shlex.quote(value)}")


def main() -> int:
    """Parse the command line; 1 with a sentence when it cannot be done."""
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    parser.add_argument("command", choices=["serve", "env"])
    parser.add_argument("--data", type=Path, default=ROOT / ".local" / "serve", help="folder of its state")
    parser.add_argument("--fresh", action="store_true", help="forget everything first")
    parser.add_argument(
        "--isolate",
        action="store_true",
        help="each function in cold interpreters of its own",
    )
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="KIND=RATE",
        help="cause trouble: duplicate=0.3, delay=50-400, seed=7, allocation:lose=0.2 … (repeat it)",
    )
    given = parser.parse_args()
    try:
        if given.command == "serve":
            serve(given.data, fresh=given.fresh, isolate=given.isolate, faults=read_faults(given.fault))
        else:
            env(given.data)
    except (EngineError, FaultError, TemplateError, FileNotFoundError) as reason:
        print(f"local cloud: {reason}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
