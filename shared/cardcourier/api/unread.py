"""Notifications that were signed but could not be understood; their bodies stay sealed."""

from cardcourier import wiring
from cardcourier.api.routes import Routes
from cardcourier.api.schemas import Moment, Shape

routes = Routes("unread")


class UnreadShape(Shape):
    id: str
    shop: str
    event: str
    reason: str
    at: Moment


class Unread(Shape):
    items: list[UnreadShape]


@routes.on("GET", "/v1/unread", "What could not be understood", scope="orders:read")
def unread() -> Unread:
    found = wiring.unread().all(routes.caller.tenant)
    items = [UnreadShape(id=u.id, shop=u.shop, event=u.event, reason=u.reason, at=u.at) for u in found]
    return Unread(items=items)
