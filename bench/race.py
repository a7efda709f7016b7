"""Too few cards: 4 processes of 64 threads, more buyers than cards, on both table engines."""

import json
import multiprocessing
import os
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bench.shop import SKU, TENANT, cloud, open_shop

PROCESSES, THREADS, BUYERS, CARDS = 4, 64, 1_600, 1_000


def run() -> dict[str, int]:
    """Cards sold twice, buyers turned away while stock existed, cards without a home: all must be 0."""
    rows: dict[str, int] = {}
    for engine in ("dynoxide", "ministack"):
        with cloud(still=True, tables=engine):
            open_shop(cards=CARDS)
            bodies = _paid(BUYERS)
            part = BUYERS // PROCESSES
            with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
                work = [(dict(os.environ), bodies[n * part : (n + 1) * part]) for n in range(PROCESSES)]
                pool.map(_buy, work)
            rows |= {f"{name}, {engine}": value for name, value in _judge().items()}
    return rows


def _paid(orders: int) -> list[dict[str, str]]:
    from bench.allocation import paid_headers

    return paid_headers("race", orders)


def _buy(work: tuple[dict[str, str], list[dict[str, str]]]) -> None:
    environment, bodies = work
    os.environ.update(environment)
    from cardcourier import wiring
    from cardcourier.clock import now_ms
    from cardcourier.errors import Unavailable

    passes = wiring.passes()

    def buy(body: dict[str, str]) -> None:
        for _ in range(50):
            try:
                passes.run(body, {}, "race", now_ms() + 60_000, again=True)
                return
            except Unavailable:
                # As from the queue: asked again, a little later.
                time.sleep(0.2)

    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(buy, bodies))


def _judge() -> dict[str, int]:
    """Look at every marker and every unit."""
    from cardcourier import wiring

    held: Counter[str] = Counter()
    markers, waiting, settled = set(), 0, 0
    pages = wiring.client("dynamodb").get_paginator("scan").paginate(TableName=wiring.settings().main_table)
    for item in (item for page in pages for item in page["Items"]):
        if item["pk"]["S"].startswith(f"P#{TENANT}#{SKU}#"):
            markers.add(item["sk"]["S"].split("#")[1])
        elif item["sk"]["S"].startswith("U#"):
            settled += 1
            card: dict[str, Any] | None = item.get("card")
            if card:
                held[card["S"]] += 1
            waiting += item["st"]["S"] == "BACKORDER"
    return {
        "cards sold twice": sum(count - 1 for count in held.values()),
        "cards on sale and sold": len(markers & set(held)),
        "buyers waiting while stock existed": min(waiting, len(markers)),
        "cards lost": CARDS - len(held) - len(markers),
        "orders lost": BUYERS - settled,
    }


if __name__ == "__main__":
    print(json.dumps(run(), indent=1))
