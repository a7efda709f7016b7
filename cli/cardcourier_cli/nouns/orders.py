"""Commands about orders: look at them, let them go, end them, replace cards, send the link again."""

import sys
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from cardcourier_cli.asking import Confirm, Context, Limit, Reason, sure_of
from cardcourier_cli.client import part
from cardcourier_cli.endings import Exit, Failed
from cardcourier_cli.output import Form
from cardcourier_cli.session import Session, session

orders = typer.Typer(help="Orders and what happened to them.", no_args_is_help=True)
Order = Annotated[str, typer.Argument(help="Any number of it: order, payment, pick-up code …")]
Unit = Annotated[str, typer.Option(help="As `orders show` names it: line#number")]
Shop = Annotated[str | None, typer.Option(help="The shop; without it the order is searched for.")]
ROW_COLUMNS = ("at", "shop", "order", "number", "status", "amount", "units")
HIT_COLUMNS = ("found_by", "shop", "order", "number", "paid_at", "amount")
HEAD_COLUMNS = ("shop", "order", "number", "status", "paid_at", "amount", "total", "approved")
UNIT_COLUMNS = ("line", "n", "piece", "sku", "state", "card", "views", "replaced", "delivered_by", "why")
ENTRY_COLUMNS = ("at", "what", "unit", "by", "why", "amount", "request_id")


@orders.command("list")
def list_orders(
    context: Context,
    status: Annotated[str, typer.Option(help="delivered, held_mapping, no_stock, paused, …")] = "",
    shop: Annotated[str, typer.Option()] = "",
    since: Annotated[str, typer.Option("--from", help="A time with its zone; usually 31 days ago.")] = "",
    until: Annotated[str, typer.Option("--to")] = "",
    limit: Limit = 50,
) -> None:
    """Orders, the newest first."""
    now = session(context)
    query = {"status": status, "shop": shop, "from": since, "to": until}
    now.out.items(now.api.every("/v1/orders", most=limit, **query), ROW_COLUMNS)


@orders.command("show")
def show(context: Context, order: Order, shop: Shop = None) -> None:
    """One order with its cards (masked), warnings and timeline."""
    now = session(context)
    found = now.api.get(place_of(now, order, shop))
    if now.out.chosen is not Form.TABLE:
        now.out.one(found, HEAD_COLUMNS)
        return
    now.out.one(found, HEAD_COLUMNS)
    now.out.table(found["units"], UNIT_COLUMNS)
    if found["warnings"]:
        now.out.table(found["warnings"], ("code", "detail"))
    now.out.table(found["timeline"], ENTRY_COLUMNS)


@orders.command("find")
def find(
    context: Context,
    text: Annotated[
        str, typer.Argument(help="What to look for; - reads it from stdin, as a card should be.")
    ],
) -> None:
    """Find orders by any number: order, payment, e-mail, phone, pick-up code, card, last 4."""
    now = session(context)
    wanted = sys.stdin.readline().strip() if text == "-" else text
    hits = now.api.get("/v1/search", q=wanted)["items"]
    now.out.items(hits, HIT_COLUMNS)
    if not hits:
        raise typer.Exit(Exit.NOT_FOUND)


@orders.command("approve")
def approve(context: Context, order: Order, shop: Shop = None, reason: Reason = "") -> None:
    """Let a held order go as it is."""
    now = session(context)
    now.out.one(now.api.post(f"{place_of(now, order, shop)}/approve", {"reason": reason}), ("changed",))


@orders.command("retry")
def retry(context: Context, order: Order, shop: Shop = None) -> None:
    """Have an order looked at again, after a mapping, an import or a fault that is mended."""
    now = session(context)
    now.out.one(now.api.post(f"{place_of(now, order, shop)}/retry"), ("changed",))


@orders.command("resend")
def resend(context: Context, order: Order, shop: Shop = None) -> None:
    """Mail the link again; at most five times a day for one order."""
    now = session(context)
    now.out.one(now.api.post(f"{place_of(now, order, shop)}/resend"), ("changed",))


@orders.command("replace")
def replace(context: Context, order: Order, reason: Reason, unit: Unit = "1#0001", shop: Shop = None) -> None:
    """Burn a card that was shown and does not work, and give a new one."""
    now = session(context)
    now.out.one(now.api.post(f"{_unit(now, order, shop, unit)}/replace", {"reason": reason}), UNIT_COLUMNS)


@orders.command("reopen")
def reopen(context: Context, order: Order, reason: Reason, unit: Unit = "1#0001", shop: Shop = None) -> None:
    """Let the buyer look at a shown card anew."""
    now = session(context)
    now.out.one(now.api.post(f"{_unit(now, order, shop, unit)}/reopen", {"reason": reason}), UNIT_COLUMNS)


@orders.command("cancel")
def cancel(
    context: Context,
    order: Order,
    reason: Reason,
    piece: Annotated[
        list[str] | None, typer.Option(help="Only this piece, line#number; repeat it. Else the whole order.")
    ] = None,
    shop: Shop = None,
    confirm: Confirm = None,
) -> None:
    """End an order or pieces of it; cards nobody saw are sold again. Asks for the order's id."""
    now = session(context)
    found = now.order(order, shop)
    sure_of(now, str(found["order"]), confirm)
    pieces = [dict(zip(("line", "piece"), line_and_number(now, one), strict=True)) for one in piece or ()]
    body = {"reason": reason} | ({"pieces": pieces} if pieces else {})
    now.out.one(now.api.post(f"{_place(found)}/cancel", body), ("changed",))


@orders.command("note")
def note(
    context: Context,
    order: Order,
    text: Annotated[str, typer.Argument(help="What colleagues should know.")],
    unit: Annotated[str, typer.Option(help="About this piece: line#number")] = "",
    shop: Shop = None,
) -> None:
    """Comment an order."""
    now = session(context)
    body = {"text": text, "unit": unit}
    now.out.one(now.api.post(f"{place_of(now, order, shop)}/notes", body), ("changed",))


@orders.command("link")
def link(context: Context, order: Order, shop: Shop = None) -> None:
    """The buyer's link and pick-up code. Whoever has them can see the cards."""
    now = session(context)
    now.out.one(now.api.get(f"{place_of(now, order, shop)}/link"), ("url", "pick_up_code", "expires_at"))


@orders.command("withdraw-links")
def withdraw_links(
    context: Context, order: Order, shop: Shop = None, reason: Reason = "", confirm: Confirm = None
) -> None:
    """End every link and pick-up code of an order. Asks for the order's id."""
    now = session(context)
    found = now.order(order, shop)
    sure_of(now, str(found["order"]), confirm)
    now.out.one(now.api.post(f"{_place(found)}/withdraw-links", {"reason": reason}), ("changed",))


def place_of(now: Session, order: str, shop: str | None) -> str:
    """The address of the order that is meant."""
    return _place(now.order(order, shop))


def _place(found: Mapping[str, Any]) -> str:
    return f"/v1/orders/{part(found['shop'])}/{part(found['order'])}"


def _unit(now: Session, order: str, shop: str | None, unit: str) -> str:
    line, number = line_and_number(now, unit)
    return f"{place_of(now, order, shop)}/units/{part(line)}/{number}"


def line_and_number(now: Session, unit: str) -> tuple[str, int]:
    line, mark, number = unit.rpartition("#")
    if not (mark and line and number.isascii() and number.isdigit()):
        raise Failed(now.out.words("bad_unit"), Exit.USAGE)
    return line, int(number)
