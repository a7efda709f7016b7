"""`make bench`: every figure in one table, and in bench/results.json."""

import argparse
import importlib
import json
import os
import platform
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

SECTIONS = {
    "starts": "Start of a function: CPU over a bare interpreter, memory",
    "costs": "What one order costs (calls to AWS, write and read units)",
    "allocation": "Allocation against a bare boto3 loop with the same requests",
    "flow": "Orders from signed webhook to revealable, everything running",
    "outbound": "Events to merchants' endpoints, one worker",
    "api": "Every GET of the API and its main POSTs under 32 clients",
    "race": "Buyers fighting for too few cards",
    "scale": "Thousands of orders a second on one product, simulated",
    "imports": "Importing cards",
    "reports": "Reports over a million lines",
    "import_million": "Importing a million cards",
    "scale_full": "Every simulated sale, for the tables in docs/",
}
LONG = {"import_million", "scale_full"}
"""Run only when they are named."""
RESULTS = Path(__file__).parent / "results.json"


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("section", nargs="*", help=f"only these of {', '.join(SECTIONS)}")
    wanted = parser.parse_args().section or [name for name in SECTIONS if name not in LONG]
    console, results = Console(), {}
    for name in wanted:
        console.print(f"[dim]{SECTIONS[name]} …[/dim]")
        began = time.monotonic()
        results[name] = importlib.import_module(f"bench.{name}").run()
        console.print(f"[dim]  {time.monotonic() - began:.0f} s[/dim]")
    console.print(_table(results))
    _keep(results)
    return 0


def _table(results: dict[str, dict[str, Any]]) -> Table:
    table = Table(title=f"CardCourier on {os.cpu_count()} cores, Python {platform.python_version()}")
    table.add_column("figure")
    table.add_column("value", justify="right")
    for name, rows in results.items():
        table.add_section()
        table.add_row(f"[bold]{SECTIONS[name]}[/bold]", "")
        for figure, value in _flat(rows):
            table.add_row(figure, f"{value:,}" if isinstance(value, int | float) else str(value))
    return table


def _flat(rows: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for figure, value in rows.items():
        name = f"{above}{figure}"
        if isinstance(value, dict):
            yield from _flat(value, f"{name}: ")
        else:
            yield name, value


def _keep(results: dict[str, dict[str, Any]]) -> None:
    """Sections that were not run this time keep their last figures."""
    kept = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    RESULTS.write_text(json.dumps({**kept, **results}, indent=1, ensure_ascii=False), "utf-8")


if __name__ == "__main__":
    sys.exit(main())
