"""Commands about batches: what one import brought."""

from typing import Annotated

import typer

from cardcourier_cli.asking import Context, Fields, Limit, fields_of
from cardcourier_cli.client import part
from cardcourier_cli.session import session

COLUMNS = ("id", "sku", "file_name", "imported", "rejected", "duplicates", "cost", "created_at", "by")

Batch = Annotated[str, typer.Argument(help="The id of a batch.")]

batches = typer.Typer(help="Batches of cards.", no_args_is_help=True)


@batches.command("list")
def list_batches(context: Context, limit: Limit = 50) -> None:
    """All batches, the newest first."""
    now = session(context)
    now.out.items(now.api.every("/v1/batches", most=limit), COLUMNS)


@batches.command("show")
def show(context: Context, batch: Batch) -> None:
    """One batch: what it cost, how much of it is delivered, how many cards were bad."""
    now = session(context)
    found = now.api.get(f"/v1/batches/{part(batch)}")
    now.out.one(found, (*COLUMNS, *sorted(found.keys() - set(COLUMNS))))


@batches.command("change")
def change(context: Context, batch: Batch, fields: Fields = None) -> None:
    """Change a batch's note or authorisation."""
    now = session(context)
    now.out.one(now.api.change(f"/v1/batches/{part(batch)}", fields_of(fields, now)), COLUMNS)
