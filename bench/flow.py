"""From a signed webhook to a card that can be revealed, with projection and dispatch running."""

import json
import subprocess
import sys
from statistics import quantiles
from typing import Any

from bench.shop import SHOP, TENANT, cloud, open_shop

BURST = 1_500
PACED, PACE = 300, 30.0


def run() -> dict[str, float]:
    """Orders per second in a burst, and p50/p95 at a steady pace."""
    with cloud(concurrency=3) as running:
        open_shop(cards=BURST + PACED + 200)
        _send(running.url, "warm", 60, 0)
        running.wait_idle(60)
        burst = _send(running.url, "burst", BURST, 0)
        running.wait_idle(120)
        handed = _handed_over("burst", BURST)
        seconds = (max(handed.values()) - min(burst["sent"].values())) / 1000
        paced = _send(running.url, "paced", PACED, PACE)
        running.wait_idle(60)
        late = _handed_over("paced", PACED)
        twice = _sold_twice()
    waits = sorted(late[number] - paced["sent"][number] for number in late)
    cuts = quantiles(waits, n=100)
    return {
        "orders/s, webhook to revealable": round(BURST / seconds, 1),
        "webhooks/s, accepted": round(BURST / burst["seconds"], 1),
        f"paid to revealable at {PACE:.0f}/s, p50 ms": round(cuts[49]),
        f"paid to revealable at {PACE:.0f}/s, p95 ms": round(cuts[94]),
        "orders not delivered": BURST + PACED - len(handed) - len(late),
        "webhooks refused": len(burst["wrong"]) + len(paced["wrong"]),
        "cards sold twice": twice,
    }


def _send(address: str, prefix: str, orders: int, rate: float) -> dict[str, Any]:
    argv = [sys.executable, "-m", "bench.load", address, prefix, str(orders), "16", str(rate)]
    done = subprocess.run(argv, capture_output=True, check=True, text=True, timeout=300)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def _handed_over(prefix: str, orders: int) -> dict[str, int]:
    """When each order's link could be opened (epoch ms): its hand-over comes after the link was kept."""
    from cardcourier import wiring
    from cardcourier.domain.orders import OrderKey
    from cardcourier.domain.states import State

    wanted = [OrderKey(TENANT, SHOP, f"{prefix}-{n}") for n in range(orders)]
    found = wiring.orders().snapshots(wanted)
    return {
        key.order: step.at
        for key, (_, units) in found.items()
        for unit in units
        for step in unit.log
        if step.state is State.DELIVERED
    }


def _sold_twice() -> int:
    """Cards that stand in more than one unit."""
    from cardcourier import wiring

    held: list[str] = []
    pages = (
        wiring.client("dynamodb")
        .get_paginator("scan")
        .paginate(
            TableName=wiring.settings().main_table,
            FilterExpression="begins_with(sk, :unit) AND attribute_exists(card)",
            ExpressionAttributeValues={":unit": {"S": "U#"}},
            ProjectionExpression="card",
        )
    )
    for page in pages:
        held += [item["card"]["S"] for item in page["Items"]]
    return len(held) - len(set(held))


if __name__ == "__main__":
    print(json.dumps(run(), indent=1))
