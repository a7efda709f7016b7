"""The life of an import's job: it is moved by whoever holds its version, and looked at anew by all others."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from cardcourier.domain.catalogue import Job
from cardcourier.errors import Conflict, Refused, Unavailable

ROUNDS = 12
Step = Callable[[Job, str], Job]


class Jobs(Protocol):
    def job(self, tenant: str, job: str) -> Job: ...
    def change_job(self, job: Job, now: int, by: str) -> Job: ...


@dataclass(frozen=True, slots=True)
class Steps:
    """Takes a job from state to state. `rid` names the attempt, so that its own earlier success is known."""

    jobs: Jobs
    clock: Callable[[], int]

    def take(
        self,
        tenant: str,
        job_id: str,
        rid: str,
        states: frozenset[str],
        step: Step,
        failed: Callable[[Job], dict[str, Any]],
    ) -> Job:
        """Take the step from one of `states`; whenever somebody else moved the job, look anew at it.

        A step that is refused ends the job as `failed`, with the reason and what `failed` says of it.
        """
        for _ in range(ROUNDS):
            job = self.jobs.job(tenant, job_id)
            if job.state not in states:
                return job
            try:
                try:
                    return step(job, rid)
                except Refused as refused:
                    job = self.jobs.job(tenant, job_id)
                    if job.state not in states:
                        return job
                    error = {"code": refused.code, "detail": refused.detail}
                    return self.note(job, rid, "failed", error=error, **failed(job))
            except Conflict:
                continue
        raise Unavailable("job_busy", "Others work on this import; try again.")

    def note(self, job: Job, rid: str, state: str, **facts: Any) -> Job:
        """Keep facts with the job. Raises Conflict when somebody else moved it to another state."""
        for _ in range(ROUNDS):
            noted = replace(job, state=state, data={**job.data, **facts})
            try:
                return self.jobs.change_job(noted, self.clock(), rid)
            except Conflict:
                fresh = self.jobs.job(job.tenant, job.id)
                if fresh.state != job.state:
                    raise
                job = fresh
        raise Unavailable("job_busy", "Others work on this import; try again.")

    def progress(self, job: Job, rid: str, **facts: int) -> Job:
        """Say how far the work is; when another worker just did, its word is good enough."""
        try:
            return self.jobs.change_job(replace(job, data={**job.data, **facts}), self.clock(), rid)
        except Conflict:
            fresh = self.jobs.job(job.tenant, job.id)
            if fresh.state != job.state:
                raise
            return fresh
