"""Orders under the faults of one side, and under all of them: each is delivered once, the books add up."""

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from cardcourier import wiring
from cardcourier.domain.journal import decode
from cardcourier.services.verifying import verify
from cardcourier_cli.ops.scanning import Scanner
from tests.integration.shop import acting, merchant_of, raw_items, settle

ORDERS = {f"F-{n:02d}": 2 if n % 5 == 0 else 1 for n in range(30)}
FEW = 15
ACKNOWLEDGED = 8

AT_SOURCES = {
    "delay": (1, 40),
    "duplicate": 0.4,
    "reorder": 1.0,
    "lose": 0.2,
    "fail": 0.2,
    "keep": 0.3,
}
AT_AWS = {"lost_write": 0.12, "throttle": 0.06, "conflict": 0.2, "error": 0.08}
ALL = {
    "delay": (0, 20),
    "duplicate": 0.2,
    "reorder": 0.5,
    "lose": 0.1,
    "fail": 0.1,
    "keep": 0.1,
    "lost_write": 0.05,
    "throttle": 0.03,
    "conflict": 0.1,
    "error": 0.03,
}


@pytest.fixture(scope="module")
def open_cloud(cloud):
    with acting(cloud):
        yield cloud


@pytest.fixture
def merchant(open_cloud):
    with merchant_of(open_cloud) as merchant:
        merchant.sell("MONTH", cards=sum(ORDERS.values()))
        yield merchant


def pay(merchant, order):
    """As a shop does: again until it is acknowledged."""
    for _ in range(ACKNOWLEDGED):
        if merchant.pay(order, ("MONTH", ORDERS[order]), paid_at="2026-11-01T10:00:00Z").status == 200:
            return
    raise AssertionError(f"{order} was never acknowledged")


def gaps(merchant):
    """Items of the journal whose versions are not 1, 2, 3 …"""
    seen = {}
    for item in raw_items("JOURNAL_TABLE", f"J#{merchant.id}#"):
        line = decode(item["line"]["S"])
        seen.setdefault(line.item, []).append(line.ver)
    return {item: vers for item, vers in seen.items() if sorted(vers) != list(range(1, len(vers) + 1))}


def offences(merchant):
    """What `ops verify` finds; these cards were stocked without a record of their batch, which it misses."""
    tables = os.environ["MAIN_TABLE"], os.environ["VAULT_TABLE"]
    found, checked = verify(Scanner(wiring.client("dynamodb"), *tables, merchant.id))
    assert checked.cards == len(merchant.codes)
    return [offence for offence in found if "no such batch is known" not in offence.what]


@pytest.mark.fault("queues: twice", "queues: late", "queues: reordered", "streams: twice")
@pytest.mark.parametrize(
    ("faults", "count"),
    [(AT_SOURCES, FEW), (AT_AWS, FEW), (ALL, len(ORDERS))],
    ids=["sources", "aws", "all"],
)
def test_every_order_is_delivered_once_whatever_happens(merchant, faults, count):
    orders = dict(list(ORDERS.items())[:count])
    pieces = sum(orders.values())

    with merchant.cloud.faults(**faults, seed=7) as happened:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda order: pay(merchant, order), orders))
        merchant.cloud.wait_idle(60)
    settle(merchant)

    assert {kind for kind in faults if not happened[kind]} == set()
    units = {order: merchant.order(order)[1] for order in orders}
    assert {order: len(found) for order, found in units.items()} == orders
    assert Counter(str(unit.state) for found in units.values() for unit in found) == {"DELIVERED": pieces}
    owners = merchant.owners(*orders)
    assert len(owners) == pieces and set(owners) <= set(merchant.codes)
    assert merchant.pool("MONTH") == len(merchant.codes) - pieces
    assert all(merchant.mails(order) for order in orders)
    assert gaps(merchant) == {}
    assert offences(merchant) == []
