"""Commands about claims: cards that buyers say do not work, and what is decided on them."""

from typing import Annotated

import typer

from cardcourier_cli.asking import Context, Limit, Reason
from cardcourier_cli.client import part
from cardcourier_cli.nouns.orders import Order, Shop, place_of
from cardcourier_cli.session import Session, session

COLUMNS = ("opened_at", "shop", "order", "claim", "last4", "batch", "reason", "state", "evidence", "card_now")
DECIDED = ("shop", "order", "claim", "state", "why", "outcome")
Claim = Annotated[str, typer.Option("--claim", help="As `claims list` names it: line.number.time")]
Override = Annotated[bool, typer.Option("--override", help="Beyond the warranty; owners and managers.")]

claims = typer.Typer(help="Cards that buyers say do not work.", no_args_is_help=True)


@claims.command("list")
def list_claims(
    context: Context,
    batch: Annotated[str, typer.Option(help="All claims on cards of this batch, decided or not.")] = "",
    limit: Limit = 50,
) -> None:
    """Claims that wait for a decision, the oldest first."""
    now = session(context)
    now.out.items(now.api.every("/v1/claims", most=limit, batch=batch), COLUMNS)


@claims.command("show")
def show(context: Context, order: Order, claim: Claim, shop: Shop = None) -> None:
    """One claim with what speaks for whom."""
    now = session(context)
    found = now.api.get(_place(now, order, shop, claim))
    now.out.one(found, (*COLUMNS, *sorted(found.keys() - set(COLUMNS))))


@claims.command("open")
def open_claim(
    context: Context,
    order: Order,
    said: Annotated[str, typer.Option(help="invalid, used, region, mistyped or other")] = "invalid",
    unit: Annotated[str, typer.Option(help="line#number")] = "1#0001",
    note: Annotated[str, typer.Option()] = "",
    shop: Shop = None,
) -> None:
    """Open a claim for a buyer who came by other ways, or open a closed one again."""
    now = session(context)
    body = {"unit": unit, "reason": said, "note": note}
    now.out.one(now.api.post(f"{place_of(now, order, shop)}/claims", body), DECIDED)


@claims.command("replace")
def replace(
    context: Context,
    order: Order,
    claim: Claim,
    reason: Reason,
    shop: Shop = None,
    override: Override = False,
) -> None:
    """Burn the claimed card and give a new one, once."""
    now = session(context)
    body = {"reason": reason, "override": override}
    now.out.one(now.api.post(f"{_place(now, order, shop, claim)}/replace", body), DECIDED)


@claims.command("refund")
def refund(context: Context, order: Order, claim: Claim, reason: Reason, shop: Shop = None) -> None:
    """End the piece and burn its card."""
    _decide(context, order, shop, claim, "refund", reason)


@claims.command("reject")
def reject(context: Context, order: Order, claim: Claim, reason: Reason, shop: Shop = None) -> None:
    """Close: the card was good."""
    _decide(context, order, shop, claim, "reject", reason)


@claims.command("withdraw")
def withdraw(context: Context, order: Order, claim: Claim, reason: Reason, shop: Shop = None) -> None:
    """Close: the buyer took it back."""
    _decide(context, order, shop, claim, "withdraw", reason)


@claims.command("wait")
def wait(context: Context, order: Order, claim: Claim, reason: Reason, shop: Shop = None) -> None:
    """Have the supplier told before it is decided."""
    _decide(context, order, shop, claim, "wait", reason)


@claims.command("decide")
def decide(
    context: Context,
    batch: Annotated[str, typer.Argument(help="Decide the claims on this batch's cards.")],
    action: Annotated[str, typer.Option(help="replace, refund, reject or wait")],
    reason: Reason,
    override: Override = False,
) -> None:
    """Decide up to a hundred claims of a batch alike."""
    now = session(context)
    body = {"batch": batch, "action": action, "reason": reason, "override": override}
    done = now.api.post("/v1/claims/decide", body)
    now.out.items(done["items"], ("shop", "order", "claim", "state", "code", "detail"))


def _decide(context: Context, order: str, shop: str | None, claim: str, verb: str, reason: str) -> None:
    now = session(context)
    now.out.one(now.api.post(f"{_place(now, order, shop, claim)}/{verb}", {"reason": reason}), DECIDED)


def _place(now: Session, order: str, shop: str | None, claim: str) -> str:
    return f"{place_of(now, order, shop)}/claims/{part(claim)}"
