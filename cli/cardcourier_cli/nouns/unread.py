"""Commands about notifications that were signed and could not be understood."""

import typer

from cardcourier_cli.asking import Context, Limit
from cardcourier_cli.session import session

unread = typer.Typer(help="Notifications that could not be understood.", no_args_is_help=True)


@unread.command("list")
def list_unread(context: Context, limit: Limit = 50) -> None:
    """What was kept sealed because nobody could read it, the newest first."""
    now = session(context)
    now.out.items(now.api.every("/v1/unread", most=limit), ("at", "shop", "event", "reason", "id"))
