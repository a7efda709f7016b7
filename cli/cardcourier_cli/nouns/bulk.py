"""Commands about one action for many orders, done as a job."""

import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from cardcourier_cli.asking import Context, Fields, Limit, Yes, fields_of, sure
from cardcourier_cli.client import part
from cardcourier_cli.endings import Exit, Failed
from cardcourier_cli.output import say_money
from cardcourier_cli.session import Session, session

COLUMNS = ("id", "action", "state", "orders", "done", "refused", "reason", "created_at", "by")
ITEM_COLUMNS = ("shop", "order", "result", "code", "detail")
ENDED = frozenset({"done", "cancelled", "failed"})
LOOK = 0.5
Job = Annotated[str, typer.Argument(help="The id of a bulk action.")]

bulk = typer.Typer(help="One action for many orders.", no_args_is_help=True)


@bulk.command("list")
def list_bulk(context: Context, limit: Limit = 50) -> None:
    """Bulk actions, the newest first."""
    now = session(context)
    now.out.items(now.api.every("/v1/bulk", most=limit), COLUMNS)


@bulk.command("show")
def show(context: Context, job: Job) -> None:
    """One bulk action and how far it is."""
    now = session(context)
    now.out.one(now.api.get(_place(job)), COLUMNS)


@bulk.command("items")
def items(
    context: Context,
    job: Job,
    out: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Write all of them into this CSV file.")
    ] = None,
) -> None:
    """What became of each order."""
    now = session(context)
    if out is None:
        now.out.items(now.api.every(f"{_place(job)}/items"), ITEM_COLUMNS)
        return
    out.write_bytes(now.api.file(f"{_place(job)}/items.csv"))
    now.out.say(now.out.words("wrote", path=out))


@bulk.command("cancel")
def cancel(context: Context, job: Job) -> None:
    """Begin no more orders; some that are in work may still be done."""
    now = session(context)
    now.out.one(now.api.post(f"{_place(job)}/cancel"), COLUMNS)


@bulk.command("run")
def run(
    context: Context,
    action: Annotated[str, typer.Argument(help="approve, cancel, note, replace, resend or retry")] = "",
    orders: Annotated[
        list[str] | None, typer.Argument(help="SHOP/ORDER, as many as you like; - reads them from stdin.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why, or the text of the note.")] = "",
    batch: Annotated[str, typer.Option(help="replace: the cards of this batch.")] = "",
    status: Annotated[str, typer.Option(help="Instead of orders: all of this status …")] = "",
    shop: Annotated[str, typer.Option(help="… of this shop …")] = "",
    since: Annotated[str, typer.Option("--from", help="… paid from then on …")] = "",
    until: Annotated[str, typer.Option("--to", help="… and before.")] = "",
    fields: Fields = None,
    yes: Yes = False,
    resume: Annotated[str | None, typer.Option(metavar="JOB", help="Wait for this job instead.")] = None,
) -> None:
    """Do one action to many orders: shows how many and what they are worth, asks, waits.

    Ends with 5 when some orders were refused. --dry-run stops after the preview.
    """
    now = session(context)
    if not resume:
        where = {"status": status, "shop": shop, "from": since, "to": until}
        chosen = _chosen(now, orders, {name: value for name, value in where.items() if value})
        body: dict[str, Any] = {"action": action, "reason": reason, "batch": batch, **chosen}
        body |= fields_of(fields, now)
        with now.api.in_earnest():
            seen = now.api.post("/v1/bulk/preview", body)
        worth = ", ".join(map(say_money, seen["amounts"])) or "0"
        question = now.out.words("confirm_bulk", action=action, orders=seen["orders"], worth=worth)
        if now.dry_run:
            now.out.say(question)
            now.out.one(seen, ("orders", "amounts", "missing"))
            return
        sure(now, question, yes)
        resume = str(now.api.post("/v1/bulk", body | {"expected": seen["orders"]})["id"])
    job = _wait(now, resume)
    now.out.one(job, COLUMNS)
    if job["refused"]:
        raise typer.Exit(Exit.PARTLY)


def _chosen(now: Session, orders: list[str] | None, where: dict[str, str]) -> dict[str, Any]:
    if bool(orders) == bool(where):
        raise Failed("bulk run ACTION SHOP/ORDER … | --status STATUS …", Exit.USAGE)
    if where:
        return {"where": where}
    names = sys.stdin.read().split() if orders == ["-"] else orders or []
    split = [name.partition("/") for name in names]
    if bad := [name for name, (shop, _, order) in zip(names, split, strict=True) if not (shop and order)]:
        raise Failed(now.out.words("bad_order", text=bad[0]), Exit.USAGE)
    return {"orders": [{"shop": shop, "order": order} for shop, _, order in split]}


def _wait(now: Session, job_id: str) -> dict[str, Any]:
    now.out.say(now.out.words("bulk", job=job_id))
    try:
        with now.out.progress() as bar:
            task = bar.add_task(now.out.words("working"), total=None) if bar is not None else None
            while True:
                job: dict[str, Any] = now.api.get(_place(job_id))
                if job["state"] in ENDED:
                    return job
                if bar is not None and task is not None:
                    bar.update(task, total=job["orders"], completed=job["done"] + job["refused"])
                time.sleep(LOOK)
    except KeyboardInterrupt:
        now.out.say(now.out.words("resume", command=f"bulk run --resume {job_id}"))
        raise


def _place(job: str) -> str:
    return f"/v1/bulk/{part(job)}"
