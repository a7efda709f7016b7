"""Write cards into stock, a chunk of a file at a time, each exactly once.

A card in the vault says which row of which batch brought it. So whoever repeats a chunk, after a crash or at
the same time, tells its own earlier success from a duplicate and leaves behind the same.
"""

import time
from collections.abc import Callable, Container, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from functools import partial
from random import Random, SystemRandom
from typing import Protocol

from cardcourier.domain.card_files import BadRow, CardRow, head, identity
from cardcourier.domain.cards import Card
from cardcourier.domain.catalogue import Product
from cardcourier.domain.imports import Chunk, NewCard, Origin, Row, SharedCard, Terms, tail
from cardcourier.domain.protocol import Actor, Pool
from cardcourier.domain.stock import Marker, bucket_of
from cardcourier.services.pacing import Pace
from cardcourier.services.patience import Patience

LOT = 50
"""Cards of one transaction, at most."""

ITEMS = 100
"""Items of one transaction, at most: of each card its marker and each of its names in the vault."""

STRETCH = 98
"""Uses of a shared card in one transaction, beside what says that they are issued and another name of the
card. Always as many, whoever issues them and whatever names the card has.
"""

LOOK_UP = 100
NOBODY = Actor("", 0, "")
"""Who only looks, and writes nothing."""


class Stock(Protocol):
    """Where cards go in."""

    def present(self, tenant: str, cards: Iterable[str]) -> dict[str, Origin]: ...
    def put(
        self, pool: Pool, batch: str, cards: Sequence[NewCard], key: bytes, now: int
    ) -> dict[str, Origin]: ...
    def put_shared(
        self, pool: Pool, batch: str, new: SharedCard, first: Sequence[Marker], key: bytes, now: int
    ) -> dict[str, Origin]: ...
    def put_uses(
        self, pool: Pool, batch: str, card: str, stretch: int, markers: Sequence[Marker], now: int
    ) -> bool: ...
    def put_chunk(self, pool: Pool, batch: str, number: int, chunk: Chunk, actor: Actor) -> None: ...
    def chunks(self, tenant: str, batch: str) -> dict[int, Chunk]: ...


class Fingerprints(Protocol):
    def card_ids(self, tenant: str, issuer: str, identity: str) -> tuple[str, ...]: ...


Named = tuple[tuple[str, ...], CardRow]
"""A row with the ids that its card may have; the first is the one that it has, or is to get."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Into which batch of which product cards go, on which terms; `until` (epoch ms) ends all patience."""

    product: Product
    batch: str
    terms: Terms
    workers: Executor
    until: int = 0
    actor: Actor = NOBODY
    pace: Pace | None = None
    key: bytes = field(default=b"", repr=False)

    @property
    def tenant(self) -> str:
        return self.product.tenant

    @property
    def pool(self) -> Pool:
        return Pool(self.tenant, self.product.sku, self.product.epoch, self.product.shards)


