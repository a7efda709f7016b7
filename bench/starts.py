"""CPU and memory to start each function, over a bare interpreter, with bytecode in place."""

import json
import subprocess
import sys
from pathlib import Path

from bench.shop import cloud

TRIES = 5
BUDGETS = {"webhooks": 400, "allocation": 400, "redeem": 450}
OTHERS = 800
MEASURE = """
import importlib, resource, sys
sys.path[:0] = ["shared", "."]
name = sys.argv[1]
if name: importlib.import_module(f"functions.{name}.app")
used = resource.getrusage(resource.RUSAGE_SELF)
resident = next(l for l in open("/proc/self/status") if l.startswith("VmHWM")).split()[1]
print((used.ru_utime + used.ru_stime) * 1000, int(resident) / 1024)
"""


def run() -> dict[str, str]:
    """Milliseconds of CPU and MiB resident; `!` marks a function over its budget."""
    with cloud(still=True) as running:
        bare, _ = _best("", {})
        rows = {}
        for door in sorted(Path("functions").glob("*/app.py")):
            name = door.parent.name
            cpu, memory = _best(name, running.environment_of(name))
            over = "" if cpu - bare <= BUDGETS.get(name, OTHERS) else " !"
            rows[f"start {name}"] = f"{cpu - bare:.0f} ms, {memory:.0f} MiB{over}"
        return rows


def _best(name: str, environment: dict[str, str]) -> tuple[float, float]:
    found = []
    for _ in range(TRIES):
        argv = [sys.executable, "-W", "ignore", "-c", MEASURE, name]
        done = subprocess.run(argv, env=environment or None, capture_output=True, check=True, text=True)
        cpu, memory = done.stdout.split()
        found.append((float(cpu), float(memory)))
    return min(found)


if __name__ == "__main__":
    print(json.dumps(run(), indent=1))
