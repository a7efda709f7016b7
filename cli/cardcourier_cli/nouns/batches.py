"""Commands about batches: what one import brought."""

from typing import Annotated

import typer

from cardcourier_cli.asking import Context, Limit
from cardcourier_cli.client import part
from cardcourier_cli.session import session

COLUMNS = ("id", "sku", "file_name", "imported", "rejected", "duplicates", "cost", "created_at", "by")

batches = typer.Typer(help="Batches of cards.", no_args_is_help=True)


@batches.command("list")
def list_batches(context: Context, limit: Limit = 50) -> None:
    """All batches, the newest first."""
    now = session(context)
    now.out.items(now.api.every("/v1/batches", most=limit), COLUMNS)


@batches.command("show")
def show(context: Context, batch: Annotated[str, typer.Argument(help="The id of a batch.")]) -> None:
    """One batch."""
    now = session(context)
    found = now.api.get(f"/v1/batches/{part(batch)}")
    now.out.one(found, (*COLUMNS, *sorted(found.keys() - set(COLUMNS))))
