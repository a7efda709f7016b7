"""Commands about cards: where one stands, and what issuers say of them."""

import csv
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from cardcourier_cli.asking import Context
from cardcourier_cli.client import part
from cardcourier_cli.endings import Exit, Failed
from cardcourier_cli.session import session

COLUMNS = (
    "card",
    "state",
    "last4",
    "origin.batch",
    "origin.row",
    "origin.supplier",
    "first_shown_at",
    "evidence",
    "replaces",
    "replaced_by",
)
AT_ONCE = 500

cards = typer.Typer(help="Single cards, by id or fingerprint.", no_args_is_help=True)


@cards.command("status")
def status(
    context: Context,
    card: Annotated[str, typer.Argument(help="A card's id; - reads a whole card from stdin.")] = "",
    last4: Annotated[str, typer.Option(help="Last characters.")] = "",
    shop: Annotated[str, typer.Option(help="With --order: the cards of an order.")] = "",
    order: Annotated[str, typer.Option()] = "",
    unit: Annotated[str, typer.Option(help="Only this piece: line#number")] = "",
) -> None:
    """Where a card came from, who holds it, whether it was shown, used or replaced."""
    now = session(context)
    if card and card != "-":
        found = [now.api.get(f"/v1/cards/{part(card)}")]
    else:
        code = sys.stdin.readline().strip() if card else ""
        named = {"code": code, "last4": last4, "shop": shop, "order": order, "unit": unit}
        with now.api.in_earnest():
            found = now.api.post("/v1/cards/status", {k: v for k, v in named.items() if v})["items"]
    now.out.items(found, COLUMNS)
    if not found:
        raise typer.Exit(Exit.NOT_FOUND)


@cards.command("redeemed")
def redeemed(
    context: Context,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)],
    source: Annotated[str, typer.Option(help="Who says so; usually the file's name.")] = "",
) -> None:
    """Keep an issuer's file: CSV with columns code or card, redeemed_at, where. Refused rows are listed."""
    now = session(context)
    with file.open(encoding="utf-8-sig", newline="") as opened:
        rows = [_row(found, line) for line, found in enumerate(csv.DictReader(opened), start=2)]
    refused: list[dict[str, Any]] = []
    kept = known = 0
    for first in range(0, len(rows), AT_ONCE):
        body = {"source": source or file.name, "rows": rows[first : first + AT_ONCE]}
        told = now.api.post("/v1/cards/redeemed", body)
        kept, known = kept + told["kept"], known + told["known"]
        for one in told["rows"]:
            if one["result"] not in ("kept", "known"):
                refused.append({"line": first + one["row"] + 1, "result": one["result"]})
    summary = {"kept": kept, "known": known, "refused": len(refused)}
    now.out.one(summary, ("kept", "known", "refused"))
    if refused:
        now.out.table(refused, ("line", "result"))
        raise typer.Exit(Exit.PARTLY)


def _row(found: dict[str, str], line: int) -> dict[str, str]:
    wanted = ("card", "code", "redeemed_at", "where")
    row = {name: (found.get(name) or "").strip() for name in wanted}
    if not row["redeemed_at"] or bool(row["card"]) == bool(row["code"]):
        raise Failed(f"line {line}: card or code, and redeemed_at, are needed", Exit.USAGE)
    return {name: value for name, value in row.items() if value}
