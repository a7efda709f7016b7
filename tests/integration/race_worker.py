"""One warm worker of the race: a process with many threads, one shared picker, and no mercy.

Reads its task from the command line (JSON), says "ready", waits for a line, runs, and prints what it saw.
"""

import json
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from random import Random, SystemRandom

from cardcourier.adapters.tables.orders import OrdersTable
from cardcourier.adapters.tables.pools import PoolsTable
from cardcourier.adapters.tables.refunds import RefundsTable
from cardcourier.adapters.tables.writes import Table
from cardcourier.clock import now_ms
from cardcourier.domain.catalogue import Product
from cardcourier.domain.facts import ALL, Fact
from cardcourier.domain.orders import OrderKey
from cardcourier.domain.protocol import Actor, Lost
from cardcourier.domain.states import State
from cardcourier.errors import Unavailable
from cardcourier.services.allocating import Allocator
from cardcourier.services.picking import Picker
from tests.integration.order_ground import client
from tests.order_world import MAIN, TENANT, Catalogue, Restocks

TRIES = 60


class Worker:
    def __init__(self, endpoint: str, table: str, shards: int, name: str) -> None:
        tables = Table(client(endpoint), table)
        self.orders, self.name, self.seen = OrdersTable(tables), name, Counter()
        catalogue = Catalogue(
            MAIN, {"A": Product(tenant=TENANT, sku="A", name="A", shards=shards)}, {"a": [("A", 1)]}
        )
        picker = Picker(PoolsTable(tables), SystemRandom(), now_ms)
        refunds = RefundsTable(tables)
        self.allocator = Allocator(self.orders, catalogue, picker, Restocks([]), now_ms, refunds)

    def actor(self, key: OrderKey) -> Actor:
        return Actor(self.name, now_ms(), f"{self.name}-{key.order}")

    def settle(self, key: OrderKey) -> None:
        """A pass, asked again as a queue would."""
        self.until_answered(lambda: self.allocator.run(key, f"{self.name}-{key.order}"))

    def until_answered(self, ask: Callable) -> None:
        for _ in range(TRIES):
            try:
                ask()
                return
            except Unavailable as busy:
                self.seen[busy.code] += 1
        self.seen["given up"] += 1

    def refund(self, key: OrderKey) -> None:
        fact = Fact(key=key, kind="refund", id="f", at=now_ms(), stops=ALL)
        self.until_answered(lambda: self.orders.record_stop(fact, self.actor(key)))

    def show(self, key: OrderKey) -> None:
        for unit in self.orders.units(key):
            if unit.state is State.ALLOCATED:
                shown = replace(unit, state=State.REVEALED, views=1)
                if not isinstance(self.orders.expose(unit, shown, self.actor(key)), Lost):
                    self.seen[f"shown {unit.card}"] += 1


def main() -> None:
    task = json.loads(sys.argv[1])
    worker = Worker(task["endpoint"], task["table"], task["shards"], task["name"])
    work = [(getattr(worker, step), OrderKey(TENANT, MAIN.id, order)) for step, order in task["steps"]]
    Random(task["name"]).shuffle(work)
    with ThreadPoolExecutor(task["threads"]) as pool:
        print("ready", flush=True)
        sys.stdin.readline()
        for done in [pool.submit(step, key) for step, key in work]:
            done.result()
    print(json.dumps(worker.seen))


if __name__ == "__main__":
    main()
