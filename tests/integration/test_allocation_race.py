"""More buyers than cards, 64 threads in each of 4 processes, on both table engines."""

import json
import os
import subprocess
import sys
from collections import Counter
from random import Random

import pytest

from cardcourier.adapters.tables.records import marker_record
from cardcourier.clock import now_ms
from cardcourier.domain.cards import use_id
from cardcourier.domain.catalogue import Product
from cardcourier.domain.orders import OrderKey
from cardcourier.domain.states import State
from cardcourier.domain.stock import Marker
from local.engines import ROOT
from tests.integration.order_ground import EngineStore, main_table
from tests.order_world import MAIN, TENANT, World

PROCESSES, THREADS = 4, 64
SHARDS = 4
LETTERS = "abcdefghijklmnopqrstuvwxyz234567"


def a_shop(endpoint, template, cards, buyers, pieces, shared=False):
    """A product with `cards` cards in stock, and as many paid orders as there are buyers."""
    world = World(store=EngineStore(main_table(endpoint, template)), now=now_ms(), watching=False)
    world.catalogue.products["A"] = Product(tenant=TENANT, sku="A", name="A", shards=SHARDS)
    world.map("a", ("A", 1))
    names = (use_id("c1shared", n + 1) if shared else f"c1{random_letters(n)}{n}" for n in range(cards))
    world.cards = dict.fromkeys(names, "A")
    world.store.table.put_many(
        marker_record(Marker(card=card, bucket="9999", shard=place % SHARDS, batch="b"), TENANT, "A", 1)
        for place, card in enumerate(world.cards)
    )
    orders = [f"o{number:04d}" for number in range(buyers)]
    for order in orders:
        world.pay(OrderKey(TENANT, MAIN.id, order), ("a", pieces))
    return world, orders


def random_letters(seed):
    return "".join(Random(seed).choices(LETTERS, k=4))


def race(endpoint, table, steps):
    """Deal the steps to the processes, let all begin at once; what they saw, added up."""
    workers = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.integration.race_worker", json.dumps(task)],
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for task in (
            {
                "endpoint": endpoint,
                "table": table,
                "shards": SHARDS,
                "name": f"w{number}",
                "threads": THREADS,
                "steps": steps[number::PROCESSES],
            }
            for number in range(PROCESSES)
        )
    ]
    assert [worker.stdout.readline() for worker in workers] == ["ready\n"] * PROCESSES
    for worker in workers:
        worker.stdin.write("go\n")
        worker.stdin.flush()
    answers = [worker.communicate(timeout=120)[0] for worker in workers]
    assert [worker.returncode for worker in workers] == [0] * PROCESSES
    return sum((Counter(json.loads(answer)) for answer in answers), Counter())


def environment():
    return {**os.environ, "PYTHONPATH": f"{ROOT / 'shared'}:{ROOT}"}


@pytest.mark.fault("conflicts: marker", "queues: twice")
@pytest.mark.parametrize("shared", [False, True], ids=["cards", "uses of one card"])
def test_every_card_is_sold_once_and_nobody_is_refused_while_there_is_stock(
    each_engine_endpoint, real_template, shared
):
    world, orders = a_shop(each_engine_endpoint, real_template, 160, buyers=256, pieces=1, shared=shared)
    # Half of the orders are asked for twice, by different processes.
    steps = [("settle", order) for order in orders] + [("settle", order) for order in orders[1::2]]

    seen = race(each_engine_endpoint, world.store.table.name, steps)

    dump = world.store.dump()
    assert seen["given up"] == 0
    assert len(dump.units) == len(orders), "one unit for each order"
    sold = Counter(unit.card for unit in dump.units if unit.state is State.ALLOCATED)
    assert set(sold.values()) == {1}, "no card was sold twice"
    assert set(sold) == set(world.cards), "nobody was refused while there was stock"
    assert dump.markers == []
    assert sum(unit.state is State.BACKORDER for unit in dump.units) == 96
    world.check()


@pytest.mark.fault("conflicts: mutual", "races: refunded")
def test_refunds_reveals_and_orders_at_once_leave_every_card_one_home(each_engine_endpoint, real_template):
    world, orders = a_shop(each_engine_endpoint, real_template, cards=80, buyers=64, pieces=2)
    steps = [("settle", order) for order in orders]
    steps += [("refund", order) for order in orders[::3]] + [("show", order) for order in orders[::2]]
    Random(7).shuffle(steps)
    steps += [("settle", order) for order in orders]

    seen = race(each_engine_endpoint, world.store.table.name, steps)

    assert seen["given up"] == 0
    world.shown = {name.removeprefix("shown ") for name in seen if name.startswith("shown ")}
    world.check()
    world.settle()
    refunded = {OrderKey(TENANT, MAIN.id, order) for order in orders[::3]}
    dump = world.store.dump()
    assert all(unit.ended for unit in dump.units if unit.key in refunded)
    assert not any(unit.ended for unit in dump.units if unit.key not in refunded)
    assert set(dump.burnt) <= world.shown
