"""How fast, and in how much memory, a month of journal lines becomes the daily summary.

`journal` is what a shop really writes, about five lines an order of which two carry money; `ledger` is
the hard case in which every line carries money. Each runs in a process of its own, from text to rows.
"""

import json
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from cardcourier.domain.journal import JournalLine, encode, lane_of
from cardcourier.domain.ledger import Leg, LegKind
from cardcourier.domain.reports import Period, by_event, daily, money_records

LINES = 1_000_000
START, DAYS = 1_793_462_400_000, 30
MONTH = Period(START, START + DAYS * 86_400_000, ZoneInfo("Asia/Shanghai"))


def run() -> dict[str, Any]:
    """CPU seconds, lines per CPU second and peak megabytes for 1,000,000 lines of each mix."""
    with tempfile.TemporaryDirectory() as folder:
        return {
            name: _measured(_write(Path(folder, name), stories))
            for name, stories in (("journal", _journal), ("ledger", _ledger))
        }


def _measured(path: Path) -> dict[str, Any]:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_summarise, (path,))


def _summarise(path: Path) -> dict[str, Any]:
    before, begun = time.process_time(), time.perf_counter()
    with path.open(encoding="utf-8") as lines:
        rows = daily(money_records(lines), by_event(MONTH))
    cpu = time.process_time() - before
    return {
        "lines": LINES,
        "rows": len(rows),
        "net_profit": sum(int(str(row[14])) for row in rows),
        "cpu_s": round(cpu, 2),
        "wall_s": round(time.perf_counter() - begun, 2),
        "lines_per_cpu_s": round(LINES / cpu),
        "peak_mb": round(_peak_bytes() / 1e6, 1),
    }


def _peak_bytes() -> int:
    """Peak of this process alone; `ru_maxrss` would count the parent's pages at the fork too."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def _write(path: Path, stories: Any) -> Path:
    with path.open("w", encoding="utf-8") as file:
        written = 0
        for number in range(LINES):
            for line in stories(number):
                file.write(encode(line) + "\n")
                written += 1
            if written >= LINES:
                break
    return path


def _journal(number: int) -> Iterator[JournalLine]:
    paid, delivered = _ledger(number)
    yield paid
    yield _unit(paid, "allocated", 1)
    yield delivered
    yield _unit(paid, "revealed", 3)
    yield replace(paid, id=paid.id[:-1] + "2", kind="order.changed", ver=2, legs=())


def _ledger(number: int) -> Iterator[JournalLine]:
    """A payment and the cost of its card."""
    order = f"26110{number:07d}"
    at = START + number * 1_295_999 % (DAYS * 86_400_000)
    sale = Leg(LegKind.SALE, 2500 + lane_of("main", order), "CNY", order[-5:], "MGTV-30D", 1)
    paid = JournalLine(
        id=f"{at:013d}#main/{order}/H#000001",
        at=at,
        kind="order.paid",
        tenant="acme",
        shop="main",
        order=order,
        number=order,
        line="",
        unit="",
        sku="",
        quantity=1,
        before="unpaid",
        after="paid",
        by="webhook:standard",
        why="",
        request_id="5f0c3f0e-7a35-4a2e-8a39-0d6a5a1c2b3d",
        ver=1,
        card="",
        batch="",
        legs=(sale,),
    )
    yield paid
    yield replace(
        _unit(paid, "delivered", 2), legs=(Leg(LegKind.CARD_COST, -1800, "CNY", "1", "MGTV-30D", 1),)
    )


def _unit(paid: JournalLine, move: str, ver: int) -> JournalLine:
    return replace(
        paid,
        id=f"{paid.at:013d}#main/{paid.order}/U/1/0001#{ver:06d}",
        kind=f"unit.{move}",
        line="1",
        unit="1/0001",
        sku="MGTV-30D",
        before="ALLOCATED",
        after=move.upper(),
        ver=ver,
        card="c1qv5jx2m7k3dz6w4t8r9s0hgy1p",
        batch="b-20261101-1",
        legs=(),
    )


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
