"""Endpoints that hear of events: set up, tried, their secrets exchanged."""

from typing import Annotated, Literal

from aws_lambda_powertools.event_handler import Response
from pydantic import Field

from cardcourier import wiring
from cardcourier.api.idempotency import Repeat
from cardcourier.api.paging import Cursor, Limit, read_cursor, write_cursor
from cardcourier.api.routes import Routes, answer
from cardcourier.api.schemas import List, Moment, PathId, Shape, Text
from cardcourier.clock import now_ms
from cardcourier.domain.endpoints import Endpoint
from cardcourier.services.managing.endpoints import MadeEndpoint

routes = Routes("webhook-endpoints")
Url = Annotated[str, Field(min_length=1, max_length=500, description="https, of the public internet.")]
EventTypes = Annotated[list[Text], Field(max_length=50, description="Empty: every type of event.")]
State = Literal["enabled", "disabled"]
PATH = "/v1/webhook-endpoints"


class NewEndpoint(Shape):
    """`events` are the types it is to hear of, all of them if it is empty."""

    url: Url
    description: Text = ""
    events: EventTypes = Field(default_factory=list)


class EndpointPatch(Shape):
    """Enabling, or another `url`, begins anew: what failed before counts no more. Replay what it missed."""

    url: Url | None = None
    description: Text | None = None
    events: EventTypes | None = None
    state: State | None = None


class SecretRotation(Shape):
    """With `drop_old` only the new secret signs; without it the one before signs for a day more."""

    drop_old: bool = False


class EndpointShape(Shape):
    """`reason` says why it is disabled; `secrets` is how many sign now; `failing_since` may be null."""

    id: str
    url: str
    description: str
    events: list[str]
    state: State
    reason: str
    failing_since: Moment | None
    secrets: int
    created_at: Moment


class MadeEndpointShape(EndpointShape):
    """`secret` is the newest one, shown only now."""

    secret: str


@routes.on("GET", PATH, "All endpoints", scope="webhooks:read")
def webhook_endpoints(limit: Limit = 50, cursor: Cursor = None) -> List[EndpointShape]:
    after = read_cursor("endpoints", cursor) or ""
    found = [one for one in wiring.endpoints().endpoints(routes.caller.tenant) if one.id > after]
    more = found[limit - 1].id if len(found) > limit else None
    return List(items=[_shape(one) for one in found[:limit]], next_cursor=write_cursor("endpoints", more))


@routes.on("POST", PATH, "Add an endpoint", scope="webhooks:write", status=201, repeat=Repeat.ONCE)
def add_endpoint(body: NewEndpoint) -> Response[MadeEndpointShape]:
    """Events reach it within half a minute from now on; the answer shows its signing secret once."""
    endpoint = Endpoint(
        id="",
        tenant=routes.caller.tenant,
        url=body.url,
        description=body.description,
        events=tuple(body.events),
    )
    return answer(_made(wiring.endpoints_desk().create(endpoint, routes.act, routes.caller.by)), 201)


@routes.on("GET", f"{PATH}/<endpoint>", "One endpoint", scope="webhooks:read")
def one_endpoint(endpoint: PathId) -> Response[EndpointShape]:
    kept = wiring.endpoints().endpoint(routes.caller.tenant, endpoint)
    return answer(_shape(kept.thing), ver=kept.ver)


@routes.on("PATCH", f"{PATH}/<endpoint>", "Change, enable or disable an endpoint", scope="webhooks:write")
def change_endpoint(endpoint: PathId, body: EndpointPatch) -> Response[EndpointShape]:
    kept = wiring.endpoints().endpoint(routes.caller.tenant, endpoint)
    seen = routes.if_match(kept.ver)
    changed = wiring.endpoints_desk().change(kept, routes.patched(kept.thing, body), routes.caller.by)
    return answer(_shape(changed), ver=seen + 1)


@routes.on("DELETE", f"{PATH}/<endpoint>", "Delete an endpoint", scope="webhooks:write")
def delete_endpoint(endpoint: PathId) -> EndpointShape:
    """What is on its way to it is not sent any more, and its messages can no longer be looked at."""
    kept = wiring.endpoints().endpoint(routes.caller.tenant, endpoint)
    seen = routes.if_match(kept.ver)
    wiring.endpoints().remove(kept.thing, seen)
    return _shape(kept.thing)


@routes.on(
    "POST",
    f"{PATH}/<endpoint>/secrets",
    "Exchange an endpoint's secret",
    scope="webhooks:write",
    repeat=Repeat.ONCE,
)
def rotate_secret(endpoint: PathId, body: SecretRotation) -> Response[MadeEndpointShape]:
    """While both secrets sign, a message carries a signature of each; a receiver needs one of them."""
    caller = routes.caller
    return answer(
        _made(wiring.endpoints_desk().rotate(caller.tenant, endpoint, caller.by, drop_old=body.drop_old))
    )


def _made(made: MadeEndpoint) -> MadeEndpointShape:
    return MadeEndpointShape(secret=made.secret, **_shape(made.endpoint).model_dump())


def _shape(endpoint: Endpoint) -> EndpointShape:
    return EndpointShape(
        id=endpoint.id,
        url=endpoint.url,
        description=endpoint.description,
        events=list(endpoint.events),
        state="enabled" if endpoint.enabled else "disabled",
        reason=endpoint.reason,
        failing_since=endpoint.failing_since or None,
        secrets=len(endpoint.valid_secrets(now_ms())),
        created_at=endpoint.created_at,
    )
