"""Bulk actions: one action over many orders, done in the background, with a result for each order."""

import csv
import io
from typing import Annotated, Any, Literal

from aws_lambda_powertools.event_handler import Response
from pydantic import Field, model_validator

from cardcourier import wiring
from cardcourier.api import auth
from cardcourier.api.idempotency import Repeat
from cardcourier.api.paging import Cursor, Limit, read_cursor, write_cursor
from cardcourier.api.routes import Routes, answer
from cardcourier.api.schemas import GivenMoment, List, LongText, Moment, Money, PathId, Shape, Text, money
from cardcourier.domain.bulk import MOST_ORDERS, PREFIX
from cardcourier.domain.catalogue import Job
from cardcourier.errors import Refused
from cardcourier.services.bulk_jobs import Wanted

routes = Routes("bulk")
Action = Literal["approve", "cancel", "note", "replace", "resend", "retry"]
OrderName = Annotated[str, Field(min_length=1, max_length=256)]


class OrderRef(Shape):
    shop: OrderName
    order: OrderName


class OrdersWhere(Shape):
    """As the list of orders takes them: the last 31 days unless told otherwise."""

    status: Text = ""
    shop: Text = ""
    since: Annotated[GivenMoment | None, Field(alias="from")] = None
    until: Annotated[GivenMoment | None, Field(alias="to")] = None


class BulkOrder(Shape):
    """`orders` are named, or those that `where` finds now; at most 1,000.

    `cancel`, `note` and `replace` need a `reason`, which is the text of a `note`. `replace` gives a new card
    for each that was shown, of one `batch` if it is named. `retry` has orders looked at again. With
    `expected` nothing is done unless there are as many orders.
    """

    action: Action
    orders: Annotated[list[OrderRef] | None, Field(min_length=1, max_length=MOST_ORDERS)] = None
    where: OrdersWhere | None = None
    reason: LongText = ""
    batch: Text = ""
    expected: Annotated[int, Field(ge=1, strict=True)] | None = None

    @model_validator(mode="after")
    def whole(self) -> "BulkOrder":
        if (self.orders is None) == (self.where is None):
            raise ValueError("give either orders or where")
        if self.action in ("cancel", "note", "replace") and not self.reason:
            raise ValueError(f"{self.action} needs a reason")
        return self


class BulkPreview(Shape):
    """`missing` are named orders that do not exist; they would be refused."""

    orders: int
    amounts: list[Money]
    missing: list[OrderRef]


class BulkShape(Shape):
    """`state`: created, running, done or cancelled. `done` and `refused` count orders."""

    id: str
    action: str
    state: str
    reason: str
    batch: str
    orders: int
    done: int
    refused: int
    created_at: Moment
    by: str


class BulkItem(Shape):
    """`result` is waiting, done or refused, then with the `code` and `detail` that the single action has."""

    shop: str
    order: str
    result: str
    code: str
    detail: str


@routes.on(
    "POST",
    "/v1/bulk/preview",
    "What a bulk action would be done to",
    scope="orders:act",
    repeat=Repeat.AGAIN,
    heavy=True,
)
def preview(body: BulkOrder) -> BulkPreview:
    """Changes nothing."""
    found = wiring.bulk_desk().preview(routes.caller.tenant, _wanted(body))
    return BulkPreview(
        orders=found.orders,
        amounts=[money(amount, currency) for currency, amount in sorted(found.amounts.items())],
        missing=[OrderRef(shop=shop, order=order) for shop, order in found.missing],
    )


@routes.on(
    "POST",
    "/v1/bulk",
    "Do one action to many orders",
    scope="orders:act",
    status=202,
    repeat=Repeat.AGAIN,
    heavy=True,
)
def create(body: BulkOrder) -> Response[BulkShape]:
    """`replace` needs the scope `cards:replace` too. Ask for it until it is `done`."""
    caller = routes.caller
    if body.action == "replace":
        auth.allow(caller, "cards:replace")
    job = wiring.bulk_desk().create(caller.tenant, _wanted(body), routes.act, caller.by)
    return answer(_shape(job), 202)


