"""Cards come in while the product sells: what that does to the buyers, with and without giving way."""

from collections.abc import Iterable, Sequence
from random import Random
from types import SimpleNamespace

from bench.scale.database import Client, Part
from bench.scale.sales import Ground, Sale, figures
from bench.scale.stores import card_name, pool_pk
from bench.scale.timeline import SideBySide
from cardcourier.domain.card_files import CardRow
from cardcourier.domain.imports import Chunk, NewCard, Origin, Terms
from cardcourier.domain.protocol import Actor, Pool
from cardcourier.errors import Unavailable
from cardcourier.services.importing import WORKERS
from cardcourier.services.pacing import Pace
from cardcourier.services.settling.cards import pool_of
from cardcourier.services.stocking import Entry, Stocker

ROWS = 1_000
NUMBERED_FROM = 10_000_000
TERMS = Terms(now=0, zone="UTC", issuer="A", pattern="", currency="CNY", cost=0, expires_at=None, rows=ROWS)


class Shelves:
    """Where an import puts cards; the vault is another table, and takes them."""

    def __init__(self, ground: Ground, client: Client) -> None:
        self._ground, self._client = ground, client

    def present(self, tenant: str, cards: Iterable[str]) -> dict[str, Origin]:
        self._client.elsewhere("BatchGetItem")
        return {}

    def put(
        self, pool: Pool, batch: str, cards: Sequence[NewCard], key: bytes, now: int
    ) -> dict[str, Origin]:
        """W20: the markers, all or none; a third of a kilobyte of vault beside each."""
        if self._client.transact(*(self._part(pool, new) for new in cards)):
            raise Unavailable("table_busy", "Another write was in the way; try again.")
        return {}

    def _part(self, pool: Pool, new: NewCard) -> Part:
        shelf, pk = self._ground.store.shelves[new.marker.shard], pool_pk(pool, new.marker.shard)
        return Part(pk, (pk, new.marker.card), lambda: True, lambda: shelf.put(new.marker))

    def put_chunk(self, pool: Pool, batch: str, number: int, chunk: Chunk, actor: Actor) -> None:
        self._client.elsewhere("PutItem")


def beside(sale: Sale, *, polite: bool) -> tuple[dict[str, float], int]:
    """The sale's figures, and how many cards a second came in meanwhile."""
    ground = Ground(sale)
    ground.store.stock(int(sale.rate * sale.seconds * 2))
    before = ground.store.left_over
    ground.timeline.spawn(ground.buy, sale.seconds, sale.rate)
    ground.timeline.spawn(_import, ground, polite)
    ground.timeline.run(sale.seconds * 1000)
    came = ground.store.left_over + len(ground.store.sold) - before
    return figures(ground), round(came / sale.seconds)


def _import(ground: Ground, polite: bool) -> None:
    timeline, pool = ground.timeline, pool_of(ground.product)
    client = Client(ground.db, Random(f"{ground.sale.seed}/import"))
    sales = SimpleNamespace(last_sale=lambda tenant, sku: timeline.clock())
    names = SimpleNamespace(card_ids=lambda tenant, issuer, code: (card_name(int(code)),))
    stocker = Stocker(Shelves(ground, client), names, timeline.clock, Random(7), timeline.sleep_seconds)
    entry = Entry(
        product=ground.product,
        batch="b2",
        terms=TERMS,
        workers=SideBySide(timeline, WORKERS),  # type: ignore[arg-type]
        until=timeline.clock() + 600_000,
        pace=Pace(pool, sales, timeline.clock, timeline.sleep_seconds) if polite else None,
    )
    chunk = 0
    while True:
        first = NUMBERED_FROM + chunk * ROWS
        rows = [CardRow(row, None, str(row)) for row in range(first, first + ROWS)]
        stocker.bring_in(entry, chunk, rows)
        chunk += 1
