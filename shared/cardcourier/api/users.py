"""Users: people who sign in at an OpenID Connect issuer; their tokens are sent as a key is."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from pydantic import Field

from cardcourier import wiring
from cardcourier.api.idempotency import Repeat
from cardcourier.api.paging import Cursor, Limit, read_cursor, write_cursor
from cardcourier.api.routes import Routes, answer
from cardcourier.api.schemas import List, LongText, Moment, PathId, Shape, Text
from cardcourier.domain.access import User

routes = Routes("users")
Scopes = Annotated[list[Text], Field(max_length=50)]
Name = Annotated[Text, Field(min_length=1)]


class NewUser(Shape):
    """`subject` is how the issuer names the person (`sub`). `scopes` narrow the role."""

    issuer: Annotated[LongText, Field(min_length=1)]
    subject: Annotated[str, Field(min_length=1, max_length=255)]
    name: Name
    role: Text
    scopes: Scopes = Field(default_factory=list)


class UserPatch(Shape):
    name: Name | None = None
    role: Text | None = None
    scopes: Scopes | None = None
    disabled: bool | None = None


class UserShape(Shape):
    """`scopes` are those that the user holds."""

    id: str
    issuer: str
    subject: str
    name: str
    role: str
    scopes: list[str]
    disabled: bool
    created_at: Moment


@routes.on("GET", "/v1/users", "All users", scope="team:write")
def users(limit: Limit = 50, cursor: Cursor = None) -> List[UserShape]:
    page = wiring.merchants().users(routes.caller.tenant, read_cursor("users", cursor), limit)
    return List(items=[_shape(user) for user in page.items], next_cursor=write_cursor("users", page.next))


@routes.on("POST", "/v1/users", "Let a person in", scope="team:write", status=201, repeat=Repeat.ANSWER)
def invite(body: NewUser) -> Response[UserShape]:
    """A person may do no more than whoever lets them in."""
    user = wiring.users_desk().invite(
        routes.caller.holder, body.issuer, body.subject, body.name, body.role, body.scopes
    )
    return answer(_shape(user), 201, ver=1)


@routes.on("GET", "/v1/users/<user>", "One user", scope="team:write")
def one_user(user: PathId) -> Response[UserShape]:
    kept = wiring.merchants().user(routes.caller.tenant, user)
    return answer(_shape(kept.thing), ver=kept.ver)


@routes.on("PATCH", "/v1/users/<user>", "Change or disable a user", scope="team:write")
def change_user(user: PathId, body: UserPatch) -> Response[UserShape]:
    """Nobody changes oneself, and the last owner stays. It holds with the next request of the user."""
    kept = wiring.merchants().user(routes.caller.tenant, user)
    seen = routes.if_match(kept.ver)
    changed = routes.patched(kept.thing, body)
    wiring.users_desk().change(routes.caller.holder, kept.thing, changed, seen)
    return answer(_shape(changed), ver=seen + 1)


def _shape(user: User) -> UserShape:
    return UserShape(
        id=user.id,
        issuer=user.issuer,
        subject=user.subject,
        name=user.name,
        role=user.role,
        scopes=sorted(user.held),
        disabled=user.disabled,
        created_at=user.created_at,
    )
