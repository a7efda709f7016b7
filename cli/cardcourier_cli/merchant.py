"""Commands that set up what is sold: tenant, shops, products, listings, stock."""

import os
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from cardcourier.domain.money import parse_minor
from cardcourier.errors import Refused
from cardcourier_cli import config
from cardcourier_cli.client import part
from cardcourier_cli.config import Config
from cardcourier_cli.endings import Exit, Failed
from cardcourier_cli.output import Output
from cardcourier_cli.session import session

BOOTSTRAP_SECRET, SHOP_SECRET = "CARDCOURIER_BOOTSTRAP_SECRET", "CARDCOURIER_SHOP_SECRET"
SHOP_COLUMNS = ("id", "channel", "name", "currency", "unmapped", "max_quantity", "webhook_url")
PRODUCT_COLUMNS = ("sku", "name", "issuer", "release_at", "policy", "max_views", "view_days")
LISTING_COLUMNS = ("item", "variant", "parts", "not_ours")

shops = typer.Typer(help="Shops and their signing secrets.", no_args_is_help=True)
products = typer.Typer(help="What is sold.", no_args_is_help=True)
listings = typer.Typer(help="What a shop's items stand for.", no_args_is_help=True)
Context = typer.Context


def bootstrap(
    context: Context,
    tenant: Annotated[str, typer.Option(help="Id of the merchant: a-z, 0-9, -")],
    name: Annotated[str, typer.Option(help="Name that buyers see.")],
    time_zone: Annotated[str, typer.Option()] = "Asia/Shanghai",
    currency: Annotated[str, typer.Option()] = "CNY",
    language: Annotated[str, typer.Option(help="zh-CN or en")] = "zh-CN",
    support: Annotated[str, typer.Option(help="What buyers are told when they need help.")] = "",
    print_key: Annotated[
        bool, typer.Option("--print-key", help="Print the key instead of keeping it in the profile.")
    ] = False,
) -> None:
    """Create the first tenant and its owner's key, once.

    The deployment's secret is read from CARDCOURIER_BOOTSTRAP_SECRET, from stdin, or asked for.
    """
    now = session(context)
    words = now.out.words
    url = config.read(now.profile, words, key_needed=False).url
    secret = now.secret(BOOTSTRAP_SECRET, words("ask_bootstrap"))
    about = {"id": tenant, "name": name, "time_zone": time_zone, "currency": currency}
    body = {"tenant": {**about, "language": language, "support": support}}
    made = now.api_of(Config(url, "")).post("/v1/bootstrap", body, {"x-bootstrap-secret": secret})
    if print_key:
        now.out.say(words("key_now"))
    else:
        path = config.save(now.profile, Config(url, made["key"].pop("key")))
        now.out.say(words("saved", path=path))
    now.out.one(made, ("tenant.id", "tenant.name", "key.id", "key.role", "key.expires_at", "key.key"))


def me(context: Context) -> None:
    """Who one is: tenant, role and scopes of the key."""
    now = session(context)
    now.out.one(now.api.get("/v1/me"), ("tenant", "key_id", "name", "role", "scopes", "expires_at"))


def stock(context: Context) -> None:
    """What can be sold now, by product."""
    now = session(context)
    now.out.items(now.api.every("/v1/stock"), ("sku", "name", "available", "release_at"))


@shops.command("list")
def list_shops(context: Context) -> None:
    """All shops."""
    now = session(context)
    now.out.items(now.api.every("/v1/shops"), SHOP_COLUMNS)


