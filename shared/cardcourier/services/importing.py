"""Bring a card file into stock: look it through first, then write it chunk by chunk.

Both judge the rows alike; only a commit writes. It may be stopped, killed or started twice at any point
and ends in the same stock: a card in the vault says which row of which batch brought it, so that one's own
earlier success is told from a duplicate; a chunk that is done leaves a row of its own, and the final counts
are made from those rows alone.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from random import Random, SystemRandom
from typing import Any, Protocol

from cardcourier.domain.card_files import BadRow, CardRow, Layout, Tally
from cardcourier.domain.catalogue import Batch, Job, Product, Tenant
from cardcourier.domain.imports import (
    ROWS,
    CardFile,
    Chunk,
    Remembered,
    Row,
    Source,
    Terms,
    batch_of,
    counts_of,
    in_stock,
    rate_of,
    sums_of,
    total_of,
)
from cardcourier.domain.protocol import Actor, Pool
from cardcourier.domain.rejects import Rejects
from cardcourier.domain.states import Room
from cardcourier.domain.suppliers import WARNINGS, Supplier, standing_of
from cardcourier.errors import NotFound, Refused
from cardcourier.services.import_steps import Steps
from cardcourier.services.pacing import Pace
from cardcourier.services.settling.cards import pool_of
from cardcourier.services.stocking import Entry, Stocker

WORKERS = 4
RESTOCK_EVERY = 10_000
TELL_EVERY = 10
"""Chunks of a preview between two words on how far it is."""

TO_PREVIEW = frozenset({"created", "previewing"})
TO_COMMIT = frozenset({"previewed", "committing", "cancelling"})
ALREADY = "file_already_imported"
BRINGS_IN = frozenset({"committing", "cancelling", "committed"})


class Documents(Protocol):
    """Jobs, batches and what they are about."""

    def job(self, tenant: str, job: str) -> Job: ...
    def change_job(self, job: Job, now: int, by: str) -> Job: ...
    def tenant(self, tenant: str) -> Tenant: ...
    def product(self, tenant: str, sku: str) -> Product: ...
    def supplier(self, tenant: str, supplier: str) -> Supplier | None: ...
    def remember_layout(self, supplier: Supplier, layout: Mapping[str, Any], now: int, by: str) -> None: ...
    def add_batch(self, batch: Batch, now: int, by: str) -> None: ...
    def count_batch(self, batch: Batch, now: int, by: str) -> None: ...
    def file_job(self, tenant: str, sha256: str) -> str: ...
    def claim_file(self, tenant: str, sha256: str, job: str, instead_of: str, now: int, by: str) -> bool: ...


class Keys(Protocol):
    """One data key for each batch."""

    def key(self, tenant: str, purpose: str, key_id: str) -> bytes: ...
    def create(self, tenant: str, purpose: str, key_id: str) -> bytes: ...


class Uploads(Protocol):
    """What was uploaded."""

    def open(self, key: str) -> AbstractContextManager[Source | None]: ...


class Files(Protocol):
    """What is handed back."""

    def put_bytes(self, bucket: str, key: str, body: bytes, *, content_type: str) -> bool: ...


class Restock(Protocol):
    def room(self, tenant: str, room: Room, ref: str, delay: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Importer:
    """Previews and commits imports. A job that can never succeed ends as `failed` with the reason."""

    documents: Documents
    stocker: Stocker
    keys: Keys
    uploads: Uploads
    files: Files
    bucket: str
    restock: Restock
    paces: Callable[[Pool], Pace]
    clock: Callable[[], int]
    random: Random = field(default_factory=SystemRandom)
    chunk: int = ROWS

    def preview(self, tenant: str, job_id: str, rid: str) -> Job:
        """Say what a commit would do, and why it must not be done, without a write to the stock.

        Raises NotFound when there is no such job, Unavailable when asking again may help.
        """
        return self.steps.take(tenant, job_id, rid, TO_PREVIEW, self._preview, partial(self._settle, rid=rid))

    def commit(self, tenant: str, job_id: str, rid: str, until: int) -> Job:
        """Write the file's cards into stock; returns the job as it stands then.

        Is it `committing` or `cancelling` still, time (`until`, epoch ms) was up: call again, it goes on
        where it stopped. Raises NotFound when there is no such job, Unavailable when asking again may help.
        """
        step = partial(self._commit, until=until)
        job = self.steps.take(tenant, job_id, rid, TO_COMMIT, step, partial(self._settle, rid=rid))
        if job.state == "cancelled":
            # Somebody ended it while our last chunk was under way: that chunk counts.
            return self.steps.note(job, rid, "cancelled", **self._settle(job, rid))
        return job

    @property
    def steps(self) -> Steps:
        return Steps(self.documents, self.clock)

    # -- preview --------------------------------------------------------------------------------

    def _preview(self, job: Job, rid: str) -> Job:
        if job.state == "created":
            job = self.steps.note(job, rid, "previewing")
        with self._file(job) as file:
            return self._look_through(job, rid, file)

    def _look_through(self, job: Job, rid: str, file: CardFile) -> Job:
        product, tenant = self._about(job)
        terms = Terms.for_job(job.data, product, tenant, self.clock(), self.chunk)
        tally, rejects, began = Tally(file.layout), Rejects(tenant.language), self.clock()
        with ThreadPoolExecutor(WORKERS) as workers:
            entry = Entry(product=product, batch=batch_of(job), terms=terms, workers=workers)
            for number, rows in enumerate(file.chunks(terms, self._salt()), 1):
                self._count(entry, rows, tally, rejects)
                if number % TELL_EVERY == 0:
                    rate = rate_of(number * self.chunk, self.clock() - began)
                    job = self.steps.progress(job, rid, done_rows=number * self.chunk, rate=rate)
        found, holder = tally.preview(), self.documents.file_job(job.tenant, file.sha256)
        return self.steps.note(
            job,
            rid,
            "previewed",
            **asdict(counts_of(found.accepted, found.bad)),
            warnings=found.warnings | self._warnings(job),
            total_cost=found.cost,
            sample=[asdict(sample) for sample in found.samples],
            rejects=[asdict(bad) for bad in found.rejects],
            blocking=[*found.blocking, *([ALREADY] if self._brings_in(job, holder) else [])],
            understood=file.understood(),
            sha256=file.sha256,
            done_rows=0,
            reject_file=self._keep(job, rejects),
        )

    def _warnings(self, job: Job) -> dict[str, int]:
        """What there is to say of the supplier's authorisation."""
        supplier = self._supplier(job)
        standing = standing_of(supplier, self.clock()) if supplier else None
        return {WARNINGS[standing]: 1} if standing in WARNINGS else {}

    def _count(self, entry: Entry, rows: Sequence[Row], tally: Tally, rejects: Rejects) -> None:
        known = {row.row for row in self.stocker.judge(entry, rows).known}
        for row in rows:
            judged = in_stock(row) if isinstance(row, CardRow) and row.row in known else row
            tally.add(judged)
            if isinstance(judged, BadRow):
                rejects.add(judged)

    def _brings_in(self, job: Job, holder: str) -> bool:
        """Whether `holder` is another job that brings in, or brought in, the same file."""
        return holder not in ("", job.id) and self.documents.job(job.tenant, holder).state in BRINGS_IN

    # -- commit ---------------------------------------------------------------------------------

    def _commit(self, job: Job, rid: str, until: int) -> Job:
        if job.data["blocking"]:
            raise Refused("blocked", f"The preview forbids it: {', '.join(job.data['blocking'])}.")
        with self._file(job) as file:
            return self._bring_in(job, rid, file, until)

    def _bring_in(self, job: Job, rid: str, file: CardFile, until: int) -> Job:
        if file.sha256 != job.data["sha256"]:
            raise Refused("file_changed", "The file is not the one that was previewed; upload it again.")
        product, tenant = self._about(job)
        self._claim(job, rid)
        if "terms" not in job.data:
            job = self._begin(job, product, tenant, rid)
            self._remember(job, file, rid)
        self.documents.add_batch(_batch(job), self.clock(), rid)
        with ThreadPoolExecutor(WORKERS) as workers:
            entry = Entry(
                product=product,
                batch=batch_of(job),
                terms=Terms.of(job.data["terms"]),
                workers=workers,
                until=until,
                key=self._batch_key(job),
                actor=Actor(job.by, self.clock(), rid),
                pace=self.paces(pool_of(product)),
            )
            write = self._stop if job.state == "cancelling" else self._write
            return write(job, rid, entry, file, Rejects(tenant.language))

    def _claim(self, job: Job, rid: str) -> None:
        """One file is brought in by one job of a tenant; a job that failed or never began gives way."""
        sha256 = job.data["sha256"]
        holder = self.documents.file_job(job.tenant, sha256)
        if self._brings_in(job, holder) or not self.documents.claim_file(
            job.tenant, sha256, job.id, holder, self.clock(), rid
        ):
            raise Refused(ALREADY, f"This file was imported before, by job {holder}; its cards are in stock.")

    def _begin(self, job: Job, product: Product, tenant: Tenant, rid: str) -> Job:
        """Pin what the rows are measured by, once, so that every repeat of this import judges alike."""
        terms = asdict(Terms.for_job(job.data, product, tenant, self.clock(), self.chunk))
        data = {**job.data, "terms": terms, "batch": batch_of(job)}
        return self.documents.change_job(replace(job, state="committing", data=data), self.clock(), rid)

    def _remember(self, job: Job, file: CardFile, rid: str) -> None:
        """A layout that was previewed and committed is how this supplier's files are read."""
        if supplier := self._supplier(job):
            head = self._digests(job.tenant, file.head)[0] if file.head else ""
            layout = {**asdict(file.layout), "head": head}
            self.documents.remember_layout(supplier, layout, self.clock(), rid)

    def _batch_key(self, job: Job) -> bytes:
        try:
            return self.keys.key(job.tenant, "card", batch_of(job))
        except NotFound:
            return self.keys.create(job.tenant, "card", batch_of(job))

    def _write(self, job: Job, rid: str, entry: Entry, file: CardFile, rejects: Rejects) -> Job:
        done = self.stocker.stock.chunks(entry.tenant, entry.batch)
        seen = written = told = 0
        began = self.clock()
        for number, rows in enumerate(file.chunks(entry.terms, self._salt())):
            seen += len(rows)
            chunk = done.get(number) or self.stocker.bring_in(entry, number, rows)
            for bad in _left_out(rows, chunk):
                rejects.add(bad)
            if number in done:
                continue
            written += len(rows)
            rate = rate_of(written, self.clock() - began)
            job = self.steps.progress(job, rid, done_rows=seen, chunk=number + 1, rate=rate)
            told = self._tell(entry.product, told)
            if self.clock() > entry.until:
                return job
        return self._end(job, rid, "committed", entry, rejects)

    def _stop(self, job: Job, rid: str, entry: Entry, file: CardFile, rejects: Rejects) -> Job:
        """End a cancelled import. What is in stock stays there; a chunk that was begun is finished."""
        done = self.stocker.stock.chunks(entry.tenant, entry.batch)
        for number, rows in enumerate(file.chunks(entry.terms, self._salt())):
            if number not in done and not self.stocker.judge(entry, rows).ours:
                break
            chunk = done.get(number) or self.stocker.bring_in(entry, number, rows)
            for bad in _left_out(rows, chunk):
                rejects.add(bad)
        return self._end(job, rid, "cancelled", entry, rejects)

    def _end(self, job: Job, rid: str, state: str, entry: Entry, rejects: Rejects) -> Job:
        facts = self._settle(job, rid)
        reject_file = self._keep(job, rejects)
        self._tell(entry.product)
        return self.steps.note(job, rid, state, reject_file=reject_file, **facts)

    def _settle(self, job: Job, rid: str) -> dict[str, Any]:
        """Count what came of the import so far, from its chunks alone, and say so on the batch."""
        if "terms" not in job.data:
            return {}
        chunks = list(self.stocker.stock.chunks(job.tenant, batch_of(job)).values())
        counts = total_of(chunks)
        batch = replace(
            _batch(job),
            imported=counts.accepted,
            duplicates=counts.duplicates_in_file + counts.duplicates_in_stock,
            rejected=counts.bad + counts.expired,
            **sums_of(chunks),
        )
        self.documents.count_batch(batch, self.clock(), rid)
        return {**asdict(counts), "done_rows": counts.rows}

    # -- what both share ------------------------------------------------------------------------

    @contextmanager
    def _file(self, job: Job) -> Iterator[CardFile]:
        with self.uploads.open(job.data["object_key"]) as source:
            if source is None:
                raise Refused("file_missing", "The file was not uploaded, or was removed after a week.")
            # What was previewed is what is brought in, whatever its supplier sent since.
            chosen = {**job.data, "layout": job.data.get("layout") or job.data.get("understood")}
            yield CardFile.of(source, chosen, self._remembered(job))

    def _remembered(self, job: Job) -> Remembered | None:
        supplier = self._supplier(job)
        if supplier is None or supplier.layout is None:
            return None
        head, digests = supplier.layout.get("head", ""), partial(self._digests, job.tenant)
        return Remembered(Layout.of(supplier.layout), head, digests)

    def _digests(self, tenant: str, head: str) -> Sequence[str]:
        return self.stocker.fingerprints.card_ids(tenant, "layout", head)

    def _supplier(self, job: Job) -> Supplier | None:
        name = job.data.get("supplier")
        return self.documents.supplier(job.tenant, name) if name else None

    def _about(self, job: Job) -> tuple[Product, Tenant]:
        return self.documents.product(job.tenant, job.data["sku"]), self.documents.tenant(job.tenant)

    def _keep(self, job: Job, rejects: Rejects) -> str | None:
        if not rejects.count:
            return None
        key = f"{job.data['object_key']}.rejected.csv"
        self.files.put_bytes(self.bucket, key, rejects.as_bytes(), content_type="text/csv; charset=utf-8")
        return key

    def _tell(self, product: Product, told: int = 0) -> int:
        """Say that there is new stock, unless it was said a moment ago; returns when it was said."""
        now = self.clock()
        if now - told < RESTOCK_EVERY:
            return told
        self.restock.room(product.tenant, Room.BACK, product.sku, 0)
        if product.release_at is not None and product.release_at <= now:
            self.restock.room(product.tenant, Room.PRE, product.sku, 0)
        return now

    def _salt(self) -> bytes:
        return self.random.randbytes(16)


def _batch(job: Job) -> Batch:
    terms = Terms.of(job.data["terms"])
    return Batch(
        tenant=job.tenant,
        id=batch_of(job),
        sku=job.data["sku"],
        file_name=job.data["file_name"],
        cost=terms.cost,
        currency=terms.currency,
        face=terms.face,
        note=job.data.get("note") or "",
        supplier=job.data.get("supplier") or "",
        created_at=terms.now,
        by=job.by,
    )


def _left_out(rows: Sequence[Row], chunk: Chunk) -> Iterator[BadRow]:
    known = set(chunk.duplicates)
    for row in rows:
        if isinstance(row, BadRow):
            yield row
        elif row.row in known:
            yield in_stock(row)
