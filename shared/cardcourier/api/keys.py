"""API keys: made, listed, revoked. A key's text is in the answer that makes it, and never again."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from pydantic import Field

from cardcourier import wiring
from cardcourier.api.idempotency import Repeat
from cardcourier.api.paging import Cursor, Limit, read_cursor, write_cursor
from cardcourier.api.routes import Routes, answer
from cardcourier.api.schemas import List, Moment, PathId, Shape, Text
from cardcourier.domain.access import ApiKey
from cardcourier.services.managing.api_keys import MOST_DAYS, NewKey

routes = Routes("keys")


class NewApiKey(Shape):
    """`scopes` narrow the role; without them the key holds all of it."""

    name: Annotated[Text, Field(min_length=1)]
    role: Text
    scopes: Annotated[list[Text], Field(max_length=50)] = Field(default_factory=list)
    expires_in_days: Annotated[int, Field(ge=1, le=MOST_DAYS, strict=True)] = MOST_DAYS


class KeyShape(Shape):
    id: str
    name: str
    role: str
    scopes: list[str]
    created_at: Moment
    expires_at: Moment
    revoked: bool


class MadeKey(KeyShape):
    """`key` is what goes into the Authorization header; keep it now."""

    key: str


@routes.on("GET", "/v1/keys", "All API keys", scope="keys:write")
def api_keys(limit: Limit = 50, cursor: Cursor = None) -> List[KeyShape]:
    page = wiring.merchants().api_keys(routes.caller.tenant, read_cursor("keys", cursor), limit)
    return List(items=[_shape(key) for key in page.items], next_cursor=write_cursor("keys", page.next))


@routes.on("POST", "/v1/keys", "Make an API key", scope="keys:write", status=201, repeat=Repeat.ONCE)
def make_key(body: NewApiKey) -> Response[MadeKey]:
    """A key may do no more than the one that makes it."""
    caller = routes.caller
    new = wiring.keys_desk().create(
        caller.holder, body.name, body.role, body.scopes, body.expires_in_days, caller.by
    )
    return answer(made_key(new), 201)


@routes.on("GET", "/v1/keys/<key_id>", "One API key", scope="keys:write")
def one_key(key_id: PathId) -> Response[KeyShape]:
    kept = wiring.merchants().api_key(routes.caller.tenant, key_id)
    return answer(_shape(kept.thing), ver=kept.ver)


@routes.on("DELETE", "/v1/keys/<key_id>", "Revoke an API key at once", scope="keys:write")
def revoke_key(key_id: PathId) -> Response[KeyShape]:
    kept = wiring.merchants().api_key(routes.caller.tenant, key_id)
    routes.if_match(kept.ver)
    revoked = wiring.keys_desk().revoke(routes.caller.holder, kept, routes.caller.by)
    return answer(_shape(revoked.thing), ver=revoked.ver)


def made_key(new: NewKey) -> MadeKey:
    return MadeKey(key=new.text, **_shape(new.key).model_dump())


def _shape(key: ApiKey) -> KeyShape:
    return KeyShape(
        id=key.id,
        name=key.name,
        role=key.role,
        scopes=sorted(key.held),
        created_at=key.created_at,
        expires_at=key.expires_at,
        revoked=key.revoked,
    )
