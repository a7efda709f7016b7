"""One box for every kind of number; and what was signed but could not be read."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from cardcourier import wiring
from cardcourier.api.routes import Routes
from cardcourier.api.schemas import Moment, Money, Shape, money
from cardcourier.services.searching import LONGEST, Hit

routes = Routes("search")


class HitShape(Shape):
    """An order, and `found_by`: order, order_number, payment, email, phone, pick_up_code, card or last4."""

    shop: str
    order: str
    number: str
    found_by: str
    paid_at: Moment | None
    amount: Money


class Hits(Shape):
    items: list[HitShape]


@routes.on("GET", "/v1/search", "Find orders by any number", scope="orders:read")
def search(q: Annotated[str, Query(min_length=1, max_length=LONGEST)]) -> Hits:
    """Order, payment or pick-up number, e-mail, telephone, a whole card (`code` or `number code`), last 4.

    A card is compared by its fingerprint only.
    """
    return Hits(items=[_shape(hit) for hit in wiring.finder().find(routes.caller.tenant, q)])


def _shape(hit: Hit) -> HitShape:
    header = hit.header
    return HitShape(
        shop=header.key.shop,
        order=header.key.order,
        number=header.number or header.key.order,
        found_by=hit.by,
        paid_at=header.paid_at,
        amount=money(header.amount, header.currency),
    )
