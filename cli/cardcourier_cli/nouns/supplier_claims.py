"""Commands about supplier claims: bad cards told to whom they were bought from."""

from pathlib import Path
from typing import Annotated

import typer

from cardcourier_cli.asking import Context, Limit, Reason, minor
from cardcourier_cli.client import part
from cardcourier_cli.session import session

PLACE = "/v1/supplier-claims"
COLUMNS = ("id", "supplier", "batch", "state", "cards", "accepted", "credit", "sent_at", "why")
CARDS = ("card", "last4", "batch", "reason", "claimed_at", "first_shown_at", "redeemed_at", "evidence")
Claim = Annotated[str, typer.Argument(help="As `supplier-claims list` names it.")]

supplier_claims = typer.Typer(help="Bad cards and their suppliers.", no_args_is_help=True)


@supplier_claims.command("list")
def list_claims(context: Context, limit: Limit = 50) -> None:
    """Supplier claims, the newest first."""
    now = session(context)
    now.out.items(now.api.every(PLACE, most=limit), COLUMNS)


@supplier_claims.command("show")
def show(context: Context, claim: Claim) -> None:
    """One supplier claim with its cards."""
    now = session(context)
    found = now.api.get(f"{PLACE}/{part(claim)}")
    now.out.one({name: value for name, value in found.items() if name != "bad_cards"}, COLUMNS)
    now.out.table(found["bad_cards"], CARDS)


@supplier_claims.command("draft")
def draft(
    context: Context,
    supplier: Annotated[str, typer.Argument(help="Whose cards.")],
    batch: Annotated[str, typer.Option(help="Only of this batch.")] = "",
    note: Annotated[str, typer.Option()] = "",
) -> None:
    """Bundle the claimed cards of which this supplier was not told yet."""
    now = session(context)
    now.out.one(now.api.post(PLACE, {"supplier": supplier, "batch": batch, "note": note}), COLUMNS)


@supplier_claims.command("file")
def file(
    context: Context, claim: Claim, to: Annotated[Path, typer.Option(help="Where it is written.")]
) -> None:
    """Write the list for the supplier: CSV with ids and last characters, no code, order or buyer."""
    now = session(context)
    to.write_text(now.api.get(f"{PLACE}/{part(claim)}/file")["text"], encoding="utf-8")
    now.out.one({"file": str(to)}, ("file",))


@supplier_claims.command("drop")
def drop(context: Context, claim: Claim, reason: Reason) -> None:
    """End a draft; its cards may be bundled anew."""
    now = session(context)
    now.out.one(now.api.post(f"{PLACE}/{part(claim)}/drop", {"reason": reason}), COLUMNS)


@supplier_claims.command("sent")
def sent(context: Context, claim: Claim, reason: Reason) -> None:
    """Say that the supplier has it."""
    now = session(context)
    now.out.one(now.api.post(f"{PLACE}/{part(claim)}/sent", {"reason": reason}), COLUMNS)


@supplier_claims.command("answered")
def answered(
    context: Context,
    claim: Claim,
    accepted: Annotated[int, typer.Option(min=0, help="Cards the supplier takes the blame for.")],
    reason: Reason,
) -> None:
    """Keep the supplier's answer."""
    now = session(context)
    body = {"accepted": accepted, "reason": reason}
    now.out.one(now.api.post(f"{PLACE}/{part(claim)}/answered", body), COLUMNS)


@supplier_claims.command("credited")
def credited(
    context: Context,
    claim: Claim,
    amount: Annotated[str, typer.Option(help="What came back, such as 150.00")],
    reason: Reason,
    currency: Annotated[str, typer.Option()] = "CNY",
) -> None:
    """Book the supplier's credit, once."""
    now = session(context)
    body = {"amount": minor(amount, currency), "currency": currency, "reason": reason}
    now.out.one(now.api.post(f"{PLACE}/{part(claim)}/credited", body), COLUMNS)
