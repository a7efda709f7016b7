"""Commands about what a buyer may ask for: a copy of his data, and that it be erased."""

import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from cardcourier_cli.asking import Confirm, Context, sure_of
from cardcourier_cli.client import part
from cardcourier_cli.session import Session, session

COLUMNS = ("id", "wish", "state", "orders", "created_at", "by")
LOOK = 0.5
Buyer = Annotated[
    str, typer.Argument(help="E-mail address, telephone or order number; - reads it from stdin.")
]
Out = Annotated[Path | None, typer.Option(dir_okay=False, help="Fetch the copy into this file.")]

buyers = typer.Typer(help="Buyers' own data.", no_args_is_help=True)


@buyers.command("export")
def export(context: Context, buyer: Buyer, out: Out = None) -> None:
    """Make a copy of one buyer's data, wait for it and fetch it."""
    now = session(context)
    job = now.api.post("/v1/buyers/export", {"buyer": _named(buyer)})
    _hand_over(now, _wait(now, job["id"]), out)


@buyers.command("erase")
def erase(
    context: Context,
    buyer: Buyer,
    force: Annotated[
        bool, typer.Option("--force", help="Also while an order is still to be delivered.")
    ] = False,
    confirm: Confirm = None,
) -> None:
    """Erase one buyer's data. Asks for the buyer again, as it was written."""
    now = session(context)
    wanted = _named(buyer)
    sure_of(now, wanted, confirm)
    job = now.api.post("/v1/buyers/erase", {"buyer": wanted, "force": force})
    _hand_over(now, _wait(now, job["id"]), None)


@buyers.command("show")
def show(
    context: Context, job: Annotated[str, typer.Argument(help="The id of a request.")], out: Out = None
) -> None:
    """One request; its copy has a link that works for five minutes."""
    now = session(context)
    _hand_over(now, now.api.get(f"/v1/buyers/{part(job)}"), out)


def _named(buyer: str) -> str:
    return sys.stdin.readline().strip() if buyer == "-" else buyer


def _wait(now: Session, job_id: str) -> dict[str, Any]:
    try:
        while True:
            job: dict[str, Any] = now.api.get(f"/v1/buyers/{part(job_id)}")
            if job["state"] in ("done", "failed"):
                return job
            time.sleep(LOOK)
    except KeyboardInterrupt:
        now.out.say(now.out.words("resume", command=f"buyers show {job_id}"))
        raise


def _hand_over(now: Session, job: dict[str, Any], out: Path | None) -> None:
    if out is not None and job.get("download_url"):
        now.api.download(job["download_url"], out)
        now.out.say(now.out.words("wrote", path=out))
    link = ("download_url",) if job.get("download_url") and out is None else ()
    shown = {name: value for name, value in job.items() if name != "download_url" or link}
    now.out.one(shown, (*COLUMNS, *link))
