"""Order a report, and fetch it: the link to the file is made at the moment it is asked for."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from cardcourier.domain.catalogue import Job, Tenant
from cardcourier.domain.kept import Act, Kept
from cardcourier.errors import NotFound, Refused

KIND = "report"
PREFIX = "rep-"
MOST_DAYS = 366
LINK_SECONDS = 300
DAY = 86_400_000


class Jobs(Protocol):
    def tenant(self, tenant: str) -> Kept[Tenant]: ...
    def job(self, tenant: str, job: str) -> Job: ...
    def add_job(self, job: Job, now: int) -> None: ...


class Files(Protocol):
    """The bucket of finished reports, by key."""

    def link(self, key: str, file_name: str, seconds: int) -> str: ...


class Queue(Protocol):
    def send(self, body: dict[str, Any]) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A report over [since, until): each a day in the tenant's time zone, or a moment (epoch ms)."""

    report: str
    since: date | int
    until: date | int
    format: str
    language: str
    basis: str = "event"


@dataclass(frozen=True, slots=True)
class Download:
    """A finished file, and where it can be fetched for the next five minutes."""

    file_name: str
    url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ReportDesk:
    """Takes orders for reports."""

    jobs: Jobs
    files: Files
    queue: Queue
    clock: Callable[[], int]

    def create(self, tenant: str, order: Order, act: Act, by: str) -> Job:
        """A repeat of `act` finds its own job again. Raises Refused."""
        zone = self.jobs.tenant(tenant).thing.time_zone
        start, end = _moment(order.since, zone), _moment(order.until, zone)
        if not 0 < end - start <= (MOST_DAYS + 1) * DAY:
            raise Refused(
                "bad_period", f"from must come before to, which is not included, by at most {MOST_DAYS} days."
            )
        job_id = f"{PREFIX}{act.at:013d}-{act.id[:8]}"
        data = {
            "report": order.report,
            "start": start,
            "end": end,
            "format": order.format,
            "language": order.language,
            "basis": order.basis,
            "time_zone": zone,
        }
        job = Job(tenant=tenant, id=job_id, kind=KIND, state="created", created_at=act.at, by=by, data=data)
        self.jobs.add_job(job, self.clock())
        self.queue.send({"tenant": tenant, "job": job_id})
        return self.jobs.job(tenant, job_id)

    def get(self, tenant: str, job_id: str) -> Job:
        """Raises NotFound, also for a job of another kind."""
        job = self.jobs.job(tenant, job_id)
        if job.kind != KIND:
            raise NotFound("not_found", "There is no such report.")
        return job

    def downloads(self, job: Job) -> list[Download]:
        """Links of five minutes to the finished files; more than one where a CSV file grew too long."""
        keys: list[str] = list(job.data.get("keys") or ())
        named = [(key, key.rpartition("/")[2]) for key in keys]
        return [Download(name, self.files.link(key, name, LINK_SECONDS)) for key, name in named]


def _moment(day: date | int, zone: str) -> int:
    if isinstance(day, int):
        return day
    return int(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).timestamp() * 1000)
