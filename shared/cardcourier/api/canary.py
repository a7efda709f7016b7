"""The canary: an order of our own every ten minutes, which tries the whole way."""

from aws_lambda_powertools.event_handler import Response

from cardcourier import wiring
from cardcourier.api.routes import Routes, answer
from cardcourier.api.schemas import Moment, Shape
from cardcourier.domain.canary import Canary, shop_of

routes = Routes("canary")


class Switch(Shape):
    enabled: bool


class CanaryShape(Shape):
    """`result` is what was judged last, at `judged_at`: `ok`, `failed` with a `reason`, or `paused` while the
    tenant's or the deployment's sales are closed. `milliseconds` is how long the last delivery took,
    `failures` counts those in a row. `shop` and `order` name the order under way, and `stage` how far it is:
    `placed`, `unplaced` (the front door did not take it), or `refunded`.
    """

    enabled: bool
    shop: str
    order: str
    stage: str
    placed_at: Moment | None
    judged_at: Moment | None
    result: str
    reason: str
    milliseconds: int | None
    failures: int


@routes.on("GET", "/v1/canary", "How the canary fares", scope="orders:read")
def canary() -> Response[CanaryShape]:
    found = wiring.canary_desk().get(routes.caller.tenant)
    return answer(_shape(found), ver=found.ver)


@routes.on("PUT", "/v1/canary", "Switch the canary on or off", scope="shops:write")
def switch(body: Switch) -> Response[CanaryShape]:
    """Its shop, product and orders show in no list, report or search, send no mail and book no money."""
    caller = routes.caller
    routes.if_match(wiring.canary_desk().get(caller.tenant).ver)
    switched = wiring.canary_desk().switch(caller.tenant, body.enabled, caller.by)
    return answer(_shape(switched), ver=switched.ver)


def _shape(canary: Canary) -> CanaryShape:
    return CanaryShape(
        enabled=canary.enabled,
        shop=shop_of(canary.tenant),
        order=canary.order,
        stage=canary.stage,
        placed_at=canary.placed_at or None,
        judged_at=canary.judged_at or None,
        result=canary.result,
        reason=canary.reason,
        milliseconds=canary.took,
        failures=canary.failures,
    )
