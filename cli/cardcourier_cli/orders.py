"""Commands about orders: list, show, find, let go, replace, mail again."""

import sys
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from cardcourier_cli.client import part
from cardcourier_cli.endings import Exit, Failed
from cardcourier_cli.output import Form
from cardcourier_cli.session import Session, session

orders = typer.Typer(help="Orders and what happened to them.", no_args_is_help=True)
Context = typer.Context
Shop = Annotated[str | None, typer.Option(help="The shop; without it the order is searched for.")]
ROW_COLUMNS = ("at", "shop", "order", "number", "status", "amount", "units")
HIT_COLUMNS = ("found_by", "shop", "order", "number", "paid_at", "amount")
HEAD_COLUMNS = ("shop", "order", "number", "status", "paid_at", "amount", "total", "approved")
UNIT_COLUMNS = ("line", "n", "sku", "state", "card", "views", "replaced", "delivered_by", "why")
ENTRY_COLUMNS = ("at", "what", "unit", "by", "why", "amount", "request_id")


@orders.command("list")
def list_orders(
    context: Context,
    status: Annotated[str, typer.Option(help="delivered, held_mapping, no_stock, paused, …")] = "",
    shop: Annotated[str, typer.Option()] = "",
    since: Annotated[str, typer.Option("--from", help="A time with its zone; usually 31 days ago.")] = "",
    until: Annotated[str, typer.Option("--to")] = "",
    limit: Annotated[int, typer.Option(min=1)] = 50,
) -> None:
    """Orders, the newest first."""
    now = session(context)
    query = {"status": status, "shop": shop, "from": since, "to": until}
    now.out.items(now.api.every("/v1/orders", most=limit, **query), ROW_COLUMNS)


@orders.command("show")
def show(context: Context, order: str, shop: Shop = None) -> None:
    """One order with its cards (masked), warnings and timeline."""
    now = session(context)
    found = now.api.get(_place(now, order, shop))
    if now.out.chosen is not Form.TABLE:
        now.out.one(found, HEAD_COLUMNS)
        return
    now.out.one(found, HEAD_COLUMNS)
    now.out.table(found["units"], UNIT_COLUMNS)
    if found["warnings"]:
        now.out.table(found["warnings"], ("code", "detail"))
    now.out.table(found["timeline"], ENTRY_COLUMNS)


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


def approve(
    context: Context, order: str, shop: Shop = None, reason: Annotated[str, typer.Option()] = ""
) -> None:
    """Let a held order go as it is."""
    now = session(context)
    now.out.one(now.api.post(f"{_place(now, order, shop)}/approve", {"reason": reason}), ("changed",))


def resend(context: Context, order: str, shop: Shop = None) -> None:
    """Mail the link again; at most five times a day for one order."""
    now = session(context)
    now.out.one(now.api.post(f"{_place(now, order, shop)}/resend"), ("changed",))


def replace(
    context: Context,
    order: str,
    reason: Annotated[str, typer.Option(help="Why the card does not work.")],
    unit: Annotated[str, typer.Option(help="As `orders show` names it: line#number")] = "1#0001",
    shop: Shop = None,
) -> None:
    """Burn a card that was shown and does not work, and give a new one."""
    now = session(context)
    line, mark, number = unit.rpartition("#")
    if not (mark and line and number.isascii() and number.isdigit()):
        raise Failed(now.out.words("bad_unit"), Exit.USAGE)
    place = f"{_place(now, order, shop)}/units/{part(line)}/{int(number)}/replace"
    now.out.one(now.api.post(place, {"reason": reason}), UNIT_COLUMNS)


def _place(now: Session, order: str, shop: str | None) -> str:
    found: Mapping[str, Any] = now.order(order, shop)
    return f"/v1/orders/{part(found['shop'])}/{part(found['order'])}"
