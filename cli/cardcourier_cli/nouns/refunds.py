"""Refunds by amount and disputes."""

from typing import Annotated

import typer

from cardcourier_cli.asking import Context
from cardcourier_cli.nouns.orders import Order, Shop, line_and_number, place_of
from cardcourier_cli.session import session

refunds = typer.Typer(help="Refunds by amount, and disputed chargebacks.", no_args_is_help=True)


@refunds.command("answer")
def answer(
    context: Context,
    order: Order,
    reason: Annotated[str, typer.Option(help="Why; it is kept in the journal.")],
    refund: Annotated[str, typer.Option(help="Which of the order's `asked`; the first if left out.")] = "",
    piece: Annotated[list[str] | None, typer.Option(help="A piece that ends: line#number")] = None,
    shop: Shop = None,
) -> None:
    """Say which pieces end for a refund by amount; without any none ends."""
    now = session(context)
    place = place_of(now, order, shop)
    seen = now.api.get(place)
    pieces = [dict(zip(("line", "piece"), line_and_number(now, one), strict=True)) for one in piece or ()]
    name = refund or next(iter(seen["asked"]), "none")
    body = {"refund": name, "version": seen["version"], "pieces": pieces, "reason": reason}
    now.out.one(now.api.post(f"{place}/refunds/answer", body), ("changed",))


@refunds.command("dispute")
def dispute(
    context: Context,
    order: Order,
    outcome: Annotated[str, typer.Argument(help="won or lost")],
    evidence: Annotated[str, typer.Option(help="What it rests on.")],
    shop: Shop = None,
) -> None:
    """Say how a disputed chargeback came out; lost burns the cards that were kept."""
    now = session(context)
    body = {"outcome": outcome, "evidence": evidence}
    now.out.one(now.api.post(f"{place_of(now, order, shop)}/dispute", body), ("changed",))
