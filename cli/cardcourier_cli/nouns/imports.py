"""Commands about import jobs; `stock import` makes them."""

from typing import Annotated, Any

import typer

from cardcourier_cli.asking import Confirm, Context, Limit, Reason, sure_of
from cardcourier_cli.client import part
from cardcourier_cli.nouns.stock import COLUMNS, job_of, wait_for
from cardcourier_cli.session import Session, session

Job = Annotated[str, typer.Argument(help="The id of an import.")]

imports = typer.Typer(help="Import jobs.", no_args_is_help=True)


@imports.command("list")
def list_imports(context: Context, limit: Limit = 50) -> None:
    """All imports, the newest first."""
    now = session(context)
    now.out.items(now.api.every("/v1/imports", most=limit), COLUMNS)


@imports.command("show")
def show(context: Context, job: Job) -> None:
    """One import and how far it is."""
    now = session(context)
    now.out.one(job_of(now, job), (*COLUMNS, "progress", "done_rows", "voided", "error", "reject_url"))


@imports.command("cancel")
def cancel(context: Context, job: Job) -> None:
    """Bring in no more of a file; what is in stays."""
    now = session(context)
    now.api.post(f"/v1/imports/{part(job)}/cancel")
    _show(now, wait_for(now, job, now.out.words("writing"), until=("cancelled", "committed")))


@imports.command("undo")
def undo(context: Context, job: Job, reason: Reason, confirm: Confirm = None) -> None:
    """Void every card of an import that is not sold. Asks for its id again."""
    now = session(context)
    sure_of(now, job, confirm)
    now.api.post(f"/v1/imports/{part(job)}/undo", {"reason": reason})
    _show(now, wait_for(now, job, now.out.words("writing"), until=("undone",)))


def _show(now: Session, job: dict[str, Any]) -> None:
    now.out.one({name: value for name, value in job.items() if name != "reject_url"}, (*COLUMNS, "voided"))