@dataclass(slots=True)
class Judged:
    """A chunk's rows: new to the stock, brought in by this very batch before, known otherwise, refused."""

    new: list[Named] = field(default_factory=list)
    ours: list[Named] = field(default_factory=list)
    known: list[CardRow] = field(default_factory=list)
    refused: list[BadRow] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Stocker:
    """Compares rows with the whole stock, and puts in what is new."""

    stock: Stock
    fingerprints: Fingerprints
    clock: Callable[[], int]
    random: Random = field(default_factory=SystemRandom)
    sleep: Callable[[float], None] = time.sleep
    lot: int = LOT

    def judge(self, entry: Entry, rows: Sequence[Row]) -> Judged:
        """Compare with the whole stock, cards that were sold included, by each name that a card may have."""
        good = [(self._card_ids(entry, row), row) for row in rows if isinstance(row, CardRow)]
        names = [name for card_ids, _ in good for name in card_ids]
        parts = [names[at : at + LOOK_UP] for at in range(0, len(names), LOOK_UP)]
        there: dict[str, Origin] = {}
        for found in entry.workers.map(partial(self.stock.present, entry.tenant), parts):
            there |= found
        judged = Judged(refused=[row for row in rows if isinstance(row, BadRow)])
        for card_ids, row in good:
            name = _found(card_ids, there)
            if not name:
                judged.new.append((card_ids, row))
            elif there[name] == Origin(entry.batch, row.row):
                judged.ours.append(((name,), row))
            else:
                judged.known.append(row)
        return judged

    def bring_in(self, entry: Entry, number: int, rows: Sequence[Row]) -> Chunk:
        """Write one chunk's cards, then the row that says it is done."""
        judged = self.judge(entry, rows)
        named = judged.ours + judged.new
        names = {row.row: card_ids[0] for card_ids, row in judged.ours}
        if entry.terms.uses is None:
            lots = self._lots([self._new_card(entry, *new) for new in judged.new])
            put = entry.workers.map(partial(self._put, entry), lots)
        else:
            # Of a card that an earlier try brought in, the further uses may be missing.
            shared = [self._shared_card(entry, *card) for card in named]
            put = entry.workers.map(partial(self._put_shared, entry), shared)
        for part in put:
            names |= part
        brought = [(names[row.row], row) for _, row in named if row.row in names]
        late = {row.row for _, row in named if row.row not in names}
        chunk = Chunk.of(brought, {row.row for row in judged.known} | late, judged.refused)
        self.stock.put_chunk(entry.pool, entry.batch, number, chunk, replace(entry.actor, now=self.clock()))
        return chunk

    def _lots(self, cards: list[NewCard]) -> list[list[NewCard]]:
        """As many cards as fit into one transaction: 50, or 33 while two versions of their names live."""
        size = min(self.lot, ITEMS // (1 + max((len(new.names) for new in cards), default=1)))
        return [cards[at : at + size] for at in range(0, len(cards), size)]

    def _put(self, entry: Entry, cards: list[NewCard]) -> dict[int, str]:
        """Write one lot; returns by row the names of its cards, without those that somebody else brought in
        a moment ago.

        A card that is there with our own batch and row was written by an earlier try, or by a worker who
        does the same at once, and perhaps under another name: it counts as brought in, and its marker went
        in, or was sold, with it.
        """
        done: dict[int, str] = {}
        patience = Patience(self.clock, self.random, entry.pace.pause if entry.pace else self.sleep)
        while cards:
            if entry.pace:
                entry.pace.turn(len(cards))
            put = partial(self.stock.put, entry.pool, entry.batch, cards, entry.key, self.clock())
            there = patience.ask(put, entry.until)
            if not there:
                return done | {new.row: new.marker.card for new in cards}
            for new in cards:
                found = _found(new.names, there)
                if found and there[found] == Origin(entry.batch, new.row):
                    done[new.row] = found
            cards = [new for new in cards if not _found(new.names, there)]
        return done

    def _put_shared(self, entry: Entry, new: SharedCard) -> dict[int, str]:
        """Write a shared card with all of its uses, stretch by stretch, each exactly once; returns its name
        by its row, or nothing when somebody else brought the card in. Whoever repeats it finds out what was
        issued before, and whatever was sold of that since stays sold.
        """
        patience = Patience(self.clock, self.random, self.sleep)
        shards = iter(lambda: self.random.randrange(entry.product.shards), None)
        for stretch, at in enumerate(range(1, new.uses + 1, STRETCH)):
            markers = new.markers(range(at, min(at + STRETCH, new.uses + 1)), shards)
            now = self.clock()
            if stretch == 0:
                put = partial(self.stock.put_shared, entry.pool, entry.batch, new, markers, entry.key, now)
                for found, origin in patience.ask(put, entry.until).items():
                    if origin != Origin(entry.batch, new.row):
                        return {}
                    new = replace(new, marker=replace(new.marker, card=found))
            else:
                card = new.marker.card
                uses = partial(self.stock.put_uses, entry.pool, entry.batch, card, stretch, markers, now)
                patience.ask(uses, entry.until)
        return {new.row: new.marker.card}

    def _card_ids(self, entry: Entry, row: CardRow) -> tuple[str, ...]:
        name = identity(row.number, row.code, fold=entry.terms.fold)
        return self.fingerprints.card_ids(entry.tenant, entry.terms.issuer, name)

    def _new_card(self, entry: Entry, card_ids: tuple[str, ...], row: CardRow) -> NewCard:
        card, marker = Card(code=row.code, number=row.number), self._marker(entry, card_ids[0], row)
        return NewCard(row.row, card, marker, card_ids[1:])

    def _shared_card(self, entry: Entry, card_ids: tuple[str, ...], row: CardRow) -> SharedCard:
        card, marker = Card(code=row.code, number=row.number), self._marker(entry, card_ids[0], row)
        return SharedCard(row.row, card, marker, row.uses or 1, card_ids[1:])

    def _marker(self, entry: Entry, card_id: str, row: CardRow) -> Marker:
        product = entry.product
        return Marker(
            card=card_id,
            bucket=bucket_of(row.expires_at),
            shard=row.row % entry.product.shards,
            batch=entry.batch,
            last4=tail(row.code),
            head=head(row.code, product.mask[0]) if product.display == "masked" else "",
            cost=row.cost or 0,
            currency=entry.terms.currency,
            expires_at=row.expires_at,
        )


def _found(names: Sequence[str], there: Container[str]) -> str:
    """Under which of its names a card is there; empty if it is not."""
    return next((name for name in names if name in there), "")
