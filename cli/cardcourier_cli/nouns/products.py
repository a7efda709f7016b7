"""Commands about what is sold."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from cardcourier_cli.asking import Confirm, Context, Fields, Reason, Yes, fields_of, sure, sure_of
from cardcourier_cli.client import part
from cardcourier_cli.endings import Exit, Failed
from cardcourier_cli.nouns import gates
from cardcourier_cli.session import session

COLUMNS = ("sku", "name", "kind", "issuer", "release_at", "policy", "max_views", "view_days", "paused")
Sku = Annotated[str, typer.Argument(help="The product's SKU.")]

products = typer.Typer(help="What is sold.", no_args_is_help=True)


@products.command("list")
def list_products(context: Context) -> None:
    """All products."""
    now = session(context)
    now.out.items(now.api.every("/v1/products"), COLUMNS)


@products.command("show")
def show(context: Context, sku: Sku) -> None:
    """One product with all its fields."""
    now = session(context)
    found = now.api.get(_place(sku))
    now.out.one(found, (*COLUMNS, *sorted(found.keys() - set(COLUMNS))))


@products.command("add")
def add(
    context: Context,
    sku: Sku,
    name: Annotated[str, typer.Option(help="Name that buyers see.")],
    name_en: Annotated[str, typer.Option()] = "",
    kind: Annotated[
        str, typer.Option(help="unique cards, shared ones with a count of uses, or fixed content")
    ] = "unique",
    issuer: Annotated[
        str, typer.Option(help="Who redeems the cards; within one issuer a card exists once.")
    ] = "",
    step: Annotated[
        list[str] | None, typer.Option(help="A step of redeeming; give it several times.")
    ] = None,
    step_en: Annotated[list[str] | None, typer.Option()] = None,
    redeem_url: Annotated[str, typer.Option()] = "",
    release_at: Annotated[
        str | None, typer.Option(help="A presale opens then: a time with its zone.")
    ] = None,
    policy: Annotated[str, typer.Option(help="repeat, or proof for a pick-up code first")] = "repeat",
    pattern: Annotated[str, typer.Option(help="What every code must match.")] = "",
    shards: Annotated[int, typer.Option(help="More than one for what thousands buy at once.")] = 1,
    fields: Fields = None,
) -> None:
    """Add a product; any other field with --set."""
    now = session(context)
    body: dict[str, Any] = {"sku": sku, "name": name, "name_en": name_en, "issuer": issuer, "policy": policy}
    body["kind"] = kind
    body |= {"steps": step or [], "steps_en": step_en or [], "redeem_url": redeem_url, "pattern": pattern}
    body |= {"shards": shards} | ({"release_at": release_at} if release_at else {})
    now.out.one(now.api.post("/v1/products", body | fields_of(fields, now)), COLUMNS)


@products.command("change")
def change(context: Context, sku: Sku, fields: Fields = None) -> None:
    """Change a product's fields, such as name, steps, policy, max_views or pattern."""
    now = session(context)
    now.out.one(now.api.change(_place(sku), fields_of(fields, now)), COLUMNS)


@products.command("release")
def release(
    context: Context,
    sku: Sku,
    at: Annotated[
        str | None, typer.Option(help="A time with its zone; without it the presale opens now.")
    ] = None,
    yes: Yes = False,
) -> None:
    """Open a presale now, or say when it opens; orders that wait are served by time of payment."""
    now = session(context)
    if at is None:
        sure(now, now.out.words("confirm_release", sku=sku), yes)
    moment = at or datetime.now(UTC).isoformat(timespec="milliseconds")
    now.out.one(now.api.change(_place(sku), {"release_at": moment}), COLUMNS)


@products.command("content")
def content(
    context: Context,
    sku: Sku,
    file: Annotated[
        Path | None, typer.Option("--set-from", help="Set it from this file of text; - reads stdin.")
    ] = None,
    confirm: Confirm = None,
) -> None:
    """What is known of a fixed product's content, which is never shown; or set what every buyer gets.

    Setting asks for the SKU again: buyers from now on get the new text, who has one keeps it.
    """
    now = session(context)
    place = f"{_place(sku)}/content"
    if file is None:
        now.out.one(now.api.get(place), ("sku", "version", "last4", "set_at", "by"))
        return
    if str(file) != "-" and not file.is_file():
        raise Failed(now.out.words("no_file", path=file), Exit.USAGE)
    text = sys.stdin.read() if str(file) == "-" else file.read_text("utf-8")
    sure_of(now, sku, confirm)
    now.out.one(now.api.put(place, {"text": text}), ("job", "state"))


@products.command("pause")
def pause(
    context: Context,
    sku: Sku,
    reason: Reason,
    stop_reveals: Annotated[
        bool, typer.Option("--stop-reveals", help="Show buyers no card of it either, for cards gone bad.")
    ] = False,
    confirm: Confirm = None,
) -> None:
    """Stop a product's sales; what is paid meanwhile waits. Asks for its SKU again."""
    now = session(context)
    sure_of(now, sku, confirm)
    gates.pause(now, _place(sku), reason, stop_reveals=stop_reveals)


@products.command("resume")
def resume(context: Context, sku: Sku) -> None:
    """Sell again, and serve what waited."""
    gates.resume(session(context), _place(sku))


@products.command("drain")
def drain(context: Context, sku: Sku) -> None:
    """How many of the product's orders are still under way."""
    gates.drain(session(context), _place(sku))


def _place(sku: str) -> str:
    return f"/v1/products/{part(sku)}"
