"""Commands about the trail: who did what."""

from typing import Annotated

import typer

from cardcourier_cli.asking import Context, Limit
from cardcourier_cli.session import session

COLUMNS = ("at", "by", "role", "action", "target", "fields", "status", "code", "request_id")

audit = typer.Typer(help="Who did what.", no_args_is_help=True)


@audit.command("list")
def list_trail(
    context: Context,
    by: Annotated[str, typer.Option(help="A key or user.")] = "",
    action: Annotated[str, typer.Option(help="Such as POST or PATCH, as the trail names it.")] = "",
    target: Annotated[str, typer.Option(help="How an address begins, such as /v1/products")] = "",
    since: Annotated[str, typer.Option("--from", help="A time with its zone; usually 31 days ago.")] = "",
    until: Annotated[str, typer.Option("--to")] = "",
    limit: Limit = 50,
) -> None:
    """What was changed over the API, the newest first."""
    now = session(context)
    query = {"by": by, "action": action, "target": target, "from": since, "to": until}
    now.out.items(now.api.every("/v1/audit", most=limit, **query), COLUMNS)
