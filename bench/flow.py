"""From a signed webhook to a card that can be revealed, with projection and dispatch running."""

import json
import subprocess
import sys
import time
from statistics import quantiles
from typing import Any

from bench.shop import SHOP, TENANT, cloud, open_shop
from local.cloud import Cloud

BURST = 800
PACED, PACE = 200, 15.0
CALLS = 1_000


def run() -> dict[str, float]:
    """Orders per second in a burst, with and without a mail each, and p50/p95 at a steady pace."""
    with cloud(concurrency=2) as running:
        open_shop(cards=2 * BURST + PACED + 300)
        _send(running, "warm", 60, 0)
        plain, handed = _burst(running, "plain", mail=False)
        mailed, told = _burst(running, "mailed", mail=True)
        paced = _send(running, "paced", PACED, PACE)
        late = _handed_over("paced", PACED)
        twice, calls = _sold_twice(), _bare_calls()
    cuts = quantiles((late[number] - paced["sent"][number] for number in late), n=100)
    wrong = [sent["wrong"] for sent in (plain, mailed, paced)]
    return {
        "orders/s, webhook to revealable, link shown by the shop": _rate(plain, handed),
        "orders/s, webhook to revealable, a mail for each": _rate(mailed, told),
        "webhooks/s accepted meanwhile": round(BURST / plain["seconds"], 1),
        f"paid to revealable at {PACE:.0f}/s, p50 ms": round(cuts[49]),
        f"paid to revealable at {PACE:.0f}/s, p95 ms": round(cuts[94]),
        "orders not delivered": 2 * BURST + PACED - len(handed) - len(told) - len(late),
        "webhooks refused": sum(map(len, wrong)),
        "cards sold twice": twice,
        "bare boto3 calls/s of one process here": calls,
    }


def _burst(running: Cloud, prefix: str, *, mail: bool) -> tuple[dict[str, Any], dict[str, int]]:
    sent = _send(running, prefix, BURST, 0, mail=mail)
    return sent, _handed_over(prefix, BURST)


def _rate(sent: dict[str, Any], handed: dict[str, int]) -> float:
    seconds = (max(handed.values()) - min(sent["sent"].values())) / 1000
    return round(len(handed) / seconds, 1)


def _send(running: Cloud, prefix: str, orders: int, rate: float, *, mail: bool = True) -> dict[str, Any]:
    how = [str(orders), "16", str(rate), "mail" if mail else "link"]
    argv = [sys.executable, "-m", "bench.load", running.url, prefix, *how]
    done = subprocess.run(argv, capture_output=True, check=True, text=True, timeout=300)
    running.wait_idle(200)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def _bare_calls() -> float:
    """What the SDK alone does with the smallest request, one after the other."""
    from cardcourier import wiring

    client, key = wiring.client("dynamodb"), {"pk": {"S": "nothing"}, "sk": {"S": "nothing"}}
    began = time.monotonic()
    for _ in range(CALLS):
        client.get_item(TableName=wiring.settings().main_table, Key=key)
    return round(CALLS / (time.monotonic() - began), 1)


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
