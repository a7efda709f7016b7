"""Order an import: a place for the file, a look through it, the commit. The work is done elsewhere."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from cardcourier.domain.card_files import Layout
from cardcourier.domain.catalogue import Job
from cardcourier.domain.free_text import without_cards
from cardcourier.domain.kept import Act
from cardcourier.domain.money import currency_code
from cardcourier.domain.suppliers import Supplier
from cardcourier.errors import Conflict, NotFound, Refused, Unavailable

KIND = "import"
PREFIX = "imp-"
CURRENCY = "CNY"
MOST_LINES = 10_000
MOST_TEXT = 1_048_576
MOST_FILE = 134_217_728
"""Bytes of an uploaded file: a million cards with number, code and date fit in, whatever the kind of file."""
UPLOAD_SECONDS = 900
LINK_SECONDS = 300
ROUNDS = 12
BEGUN = frozenset({"committing", "cancelling", "committed", "cancelled", "undoing", "undone"})
IN_STOCK = frozenset({"committed", "cancelled", "failed"})
"""States in which cards of an import may lie in stock, and nobody brings in more."""


class Jobs(Protocol):
    def job(self, tenant: str, job: str) -> Job: ...
    def change_job(self, job: Job, now: int, by: str) -> Job: ...
    def add_job(self, job: Job, now: int) -> None: ...
    def find_supplier(self, tenant: str, supplier: str) -> Supplier | None: ...
    def kind_of(self, tenant: str, sku: str) -> str | None: ...


class Files(Protocol):
    """The bucket of card files, by key."""

    def write(self, key: str, body: bytes) -> None: ...
    def size(self, key: str) -> int | None: ...
    def upload_form(self, key: str, most_bytes: int, seconds: int) -> Mapping[str, Any]: ...
    def link(self, key: str, file_name: str, seconds: int) -> str: ...


class Queue(Protocol):
    def send(self, body: dict[str, Any]) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be imported. `cost` and `face` in minor units of `currency`; `expires_at` in epoch ms.

    Without cost or currency those of the supplier count. `uses` is how often each shared card is sold
    where its row is silent. `straight` has it committed once it was looked through, unless that forbids it.
    """

    sku: str
    file_name: str
    cost: int | None
    currency: str | None
    face: int | None = None
    supplier: str = ""
    expires_at: int | None = None
    layout: Mapping[str, Any] | None = None
    uses: int | None = None
    note: str = ""
    straight: bool = False
    text: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Ordered:
    """The job, and a form that uploads its file unless the text was given."""

    job: Job
    upload: Mapping[str, Any] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ImportDesk:
    """Takes orders for imports."""

    jobs: Jobs
    files: Files
    queue: Queue
    clock: Callable[[], int]

    def create(self, tenant: str, order: Order, act: Act, by: str) -> Ordered:
        """A repeat of `act` finds its own job again. Raises Refused."""
        supplier = self._check(tenant, order)
        job_id = f"{PREFIX}{act.at:013d}-{act.id[:8]}"
        data = {
            "sku": order.sku,
            "file_name": order.file_name,
            "object_key": f"imports/{tenant}/{job_id}",
            "layout": dict(order.layout) if order.layout else None,
            "cost": supplier.cost if order.cost is None and supplier else order.cost or 0,
            "currency": order.currency or (supplier.currency if supplier else CURRENCY),
            "face": order.face,
            "supplier": order.supplier,
            "expires_at": order.expires_at,
            "uses": order.uses,
            "note": order.note,
            "straight": order.straight,
        }
        job = Job(tenant=tenant, id=job_id, kind=KIND, state="created", created_at=act.at, by=by, data=data)
        key = data["object_key"]
        if order.text is not None:
            self.files.write(str(key), order.text.encode())
        self.jobs.add_job(job, self.clock())
        kept = self.jobs.job(tenant, job_id)
        if order.text is not None or kept.state != "created":
            return Ordered(kept)
        return Ordered(kept, self.files.upload_form(str(key), MOST_FILE, UPLOAD_SECONDS))

    def get(self, tenant: str, job_id: str) -> Job:
        """Raises NotFound, also for a job of another kind."""
        job = self.jobs.job(tenant, job_id)
        if job.kind != KIND:
            raise NotFound("not_found", "There is no such import.")
        return job

    def preview(self, tenant: str, job_id: str) -> Job:
        """Have the file looked through. Raises NotFound, Conflict when it is not there or already in work."""
        job = self.get(tenant, job_id)
        if job.state in BEGUN:
            raise Conflict("already_committed", f"This import is {job.state}; look at its counts.")
        if job.state == "created" and self.files.size(job.data["object_key"]) is None:
            raise Conflict("not_uploaded", "The file is not there yet; upload it with the form first.")
        if job.state in ("created", "previewing"):
            self.queue.send({"kind": "preview", "tenant": tenant, "job": job_id})
        return job

    def commit(self, tenant: str, job_id: str) -> Job:
        """Have the cards written. Raises NotFound, Refused when the preview forbids it, Conflict."""
        job = self.get(tenant, job_id)
        if job.state == "committed":
            return job
        if job.state not in ("previewed", "committing"):
            raise Conflict(
                "not_previewed", f"The import is {job.state}; preview it first and wait for the result."
            )
        if blocking := job.data.get("blocking"):
            raise Refused("blocked", f"The preview forbids it: {', '.join(blocking)}.")
        self.queue.send({"kind": "commit", "tenant": tenant, "job": job_id})
        return replace(job, state="committing")

    def cancel(self, tenant: str, job_id: str, by: str) -> Job:
        """Bring in no more: what is in stock by then stays. Raises NotFound, Conflict when it is too late."""

        def move(job: Job) -> Job | None:
            if job.state in ("created", "previewing", "previewed"):
                return replace(job, state="cancelled")
            if job.state == "committing":
                return replace(job, state="cancelling")
            if job.state not in ("cancelling", "cancelled"):
                raise Conflict("too_late", f"This import is {job.state}; undo it to take its cards off sale.")
            return None

        job = self._move(tenant, job_id, by, move)
        if job.state == "cancelling":
            self.queue.send({"kind": "commit", "tenant": tenant, "job": job_id})
        return job

    def undo(self, tenant: str, job_id: str, why: str, by: str) -> Job:
        """Have every card that is still on sale voided. Raises NotFound, Conflict when nothing came in."""

        def move(job: Job) -> Job | None:
            if job.state in IN_STOCK and "terms" in job.data:
                undo = {"by": by, "why": without_cards(why)}
                return replace(job, state="undoing", data={**job.data, "undo": undo})
            if job.state not in ("undoing", "undone"):
                raise Conflict("not_committed", f"This import is {job.state}; there is nothing to undo.")
            return None

        job = self._move(tenant, job_id, by, move)
        if job.state == "undoing":
            self.queue.send({"kind": "undo", "tenant": tenant, "job": job_id})
        return job

    def _move(self, tenant: str, job_id: str, by: str, move: Callable[[Job], Job | None]) -> Job:
        """Move a job from wherever it stands; None leaves it there."""
        for _ in range(ROUNDS):
            job = self.get(tenant, job_id)
            moved = move(job)
            if moved is None:
                return job
            try:
                return self.jobs.change_job(moved, self.clock(), by)
            except Conflict:
                continue
        raise Unavailable("job_busy", "Others work on this import; try again.")

    def reject_link(self, job: Job) -> str | None:
        """A link of five minutes to the rows that were left out, if there are any."""
        key = job.data.get("reject_file")
        name = f"{job.data['file_name'].rpartition('.')[0] or job.data['file_name']}.rejected.csv"
        return self.files.link(key, name, LINK_SECONDS) if key else None

    def _check(self, tenant: str, order: Order) -> Supplier | None:
        self._check_product(tenant, order)
        supplier = self.jobs.find_supplier(tenant, order.supplier) if order.supplier else None
        if order.supplier and supplier is None:
            raise Refused("no_such_supplier", f"There is no supplier {order.supplier}; create it first.")
        if order.currency is not None:
            currency_code(order.currency)
        if supplier and order.cost is None and order.currency not in (None, supplier.currency):
            raise Refused(
                "bad_cost", f"Name the cost in {order.currency}: the supplier's is in another currency."
            )
        if order.layout is not None:
            Layout.of(order.layout)
        if order.text is None:
            return supplier
        if len(order.text.encode()) > MOST_TEXT or order.text.count("\n") >= MOST_LINES:
            raise Refused(
                "too_large",
                f"text has at most {MOST_LINES} lines and {MOST_TEXT} bytes; upload a file instead.",
            )
        if not order.text.strip():
            raise Refused("empty_text", "text holds no line.")
        return supplier

    def _check_product(self, tenant: str, order: Order) -> None:
        kind = self.jobs.kind_of(tenant, order.sku)
        if kind is None:
            raise Refused("no_such_product", f"There is no product {order.sku}; create it first.")
        if kind == "fixed":
            raise Refused("no_cards", f"{order.sku} has fixed content and no cards; set its content instead.")
        if order.uses is not None and kind != "shared":
            raise Refused("bad_uses", f"uses: {order.sku} is {kind}; only shared cards have uses.")
