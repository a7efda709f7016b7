"""Commands about people who sign in through an identity provider."""

from typing import Annotated

import typer

from cardcourier_cli.asking import Confirm, Context, Fields, fields_of, sure_of
from cardcourier_cli.client import part
from cardcourier_cli.session import session

COLUMNS = ("id", "name", "role", "scopes", "disabled", "issuer", "subject", "created_at")
User = Annotated[str, typer.Argument(help="The user's id, as `users list` shows it.")]

users = typer.Typer(help="People who sign in.", no_args_is_help=True)


@users.command("list")
def list_users(context: Context) -> None:
    """All users."""
    now = session(context)
    now.out.items(now.api.every("/v1/users"), COLUMNS)


@users.command("show")
def show(context: Context, user: User) -> None:
    """One user."""
    now = session(context)
    now.out.one(now.api.get(f"/v1/users/{part(user)}"), COLUMNS)


@users.command("invite")
def invite(
    context: Context,
    name: Annotated[str, typer.Argument(help="The person's name.")],
    issuer: Annotated[str, typer.Option(help="The identity provider's address, https://…")],
    subject: Annotated[str, typer.Option(help="Who the person is there: `sub` of the token.")],
    role: Annotated[str, typer.Option(help="owner, manager, stock, support, finance or auditor")],
    scope: Annotated[
        list[str] | None, typer.Option(help="Fewer rights than the role: only these. Repeat it.")
    ] = None,
) -> None:
    """Let a person in."""
    now = session(context)
    body = {"name": name, "issuer": issuer, "subject": subject, "role": role, "scopes": scope or []}
    now.out.one(now.api.post("/v1/users", body), COLUMNS)


@users.command("change")
def change(context: Context, user: User, fields: Fields = None) -> None:
    """Change name, role or scopes."""
    now = session(context)
    now.out.one(now.api.change(f"/v1/users/{part(user)}", fields_of(fields, now)), COLUMNS)


@users.command("disable")
def disable(context: Context, user: User, confirm: Confirm = None) -> None:
    """Let a person in no more. Asks for the id again; `users change --set disabled=false` takes it back."""
    now = session(context)
    sure_of(now, user, confirm)
    now.out.one(now.api.change(f"/v1/users/{part(user)}", {"disabled": True}), COLUMNS)
