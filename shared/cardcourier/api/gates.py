"""Pause and resume: the sales of a shop, of a product, or of the whole tenant."""

from typing import Annotated

from pydantic import Field

from cardcourier import wiring
from cardcourier.api.idempotency import Repeat
from cardcourier.api.routes import Routes
from cardcourier.api.schemas import Moment, PathId, Shape, Text
from cardcourier.domain.catalogue import Product, Shop, Tenant
from cardcourier.services.managing.gates import InFlight, effective_at

routes = Routes("gates")
Reason = Annotated[Text, Field(min_length=1)]


class Pause(Shape):
    """`reason` shows on every order that waits, and in the journal."""

    reason: Reason


class ProductPause(Pause):
    """`stop_reveals` keeps cards that were handed over already from being shown as well."""

    stop_reveals: bool = False


class Drain(Shape):
    """`orders` are paid and on their way to a delivery; `more` says that there are more than that."""

    orders: int
    more: bool


class GateShape(Shape):
    """A pause holds everywhere from `effective_at` on; until then a worker may act on what it read before.

    `in_flight` got their cards before and go on to their buyers. Refunds and cancels work all the time.
    """

    paused: bool
    reason: str
    effective_at: Moment | None
    stop_reveals: bool = False
    in_flight: Drain


@routes.on("POST", "/v1/shops/<shop>/pause", "Pause a shop's sales", scope="sales:pause", repeat=Repeat.AGAIN)
def pause_shop(shop: PathId, body: Pause) -> GateShape:
    """Paid orders are recorded and answered as ever; their units wait as `paused`, by time of payment."""
    caller = routes.caller
    paused = wiring.gates_desk().pause_shop(caller.tenant, shop, body.reason, caller.by)
    return _shape(paused, _in_flight(shop=shop))


@routes.on(
    "POST", "/v1/shops/<shop>/resume", "Resume a shop's sales", scope="sales:pause", repeat=Repeat.AGAIN
)
def resume_shop(shop: PathId) -> GateShape:
    """Whoever waits is served at once, the oldest payment first."""
    caller = routes.caller
    return _shape(wiring.gates_desk().resume_shop(caller.tenant, shop, caller.by), _in_flight(shop=shop))


@routes.on("GET", "/v1/shops/<shop>/drain", "A shop's orders in flight", scope="orders:read")
def drain_shop(shop: PathId) -> Drain:
    """A paused shop is quiet once `effective_at` has passed and this says 0."""
    wiring.merchants().shop(routes.caller.tenant, shop)
    return _in_flight(shop=shop)


@routes.on("POST", "/v1/products/<sku>/pause", "Pause a product", scope="sales:pause", repeat=Repeat.AGAIN)
def pause_product(sku: PathId, body: ProductPause) -> GateShape:
    """As for a shop. Cards in stock stay there; replacements of the product wait for the resume too."""
    caller = routes.caller
    paused = wiring.gates_desk().pause_product(
        caller.tenant, sku, body.reason, caller.by, stop_reveals=body.stop_reveals
    )
    return _shape(paused, _in_flight(sku=sku))


@routes.on("POST", "/v1/products/<sku>/resume", "Resume a product", scope="sales:pause", repeat=Repeat.AGAIN)
def resume_product(sku: PathId) -> GateShape:
    """Whoever waits is served at once, the oldest payment first; cards may be shown again."""
    caller = routes.caller
    return _shape(wiring.gates_desk().resume_product(caller.tenant, sku, caller.by), _in_flight(sku=sku))


@routes.on("GET", "/v1/products/<sku>/drain", "A product's orders in flight", scope="orders:read")
def drain_product(sku: PathId) -> Drain:
    """Orders with a card of the product that is not handed over, and those of which nothing is known yet."""
    wiring.merchants().product(routes.caller.tenant, sku)
    return _in_flight(sku=sku)


@routes.on("POST", "/v1/tenant/pause", "Pause all sales", scope="sales:pause", repeat=Repeat.AGAIN)
def pause_tenant(body: Pause) -> GateShape:
    """The kill switch: nothing of this tenant is allocated any more until it is resumed."""
    caller = routes.caller
    return _shape(wiring.gates_desk().pause_tenant(caller.tenant, body.reason, caller.by), _in_flight())


@routes.on("POST", "/v1/tenant/resume", "Resume all sales", scope="sales:pause", repeat=Repeat.AGAIN)
def resume_tenant() -> GateShape:
    """Shops and products that were paused by themselves stay so."""
    caller = routes.caller
    return _shape(wiring.gates_desk().resume_tenant(caller.tenant, caller.by), _in_flight())


@routes.on("GET", "/v1/tenant/drain", "All orders in flight", scope="orders:read")
def drain_tenant() -> Drain:
    return _in_flight()


def _in_flight(*, shop: str = "", sku: str = "") -> Drain:
    found: InFlight = wiring.gates_desk().in_flight(routes.caller.tenant, shop=shop, sku=sku)
    return Drain(orders=found.orders, more=found.more)


def _shape(thing: Shop | Product | Tenant, in_flight: Drain) -> GateShape:
    return GateShape(
        paused=bool(thing.paused),
        reason=thing.paused,
        effective_at=effective_at(thing.paused_at),
        stop_reveals=isinstance(thing, Product) and thing.stop_reveals,
        in_flight=in_flight,
    )