@shops.command("add")
def add_shop(
    context: Context,
    shop: Annotated[str, typer.Argument(help="How the shop's id begins: a-z, 0-9, -")],
    channel: Annotated[str, typer.Option(help="standard or shopify")],
    name: Annotated[str, typer.Option()],
    currency: Annotated[str, typer.Option()] = "CNY",
    domain: Annotated[str, typer.Option(help="Shopify: name.myshopify.com")] = "",
    unmapped: Annotated[str, typer.Option(help="hold or ignore items nobody mapped")] = "hold",
    max_quantity: Annotated[int, typer.Option(help="More pieces of a line wait for a person.")] = 50,
    test: Annotated[bool, typer.Option("--test", help="Accept test orders, which use up stock.")] = False,
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
    _show_secret(now.out, now.api.post("/v1/shops", body))


@shops.command("rotate")
def rotate(
    context: Context,
    shop: str,
    drop_old: Annotated[
        bool, typer.Option("--drop-old", help="End the older secret; alone, nothing else happens.")
    ] = False,
    generate: Annotated[bool, typer.Option("--generate", help="Make a new secret.")] = False,
    given: Annotated[
        bool, typer.Option("--given", help="The platform made the new secret: read it, never print it.")
    ] = False,
) -> None:
    """Exchange a shop's signing secret: add the new one, change the platform over, then --drop-old."""
    now = session(context)
    body: dict[str, Any] = {"drop_old": drop_old, "generate": generate}
    if given:
        body["secret"] = now.secret(SHOP_SECRET, now.out.words("ask_secret"))
    _show_secret(now.out, now.api.post(f"/v1/shops/{part(shop)}/secrets", body))


def _show_secret(out: Output, shop: dict[str, Any]) -> None:
    if shop.get("secret"):
        out.say(out.words("secret_now"))
    out.one(shop, (*SHOP_COLUMNS, "secrets", "secret"))


@products.command("list")
def list_products(context: Context) -> None:
    """All products."""
    now = session(context)
    now.out.items(now.api.every("/v1/products"), PRODUCT_COLUMNS)


@products.command("add")
def add_product(
    context: Context,
    sku: str,
    name: Annotated[str, typer.Option(help="Name that buyers see.")],
    name_en: Annotated[str, typer.Option()] = "",
    issuer: Annotated[
        str, typer.Option(help="Who redeems the cards; within one issuer a card exists once.")
    ] = "",
    step: Annotated[
        list[str] | None, typer.Option(help="A step of redeeming; give it several times.")
    ] = None,
    step_en: Annotated[list[str] | None, typer.Option()] = None,
    redeem_url: Annotated[str, typer.Option()] = "",
    release_at: Annotated[str | None, typer.Option(help="Presale: 2026-11-11T00:00:00+08:00")] = None,
    policy: Annotated[str, typer.Option(help="repeat, or proof to ask for the pick-up code")] = "repeat",
    pattern: Annotated[str, typer.Option(help="What every code must match, such as [A-Z0-9]{16}")] = "",
    shards: Annotated[int, typer.Option(help="More for a product that thousands buy at once.")] = 1,
) -> None:
    """Add a product."""
    now = session(context)
    body: dict[str, Any] = {"sku": sku, "name": name, "name_en": name_en, "issuer": issuer, "policy": policy}
    body |= {"steps": step or [], "steps_en": step_en or [], "redeem_url": redeem_url, "pattern": pattern}
    body |= {"shards": shards} | ({"release_at": release_at} if release_at else {})
    now.out.one(now.api.post("/v1/products", body), PRODUCT_COLUMNS)


@products.command("release")
def release(
    context: Context,
    sku: str,
    at: Annotated[
        str | None, typer.Option(help="A time with its zone; without it the presale opens now.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Open a presale now, or say when it opens; orders that wait are served by time of payment."""
    now = session(context)
    if at is None and not yes and not typer.confirm(now.out.words("confirm_release", sku=sku), err=True):
        raise Failed(now.out.words("declined"))
    moment = at or datetime.now(UTC).isoformat(timespec="milliseconds")
    now.out.one(now.api.patch(f"/v1/products/{part(sku)}", {"release_at": moment}), PRODUCT_COLUMNS)


@listings.command("list")
def list_listings(context: Context, shop: str) -> None:
    """The listings of a shop."""
    now = session(context)
    now.out.items(now.api.every(f"/v1/shops/{part(shop)}/listings"), LISTING_COLUMNS)


@listings.command("map")
def map_listing(
    context: Context,
    shop: str,
    item: Annotated[str, typer.Argument(help="The item as the shop names it.")],
    parts: Annotated[
        list[str] | None, typer.Argument(help="SKU or SKU:quantity; several make a bundle.")
    ] = None,
    variant: Annotated[str, typer.Option()] = "",
    floor: Annotated[str | None, typer.Option(help="Lowest price of a piece, such as 19.90")] = None,
    not_ours: Annotated[bool, typer.Option("--not-ours", help="We do not deliver it.")] = False,
) -> None:
    """Say what an item stands for; orders that waited for it go on at once."""
    now = session(context)
    place = f"/v1/shops/{part(shop)}"
    lowest = _minor(floor, now.api.get(place)["currency"]) if floor else None
    read = [_part(now.out, text, lowest) for text in parts or ()]
    body = {"item": item, "variant": variant, "parts": read, "not_ours": not_ours}
    now.out.one(now.api.put(f"{place}/listings", body), LISTING_COLUMNS)


def _part(out: Output, text: str, floor: int | None) -> dict[str, Any]:
    """A SKU may hold a colon itself: what follows the last one counts if it is a number."""
    sku, colon, quantity = text.rpartition(":")
    if not colon or not (quantity.isascii() and quantity.isdigit()):
        sku, quantity = text, "1"
    if not sku:
        raise Failed(out.words("bad_part", text=text), Exit.USAGE)
    return {"sku": sku, "quantity": int(quantity), "floor": floor}


def _minor(text: str, currency: str) -> int:
    try:
        return parse_minor(text, currency)
    except Refused as refused:
        raise Failed(refused.detail, Exit.USAGE) from refused
