"""Undo an import: whatever of its cards is still on sale is void from now on; what was sold stays sold.

First the batch is closed, so that no card comes back into stock behind our back. Then its markers are
sought in the whole pool and taken away, each in one transaction with the word that its card is void: it and
a sale have one winner. Last every chunk of the batch is counted. Killed or started twice at any point it ends
the same: what is void has no marker any more, and a chunk that was counted is not counted again.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from random import Random, SystemRandom
from typing import Any, Protocol, TypeVar

from cardcourier.domain.catalogue import Job, Product
from cardcourier.domain.imports import Chunk, Gone, batch_of, rate_of
from cardcourier.domain.protocol import Actor, Pool
from cardcourier.domain.stock import FIRST, Marker
from cardcourier.services.import_steps import Steps
from cardcourier.services.pacing import Pace
from cardcourier.services.patience import Patience
from cardcourier.services.settling.cards import pool_of

LOT = 50
WORKERS = 4
UNDOING = frozenset({"undoing"})
Thing = TypeVar("Thing")


class Documents(Protocol):
    def job(self, tenant: str, job: str) -> Job: ...
    def change_job(self, job: Job, now: int, by: str) -> Job: ...
    def product(self, tenant: str, sku: str) -> Product: ...
    def mark_batch(self, tenant: str, batch: str, now: int, by: str, **facts: Any) -> None: ...


class Content(Protocol):
    def chunks(self, tenant: str, batch: str) -> dict[int, Chunk]: ...


class Markers(Protocol):
    def every(self, pool: Pool, shard: int, since: str) -> Iterator[Marker]: ...


class Exits(Protocol):
    """Where cards go out."""

    def close(self, tenant: str, batch: str, actor: Actor) -> None: ...
    def void(self, pool: Pool, markers: Sequence[Marker], actor: Actor) -> list[str]: ...
    def voided(self, tenant: str, cards: Iterable[str]) -> int: ...
    def put_gone(self, pool: Pool, batch: str, number: int, gone: Gone, actor: Actor) -> None: ...
    def gone(self, tenant: str, batch: str) -> dict[int, Gone]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Undo:
    """One attempt at one batch; `until` (epoch ms) ends all patience."""

    pool: Pool
    batch: str
    actor: Actor
    until: int
    workers: Executor
    pace: Pace


@dataclass(frozen=True, slots=True)
class Undoer:
    """Takes the cards of imports off sale."""

    documents: Documents
    content: Content
    markers: Markers
    exits: Exits
    paces: Callable[[Pool], Pace]
    clock: Callable[[], int]
    random: Random = field(default_factory=SystemRandom)
    lot: int = field(default=LOT)

    @property
    def steps(self) -> Steps:
        return Steps(self.documents, self.clock)

    def undo(self, tenant: str, job_id: str, rid: str, until: int) -> Job:
        """Void what is left of an import; returns the job as it stands then.

        Is it `undoing` still, time (`until`, epoch ms) was up: call again. Raises NotFound, Unavailable.
        """
        return self.steps.take(tenant, job_id, rid, UNDOING, partial(self._undo, until=until), lambda _: {})

    def _undo(self, job: Job, rid: str, until: int) -> Job:
        product, batch, order = (
            self.documents.product(job.tenant, job.data["sku"]),
            batch_of(job),
            job.data["undo"],
        )
        actor = Actor(order["by"], self.clock(), rid, order["why"])
        self.exits.close(job.tenant, batch, actor)
        self.documents.mark_batch(job.tenant, batch, actor.now, rid, state="voiding")
        with ThreadPoolExecutor(WORKERS) as workers:
            pool = pool_of(product)
            undo = _Undo(
                pool=pool, batch=batch, actor=actor, until=until, workers=workers, pace=self.paces(pool)
            )
            job, all_void = self._void_all(job, rid, undo)
            if not all_void or not self._count_all(undo):
                return job
        gone = self.exits.gone(job.tenant, batch).values()
        voided, sold = sum(part.voided for part in gone), sum(part.sold for part in gone)
        self.documents.mark_batch(job.tenant, batch, self.clock(), rid, state="voided", voided=voided)
        return self.steps.note(job, rid, "undone", voided=voided, sold=sold)

    def _void_all(self, job: Job, rid: str, undo: _Undo) -> tuple[Job, bool]:
        """Take away every marker of the batch; False when time was up."""
        before, count, began = job.data.get("voided", 0), 0, self.clock()
        for lots in _by(WORKERS, _by(self.lot, self._on_sale(undo))):
            count += sum(undo.workers.map(partial(self._void, undo), lots))
            rate = rate_of(count, self.clock() - began)
            job = self.steps.progress(job, rid, voided=before + count, rate=rate)
            if self.clock() > undo.until:
                return job, False
        return job, True

    def _on_sale(self, undo: _Undo) -> Iterator[Marker]:
        for shard in range(undo.pool.shards):
            for marker in self.markers.every(undo.pool, shard, FIRST):
                if marker.batch == undo.batch:
                    yield marker

    def _void(self, undo: _Undo, lot: list[Marker]) -> int:
        actor, patience = (
            replace(undo.actor, now=self.clock()),
            Patience(self.clock, self.random, undo.pace.pause),
        )
        while lot:
            undo.pace.turn(len(lot))
            gone = patience.ask(partial(self.exits.void, undo.pool, lot, actor), undo.until)
            if not gone:
                break
            lot = [marker for marker in lot if marker.card not in gone]
        return len(lot)

    def _count_all(self, undo: _Undo) -> bool:
        """Say of every chunk how many of its cards are void; False when time was up."""
        tenant = undo.pool.tenant
        done = self.exits.gone(tenant, undo.batch)
        left = [item for item in self.content.chunks(tenant, undo.batch).items() if item[0] not in done]
        for part in _by(WORKERS, iter(left)):
            list(undo.workers.map(partial(self._count, undo), part))
            if self.clock() > undo.until:
                return False
        return True

    def _count(self, undo: _Undo, numbered: tuple[int, Chunk]) -> None:
        number, chunk = numbered
        voided = self.exits.voided(undo.pool.tenant, chunk.sold_as)
        actor = replace(undo.actor, now=self.clock())
        self.exits.put_gone(undo.pool, undo.batch, number, Gone(voided, len(chunk.sold_as) - voided), actor)


def _by(count: int, things: Iterator[Thing]) -> Iterator[list[Thing]]:
    while some := list(islice(things, count)):
        yield some
