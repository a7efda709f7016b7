"""Order one action over many orders, look at how far it is, and stop it."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from cardcourier.domain.bulk import KIND, MOST_ORDERS, OVER, PART, PREFIX, BulkPart, Result, parts_of
from cardcourier.domain.catalogue import Job
from cardcourier.domain.kept import Act, Page
from cardcourier.domain.orders import Header, OrderKey
from cardcourier.domain.views import OrderRow
from cardcourier.errors import Conflict, NotFound, Refused
from cardcourier.services.reading_orders import OrderFilter, Place, read_place

ROUNDS = 5
PAGE = 100


class Jobs(Protocol):
    def job(self, tenant: str, job: str) -> Job: ...
    def change_job(self, job: Job, now: int, by: str) -> Job: ...
    def add(self, job: Job, parts: Sequence[BulkPart], now: int) -> None: ...
    def part(self, tenant: str, job: str, n: int) -> BulkPart: ...


class Headers(Protocol):
    def headers(self, wanted: Iterable[OrderKey]) -> Mapping[OrderKey, Header]: ...


class Lists(Protocol):
    def page(self, tenant: str, wanted: OrderFilter, before: Place | None, limit: int) -> Page[OrderRow]: ...


class Queue(Protocol):
    def send(self, body: dict[str, Any]) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """An action over the orders that are named, or that a filter takes; `role` decides about daily limits."""

    action: str
    reason: str
    orders: Sequence[tuple[str, str]] = ()
    filter: OrderFilter | None = None
    batch: str = ""
    role: str = ""
    expected: int | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """What an action would be done to: how many orders, their paid amounts by currency, those not found."""

    orders: int
    amounts: Mapping[str, int]
    missing: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class BulkDesk:
    """Takes orders for bulk actions."""

    jobs: Jobs
    orders: Headers
    lists: Lists
    queue: Queue
    clock: Callable[[], int]

    def preview(self, tenant: str, wanted: Wanted) -> Preview:
        """Changes nothing. Raises Refused."""
        names = self._names(tenant, wanted)
        found = self.orders.headers(OrderKey(tenant, *name) for name in names)
        amounts: Counter[str] = Counter()
        for header in found.values():
            amounts[header.currency] += header.amount
        missing = [name for name in names if OrderKey(tenant, *name) not in found]
        return Preview(len(names), dict(amounts), missing)

    def create(self, tenant: str, wanted: Wanted, act: Act, by: str) -> Job:
        """A repeat of `act` finds its own job again. Raises Refused, Conflict."""
        job_id = f"{PREFIX}{act.at:013d}-{act.id[:8]}"
        try:
            job = self.jobs.job(tenant, job_id)
        except NotFound:
            job = self._add(tenant, job_id, wanted, act, by)
        if job.state not in OVER:
            self.queue.send({"tenant": tenant, "job": job_id})
        return job

    def _add(self, tenant: str, job_id: str, wanted: Wanted, act: Act, by: str) -> Job:
        names = self._names(tenant, wanted)
        if not names:
            raise Refused("no_orders", "No order fits; nothing is done.")
        if wanted.expected not in (None, len(names)):
            raise Conflict(
                "changed_meanwhile", f"There are {len(names)} orders now; look at the preview again."
            )
        data = {
            "action": wanted.action,
            "reason": wanted.reason,
            "batch": wanted.batch,
            "role": wanted.role,
            "count": len(names),
            "parts": -(-len(names) // PART),
            "part": 0,
            "done": 0,
            "refused": 0,
            "until": 0,
        }
        job = Job(tenant=tenant, id=job_id, kind=KIND, state="created", created_at=act.at, by=by, data=data)
        try:
            self.jobs.add(job, parts_of(tenant, job_id, names), self.clock())
        except Conflict:
            return self.jobs.job(tenant, job_id)
        return job

    def get(self, tenant: str, job_id: str) -> Job:
        """Raises NotFound, also for a job of another kind."""
        job = self.jobs.job(tenant, job_id)
        if job.kind != KIND:
            raise NotFound("not_found", "There is no such bulk action.")
        return job

    def cancel(self, tenant: str, job_id: str, by: str) -> Job:
        """Nothing more is begun; what is in work may still be done. Raises NotFound, Conflict."""
        for _ in range(ROUNDS):
            job = self.get(tenant, job_id)
            if job.state == "cancelled":
                return job
            if job.state in OVER:
                raise Conflict("already_over", "It is done already; nothing is left to stop.")
            try:
                return self.jobs.change_job(replace(job, state="cancelled"), self.clock(), by)
            except Conflict:
                continue
        raise Conflict("changed_meanwhile", "It moves on just now; try again.")

    def results(self, job: Job, start: int, limit: int) -> list[tuple[tuple[str, str], Result | None]]:
        """Orders from number `start` on, each with what became of it; None while nothing has."""
        found: list[tuple[tuple[str, str], Result | None]] = []
        end = min(start + limit, int(job.data["count"]))
        for n in range(start // PART, -(-end // PART)):
            part = self.jobs.part(job.tenant, job.id, n)
            results = part.results or (None,) * len(part.orders)
            found += zip(part.orders, results, strict=True)
        first = start // PART * PART
        return found[start - first : end - first]

    def _names(self, tenant: str, wanted: Wanted) -> list[tuple[str, str]]:
        """Each order once, as named or as listed."""
        names = wanted.orders if wanted.filter is None else self._listed(tenant, wanted.filter)
        once = list(dict.fromkeys(names))
        if len(once) > MOST_ORDERS:
            raise Refused("too_many_orders", f"That is more than {MOST_ORDERS} orders; narrow it down.")
        return once

    def _listed(self, tenant: str, wanted: OrderFilter) -> list[tuple[str, str]]:
        names: list[tuple[str, str]] = []
        place: str | None = ""
        while place is not None and len(names) <= MOST_ORDERS:
            page = self.lists.page(tenant, wanted, read_place(place) if place else None, PAGE)
            names += [(row.key.shop, row.key.order) for row in page.items]
            place = page.next
        return names
