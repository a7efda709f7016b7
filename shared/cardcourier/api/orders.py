"""Orders: listed, looked at with everything that happened to them, and acted upon."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import Field

from cardcourier import wiring
from cardcourier.api import auth
from cardcourier.api.claims import OVERRIDE
from cardcourier.api.idempotency import Repeat
from cardcourier.api.paging import Cursor, Limit, read_cursor, write_cursor
from cardcourier.api.routes import Routes, answer
from cardcourier.api.schemas import GivenMoment, List, LongText, Moment, Money, PathId, Shape, Text, money
from cardcourier.domain.orders import OrderKey, Unit, summarise
from cardcourier.domain.timeline import OrderHistory, remarks, timeline
from cardcourier.domain.views import OrderRow
from cardcourier.errors import Refused
from cardcourier.services.handling_orders import Who
from cardcourier.services.reading_orders import read_place

routes = Routes("orders")
ORDER = "/v1/orders/<shop>/<order>"
MASK = "****"


class RowShape(Shape):
    """`at` is when we first heard of the order; `units` counts its cards by state."""

    shop: str
    order: str
    number: str
    status: str
    amount: Money
    units: dict[str, int]
    at: Moment


class LineShape(Shape):
    id: str
    item: str
    variant: str
    sku: str
    quantity: int
    price: Money | None


class UnitShape(Shape):
    """One card of one piece. `card` shows its last characters; `room` is where it waits and `why`."""

    line: str
    n: int
    piece: int
    state: str
    sku: str
    card: str
    batch: str
    replaced: int
    views: int
    first_shown_at: Moment | None
    card_expires_at: Moment | None
    delivered_by: str
    room: str | None
    why: str


class FactShape(Shape):
    """A further payment (`pay`), refund, cancel or chargeback."""

    kind: str
    id: str
    amount: Money | None
    payment: str
    occurred_at: Moment | None
    at: Moment
    by: str
    why: str


class NoteShape(Shape):
    at: Moment
    text: str
    unit: str
    by: str
    about: str


class EntryShape(Shape):
    at: Moment
    what: str
    unit: str
    by: str
    why: str
    request_id: str
    last4: str
    amount: Money | None


class RemarkShape(Shape):
    code: str
    detail: str


class OrderShape(Shape):
    """An order as it stands. `warnings` say what a person should know of it.

    `asked` names refunds by amount of which nobody said yet what they end; `credit` counts pieces by line
    that were cancelled by name and meet a later refund by number; `dispute` is `open`, `won`, `lost` or
    empty.
    """

    shop: str
    order: str
    number: str
    status: str
    paid_at: Moment | None
    payments: list[str]
    amount: Money
    total: Money
    approved: bool
    version: int
    asked: list[str]
    credit: dict[str, int]
    dispute: str
    lines: list[LineShape]
    units: list[UnitShape]
    facts: list[FactShape]
    notes: list[NoteShape]
    warnings: list[RemarkShape]
    timeline: list[EntryShape]


class Reason(Shape):
    reason: LongText = ""


class Piece(Shape):
    line: Text
    piece: Annotated[int, Field(ge=1, strict=True)]


class Cancel(Shape):
    """Without `pieces` the whole order ends."""

    reason: Annotated[LongText, Field(min_length=1)]
    pieces: Annotated[list[Piece], Field(max_length=1000)] = Field(default_factory=list)


class NewNote(Shape):
    """`unit` is `<line>#<nnnn>`, or empty for the whole order."""

    text: Annotated[LongText, Field(min_length=1)]
    unit: Text = ""


class Replacement(Shape):
    """`override` replaces beyond the warranty; it needs the scope cards:override."""

    reason: Annotated[LongText, Field(min_length=1)]
    override: bool = False


class Reopening(Shape):
    reason: Annotated[LongText, Field(min_length=1)]


class Done(Shape):
    """`changed` is false when it was so before."""

    changed: bool


class LinkShape(Shape):
    """For the merchant's own order page. `qr` is a PNG of the link as a `data:` URI."""

    url: str
    pick_up_code: str
    expires_at: Moment
    qr: str
    units: list[UnitShape]


