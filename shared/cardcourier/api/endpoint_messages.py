"""What was sent to an endpoint, what came of it, and sending it again."""

from typing import Annotated, Any, Literal

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import Field

from cardcourier import wiring
from cardcourier.api.endpoints import PATH, EventTypes
from cardcourier.api.idempotency import Repeat
from cardcourier.api.paging import Cursor, Limit, read_cursor, write_cursor
from cardcourier.api.routes import Routes, answer
from cardcourier.api.schemas import GivenMoment, List, Moment, PathId, Shape
from cardcourier.domain.catalogue import Job
from cardcourier.domain.outbox import LANES, Attempt, Message, MessageKey, Wanted

routes = Routes("webhook-messages")
State = Literal["pending", "sent", "failed", "skipped"]
MESSAGES = f"{PATH}/<endpoint>/messages"
REPLAYS = f"{PATH}/<endpoint>/replays"


def _missed() -> list[State]:
    return ["failed", "skipped"]


class AttemptShape(Shape):
    """`status` is null when no answer came; then `error` says why."""

    at: Moment
    status: int | None
    error: str
    latency_ms: int


class MessageShape(Shape):
    """`id` is what the receiver sees as `webhook-id`. `next_attempt` is null when none is to come."""

    id: str
    type: str
    at: Moment
    state: State
    reason: str
    failures: int
    next_attempt: Moment | None


class OneMessage(MessageShape):
    """`body` is the very text that is sent; `attempts` are the last ten."""

    body: str
    attempts: list[AttemptShape]


class NewReplay(Shape):
    """Messages of events from `from` on and before `to` (now, if it is left out), in these states."""

    since: Annotated[GivenMoment, Field(alias="from")]
    until: Annotated[GivenMoment | None, Field(alias="to")] = None
    types: EventTypes = Field(default_factory=list)
    states: Annotated[list[State], Field(max_length=4)] = Field(default_factory=_missed)


class ReplayShape(Shape):
    """`replayed` counts the messages that were asked for so far; `progress` is in percent."""

    id: str
    state: Literal["created", "running", "done"]
    replayed: int
    progress: int
    since: Annotated[Moment, Field(alias="from")]
    until: Annotated[Moment, Field(alias="to")]
    types: list[str]
    states: list[str]
    created_at: Moment


@routes.on("GET", MESSAGES, "Messages of an endpoint, the newest first", scope="webhooks:read")
def messages(
    endpoint: PathId,
    state: Annotated[State | None, Query()] = None,
    event_type: Annotated[str | None, Query(alias="type", max_length=50)] = None,
    since: Annotated[GivenMoment | None, Query(alias="from")] = None,
    until: Annotated[GivenMoment | None, Query(alias="to")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> List[MessageShape]:
    """Messages are kept for 30 days."""
    wanted = Wanted(
        since=since or 0,
        until=until or 0,
        types=(event_type,) if event_type else (),
        states=(state,) if state else (),
    )
    before = read_cursor("messages", cursor)
    page = wiring.endpoints_desk().messages(routes.caller.tenant, endpoint, wanted, before, limit)
    items = [MessageShape(**_facts(one)) for one in page.items]
    return List(items=items, next_cursor=write_cursor("messages", page.next))


@routes.on("GET", f"{MESSAGES}/<message>", "One message with its attempts", scope="webhooks:read")
def one_message(endpoint: PathId, message: PathId) -> OneMessage:
    key = MessageKey(routes.caller.tenant, endpoint, message)
    return _whole(wiring.endpoints_desk().message(key))


@routes.on(
    "POST",
    f"{MESSAGES}/<message>/replay",
    "Send one message again",
    scope="webhooks:write",
    status=202,
    repeat=Repeat.AGAIN,
)
def send_again(endpoint: PathId, message: PathId) -> Response[OneMessage]:
    """It goes out at once, with the same id and the same body, whatever became of it before."""
    key = MessageKey(routes.caller.tenant, endpoint, message)
    return answer(_whole(wiring.endpoints_desk().send_again(key, routes.act)), 202)


@routes.on(
    "POST",
    f"{PATH}/<endpoint>/test",
    "Send a test event",
    scope="webhooks:write",
    status=202,
    repeat=Repeat.AGAIN,
)
def send_test(endpoint: PathId) -> Response[OneMessage]:
    """`webhook.test`, sent at once, whatever types the endpoint hears of."""
    return answer(_whole(wiring.endpoints_desk().test(routes.caller.tenant, endpoint, routes.act)), 202)


@routes.on(
    "POST",
    REPLAYS,
    "Send a range of messages again",
    scope="webhooks:write",
    status=202,
    repeat=Repeat.AGAIN,
)
def replay(endpoint: PathId, body: NewReplay) -> Response[ReplayShape]:
    """By default what failed or was skipped. Ask for the replay until it is `done`."""
    wanted = Wanted(
        since=body.since, until=body.until or 0, types=tuple(body.types), states=tuple(body.states)
    )
    caller = routes.caller
    job = wiring.endpoints_desk().replay(caller.tenant, endpoint, wanted, routes.act, caller.by)
    return answer(_replay(job), 202)


@routes.on("GET", f"{REPLAYS}/<job>", "How far a replay is", scope="webhooks:read")
def one_replay(endpoint: PathId, job: PathId) -> ReplayShape:
    return _replay(wiring.endpoints_desk().replay_of(routes.caller.tenant, endpoint, job))


def _whole(message: Message) -> OneMessage:
    return OneMessage(
        body=message.body, attempts=[_attempt(one) for one in message.attempts], **_facts(message)
    )


def _facts(message: Message) -> dict[str, Any]:
    return {
        "id": message.key.event,
        "type": message.type,
        "at": message.at,
        "state": message.state.value,
        "reason": message.reason,
        "failures": message.failures,
        "next_attempt": message.next,
    }


def _attempt(attempt: Attempt) -> AttemptShape:
    return AttemptShape(at=attempt.at, status=attempt.status, error=attempt.error, latency_ms=attempt.latency)


def _replay(job: Job) -> ReplayShape:
    data = job.data
    return ReplayShape.model_validate(
        {
            "id": job.id,
            "state": job.state,
            "replayed": data["replayed"],
            "progress": 100 * int(data["lane"]) // LANES,
            "from": data["since"],
            "to": data["until"],
            "types": list(data["types"]),
            "states": list(data["states"]),
            "created_at": job.created_at,
        }
    )
