"""The first tenant, one's own tenant, and who one is."""

from typing import Annotated, Literal

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Header
from pydantic import Field

from cardcourier import wiring
from cardcourier.api import limits
from cardcourier.api.keys import MadeKey, made_key
from cardcourier.api.routes import ANY_KEY, PUBLIC, Routes, answer
from cardcourier.api.schemas import LongText, Moment, Shape, Text
from cardcourier.domain.access import ApiKey, User
from cardcourier.domain.catalogue import MOST_CAP, Tenant
from cardcourier.domain.retention import LEAST_DAYS, MOST_DAYS
from cardcourier.errors import Denied

routes = Routes("tenant")
Role = Literal["owner", "manager", "stock", "support", "finance", "auditor"]
Cap = Annotated[int, Field(ge=0, le=MOST_CAP, strict=True)]


class NewTenant(Shape):
    """`time_zone` is where its days begin and end; `support` is what buyers are told when they need help."""

    id: Annotated[str, Field(max_length=40)]
    name: Annotated[Text, Field(min_length=1)]
    time_zone: Text = "Asia/Shanghai"
    currency: Text = "CNY"
    language: Text = "zh-CN"
    support: LongText = ""


class Bootstrap(Shape):
    tenant: NewTenant
    owner_name: Annotated[Text, Field(min_length=1)] = "owner"


class TenantShape(NewTenant):
    """`paused` is why its sales are closed; empty while they are open. Products and shops say the same.

    `contact_days` after an order its buyer's data are erased; `legal_hold` is why none may be erased, empty
    while they may. `replacement_caps` says how many cards one person or key of a role may have replaced in a
    day (UTC); a role that is not named has no cap.
    while they may. `chargebacks` is what becomes of a shown card whose payment is charged back: `burn` or
    `dispute`.
    """

    created_at: Moment
    paused: str
    contact_days: int
    legal_hold: str
    replacement_caps: dict[str, int]
    chargebacks: str


class Bootstrapped(Shape):
    tenant: TenantShape
    key: MadeKey


class TenantPatch(Shape):
    """An empty `legal_hold` ends the hold."""

    name: Annotated[Text, Field(min_length=1)] | None = None
    time_zone: Text | None = None
    currency: Text | None = None
    language: Text | None = None
    support: LongText | None = None
    contact_days: Annotated[int, Field(ge=LEAST_DAYS, le=MOST_DAYS, strict=True)] | None = None
    legal_hold: Text | None = None
    replacement_caps: dict[Role, Cap] | None = None
    chargebacks: Literal["burn", "dispute"] | None = None


class Me(Shape):
    """`key_id` is empty for a user, `user_id` null for a key; a user is who they are until the token ends."""

    tenant: str
    key_id: str
    user_id: str | None
    name: str
    role: str
    scopes: list[str]
    expires_at: Moment


class Health(Shape):
    status: str


@routes.on("GET", "/v1/health", "Whether the API answers", scope=PUBLIC)
def health() -> Health:
    return Health(status="ok")


@routes.on(
    "POST", "/v1/bootstrap", "Create the first tenant and its owner's key, once", scope=PUBLIC, status=201
)
def bootstrap(
    body: Bootstrap, secret: Annotated[str, Header(alias="X-Bootstrap-Secret", max_length=200)] = ""
) -> Response[Bootstrapped]:
    """The secret lies in the Secrets Manager, as the stack's outputs say. The key is shown once."""
    tenant = Tenant(**body.tenant.model_dump())
    limits.check_address(routes.event)
    try:
        made = wiring.tenants_desk().bootstrap(secret, tenant, body.owner_name, routes.rid)
    except Denied:
        limits.guessed(routes.event)
        raise
    kept = wiring.merchants().tenant(tenant.id)
    return answer(Bootstrapped(tenant=_shape(kept.thing), key=made_key(made)), 201)


@routes.on("GET", "/v1/tenant", "One's own tenant", scope=ANY_KEY)
def tenant() -> Response[TenantShape]:
    kept = wiring.merchants().tenant(routes.caller.tenant)
    return answer(_shape(kept.thing), ver=kept.ver)


@routes.on("PATCH", "/v1/tenant", "Change one's own tenant", scope="settings:write")
def change_tenant(body: TenantPatch) -> Response[TenantShape]:
    kept = wiring.merchants().tenant(routes.caller.tenant)
    seen = routes.if_match(kept.ver)
    changed = routes.patched(kept.thing, body)
    wiring.tenants_desk().change(changed, seen, routes.caller.by)
    return answer(_shape(changed), ver=seen + 1)


@routes.on("GET", "/v1/me", "Who one is: role and scopes", scope=ANY_KEY)
def me() -> Me:
    caller = routes.caller
    return Me(
        tenant=caller.tenant,
        key_id=caller.holder.id if isinstance(caller.holder, ApiKey) else "",
        user_id=caller.holder.id if isinstance(caller.holder, User) else None,
        name=caller.holder.name,
        role=caller.holder.role,
        scopes=sorted(caller.scopes),
        expires_at=caller.expires_at,
    )


def _shape(tenant: Tenant) -> TenantShape:
    return TenantShape(
        id=tenant.id,
        name=tenant.name,
        time_zone=tenant.time_zone,
        currency=tenant.currency,
        language=tenant.language,
        support=tenant.support,
        created_at=tenant.created_at,
        paused=tenant.paused,
        contact_days=tenant.contact_days,
        legal_hold=tenant.legal_hold,
        replacement_caps=dict(tenant.replacement_caps),
        chargebacks=tenant.chargebacks,
    )
