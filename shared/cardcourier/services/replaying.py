"""Send a range of messages again, as a job that can be interrupted at any point."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from cardcourier.domain.catalogue import Job
from cardcourier.domain.outbox import LANES, Message, MessageKey, Wanted
from cardcourier.errors import Conflict

PAGE = 100
RUNNING, DONE = "running", "done"


class Jobs(Protocol):
    def replay(self, tenant: str, job: str) -> Job: ...
    def change_replay(self, job: Job, now: int, by: str) -> None: ...


class Outbox(Protocol):
    def page(
        self, tenant: str, endpoint: str, lane: int, after: str | None, wanted: Wanted, limit: int
    ) -> tuple[list[Message], str | None]: ...
    def again(self, key: MessageKey, act: str, now: int) -> bool: ...


class Queue(Protocol):
    def events(self, wanted: Sequence[MessageKey]) -> None: ...
    def replay(self, tenant: str, job: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Replayer:
    """Goes through an endpoint's messages lane by lane, a page in each step, noting how far it came.

    A step that is repeated asks for the same messages again, which know that they were asked for by this job.
    """

    jobs: Jobs
    outbox: Outbox
    queue: Queue
    clock: Callable[[], int]

    def step(self, tenant: str, job_id: str) -> Job:
        """Raises NotFound, and Unavailable to be asked again."""
        job = self.jobs.replay(tenant, job_id)
        if job.state == DONE:
            return job
        data = dict(job.data)
        again, after = self._again(job, int(data["lane"]), data["after"])
        self.queue.events(again)
        data["replayed"] += len(again)
        data["after"] = after
        if after is None:
            data["lane"] += 1
        state = DONE if data["lane"] >= LANES else RUNNING
        try:
            self.jobs.change_replay(replace(job, state=state, data=data), self.clock(), f"replay:{job.ver}")
        except Conflict:
            # Another worker took this step and goes on.
            return self.jobs.replay(tenant, job_id)
        if state == RUNNING:
            self.queue.replay(tenant, job_id)
        return replace(job, state=state, data=data)

    def _again(self, job: Job, lane: int, after: str | None) -> tuple[list[MessageKey], str | None]:
        endpoint, wanted = str(job.data["endpoint"]), wanted_of(job.data)
        messages, more = self.outbox.page(job.tenant, endpoint, lane, after, wanted, PAGE)
        now = self.clock()
        return [one.key for one in messages if self._asked(one, wanted, job.id, now)], more

    def _asked(self, message: Message, wanted: Wanted, job: str, now: int) -> bool:
        return (wanted.fits(message) or message.replay == job) and self.outbox.again(message.key, job, now)


def wanted_of(data: dict[str, Any]) -> Wanted:
    """Which messages a replay is about, out of its job."""
    return Wanted(
        since=int(data["since"]),
        until=int(data["until"]),
        types=tuple(data["types"]),
        states=tuple(data["states"]),
    )
