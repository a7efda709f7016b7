"""Fixed content: what every buyer of a product gets, the same for all. It is secret like a card.

The API takes the text and hands it over by the import bucket and queue, for it may neither seal nor open; who
brings in cards seals it as the one card of a batch of its own. Then whoever waits for it is served.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from cardcourier.domain.cards import Card, content_id
from cardcourier.domain.catalogue import Batch, Content, Job, Product
from cardcourier.domain.imports import tail
from cardcourier.domain.kept import Act
from cardcourier.domain.states import Room
from cardcourier.errors import NotFound, Refused
from cardcourier.services.import_steps import Steps

KIND = "content"
PREFIX = "cnt-"
MOST_BYTES = 8_192
TO_SEAL = frozenset({"created"})


class Jobs(Protocol):
    def job(self, tenant: str, job: str) -> Job: ...
    def add_job(self, job: Job, now: int) -> None: ...
    def kind_of(self, tenant: str, sku: str) -> str | None: ...
    def content(self, tenant: str, sku: str) -> Content: ...


class Bucket(Protocol):
    def write(self, key: str, body: bytes) -> None: ...


class Queue(Protocol):
    def send(self, body: dict[str, Any]) -> None: ...


@dataclass(frozen=True, slots=True)
class ContentDesk:
    """Takes new content for a product."""

    jobs: Jobs
    bucket: Bucket
    queue: Queue
    clock: Callable[[], int]

    def set(self, tenant: str, sku: str, text: str, act: Act, by: str) -> Job:
        """Have a text sealed as what buyers get from now on; a repeat of `act` finds its own job again.

        Raises NotFound, Refused.
        """
        self._check(tenant, sku, text)
        job_id = f"{PREFIX}{act.at:013d}-{act.id[:8]}"
        key = f"imports/{tenant}/{job_id}"
        self.bucket.write(key, text.encode())
        data = {"sku": sku, "object_key": key}
        job = Job(tenant=tenant, id=job_id, kind=KIND, state="created", created_at=act.at, by=by, data=data)
        self.jobs.add_job(job, self.clock())
        kept = self.jobs.job(tenant, job_id)
        if kept.state in TO_SEAL:
            self.queue.send({"kind": KIND, "tenant": tenant, "job": job_id})
        return kept

    def get(self, tenant: str, sku: str) -> Content:
        """What is known of a product's content; never the text. Raises NotFound."""
        return self.jobs.content(tenant, sku)

    def version(self, tenant: str, sku: str) -> int:
        """How often content was set by now."""
        with suppress(NotFound):
            return self.get(tenant, sku).version
        return 0

    def _check(self, tenant: str, sku: str, text: str) -> None:
        kind = self.jobs.kind_of(tenant, sku)
        if kind is None:
            raise NotFound("not_found", "There is no such product.")
        if kind != "fixed":
            raise Refused("not_fixed", f"{sku} is {kind}: its cards are imported; only fixed has a content.")
        if not text.strip():
            raise Refused("empty_text", "text holds nothing.")
        if len(text.encode()) > MOST_BYTES:
            raise Refused("too_large", f"text has at most {MOST_BYTES} bytes of UTF-8.")


class Documents(Protocol):
    def job(self, tenant: str, job: str) -> Job: ...
    def change_job(self, job: Job, now: int, by: str) -> Job: ...
    def product(self, tenant: str, sku: str) -> Product: ...
    def add_batch(self, batch: Batch, now: int, by: str) -> None: ...
    def set_content(self, content: Content, now: int, by: str) -> int: ...


class Keys(Protocol):
    def key(self, tenant: str, purpose: str, key_id: str) -> bytes: ...
    def create(self, tenant: str, purpose: str, key_id: str) -> bytes: ...


class Files(Protocol):
    def get(self, bucket: str, key: str) -> bytes | None: ...


class Stock(Protocol):
    def put_content(
        self, tenant: str, sku: str, batch: str, card_id: str, card: Card, key: bytes, now: int
    ) -> None: ...


class Restock(Protocol):
    def room(self, tenant: str, room: Room, ref: str, delay: int) -> None: ...


@dataclass(frozen=True, slots=True)
class ContentSealer:
    """Seals new content, and lets the orders know that wait for it."""

    documents: Documents
    stock: Stock
    keys: Keys
    files: Files
    bucket: str
    restock: Restock
    clock: Callable[[], int]

    def seal(self, tenant: str, job_id: str, rid: str) -> Job:
        """Once for each job, however often it is asked. Raises NotFound, Unavailable."""
        steps = Steps(self.documents, self.clock)
        job = steps.take(tenant, job_id, rid, TO_SEAL, lambda job, rid: self._seal(steps, job, rid), _nothing)
        if job.state == "set":
            # Told even if it was done before: the one who did it may have died before he could tell.
            for room in (Room.BACK, Room.PRE):
                self.restock.room(tenant, room, job.data["sku"], 0)
        return job

    def _seal(self, steps: Steps, job: Job, rid: str) -> Job:
        sku, batch, card_id = job.data["sku"], f"b-{job.id}", content_id(job.tenant, job.id)
        if self.documents.product(job.tenant, sku).kind != "fixed":
            raise Refused("not_fixed", f"{sku} has no fixed content any more.")
        data = self.files.get(self.bucket, job.data["object_key"])
        if data is None:
            raise Refused("file_missing", "The text was removed before it was sealed; set it again.")
        text, now = data.decode().strip(), self.clock()
        kept = Batch(tenant=job.tenant, id=batch, sku=sku, imported=1, created_at=job.created_at, by=job.by)
        self.documents.add_batch(kept, now, rid)
        self.stock.put_content(job.tenant, sku, batch, card_id, Card(code=text), self._key(job, batch), now)
        content = Content(
            tenant=job.tenant,
            sku=sku,
            card=card_id,
            batch=batch,
            last4=tail(text) if text.splitlines()[-1][-4:] == text[-4:] else "",
            version=1,
            at=job.created_at,
            by=job.by,
        )
        return steps.note(job, rid, "set", version=self.documents.set_content(content, now, rid))

    def _key(self, job: Job, batch: str) -> bytes:
        try:
            return self.keys.key(job.tenant, "card", batch)
        except NotFound:
            return self.keys.create(job.tenant, "card", batch)


def _nothing(_: Job) -> dict[str, Any]:
    return {}
