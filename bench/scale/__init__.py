"""Thousands of orders a second on one product, in simulated time.

The product's own passes, picking and draining run against a model of DynamoDB's partitions and conflicts, of
the SDK's retries and of the queue's pollers. There is no engine and no cloud, and every figure is the same on
every machine. What the model assumes stands in `partitions`, `latencies`, `database` and `fleet`.
"""

from dataclasses import replace
from typing import Any

from bench.scale.pickers import CONTROLS
from bench.scale.presale import release
from bench.scale.sales import Sale, simulate
from cardcourier.services.picking import Picker

PREPARED = {
    10: (1, 0),
    50: (1, 0),
    250: (4, 0),
    500: (8, 12_000),
    1_000: (16, 24_000),
    2_000: (32, 40_000),
    5_000: (64, 100_000),
}
"""Orders a second on one product: its shards, and the table's warm throughput. As in docs/deploy.md."""


def run() -> dict[str, str]:
    """A part of the scenarios, in about fifteen seconds; `python -m bench scale_full` has them all."""
    rows = {f"{rate:,} orders/s": said(simulate(prepared(rate, 2))) for rate in PREPARED}
    few = replace(prepared(1_000, 3), cards=1_500)
    rows["1,000 orders/s, half as many cards"] = said(simulate(few))
    for pollers in (0, 5):
        queued = replace(prepared(1_000, 4), most=100, pollers=pollers)
        rows[f"1,000 orders/s through the queue, pollers kept ready: {pollers}"] = said(simulate(queued))
    for name, picker in CONTROLS.items():
        rows[f"400 orders/s, 1 shard, if picking {name}"] = said(simulate(bitten(picker)))
    opened = release(Sale(1, 16, 24_000, most=20, patience=600), 5_000)
    rows["5,000 paid units when a presale opens"] = f"{opened['seconds']} s, {opened['a second']}/s"
    return rows


def prepared(rate: int, seconds: float = 6) -> Sale:
    """A sale on a product and a table that were made ready for it."""
    shards, warm = PREPARED[rate]
    return Sale(rate, shards, warm, seconds)


def bitten(picker: type[Picker]) -> Sale:
    """A sale that picking survives, as long as it reaches at random and drops what is old."""
    return Sale(400, 1, 16_000, cards=1_000, seconds=3, picker=picker)


def said(found: dict[str, Any]) -> str:
    """The figures of a sale that decide, on one line."""
    return (
        f"{found['transactions per card']} transactions, {found['queries per card']} queries a card, "
        f"p50 {found['p50 ms']} p99 {found['p99 ms']} ms, given back {found['given back %']} %, "
        f"refused {found['refused while a card lay there']}"
    )
