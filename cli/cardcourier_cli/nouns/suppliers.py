"""Commands about suppliers, what their cards cost and what allows us to sell them."""

import hashlib
from pathlib import Path
from typing import Annotated, Any

import typer

from cardcourier_cli.asking import Context, Fields, Price, fields_of, minor
from cardcourier_cli.client import part
from cardcourier_cli.session import session

COLUMNS = ("id", "name", "cost", "authorised_until", "standing", "document_name", "contact")
Supplier = Annotated[str, typer.Argument(help="The supplier's id.")]

suppliers = typer.Typer(help="Suppliers and their authorisations.", no_args_is_help=True)


@suppliers.command("list")
def list_suppliers(context: Context) -> None:
    """All suppliers, with how long they are still authorised."""
    now = session(context)
    now.out.items(now.api.every("/v1/suppliers"), COLUMNS)


@suppliers.command("show")
def show(context: Context, supplier: Supplier) -> None:
    """One supplier, with a link to the authorisation that works for five minutes."""
    now = session(context)
    found = now.api.get(_place(supplier))
    now.out.one(found, (*COLUMNS, *sorted(found.keys() - set(COLUMNS))))


@suppliers.command("add")
def add(
    context: Context,
    supplier: Supplier,
    name: Annotated[str, typer.Option()],
    cost: Price = None,
    currency: Annotated[str, typer.Option()] = "CNY",
    fields: Fields = None,
) -> None:
    """Add a supplier; contact, authorisation, authorised_until and note with --set."""
    now = session(context)
    body: dict[str, Any] = {"id": supplier, "name": name, "currency": currency}
    body |= {"cost": minor(cost, currency)} if cost else {}
    now.out.one(now.api.post("/v1/suppliers", body | fields_of(fields, now)), COLUMNS)


@suppliers.command("change")
def change(context: Context, supplier: Supplier, fields: Fields = None) -> None:
    """Change a supplier's fields, such as authorised_until, contact or note."""
    now = session(context)
    now.out.one(now.api.change(_place(supplier), fields_of(fields, now)), COLUMNS)


@suppliers.command("upload")
def upload(
    context: Context,
    supplier: Supplier,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)],
) -> None:
    """Keep a copy of the authorisation: a PDF or a picture."""
    now = session(context)
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
        opened.seek(0)
        form = now.api.post(f"{_place(supplier)}/document", {"file_name": file.name, "sha256": digest})
        now.api.upload(form, opened, file.name)
    now.out.one(now.api.get(_place(supplier)), COLUMNS)


def _place(supplier: str) -> str:
    return f"/v1/suppliers/{part(supplier)}"
