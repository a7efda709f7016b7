"""The whole local cloud is killed in the middle of a hundred orders and started again on the same data.

Messages that outlived the crash are thrown away too: nothing durable may depend on one.
"""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from types import SimpleNamespace

from cardcourier import wiring
from cardcourier.adapters.tables import keys
from cardcourier.clock import now_ms
from cardcourier.domain.journal import decode
from local.cloud import Cloud
from tests.integration.shop import Merchant, acting, forget_messages, raw_items, settle, wait_until

ROOT = Path(__file__).parents[2]
ORDERS = {f"A-{n:03d}": 3 if n % 4 == 0 else 1 for n in range(100)}
CARDS = 90
BEFORE_THE_CRASH = 40


@contextmanager
def served(data):
    """A local cloud in a process of its own, as `make serve` runs it."""
    argv = [sys.executable, "-m", "local", "serve", "--data", str(data), "--fresh"]
    with (data.parent / "serve.log").open("w") as log:
        runner = subprocess.Popen(argv, cwd=ROOT, stdout=log, stderr=log)
    try:
        state = data / "cloud.json"
        wait_until(lambda: state.exists() or runner.poll() is not None, 60)
        told = json.loads(state.read_text())
        wait_until(lambda: "API" in (data.parent / "serve.log").read_text(), 60)
        yield SimpleNamespace(url=told["url"], environment=told["environment"], runner=runner)
    finally:
        runner.kill()
        runner.wait()


def pay(merchant, order):
    """Whether the notification was acknowledged."""
    try:
        return merchant.pay(order, ("MONTH", ORDERS[order])).status == 200
    except (OSError, HTTPException):
        return False


def pay_until_killed(merchant, cloud):
    """Eight shops' worth of orders at once; the kill comes between two acknowledgements."""
    acknowledged = []
    with ThreadPoolExecutor(8) as pool:
        for order, taken in zip(ORDERS, pool.map(lambda order: pay(merchant, order), ORDERS), strict=True):
            if taken:
                acknowledged.append(order)
            if len(acknowledged) == BEFORE_THE_CRASH:
                os.kill(cloud.runner.pid, signal.SIGKILL)
    return acknowledged


def headers(merchant):
    found = raw_items(prefix=f"O#{merchant.id}#")
    return {keys.order_of(item["pk"]["S"]).order: item for item in found if item["sk"]["S"] == "H"}


def units(merchant):
    return [unit for order in ORDERS for unit in merchant.order(order)[1]]


def journal(merchant):
    """Item → the versions of which the journal has a line."""
    vers = {}
    for item in raw_items("JOURNAL_TABLE", f"J#{merchant.id}#"):
        line = decode(item["line"]["S"])
        vers.setdefault(line.item, []).append(line.ver)
    return {item: sorted(seen) for item, seen in vers.items()}


def test_no_order_is_lost_and_no_card_sold_twice(tmp_path):
    data = tmp_path / "data"
    with served(data) as cloud, acting(cloud):
        merchant = Merchant(cloud)
        merchant.sell("MONTH", cards=CARDS)
        acknowledged = pay_until_killed(merchant, cloud)
    assert BEFORE_THE_CRASH <= len(acknowledged) < len(ORDERS)

    with Cloud(data, quiet=True) as cloud, acting(cloud):
        merchant.cloud = cloud
        forget_messages(cloud)
        assert set(acknowledged) <= set(headers(merchant))
        assert [pay(merchant, order) for order in ORDERS] == [True] * len(ORDERS)
        settle(merchant)
        pieces = sum(ORDERS.values())
        assert {order: len(merchant.order(order)[1]) for order in ORDERS} == ORDERS
        counts = Counter(str(unit.state) for unit in units(merchant))
        assert counts == {"DELIVERED": CARDS, "BACKORDER": pieces - CARDS}
        cards = Counter(unit.card for unit in units(merchant) if unit.card)
        assert (set(cards), max(cards.values())) == (set(merchant.codes), 1)
        assert merchant.pool("MONTH") == 0

        merchant.restock("MONTH", pieces - CARDS)
        settle(merchant)
        assert {str(unit.state) for unit in units(merchant)} == {"DELIVERED"}
        cards = Counter(unit.card for unit in units(merchant))
        assert (set(cards), max(cards.values())) == (set(merchant.codes), 1)

        vers = journal(merchant)
        for unit in units(merchant):
            name = f"{merchant.own}/{unit.key.order}/U/{unit.line}/{unit.n:04d}"
            assert vers[name] == list(range(1, unit.ver + 1))
        for order, header in headers(merchant).items():
            assert vers[f"{merchant.own}/{order}/H"] == list(range(1, int(header["ver"]["N"]) + 1))
        rows = wiring.views().orders(merchant.id, None, now_ms() - 86_400_000, now_ms())
        assert {row.status for row in rows} == {"delivered"}
