"""Do an action to one order after the other, as it was ordered; interrupted anywhere, it goes on from there.

Every order is acted on under the name `<job>-<number>` and at the time its part was first tried, so that
acting again finds its own earlier work: the same note, the same cancellation, the same ask for a mail.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from cardcourier.domain.bulk import DONE, KIND, OVER, PART, BulkPart, Result
from cardcourier.domain.catalogue import Job
from cardcourier.domain.kept import Act
from cardcourier.domain.orders import OrderKey, Unit
from cardcourier.errors import CardCourierError, Conflict, NotFound, Refused, Unavailable
from cardcourier.services.handling_orders import OrderActions, TooMany, Who

LEASE = 150_000
"""Milliseconds for which a job is one run's own; longer than a run may take."""


class Jobs(Protocol):
    def job(self, tenant: str, job: str) -> Job: ...
    def change_job(self, job: Job, now: int, by: str) -> Job: ...
    def part(self, tenant: str, job: str, n: int) -> BulkPart: ...
    def change_part(self, part: BulkPart, now: int, by: str) -> BulkPart: ...


@dataclass(frozen=True, slots=True)
class BulkRunner:
    """`actions(at)` are those on orders, at a given time."""

    jobs: Jobs
    actions: Callable[[int], OrderActions]
    clock: Callable[[], int]

    def run(self, tenant: str, job_id: str, until: int) -> Job:
        """Go on with a job as long as there is time (`until`, epoch ms); it is `running` if more is left.

        Raises NotFound, and Unavailable to be asked again. A second run of one job leaves it to the first.
        """
        job = self.jobs.job(tenant, job_id)
        if job.kind != KIND:
            raise NotFound("not_found", "There is no such bulk action.")
        if job.state in OVER or job.data["until"] > self.clock():
            return job
        claimed = _with(job, state="running", until=self.clock() + LEASE)
        try:
            job = self.jobs.change_job(claimed, self.clock(), "bulk")
        except Conflict:
            return self.jobs.job(tenant, job_id)
        try:
            return self._parts(job, until)
        except Unavailable:
            self._release(tenant, job_id)
            raise

    def _parts(self, job: Job, until: int) -> Job:
        while job.state == "running" and job.data["part"] < job.data["parts"]:
            if self.clock() >= until:
                return self._release(job.tenant, job.id)
            part = self._part(job, self.jobs.part(job.tenant, job.id, job.data["part"]))
            job = self._count(job, part)
        return job

    def _part(self, job: Job, part: BulkPart) -> BulkPart:
        if part.results:
            return part
        if not part.begun_at:
            part = self.jobs.change_part(replace(part, begun_at=self.clock()), self.clock(), "bulk")
        actions = self.actions(part.begun_at)
        results = tuple(
            self._one(actions, job, OrderKey(job.tenant, *name), part.n * PART + n, part.begun_at)
            for n, name in enumerate(part.orders)
        )
        return self.jobs.change_part(replace(part, results=results), self.clock(), "bulk")

    def _one(self, actions: OrderActions, job: Job, key: OrderKey, number: int, at: int) -> Result:
        who = Who(job.by, job.data["role"], f"{job.id}-{number}")
        try:
            act_on(actions, job, key, who, Act(who.rid, at))
        except TooMany as refused:
            return refused.code, refused.detail
        except Unavailable:
            raise
        except CardCourierError as refused:
            return refused.code, refused.detail
        return DONE, ""

    def _count(self, job: Job, part: BulkPart) -> Job:
        """Book a part's results, also when somebody cancelled the job meanwhile."""
        done = sum(code == DONE for code, _ in part.results)
        for _ in range(2):
            counted = _with(
                job,
                part=part.n + 1,
                done=job.data["done"] + done,
                refused=job.data["refused"] + len(part.results) - done,
                until=self.clock() + LEASE,
            )
            if counted.state == "running" and part.n + 1 == job.data["parts"]:
                counted = replace(counted, state="done")
            try:
                return self.jobs.change_job(counted, self.clock(), "bulk")
            except Conflict:
                job = self.jobs.job(job.tenant, job.id)
        return job

    def _release(self, tenant: str, job_id: str) -> Job:
        job = self.jobs.job(tenant, job_id)
        return self.jobs.change_job(_with(job, until=0), self.clock(), "bulk")


def act_on(actions: OrderActions, job: Job, key: OrderKey, who: Who, act: Act) -> None:
    """The one action that was ordered. Raises what it raises."""
    reason = job.data["reason"]
    match job.data["action"]:
        case "approve":
            actions.approve(key, reason, who)
        case "cancel":
            actions.cancel(key, (), reason, act, who)
        case "note":
            actions.note(key, reason, "", who)
        case "resend":
            actions.resend(key, who)
        case "retry":
            actions.retry(key)
        case "replace":
            _replace(actions, key, job.data["batch"], reason, who)


def _replace(actions: OrderActions, key: OrderKey, batch: str, reason: str, who: Who) -> None:
    """A new card for each that was shown, of one batch if it is named; those that this job gave stay."""
    units = actions.orders.units(key)
    given = [unit for unit in units if any(step.rid == who.rid for step in unit.log)]
    wanted = [unit for unit in units if _fits(unit, batch) and unit not in given]
    if not wanted and not given:
        raise Refused("not_shown", "No card of this order was shown, or none is of that batch.")
    for unit in wanted:
        actions.replace(key, unit.line, unit.n, reason, who)


def _fits(unit: Unit, batch: str) -> bool:
    return unit.holds_card and unit.exposed and batch in ("", unit.batch)


def _with(job: Job, state: str = "", **facts: int) -> Job:
    return replace(job, state=state or job.state, data={**job.data, **facts})
