"""Two thousand orders for fewer cards than pieces, while functions, engines and everything are killed.

KILLS_ORDERS and KILLS_SEED ask for another number and another seed; `make kills ORDERS=… SEED=…` does.
"""

import json
import os
import time
from collections import Counter
from itertools import islice
from random import Random

from cardcourier import wiring
from cardcourier.clock import now_ms
from cardcourier.domain.journal import decode
from cardcourier_cli.main import ending_of
from local.cloud import Cloud
from tests.integration.kills import EVERYTHING, Town, lives, plan, served
from tests.integration.shop import (
    Merchant,
    acting,
    change_item,
    count_batches,
    forget_messages,
    raw_items,
    settle,
)

ORDERS = int(os.environ.get("KILLS_ORDERS", "2000"))
SEED = int(os.environ.get("KILLS_SEED", "1"))
DAY = 86_400_000
PATIENCE = 300
AT_ONCE = 50


class Books:
    """Everything that the tables hold of a town, read once."""

    def __init__(self, town):
        merchant = town.merchant
        self.merchant, self.headers, self.units = merchant, {}, {name: [] for name in town.orders}
        wanted = iter(map(merchant.key_of, town.orders))
        while some := list(islice(wanted, AT_ONCE)):
            for key, (header, units) in wiring.orders().snapshots(some).items():
                self.headers[key.order], self.units[key.order] = header, units
        self.every = [unit for units in self.units.values() for unit in units]
        self.owners = Counter(unit.card for unit in self.every if unit.card)
        self.waiting = Counter(unit.sku for unit in self.every if unit.state == "BACKORDER")
        self.on_sale = {sku: merchant.pool(sku) for sku in town.pieces}


def pass_time(merchant):
    """The minutes after which rooms are looked at and whatever was forgotten is due."""
    for room in raw_items(prefix=f"W#{merchant.id}#"):
        change_item((room["pk"]["S"], room["sk"]["S"]), due={"N": str(now_ms() - 1)})
    merchant.cloud.run_schedule("release")
    settle(merchant, PATIENCE)


def journal(merchant):
    """Item → the versions of which the journal has a line."""
    vers = {}
    for item in raw_items("JOURNAL_TABLE", f"J#{merchant.id}#"):
        line = decode(item["line"]["S"])
        vers.setdefault(line.item, []).append(line.ver)
    return {item: sorted(seen) for item, seen in vers.items()}


def check_orders(town, books):
    """Every acknowledged order is there whole, every refund has ended what it had to and no more."""
    assert town.acknowledged == set(town.orders) == set(books.headers)
    for name, order in town.orders.items():
        states = Counter(str(unit.state) for unit in books.units[name])
        ended = states["CANCELLED"] + states["RETURNED"] + states["REFUNDED"]
        live = states["DELIVERED"] + states["REVEALED"] + states["BACKORDER"]
        assert (ended, live) == (order.stopped, order.pieces - order.stopped), (name, states)


def check_cards(town, books):
    """No card is sold twice, none is lost, nobody waits while there is stock."""
    merchant = town.merchant
    assert set(books.owners) <= set(merchant.codes) and set(books.owners.values()) == {1}
    assert {code: owners for code, owners in town.shown.items() if len(owners) > 1} == {}
    assert {sku for sku, waiting in books.waiting.items() if waiting and books.on_sale[sku]} == set()
    burnt = len(raw_items(prefix=f"X#{merchant.id}#"))
    assert len(books.owners) + sum(books.on_sale.values()) + burnt == len(merchant.codes)


def check_journal(books):
    """It has each version of each unit and header once, from the first to the last."""
    vers, shop = journal(books.merchant), books.merchant.own
    for unit in books.every:
        name = f"{shop}/{unit.key.order}/U/{unit.line}/{unit.n:04d}"
        assert vers[name] == list(range(1, unit.ver + 1)), name
    for name, header in books.headers.items():
        assert vers[f"{shop}/{name}/H"] == list(range(1, header.ver + 1)), name


def test_kills_lose_no_order_and_sell_no_card_twice(tmp_path):
    data, random = tmp_path / "data", Random(SEED)
    began, town = time.monotonic(), None
    for strikes in lives(plan(ORDERS, random)):
        with served(data) as cloud, acting(cloud):
            if town is None:
                town = Town(Merchant(cloud), ORDERS, random)
                count_batches(town.merchant)
            town.merchant.cloud = cloud
            town.live(cloud, strikes)
    merchant, killed = town.merchant, time.monotonic()
    assert town.struck[EVERYTHING] == 3 and sum(town.struck.values()) >= ORDERS // 50

    with Cloud(data, quiet=True) as cloud, acting(cloud):
        merchant.cloud = cloud
        forget_messages(cloud)
        town.catch_up()
        pass_time(merchant)
        settled = time.monotonic()
        books = Books(town)
        check_orders(town, books)
        check_cards(town, books)
        assert sum(books.waiting.values())

        for sku, waiting in books.waiting.items():
            merchant.restock(sku, waiting)
        count_batches(merchant)
        pass_time(merchant)
        books = Books(town)
        check_orders(town, books)
        check_cards(town, books)
        assert not books.waiting
        check_journal(books)
        assert ending_of(["ops", "verify", "--tenant", merchant.id]) == 0
        rows = wiring.views().orders(merchant.id, None, now_ms() - DAY, now_ms())
        listed = {row.key.order: row.status for row in rows}
        assert set(listed) == set(town.orders)
        kept = {name for name, order in town.orders.items() if not order.refund}
        assert {listed[name] for name in kept} == {"delivered"}
    figures = {
        "seed": SEED,
        "orders": ORDERS,
        "pieces": sum(town.pieces.values()),
        "killed": dict(town.struck),
        "told again": town.repeats,
        "codes shown": len(town.shown),
        "seconds": round(killed - began),
        "seconds to settle": round(settled - killed),
        "sold twice": 0,
        "lost": 0,
    }
    print(json.dumps(figures))
