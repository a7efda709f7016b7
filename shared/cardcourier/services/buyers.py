"""What one buyer may ask of a merchant: a copy of what is kept of him, and that it be erased.

The desk finds the orders and takes the wish down; the work is done where contacts may be opened. Neither the
job nor a message names the buyer: they name orders.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from cardcourier.domain.buyers import BuyersOrder, told
from cardcourier.domain.catalogue import Job, Tenant
from cardcourier.domain.kept import Act
from cardcourier.domain.orders import Header, OrderKey, Unit
from cardcourier.domain.protocol import Actor
from cardcourier.errors import Conflict, NotFound, Refused
from cardcourier.services.delivering import complete
from cardcourier.services.report_jobs import LINK_SECONDS

KIND = "buyer"
PREFIX = "buy-"
EXPORT, ERASE = "export", "erase"
MOST_ORDERS = 500
FINISHED = frozenset({"done", "failed"})
ERASED = "buyer's data erased"


class Finder(Protocol):
    def orders_of(self, tenant: str, text: str) -> list[Header]: ...


class Orders(Protocol):
    def snapshots(self, wanted: Iterable[OrderKey]) -> Mapping[OrderKey, tuple[Header, list[Unit]]]: ...


class Jobs(Protocol):
    def job(self, tenant: str, job: str) -> Job: ...
    def add_job(self, job: Job, now: int) -> None: ...


class Queue(Protocol):
    def send(self, body: dict[str, Any]) -> None: ...


class Files(Protocol):
    def link(self, key: str, file_name: str, seconds: int) -> str: ...


@dataclass(frozen=True, slots=True)
class BuyersDesk:
    """Takes the wishes of buyers down."""

    finder: Finder
    orders: Orders
    jobs: Jobs
    queue: Queue
    files: Files
    tenant: Callable[[str], Tenant]
    clock: Callable[[], int]

    def ask(self, tenant: str, wish: str, text: str, act: Act, by: str, *, force: bool = False) -> Job:
        """`text` is an e-mail address, a telephone number or an order number. A repeat finds its own job.

        Raises NotFound when nothing fits, Refused for too many orders, Conflict when one of them has to be
        delivered still and `force` is not given, or when the tenant is under a legal hold.
        """
        if wish == ERASE:
            self._refuse_held(tenant)
        found = [header.key for header in self.finder.orders_of(tenant, text)]
        if not found:
            raise NotFound("not_found", "No order of this buyer is kept.")
        if len(found) > MOST_ORDERS:
            raise Refused("too_many_orders", f"More than {MOST_ORDERS} orders fit; ask by order number.")
        if wish == ERASE and not force:
            self._refuse_open(found)
        job_id = f"{PREFIX}{act.at:013d}-{act.id[:8]}"
        data = {"wish": wish, "orders": [[key.shop, key.order] for key in found]}
        job = Job(tenant=tenant, id=job_id, kind=KIND, state="created", created_at=act.at, by=by, data=data)
        self.jobs.add_job(job, self.clock())
        self.queue.send({"kind": KIND, "tenant": tenant, "job": job_id})
        return self.jobs.job(tenant, job_id)

    def get(self, tenant: str, job_id: str) -> tuple[Job, str | None]:
        """The job, and a link of five minutes to its file. Raises NotFound, also for other jobs."""
        job = self.jobs.job(tenant, job_id)
        if job.kind != KIND:
            raise NotFound("not_found", "There is no such request.")
        key = job.data.get("key")
        return job, self.files.link(str(key), f"{job_id}.json", LINK_SECONDS) if key else None

    def _refuse_held(self, tenant: str) -> None:
        if why := self.tenant(tenant).legal_hold:
            raise Conflict("legal_hold", f"Nothing may be erased while the legal hold lasts: {why}.")

    def _refuse_open(self, keys: Sequence[OrderKey]) -> None:
        found = self.orders.snapshots(keys)
        open_orders = [key.order for key, order in found.items() if to_deliver(*order)]
        if open_orders:
            names = ", ".join(sorted(open_orders)[:5])
            raise Conflict("not_delivered", f"Still to be delivered: {names}. Wait, or repeat with force.")


def to_deliver(header: Header, units: Sequence[Unit]) -> bool:
    """Whether something of an order has to reach its buyer still."""
    return header.paid and not complete(header, units)


class Records(Protocol):
    """Opens and erases; only where contacts may be opened."""

    def read(self, key: OrderKey) -> BuyersOrder | None: ...
    def erase(self, kept: BuyersOrder, actor: Actor) -> None: ...


class WorkedJobs(Protocol):
    def job(self, tenant: str, job: str) -> Job: ...
    def change_job(self, job: Job, now: int, by: str) -> Job: ...


@dataclass(frozen=True, slots=True)
class BuyerWorker:
    """Does what was asked; the same again does the same."""

    jobs: WorkedJobs
    records: Records
    write: Callable[[str, bytes], None]
    tenant: Callable[[str], Tenant]
    clock: Callable[[], int]

    def run(self, tenant: str, job_id: str, rid: str) -> Job:
        """Raises NotFound for an unknown job, Unavailable or Conflict to be asked again."""
        job = self.jobs.job(tenant, job_id)
        if job.state in FINISHED:
            return job
        if job.data["wish"] == ERASE and self.tenant(tenant).legal_hold:
            return self.jobs.change_job(replace(job, state="failed"), self.clock(), "buyers")
        keys = [OrderKey(tenant, shop, order) for shop, order in job.data["orders"]]
        kept = [found for found in map(self.records.read, keys) if found is not None]
        facts: dict[str, Any] = {"count": len(kept)}
        if job.data["wish"] == EXPORT:
            facts["key"] = f"{tenant}/buyers/{job_id}.json"
            copy = {"made_at": self.clock(), "orders": [told(each) for each in kept]}
            self.write(facts["key"], json.dumps(copy, ensure_ascii=False, indent=1).encode())
        else:
            for each in kept:
                self.records.erase(each, Actor(job.by, self.clock(), rid, why=ERASED))
        return self.jobs.change_job(
            replace(job, state="done", data={**job.data, **facts}), self.clock(), "buyers"
        )