@routes.on("GET", "/v1/orders", "Orders, the newest first", scope="orders:read")
def orders(
    status: Annotated[str, Query(max_length=40)] = "",
    shop: Annotated[str, Query(max_length=60)] = "",
    since: Annotated[GivenMoment | None, Query(alias="from")] = None,
    until: Annotated[GivenMoment | None, Query(alias="to")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> List[RowShape]:
    """The last 31 days unless told otherwise. A page may be short, or empty, while `next_cursor` goes on."""
    desk = wiring.orders_desk()
    text = read_cursor("orders", cursor)
    try:
        before = read_place(text) if text else None
    except ValueError as error:
        raise Refused("bad_cursor", "cursor is not one of this list; begin again without it.") from error
    page = desk.page(routes.caller.tenant, desk.filter(since, until, shop, status), before, limit)
    return List(items=[_row(row) for row in page.items], next_cursor=write_cursor("orders", page.next))


@routes.on("GET", ORDER, "One order with its timeline", scope="orders:read")
def one_order(shop: PathId, order: PathId) -> OrderShape:
    return _order(wiring.orders_desk().order(_key(shop, order)))


@routes.on("POST", f"{ORDER}/approve", "Let a held order go", scope="orders:act", repeat=Repeat.ANSWER)
def approve(shop: PathId, order: PathId, body: Reason) -> Done:
    return Done(changed=wiring.order_actions().approve(_key(shop, order), body.reason, _who()))


@routes.on(
    "POST", f"{ORDER}/cancel", "End an order or pieces of it", scope="orders:act", repeat=Repeat.ANSWER
)
def cancel(shop: PathId, order: PathId, body: Cancel) -> Done:
    """Cards nobody saw go back into stock; those that were shown are burnt. Money is not moved."""
    pieces = [(piece.line, piece.piece) for piece in body.pieces]
    changed = wiring.order_actions().cancel(_key(shop, order), pieces, body.reason, routes.act, _who())
    return Done(changed=changed)


@routes.on(
    "POST",
    f"{ORDER}/retry",
    "Have an order looked at again",
    scope="orders:act",
    status=202,
    repeat=Repeat.ANSWER,
)
def retry(shop: PathId, order: PathId) -> Response[Done]:
    """What waits without need goes on: after a mapping, an import, or a fault that is mended."""
    wiring.order_actions().retry(_key(shop, order))
    return answer(Done(changed=True), 202)


@routes.on("POST", f"{ORDER}/notes", "Comment an order", scope="orders:act", status=201, repeat=Repeat.ANSWER)
def note(shop: PathId, order: PathId, body: NewNote) -> Response[Done]:
    wiring.order_actions().note(_key(shop, order), body.text, body.unit, _who())
    return answer(Done(changed=True), 201)


@routes.on(
    "POST", f"{ORDER}/resend", "Mail the link again", scope="orders:act", status=202, repeat=Repeat.ANSWER
)
def resend(shop: PathId, order: PathId) -> Response[Done]:
    """At most five times a day for one order."""
    wiring.order_actions().resend(_key(shop, order), _who())
    return answer(Done(changed=True), 202)


@routes.on(
    "GET",
    f"{ORDER}/link",
    "Link, pick-up code and QR for one's own order page",
    scope="orders:act",
    shows=True,
)
def link(shop: PathId, order: PathId) -> Response[LinkShape]:
    found = wiring.order_actions().link(_key(shop, order), wiring.links_at(routes.own_url))
    return answer(
        LinkShape(
            url=found.url,
            pick_up_code=found.code,
            expires_at=found.expires_at,
            qr=wiring.qr_code(found.url),
            units=[_unit(unit) for unit in found.units],
        )
    )


@routes.on(
    "POST",
    f"{ORDER}/withdraw-links",
    "End every link and pick-up code",
    scope="orders:act",
    repeat=Repeat.ANSWER,
)
def withdraw_links(shop: PathId, order: PathId, body: Reason) -> Done:
    wiring.order_actions().withdraw_links(_key(shop, order), body.reason, _who())
    return Done(changed=True)


@routes.on(
    "POST",
    f"{ORDER}/units/<line>/<n>/replace",
    "Burn a card that does not work and give a new one",
    scope="cards:replace",
    repeat=Repeat.ANSWER,
)
def replace_card(shop: PathId, order: PathId, line: PathId, n: PathId, body: Replacement) -> UnitShape:
    """Only a card that was shown can be invalid. The tenant's `replacement_caps` say how many a day by role.

    After the product's `warranty_days` it takes `override`.
    """
    if body.override:
        auth.allow(routes.caller, OVERRIDE)
    actions, key = wiring.order_actions(), _key(shop, order)
    return _unit(actions.replace(key, line, _number(n), body.reason, _who(), override=body.override))


@routes.on(
    "POST",
    f"{ORDER}/units/<line>/<n>/reopen",
    "Let the buyer look at a shown card anew",
    scope="orders:act",
    repeat=Repeat.ANSWER,
)
def reopen_card(shop: PathId, order: PathId, line: PathId, n: PathId, body: Reopening) -> UnitShape:
    """For a card that is shown once, or whose views are used up: views, days and grace begin again.

    The reason is kept with the order and in the journal. Support may do this 20 times a day.
    """
    return _unit(wiring.order_actions().reopen(_key(shop, order), line, _number(n), body.reason, _who()))


def _number(n: str) -> int:
    if not (n.isascii() and n.isdigit() and len(n) <= 6):
        raise Refused("no_such_piece", "The number of a unit is a whole number, such as 1.")
    return int(n)


def _key(shop: str, order: str) -> OrderKey:
    """The order of this name in the caller's own tenant, whoever else may have one."""
    return OrderKey(routes.caller.tenant, shop, order)


def _who() -> Who:
    caller = routes.caller
    return Who(caller.by, caller.holder.role, caller.rid)


def _row(row: OrderRow) -> RowShape:
    return RowShape(
        shop=row.key.shop,
        order=row.key.order,
        number=row.number,
        status=row.status,
        amount=money(row.amount, row.currency),
        units=dict(row.counts),
        at=row.at,
    )


def _order(history: OrderHistory) -> OrderShape:
    header = history.header
    return OrderShape(
        shop=header.key.shop,
        order=header.key.order,
        number=header.number or header.key.order,
        status=summarise(header, history.units).status,
        paid_at=header.paid_at,
        payments=list(header.payments),
        amount=money(header.amount, header.currency),
        total=money(header.total, header.currency),
        approved=header.approved,
        version=header.ver,
        asked=list(header.asked),
        credit=dict(header.credit),
        dispute=header.dispute,
        lines=_lines(history),
        units=[_unit(unit) for unit in history.units],
        facts=_facts(history),
        notes=[
            NoteShape(at=note.at, text=note.text, unit=note.about, by=note.by, about=note.why)
            for note in history.notes
        ],
        warnings=[RemarkShape(code=found.code, detail=found.detail) for found in remarks(history)],
        timeline=_entries(history),
    )


def _lines(history: OrderHistory) -> list[LineShape]:
    currency = history.header.currency
    return [
        LineShape(
            id=line.id,
            item=line.item,
            variant=line.variant,
            sku=line.sku,
            quantity=line.quantity,
            price=None if line.price is None else money(line.price, currency),
        )
        for line in history.header.lines
    ]


def _facts(history: OrderHistory) -> list[FactShape]:
    return [
        FactShape(
            kind=fact.kind,
            id=fact.id,
            amount=None if fact.amount is None else money(fact.amount, fact.currency),
            payment=fact.payment,
            occurred_at=fact.occurred_at,
            at=fact.at,
            by=fact.by,
            why=fact.why,
        )
        for fact in history.facts
    ]


def _entries(history: OrderHistory) -> list[EntryShape]:
    return [
        EntryShape(
            at=entry.at,
            what=entry.what,
            unit=entry.unit,
            by=entry.by,
            why=entry.why,
            request_id=entry.request_id,
            last4=entry.last4,
            amount=None if entry.amount is None else money(entry.amount, entry.currency),
        )
        for entry in timeline(history)
    ]


def _unit(unit: Unit) -> UnitShape:
    return UnitShape(
        line=unit.line,
        n=unit.n,
        piece=unit.piece,
        state=unit.state,
        sku=unit.sku,
        card=unit.head + MASK + unit.last4 if unit.holds_card else "",
        batch=unit.batch if unit.holds_card else "",
        replaced=unit.gen if unit.holds_card else 0,
        views=unit.views,
        first_shown_at=unit.exposed_at,
        card_expires_at=unit.card_expires_at if unit.holds_card else None,
        delivered_by=unit.delivered_by,
        room=unit.room,
        why=unit.why,
    )
