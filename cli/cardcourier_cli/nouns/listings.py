"""Commands about what a shop's items stand for."""

from typing import Annotated, Any

import typer

from cardcourier_cli.asking import Confirm, Context, minor, sure_of
from cardcourier_cli.client import part
from cardcourier_cli.endings import Exit, Failed
from cardcourier_cli.output import Output
from cardcourier_cli.session import session

COLUMNS = ("item", "variant", "parts", "not_ours")
Shop = Annotated[str, typer.Argument(help="The shop's id.")]
Item = Annotated[str, typer.Argument(help="The item as the shop names it.")]
Variant = Annotated[str, typer.Option(help="The variant, where the shop has some.")]

listings = typer.Typer(help="What a shop's items stand for.", no_args_is_help=True)


@listings.command("list")
def list_listings(context: Context, shop: Shop) -> None:
    """The listings of a shop."""
    now = session(context)
    now.out.items(now.api.every(_place(shop)), COLUMNS)


@listings.command("show")
def show(context: Context, shop: Shop, item: Item, variant: Variant = "") -> None:
    """One listing."""
    now = session(context)
    now.out.one(now.api.get(f"{_place(shop)}/{part(item)}", variant=variant), COLUMNS)


@listings.command("map")
def map_listing(
    context: Context,
    shop: Shop,
    item: Item,
    parts: Annotated[
        list[str] | None, typer.Argument(help="SKU or SKU:quantity; several make a bundle.")
    ] = None,
    variant: Variant = "",
    floor: Annotated[str | None, typer.Option(help="Lowest price of a piece, such as 19.90")] = None,
    not_ours: Annotated[bool, typer.Option("--not-ours", help="We do not deliver it.")] = False,
) -> None:
    """Say what an item stands for; orders that waited for it go on at once."""
    now = session(context)
    lowest = minor(floor, now.api.get(f"/v1/shops/{part(shop)}")["currency"]) if floor else None
    read = [_part(now.out, text, lowest) for text in parts or ()]
    body = {"item": item, "variant": variant, "parts": read, "not_ours": not_ours}
    now.out.one(now.api.put(_place(shop), body), COLUMNS)


@listings.command("forget")
def forget(context: Context, shop: Shop, item: Item, variant: Variant = "", confirm: Confirm = None) -> None:
    """Forget what an item stands for: its next orders wait. Asks for the item again."""
    now = session(context)
    sure_of(now, item, confirm)
    now.api.delete(_place(shop), item=item, variant=variant)
    now.out.one({"item": item, "variant": variant, "forgotten": True}, ("item", "variant", "forgotten"))


def _place(shop: str) -> str:
    return f"/v1/shops/{part(shop)}/listings"


def _part(out: Output, text: str, floor: int | None) -> dict[str, Any]:
    """A SKU may hold a colon itself: what follows the last one counts if it is a number."""
    sku, colon, quantity = text.rpartition(":")
    if not colon or not (quantity.isascii() and quantity.isdigit()):
        sku, quantity = text, "1"
    if not sku:
        raise Failed(out.words("bad_part", text=text), Exit.USAGE)
    return {"sku": sku, "quantity": int(quantity), "floor": floor}