@routes.on("GET", "/v1/bulk", "Bulk actions, the newest first", scope="orders:read")
def bulk(limit: Limit = 20, cursor: Cursor = None) -> List[BulkShape]:
    page = wiring.merchants().jobs(routes.caller.tenant, PREFIX, read_cursor("bulk", cursor), limit)
    return List(items=[_shape(job) for job in page.items], next_cursor=write_cursor("bulk", page.next))


@routes.on("GET", "/v1/bulk/<job>", "One bulk action and how far it is", scope="orders:read")
def one_bulk(job: PathId) -> BulkShape:
    return _shape(wiring.bulk_desk().get(routes.caller.tenant, job))


@routes.on("POST", "/v1/bulk/<job>/cancel", "Stop a bulk action", scope="orders:act", repeat=Repeat.ANSWER)
def cancel(job: PathId) -> BulkShape:
    """No more orders are begun; up to fifty that are in work may still be done."""
    return _shape(wiring.bulk_desk().cancel(routes.caller.tenant, job, routes.caller.by))


@routes.on("GET", "/v1/bulk/<job>/items", "What became of each order", scope="orders:read")
def items(job: PathId, limit: Limit = 50, cursor: Cursor = None) -> List[BulkItem]:
    desk = wiring.bulk_desk()
    found, start = desk.get(routes.caller.tenant, job), _start(cursor)
    shown = [_item(*row) for row in desk.results(found, start, limit)]
    more = start + limit < int(found.data["count"])
    return List(items=shown, next_cursor=write_cursor("items", str(start + limit) if more else None))


@routes.on("GET", "/v1/bulk/<job>/items.csv", "What became of all orders, as a file", scope="orders:read")
def file(job: PathId) -> Response[str]:
    """UTF-8 with a mark at its beginning, so that spreadsheets read it right."""
    desk = wiring.bulk_desk()
    found = desk.get(routes.caller.tenant, job)
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(BulkItem.model_fields)
    for row in desk.results(found, 0, MOST_ORDERS):
        table.writerow(_safe(str(cell)) for cell in _item(*row).model_dump().values())
    headers = {"content-disposition": f'attachment; filename="{found.id}.csv"'}
    body = "\ufeff" + text.getvalue()
    return Response(status_code=200, content_type="text/csv; charset=utf-8", body=body, headers=headers)


def _wanted(body: BulkOrder) -> Wanted:
    where = body.where
    desk = wiring.orders_desk()
    return Wanted(
        action=body.action,
        reason=body.reason,
        orders=[(name.shop, name.order) for name in body.orders or ()],
        filter=desk.filter(where.since, where.until, where.shop, where.status) if where else None,
        batch=body.batch,
        role=routes.caller.holder.role,
        expected=body.expected,
    )


def _start(cursor: str | None) -> int:
    text = read_cursor("items", cursor) or "0"
    if not (text.isascii() and text.isdigit() and len(text) <= 6):
        raise Refused("bad_cursor", "cursor is not one of this list; begin again without it.")
    return int(text)


def _shape(job: Job) -> BulkShape:
    data: dict[str, Any] = job.data
    return BulkShape(
        id=job.id,
        action=data["action"],
        state=job.state,
        reason=data["reason"],
        batch=data["batch"],
        orders=int(data["count"]),
        done=int(data["done"]),
        refused=int(data["refused"]),
        created_at=job.created_at,
        by=job.by,
    )


def _item(name: tuple[str, str], result: tuple[str, str] | None) -> BulkItem:
    code, detail = result or ("", "")
    state = "waiting" if result is None else "done" if code == "done" else "refused"
    return BulkItem(
        shop=name[0], order=name[1], result=state, code=code if state == "refused" else "", detail=detail
    )


def _safe(text: str) -> str:
    """A spreadsheet must not take an order's name for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
