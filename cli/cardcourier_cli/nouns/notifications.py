"""Commands about what buyers were sent, and what could not be."""

from typing import Annotated

import typer

from cardcourier_cli.asking import Context, Limit
from cardcourier_cli.client import part
from cardcourier_cli.nouns.orders import Order, Shop, place_of
from cardcourier_cli.session import session

COLUMNS = ("id", "shop", "order", "kind", "channel", "state", "attempts", "reason", "next_try_at")
Id = Annotated[str, typer.Argument(help="The id of a notification.")]

notifications = typer.Typer(help="What buyers were sent.", no_args_is_help=True)


@notifications.command("list")
def list_failed(
    context: Context,
    order: Annotated[
        str | None, typer.Option(help="Everything about this order; else what waits for a person.")
    ] = None,
    shop: Shop = None,
    limit: Limit = 50,
) -> None:
    """Notifications that wait for a person, or all of one order."""
    now = session(context)
    place = "/v1/notifications" if order is None else f"{place_of(now, order, shop)}/notifications"
    now.out.items(now.api.every(place, most=limit), COLUMNS)


@notifications.command("retry")
def retry(context: Context, order: Order, notification: Id, shop: Shop = None) -> None:
    """Try to send it again."""
    now = session(context)
    place = f"{place_of(now, order, shop)}/notifications/{part(notification)}"
    now.out.one(now.api.post(f"{place}/retry"), COLUMNS)


@notifications.command("notice")
def notice(context: Context, order: Order, notification: Id, shop: Shop = None) -> None:
    """Take it off the to-do list without sending it."""
    now = session(context)
    place = f"{place_of(now, order, shop)}/notifications/{part(notification)}"
    now.out.one(now.api.post(f"{place}/notice"), COLUMNS)
