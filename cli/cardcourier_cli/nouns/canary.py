"""Commands about the canary."""

import typer

from cardcourier_cli.asking import Context
from cardcourier_cli.session import session

COLUMNS = ("enabled", "result", "reason", "milliseconds", "failures", "judged_at", "shop", "order", "stage")

canary = typer.Typer(help="An order of our own that tries the whole way.", no_args_is_help=True)


@canary.command("show")
def show(context: Context) -> None:
    """Whether it is on, and what came of its last order."""
    now = session(context)
    now.out.one(now.api.get("/v1/canary"), COLUMNS)


@canary.command("on")
def switch_on(context: Context) -> None:
    """Have an order placed, judged and refunded every ten minutes."""
    _switch(context, enabled=True)


@canary.command("off")
def switch_off(context: Context) -> None:
    """Place no more; an order under way is refunded still."""
    _switch(context, enabled=False)


def _switch(context: Context, *, enabled: bool) -> None:
    now = session(context)
    now.out.one(now.api.put("/v1/canary", {"enabled": enabled}), COLUMNS)
