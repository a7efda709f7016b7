"""What buyers were sent: per order, and what waits for a person because it could not be sent."""

from cardcourier import wiring
from cardcourier.api.idempotency import Repeat
from cardcourier.api.paging import Cursor, Limit, read_cursor, write_cursor
from cardcourier.api.routes import Routes
from cardcourier.api.schemas import List, Moment, PathId, Shape
from cardcourier.domain.notification import Notification
from cardcourier.domain.orders import OrderKey
from cardcourier.errors import Refused

routes = Routes("notifications")
OF_ORDER = "/v1/orders/<shop>/<order>/notifications"


class AttemptShape(Shape):
    """`outcome` is sent, refused, unavailable or unknown, `error` its class; it took `milliseconds`."""

    at: Moment
    outcome: str
    error: str
    milliseconds: int
    request_id: str


class NotificationShape(Shape):
    """One occasion (`delivered`, `replaced`, `again`) on one channel.

    `state` is pending, sent, refused (final), failed (tried too often) or over (nothing left to tell of);
    `to_do` while a person should look at it.
    """

    shop: str
    order: str
    id: str
    kind: str
    channel: str
    state: str
    cards: list[str]
    created_at: Moment
    next_try_at: Moment | None
    provider_id: str
    reason: str
    to_do: bool
    attempts: list[AttemptShape]


@routes.on("GET", "/v1/notifications", "Notifications that wait for a person", scope="orders:read")
def failed(limit: Limit = 50, cursor: Cursor = None) -> List[NotificationShape]:
    """Refused or given up and not yet noticed, the newest first."""
    after = read_cursor("notifications", cursor)
    try:
        page = wiring.notifications().unnoticed(routes.caller.tenant, after, limit)
    except ValueError as error:
        raise Refused("bad_cursor", "cursor is not one of this list; begin again without it.") from error
    return List(
        items=[_shape(note) for note in page.items], next_cursor=write_cursor("notifications", page.next)
    )


@routes.on("GET", OF_ORDER, "What the buyer of an order was sent", scope="orders:read")
def of_order(
    shop: PathId, order: PathId, limit: Limit = 50, cursor: Cursor = None
) -> List[NotificationShape]:
    """The oldest first."""
    told = wiring.orders_desk().order(_key(shop, order)).notifications
    last = read_cursor("sent", cursor)
    ids = [note.id for note in told]
    begin = ids.index(last) + 1 if last in ids else 0
    page = told[begin : begin + limit]
    more = page[-1].id if begin + limit < len(told) else None
    return List(items=[_shape(note) for note in page], next_cursor=write_cursor("sent", more))


@routes.on(
    "POST",
    f"{OF_ORDER}/<notification>/retry",
    "Try to send it again",
    scope="orders:act",
    repeat=Repeat.ANSWER,
)
def try_again(shop: PathId, order: PathId, notification: PathId) -> NotificationShape:
    """For what was refused or given up, once its cause is mended; for anything else there is `resend`."""
    caller, desk = routes.caller, wiring.notifications_desk()
    return _shape(desk.try_again(_key(shop, order), notification, caller.by, routes.rid))


@routes.on(
    "POST",
    f"{OF_ORDER}/<notification>/notice",
    "Take it off the to-do list",
    scope="orders:act",
    repeat=Repeat.ANSWER,
)
def notice(shop: PathId, order: PathId, notification: PathId) -> NotificationShape:
    caller, desk = routes.caller, wiring.notifications_desk()
    return _shape(desk.notice(_key(shop, order), notification, caller.by, routes.rid))


def _key(shop: str, order: str) -> OrderKey:
    return OrderKey(routes.caller.tenant, shop, order)


def _shape(note: Notification) -> NotificationShape:
    return NotificationShape(
        shop=note.key.shop,
        order=note.key.order,
        id=note.id,
        kind=note.kind,
        channel=note.channel,
        state=note.status,
        cards=[mark.rpartition("/")[0] for mark in note.about],
        created_at=note.created_at,
        next_try_at=note.due if note.open else None,
        provider_id=note.provider_id,
        reason=note.reason,
        to_do=not note.noticed,
        attempts=[
            AttemptShape(
                at=attempt.at,
                outcome=attempt.outcome,
                error=attempt.error,
                milliseconds=attempt.took,
                request_id=attempt.rid,
            )
            for attempt in note.attempts
        ],
    )
