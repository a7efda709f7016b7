"""Commands about shops and their signing secrets."""

import os
from typing import Annotated, Any

import typer

from cardcourier_cli.asking import Confirm, Context, Fields, Reason, fields_of, sure_of
from cardcourier_cli.client import part
from cardcourier_cli.nouns import gates
from cardcourier_cli.output import Output
from cardcourier_cli.session import session

SHOP_SECRET = "CARDCOURIER_SHOP_SECRET"  # noqa: S105
SHOP_TOKEN = "CARDCOURIER_SHOP_TOKEN"  # noqa: S105
API_COLUMNS = ("shop", "channel", "url", "domain", "location", "connected_at")
COLUMNS = ("id", "channel", "name", "currency", "unmapped", "max_quantity", "paused", "webhook_url")
Shop = Annotated[str, typer.Argument(help="The shop's id, as `shops list` shows it.")]

shops = typer.Typer(help="Shops and their signing secrets.", no_args_is_help=True)


@shops.command("list")
def list_shops(context: Context) -> None:
    """All shops."""
    now = session(context)
    now.out.items(now.api.every("/v1/shops"), COLUMNS)


@shops.command("show")
def show(context: Context, shop: Shop) -> None:
    """One shop; of its secrets only how many there are."""
    now = session(context)
    now.out.one(now.api.get(_place(shop)), (*COLUMNS, "domain", "test", "secrets", "old_until"))


@shops.command("add")
def add(
    context: Context,
    shop: Annotated[str, typer.Argument(help="How the shop's id begins: a-z, 0-9, -")],
    channel: Annotated[str, typer.Option(help="standard or shopify")],
    name: Annotated[str, typer.Option()],
    currency: Annotated[str, typer.Option()] = "CNY",
    domain: Annotated[str, typer.Option(help="Shopify: name.myshopify.com")] = "",
    unmapped: Annotated[str, typer.Option(help="hold or ignore items nobody mapped")] = "hold",
    max_quantity: Annotated[int, typer.Option(help="More pieces of a line wait for a person.")] = 50,
    test: Annotated[bool, typer.Option("--test", help="Accept test orders, which use up stock.")] = False,
    fields: Fields = None,
) -> None:
    """Connect a shop.

    For `standard` a signing secret is made and shown once; others have theirs: it is read from
    CARDCOURIER_SHOP_SECRET, from stdin, or asked for.
    """
    now = session(context)
    body: dict[str, Any] = {"id": shop, "channel": channel, "name": name, "currency": currency}
    body |= {"domain": domain, "unmapped": unmapped, "max_quantity": max_quantity, "test": test}
    if channel != "standard" or SHOP_SECRET in os.environ:
        body["secret"] = now.secret(SHOP_SECRET, now.out.words("ask_secret"))
    _show_secret(now.out, now.api.post("/v1/shops", body | fields_of(fields, now)))


@shops.command("change")
def change(context: Context, shop: Shop, fields: Fields = None) -> None:
    """Change a shop's fields, such as name, unmapped or max_quantity."""
    now = session(context)
    now.out.one(now.api.change(_place(shop), fields_of(fields, now)), COLUMNS)


@shops.command("rotate")
def rotate(
    context: Context,
    shop: Shop,
    drop_old: Annotated[
        bool, typer.Option("--drop-old", help="End the older secret; alone, nothing else happens.")
    ] = False,
    generate: Annotated[bool, typer.Option("--generate", help="Make a new secret.")] = False,
    given: Annotated[
        bool, typer.Option("--given", help="The platform made the new secret: read it, never print it.")
    ] = False,
    overlap: Annotated[
        int | None, typer.Option(min=0, help="For how many hours the older one is accepted too.")
    ] = None,
    confirm: Confirm = None,
) -> None:
    """Exchange a shop's signing secret: add the new one, change the platform over, then --drop-old.

    --drop-old asks for the shop's id again: notifications signed with the older secret are refused at once.
    """
    now = session(context)
    if drop_old:
        sure_of(now, shop, confirm)
    body: dict[str, Any] = {"drop_old": drop_old, "generate": generate}
    if overlap is not None:
        body["overlap_hours"] = overlap
    if given:
        body["secret"] = now.secret(SHOP_SECRET, now.out.words("ask_secret"))
    _show_secret(now.out, now.api.post(f"{_place(shop)}/secrets", body))


@shops.command("api")
def api(context: Context, shop: Shop) -> None:
    """How a shop is called; never its token."""
    now = session(context)
    now.out.one(now.api.get(f"{_place(shop)}/api"), API_COLUMNS)


@shops.command("connect-api")
def connect_api(
    context: Context,
    shop: Shop,
    url: Annotated[str, typer.Option(help="Where your own site hears of us; not for Shopify.")] = "",
    location: Annotated[
        str, typer.Option(help="Shopify: where cards are counted, if you have several.")
    ] = "",
) -> None:
    """Keep how a shop is to be called; nothing calls it yet.

    For your own site (`--url`) a token to check our signatures is made and shown once, unless one is in
    CARDCOURIER_SHOP_TOKEN; that of another platform is read from there, from stdin, or asked for.
    """
    now = session(context)
    body: dict[str, Any] = {"url": url, "location": location}
    if not url or SHOP_TOKEN in os.environ:
        body["token"] = now.secret(SHOP_TOKEN, now.out.words("ask_token"))
    made = now.api.post(f"{_place(shop)}/api", body)
    if made.get("token"):
        now.out.say(now.out.words("secret_now"))
    now.out.one(made, (*API_COLUMNS, "token"))


@shops.command("disconnect-api")
def disconnect_api(context: Context, shop: Shop, confirm: Confirm = None) -> None:
    """Call a shop no more. Asks for its id again."""
    now = session(context)
    sure_of(now, shop, confirm)
    now.out.one(now.api.delete(f"{_place(shop)}/api"), API_COLUMNS)


@shops.command("pause")
def pause(context: Context, shop: Shop, reason: Reason, confirm: Confirm = None) -> None:
    """Stop a shop's sales; what is paid meanwhile waits. Asks for its id again."""
    now = session(context)
    sure_of(now, shop, confirm)
    gates.pause(now, _place(shop), reason)


@shops.command("resume")
def resume(context: Context, shop: Shop) -> None:
    """Sell again, and serve what waited."""
    gates.resume(session(context), _place(shop))


@shops.command("drain")
def drain(context: Context, shop: Shop) -> None:
    """How many of the shop's orders are still under way."""
    gates.drain(session(context), _place(shop))


def _place(shop: str) -> str:
    return f"/v1/shops/{part(shop)}"


def _show_secret(out: Output, shop: dict[str, Any]) -> None:
    if shop.get("secret"):
        out.say(out.words("secret_now"))
    out.one(shop, (*COLUMNS, "secrets", "secret"))
