"""One product, so many orders a second: what each costs, how long it takes, and who is left out."""

from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

from bench.scale.database import CONFLICT, FAILED, THROTTLED, Database
from bench.scale.fleet import Direct, Fleet, Mapping
from bench.scale.partitions import Partitions
from bench.scale.stores import SKU, TENANT, Store, pools_of
from bench.scale.timeline import Timeline
from cardcourier.adapters.queues import order_body
from cardcourier.adapters.tables import keys
from cardcourier.domain.catalogue import Product
from cardcourier.domain.orders import OrderKey
from cardcourier.services.picking import Picker

DELIVERS_AFTER = 400.0
"""Milliseconds from a card to the writes of its delivery."""

OF_ORDER, OF_LINKS = 4, 3
"""Units that delivery writes: under the order (hand-over, timer, send log), and rows that lead to it."""


@dataclass(frozen=True)
class Sale:
    """What is simulated. `warm` is the throughput of table and index, in writes a second; 0 is a new one.

    `even` lays the shards on the partitions in turn instead of by hash. `cards` None is plenty. `most` is how
    many batches the queue may have in work at once; with 0 there is no queue at all.
    `filled` is on how many shards the cards lie, if not on all: the product has just got more of them.
    """

    rate: float
    shards: int = 1
    warm: int = 0
    seconds: float = 5.0
    cards: int | None = None
    even: bool = False
    most: int = 0
    pollers: int = 0
    picker: type[Picker] = Picker
    seed: int = 1
    patience: float = 30.0
    filled: int = 0


@dataclass
class Ground:
    """Everything of one simulation."""

    sale: Sale
    timeline: Timeline = field(default_factory=Timeline)
    product: Product = field(init=False)
    store: Store = field(init=False)
    db: Database = field(init=False)
    fleet: Fleet = field(init=False)
    gate: Direct | Mapping = field(init=False)
    paid: dict[OrderKey, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        sale, random = self.sale, Random(f"{self.sale.seed}/model")
        self.product = Product(tenant=TENANT, sku=SKU, name="A", shards=sale.shards)
        main, due = Partitions.warmed(sale.warm), Partitions.warmed(sale.warm)
        if sale.even:
            main.even |= {pk: n for n, pk in enumerate(pools_of(self.product))}
        self.store = Store(self.product)
        self.db = Database(self.timeline, random, main, due)
        self.fleet = Fleet(self.db, self.store, sale.seed, sale.picker)
        if sale.most:
            self.gate = Mapping(self.timeline, self.fleet, sale.most, sale.pollers)
        else:
            self.gate = Direct(self.timeline, self.fleet)
        self.fleet.send = self.gate.send

    def buy(self, seconds: float, rate: float) -> None:
        """Buyers come at random, on average so many a second."""
        random, end = Random(f"{self.sale.seed}/buyers"), self.timeline.now + seconds * 1000
        while True:
            self.timeline.sleep(random.expovariate(rate) * 1000)
            if self.timeline.now > end:
                return
            self.order()

    def order(self) -> None:
        key = self.store.pay(len(self.paid), self.timeline.clock())
        self.paid[key] = self.timeline.now
        pk = keys.order_pk(key)
        self.db.load(pk, 1, (keys.timer("ORDER", pk),))
        self.gate.send(order_body(key), 0)
        self.timeline.at(self.timeline.now + DELIVERS_AFTER, partial(self._deliver, key, pk))

    def _deliver(self, key: OrderKey, pk: str) -> None:
        if key in self.store.sold:
            self.db.load(pk, OF_ORDER, (keys.timer("ORDER", pk),))
            self.db.load(f"R#{key.order}", OF_LINKS)

    def settled(self) -> bool:
        return len(self.store.units) + self.gate.given_up.total() >= len(self.paid)


def simulate(sale: Sale) -> dict[str, Any]:
    """Let the sale happen; the figures of it."""
    ground = Ground(sale)
    plenty = int(sale.rate * sale.seconds * 3) + 5_000 * sale.shards
    ground.store.stock(plenty if sale.cards is None else sale.cards, sale.filled)
    ground.timeline.spawn(ground.buy, sale.seconds, sale.rate)
    end = sale.seconds * 1000
    ground.timeline.run(end)
    while not ground.settled() and ground.timeline.now < end + sale.patience * 1000:
        ground.timeline.run(ground.timeline.now + 250)
    return figures(ground)


def figures(ground: Ground) -> dict[str, Any]:
    store, counts = ground.store, ground.db.counts
    took = sorted(at - ground.paid[key] for key, at in store.sold.items())
    orders, sold = len(ground.paid), max(len(took), 1)
    calls = counts["TransactWriteItems"]
    return {
        "orders": orders,
        "sold": len(took),
        "transactions per card": round(calls / sold, 3),
        "queries per card": round(counts["Query"] / sold, 3),
        "conflicts %": round(100 * counts[CONFLICT] / max(calls, 1), 3),
        "cards found gone %": round(100 * counts[FAILED] / max(calls, 1), 3),
        "throttled %": round(100 * counts[THROTTLED] / max(calls, 1), 3),
        "p50 ms": round(percentile(took, 50)),
        "p99 ms": round(percentile(took, 99)),
        "given back %": round(100 * ground.gate.given_up.total() / max(orders, 1), 2),
        "not served": orders - len(store.units) - ground.gate.given_up.total(),
        "refused while a card lay there": store.refused,
        "sold twice": sum(count - 1 for count in store.cards.values()),
        "environments": ground.fleet.made,
    }


def percentile(ordered: list[float], percent: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] if ordered else 0.0
