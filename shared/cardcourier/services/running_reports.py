"""Run a report that was ordered: its job goes from created through running to done, or failed."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

from cardcourier.domain.catalogue import Job
from cardcourier.errors import Refused
from cardcourier.services.reporting import Made

FINISHED = frozenset({"done", "failed"})


class Jobs(Protocol):
    def job(self, tenant: str, job: str) -> Job: ...
    def change_job(self, job: Job, now: int, by: str) -> Job: ...


@dataclass(frozen=True, slots=True)
class ReportRunner:
    """A repeated or interrupted run makes the same files under the same names."""

    jobs: Jobs
    make: Callable[[Mapping[str, Any], int], Made]
    clock: Callable[[], int]

    def run(self, tenant: str, job_id: str) -> Job:
        """Raises NotFound for an unknown job, Unavailable or Conflict to be asked again."""
        job = self.jobs.job(tenant, job_id)
        if job.state in FINISHED:
            return job
        job = self._now(replace(job, state="running"))
        try:
            made = self.make({**job.data, "id": job.id, "tenant": tenant}, self.clock())
        except Refused as refused:
            error = {"code": refused.code, "detail": refused.detail}
            return self._now(replace(job, state="failed", data={**job.data, "error": error}))
        facts = {name: list(part) if isinstance(part, tuple) else part for name, part in asdict(made).items()}
        return self._now(replace(job, state="done", data={**job.data, **facts}))

    def _now(self, job: Job) -> Job:
        return self.jobs.change_job(job, self.clock(), "reports")
