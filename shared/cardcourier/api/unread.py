"""Notifications that were signed but could not be understood; their bodies stay sealed."""

from cardcourier import wiring
from cardcourier.api.paging import Cursor, Limit, read_cursor, write_cursor
from cardcourier.api.routes import Routes
from cardcourier.api.schemas import List, Moment, Shape

routes = Routes("unread")


class UnreadShape(Shape):
    id: str
    shop: str
    event: str
    reason: str
    at: Moment


@routes.on("GET", "/v1/unread", "What could not be understood", scope="orders:read")
def unread(limit: Limit = 50, cursor: Cursor = None) -> List[UnreadShape]:
    page = wiring.unread().page(routes.caller.tenant, read_cursor("unread", cursor), limit)
    items = [UnreadShape(id=u.id, shop=u.shop, event=u.event, reason=u.reason, at=u.at) for u in page.items]
    return List(items=items, next_cursor=write_cursor("unread", page.next))
