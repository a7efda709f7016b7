"""Thousands of orders a second on one product, in simulated time.

The product's own passes, picking and draining run against a model of DynamoDB's partitions and conflicts, of
the SDK's retries and of the queue's pollers. There is no engine and no cloud, and every figure is the same on
every machine. What the model assumes stands in `partitions`, `latencies`, `database` and `fleet`.
"""

from typing import Any

from bench.scale.pickers import CONTROLS
from bench.scale.presale import release
from bench.scale.sales import Sale, simulate
from cardcourier.services.picking import Picker

PREPARED = {10: (1, 0), 250: (1, 0), 1_000: (4, 16_000), 5_000: (64, 80_000)}
"""Orders a second on one product: its shards, and the table's warm throughput."""


def run() -> dict[str, str]:
    """A part of the scenarios, in about fifteen seconds; `python -m bench scale_full` has them all."""
    rows = {}
    for rate, (shards, warm) in PREPARED.items():
        sale = Sale(rate, shards, warm, seconds=3)
        rows[f"{rate:,} orders/s, shards: {shards}"] = said(simulate(sale))
    sale = Sale(1_000, 16, 16_000, cards=2_500)
    rows["1,000 orders/s, half as many cards, shards: 16"] = said(simulate(sale))
    sale = Sale(1_000, 4, 16_000, seconds=10, most=100)
    rows["1,000 orders/s through the queue"] = said(simulate(sale))
    for name, picker in CONTROLS.items():
        rows[f"500 orders/s, 1 shard, if picking {name}"] = said(simulate(bitten(picker)))
    opened = release(Sale(1, 16, 16_000, most=40, patience=600), 3_000)
    rows["3,000 paid units when a presale opens"] = f"{opened['seconds']} s, {opened['a second']}/s"
    return rows


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
