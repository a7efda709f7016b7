"""Shops: connected, changed, and their signing secrets exchanged."""

from typing import Annotated, Literal

from aws_lambda_powertools.event_handler import Response
from pydantic import Field

from cardcourier import wiring
from cardcourier.api.idempotency import Repeat
from cardcourier.api.paging import Cursor, Limit, read_cursor, write_cursor
from cardcourier.api.routes import Routes, answer
from cardcourier.api.schemas import List, Moment, PathId, Shape, Text
from cardcourier.clock import now_ms
from cardcourier.domain.catalogue import Shop
from cardcourier.services.managing.shops import MOST_QUANTITY, Connected

routes = Routes("shops")
HOUR = 3_600_000
MOST_OVERLAP = 720
Secret = Annotated[str, Field(min_length=8, max_length=200, description="As the platform shows it.")]
Quantity = Annotated[int, Field(ge=1, le=MOST_QUANTITY, strict=True)]
Unmapped = Literal["hold", "ignore"]


class NewShop(Shape):
    """`id` begins the shop's id. Without `secret` one is made, where the platform lets us (`standard`).

    `unmapped` says what becomes of items nobody mapped; a line of more than `max_quantity` pieces waits for a
    person; `test` accepts test orders, which use up real stock.
    """

    id: Annotated[str, Field(max_length=35)]
    channel: Text
    name: Annotated[Text, Field(min_length=1)]
    currency: Text = "CNY"
    domain: Text = ""
    secret: Secret | None = None
    unmapped: Unmapped = "hold"
    max_quantity: Quantity = 50
    test: bool = False


class ShopPatch(Shape):
    name: Annotated[Text, Field(min_length=1)] | None = None
    currency: Text | None = None
    unmapped: Unmapped | None = None
    max_quantity: Quantity | None = None
    test: bool | None = None


class Rotation(Shape):
    """A new secret stands beside the one in use for `overlap_hours`, or alone at once with `drop_old`.

    It is `secret`, or made by us. `drop_old` with neither `secret` nor `generate` only ends the older one.
    """

    secret: Secret | None = None
    generate: bool = False
    drop_old: bool = False
    overlap_hours: Annotated[int, Field(ge=1, le=MOST_OVERLAP, strict=True)] = 24


class ShopShape(Shape):
    id: str
    channel: str
    name: str
    currency: str
    domain: str
    unmapped: str
    max_quantity: int
    test: bool
    paused: str
    webhook_url: str


class OneShop(ShopShape):
    """`secrets` is how many signing secrets are valid now: two while one is exchanged, until `old_until`."""

    secrets: int
    old_until: Moment | None = None


class ConnectedShop(OneShop):
    """`secret` is the one that was made for this shop, shown only now; null when it was given."""

    secret: str | None = None


@routes.on("GET", "/v1/shops", "All shops", scope="orders:read")
def shops(limit: Limit = 50, cursor: Cursor = None) -> List[ShopShape]:
    page = wiring.merchants().shops(routes.caller.tenant, read_cursor("shops", cursor), limit)
    return List(items=[_listed(shop) for shop in page.items], next_cursor=write_cursor("shops", page.next))


@routes.on("POST", "/v1/shops", "Connect a shop", scope="shops:write", status=201, repeat=Repeat.ONCE)
def connect(body: NewShop) -> Response[ConnectedShop]:
    given = body.model_dump(exclude={"secret"})
    shop = Shop(tenant=routes.caller.tenant, **given)
    return answer(_connected(wiring.shops_desk().connect(shop, body.secret, routes.caller.by)), 201)


@routes.on("GET", "/v1/shops/<shop>", "One shop", scope="orders:read")
def one_shop(shop: PathId) -> Response[OneShop]:
    kept = wiring.merchants().shop(routes.caller.tenant, shop)
    return answer(_one(kept.thing), ver=kept.ver)


@routes.on("PATCH", "/v1/shops/<shop>", "Change a shop", scope="shops:write")
def change_shop(shop: PathId, body: ShopPatch) -> Response[OneShop]:
    kept = wiring.merchants().shop(routes.caller.tenant, shop)
    seen = routes.if_match(kept.ver)
    changed = routes.patched(kept.thing, body)
    wiring.shops_desk().change(changed, seen, routes.caller.by)
    return answer(_one(changed), ver=seen + 1)


@routes.on(
    "POST", "/v1/shops/<shop>/secrets", "Exchange a shop's secret", scope="shops:secrets", repeat=Repeat.ONCE
)
def rotate(shop: PathId, body: Rotation) -> Response[ConnectedShop]:
    caller, desk = routes.caller, wiring.shops_desk()
    if body.drop_old and not body.secret and not body.generate:
        return answer(_connected(desk.drop_old(caller.tenant, shop, caller.by)))
    overlap = 0 if body.drop_old else body.overlap_hours * HOUR
    return answer(_connected(desk.rotate(caller.tenant, shop, body.secret, caller.by, overlap=overlap)))


def _connected(made: Connected) -> ConnectedShop:
    return ConnectedShop(secret=made.secret, **_one(made.shop).model_dump())


def _one(shop: Shop) -> OneShop:
    valid = len(shop.valid_secrets(now_ms()))
    old_until = shop.old_until if valid > 1 and shop.old_until else None
    return OneShop(secrets=valid, old_until=old_until, **_listed(shop).model_dump())


def _listed(shop: Shop) -> ShopShape:
    return ShopShape(
        id=shop.id,
        channel=shop.channel,
        name=shop.name,
        currency=shop.currency,
        domain=shop.domain,
        unmapped=shop.unmapped,
        max_quantity=shop.max_quantity,
        test=shop.test,
        paused=shop.paused,
        webhook_url=f"{routes.own_url}/webhooks/{shop.channel}/{shop.id}",
    )
