"""Set up endpoints: where events go, which, and the secrets by which receivers know that they are ours."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from cardcourier.domain.catalogue import Job
from cardcourier.domain.endpoints import DISABLED, ENABLED, MOST_ENDPOINTS, Endpoint, check_url
from cardcourier.domain.kept import Act, Kept, Page
from cardcourier.domain.outbound import TEST, TYPES, Event, make_event
from cardcourier.domain.outbox import KEEP, Message, MessageKey, Wanted
from cardcourier.errors import Conflict, NotFound, Refused

SECRET_BYTES = 32
PREFIX = "we-"
BY_HAND = "disabled by hand"


class Endpoints(Protocol):
    def endpoints(self, tenant: str) -> list[Endpoint]: ...
    def endpoint(self, tenant: str, endpoint_id: str) -> Kept[Endpoint]: ...
    def add(self, endpoint: Endpoint, now: int, by: str) -> None: ...
    def change(self, endpoint: Endpoint, seen_ver: int, now: int, by: str) -> None: ...
    def replay(self, tenant: str, job: str) -> Job: ...
    def add_replay(self, job: Job, now: int) -> None: ...


class Sealer(Protocol):
    def seal(self, tenant: str, endpoint: str, secret: str) -> bytes: ...


class Outbox(Protocol):
    def put_new(self, message: Message, now: int) -> None: ...
    def message(self, key: MessageKey, now: int) -> Message | None: ...
    def again(self, key: MessageKey, act: str, now: int) -> bool: ...
    def messages(self, tenant: str, endpoint: str, wanted: Wanted, before: str | None, now: int) -> Any: ...


class Queue(Protocol):
    def events(self, wanted: Sequence[MessageKey]) -> None: ...
    def replay(self, tenant: str, job: str) -> None: ...


@dataclass(frozen=True, slots=True)
class MadeEndpoint:
    """An endpoint, and its newest secret, which nobody can read again."""

    endpoint: Endpoint
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class EndpointsDesk:
    """Sets endpoints up, tries them, and has messages sent again. `local` is for one machine alone."""

    endpoints: Endpoints
    outbox: Outbox
    queue: Queue
    sealer: Sealer
    make_secret: Callable[[bytes], str]
    random: Callable[[int], bytes]
    clock: Callable[[], int]
    local: bool = False

    # -- endpoints ------------------------------------------------------------------------------

    def create(self, endpoint: Endpoint, act: Act, by: str) -> MadeEndpoint:
        """Add an endpoint with a secret of our making. Raises Refused."""
        self._check(endpoint)
        if len(self.endpoints.endpoints(endpoint.tenant)) >= MOST_ENDPOINTS:
            raise Refused("too_many", f"A merchant has at most {MOST_ENDPOINTS} endpoints; delete one first.")
        endpoint = replace(endpoint, id=f"{PREFIX}{act.id[:16]}", created_at=self.clock())
        secret, sealed = self._secret(endpoint)
        endpoint = replace(endpoint, secrets=(sealed,))
        self.endpoints.add(endpoint, endpoint.created_at, by)
        return MadeEndpoint(endpoint, secret)

    def change(self, kept: Kept[Endpoint], endpoint: Endpoint, by: str) -> Endpoint:
        """Raises Refused for what cannot be, Conflict when somebody else changed it meanwhile.

        One that is enabled, or has another address, begins anew: what it failed before is forgotten.
        """
        self._check(endpoint)
        reason = {ENABLED: "", DISABLED: endpoint.reason or BY_HAND}[endpoint.state]
        anew = endpoint.enabled and (not kept.thing.enabled or kept.thing.url != endpoint.url)
        since = 0 if anew else endpoint.failing_since
        changed = replace(endpoint, reason=reason, failing_since=since)
        self.endpoints.change(changed, kept.ver, self.clock(), by)
        return changed

    def rotate(self, tenant: str, endpoint_id: str, by: str, *, drop_old: bool) -> MadeEndpoint:
        """A new secret; the one before signs for a day more, unless it is dropped at once."""
        kept = self.endpoints.endpoint(tenant, endpoint_id)
        secret, sealed = self._secret(kept.thing)
        changed = kept.thing.with_secret(sealed, self.clock(), drop_old=drop_old)
        self.endpoints.change(changed, kept.ver, self.clock(), by)
        return MadeEndpoint(changed, secret)

    # -- messages -------------------------------------------------------------------------------

    def test(self, tenant: str, endpoint_id: str, act: Act) -> Message:
        """Send an event that says nothing, whatever the endpoint wants to hear. Raises Conflict."""
        endpoint = self._enabled(tenant, endpoint_id)
        data = {"endpoint": endpoint.id, "text": "It works."}
        event = make_event(tenant, TEST, act.at, f"{endpoint.id}/{act.id}", data)
        key = self._ask(event, endpoint)
        return self.message(key)

    def message(self, key: MessageKey) -> Message:
        """Raises NotFound, also when its endpoint was deleted."""
        self.endpoints.endpoint(key.tenant, key.endpoint)
        found = self.outbox.message(key, self.clock())
        if found is None:
            raise NotFound("not_found", "There is no such message; they are kept for 30 days.")
        return found

    def messages(
        self, tenant: str, endpoint_id: str, wanted: Wanted, before: str | None, limit: int
    ) -> Page[Message]:
        """The newest first. Raises NotFound."""
        self.endpoints.endpoint(tenant, endpoint_id)
        found: list[Message] = []
        for message in self.outbox.messages(tenant, endpoint_id, self._bounded(wanted), before, self.clock()):
            if len(found) == limit:
                return Page(tuple(found), found[-1].key.event)
            found.append(message)
        return Page(tuple(found))

    def send_again(self, key: MessageKey, act: Act) -> Message:
        """Send one message anew, with the same id, once for each `act`. Raises NotFound, Conflict."""
        self._enabled(key.tenant, key.endpoint)
        self.message(key)
        if not self.outbox.again(key, act.id, self.clock()):
            raise Conflict("being_sent", "This message is being sent this moment; look at it again.")
        self.queue.events([key])
        return self.message(key)

    # -- replays --------------------------------------------------------------------------------

    def replay(self, tenant: str, endpoint_id: str, wanted: Wanted, act: Act, by: str) -> Job:
        """Have every message of a range sent anew. A repeat of `act` finds its own job. Raises Refused."""
        self._enabled(tenant, endpoint_id)
        check_types(wanted.types)
        wanted = self._bounded(wanted)
        if wanted.since >= wanted.until:
            raise Refused("bad_period", "from must come before to, which is not included.")
        job_id = f"rpl-{act.at:013d}-{act.id[:8]}"
        data = {
            "endpoint": endpoint_id,
            "since": wanted.since,
            "until": wanted.until,
            "types": list(wanted.types),
            "states": list(wanted.states),
            "lane": 0,
            "after": None,
            "replayed": 0,
        }
        job = Job(
            tenant=tenant, id=job_id, kind="replay", state="created", created_at=act.at, by=by, data=data
        )
        self.endpoints.add_replay(job, self.clock())
        self.queue.replay(tenant, job_id)
        return self.endpoints.replay(tenant, job_id)

    def replay_of(self, tenant: str, endpoint_id: str, job_id: str) -> Job:
        """Raises NotFound, also for a replay of another endpoint."""
        job = self.endpoints.replay(tenant, job_id)
        if job.data["endpoint"] != endpoint_id:
            raise NotFound("not_found", "There is no such replay.")
        return job

    # -- how ------------------------------------------------------------------------------------

    def _check(self, endpoint: Endpoint) -> None:
        check_url(endpoint.url, local=self.local)
        check_types(endpoint.events)

    def _secret(self, endpoint: Endpoint) -> tuple[str, bytes]:
        secret = self.make_secret(self.random(SECRET_BYTES))
        return secret, self.sealer.seal(endpoint.tenant, endpoint.id, secret)

    def _enabled(self, tenant: str, endpoint_id: str) -> Endpoint:
        endpoint = self.endpoints.endpoint(tenant, endpoint_id).thing
        if not endpoint.enabled:
            raise Conflict(
                "endpoint_disabled", f"This endpoint is disabled: {endpoint.reason}. Enable it first."
            )
        return endpoint

    def _ask(self, event: Event, endpoint: Endpoint) -> MessageKey:
        key = MessageKey(event.tenant, endpoint.id, event.id)
        self.outbox.put_new(Message(key=key, type=event.type, at=event.at, body=event.body), self.clock())
        self.queue.events([key])
        return key

    def _bounded(self, wanted: Wanted) -> Wanted:
        """No further back than messages are kept, no further ahead than a moment from now."""
        now = self.clock()
        return replace(
            wanted, since=max(wanted.since, now - KEEP), until=min(wanted.until or now + 60_000, now + 60_000)
        )


def check_types(types: Collection[str], known: Mapping[str, str] = TYPES) -> None:
    """Raises Refused for a type that nobody knows."""
    if unknown := sorted(set(types) - set(known)):
        raise Refused("bad_event_type", f"events: {unknown[0]} is none of {', '.join(known)}.")
