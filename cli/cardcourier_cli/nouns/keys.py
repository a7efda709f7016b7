"""Commands about API keys. A key is shown once, when it is made."""

from typing import Annotated

import typer

from cardcourier_cli.asking import Confirm, Context, sure_of
from cardcourier_cli.client import part
from cardcourier_cli.session import session

COLUMNS = ("id", "name", "role", "scopes", "created_at", "expires_at", "revoked")
Key = Annotated[str, typer.Argument(help="The id of a key, as `keys list` shows it.")]

keys = typer.Typer(help="API keys.", no_args_is_help=True)


@keys.command("list")
def list_keys(context: Context) -> None:
    """All keys, without their secrets."""
    now = session(context)
    now.out.items(now.api.every("/v1/keys"), COLUMNS)


@keys.command("show")
def show(context: Context, key: Key) -> None:
    """One key, without its secret."""
    now = session(context)
    now.out.one(now.api.get(f"/v1/keys/{part(key)}"), COLUMNS)


@keys.command("whoami")
def whoami(context: Context) -> None:
    """Who one is: tenant, role and scopes of the key in use."""
    now = session(context)
    now.out.one(now.api.get("/v1/me"), ("tenant", "key_id", "name", "role", "scopes", "expires_at"))


@keys.command("create")
def create(
    context: Context,
    name: Annotated[str, typer.Argument(help="Who or what it is for.")],
    role: Annotated[str, typer.Option(help="owner, manager, stock, support, finance or auditor")],
    scope: Annotated[
        list[str] | None, typer.Option(help="Fewer rights than the role: only these. Repeat it.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, help="How long it lives.")] = 365,
) -> None:
    """Make a key; it is printed this once and never again."""
    now = session(context)
    body = {"name": name, "role": role, "scopes": scope or [], "expires_in_days": days}
    made = now.api.post("/v1/keys", body)
    now.out.say(now.out.words("key_now"))
    now.out.one(made, (*COLUMNS, "key"))


@keys.command("revoke")
def revoke(context: Context, key: Key, confirm: Confirm = None) -> None:
    """End a key at once. Asks for its id again."""
    now = session(context)
    sure_of(now, key, confirm)
    now.out.one(now.api.delete(f"/v1/keys/{part(key)}"), COLUMNS)
