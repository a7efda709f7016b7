"""How shops are to be called: the address and the token. Kept, and not in use yet."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from pydantic import Field

from cardcourier import wiring
from cardcourier.api.idempotency import Repeat
from cardcourier.api.routes import Routes, answer
from cardcourier.api.schemas import Moment, PathId, Shape
from cardcourier.domain.shop_apis import Connection

routes = Routes("shop-apis")
PATH = "/v1/shops/<shop>/api"
Token = Annotated[str, Field(min_length=8, max_length=200, description="As the platform shows it.")]
Url = Annotated[str, Field(max_length=500, description="https, of the public internet.")]
Location = Annotated[str, Field(max_length=40)]


class ShopApi(Shape):
    """`token` is that of a custom app at Shopify; for `standard` one is made where none is given.

    `url` is where a `standard` shop hears of us. `location` is the number of the place where a Shopify shop
    counts cards, for one that has several.
    """

    token: Token | None = None
    url: Url = ""
    location: Location = ""


class ShopApiShape(Shape):
    shop: str
    channel: str
    url: str
    domain: str
    location: str
    connected_at: Moment


class MadeShopApi(ShopApiShape):
    """`token` is the one that was made, shown only now; null when it was given."""

    token: str | None = None


@routes.on("GET", PATH, "How a shop is called", scope="orders:read")
def connection(shop: PathId) -> Response[ShopApiShape]:
    found = wiring.connections_desk().connection(routes.caller.tenant, shop)
    return answer(_shape(found), ver=found.at)


@routes.on("POST", PATH, "Connect a shop's API", scope="shops:secrets", repeat=Repeat.ONCE)
def connect(shop: PathId, body: ShopApi) -> Response[MadeShopApi]:
    """Kept for later: nothing calls the shop yet. A new token takes the place of the one before."""
    caller, desk = routes.caller, wiring.connections_desk()
    made = desk.connect(caller.tenant, shop, body.token, body.url, body.location, caller.by)
    return answer(MadeShopApi(token=made.token, **_shape(made.connection).model_dump()))


@routes.on("DELETE", PATH, "Call a shop no more", scope="shops:secrets")
def disconnect(shop: PathId) -> ShopApiShape:
    desk, tenant = wiring.connections_desk(), routes.caller.tenant
    found = desk.connection(tenant, shop)
    routes.if_match(found.at)
    desk.disconnect(found)
    return _shape(found)


def _shape(connection: Connection) -> ShopApiShape:
    return ShopApiShape(
        shop=connection.shop,
        channel=connection.channel,
        url=connection.url,
        domain=connection.domain,
        location=connection.location,
        connected_at=connection.at,
    )
