"""Commands about stock: what can be sold, and the import of a card file."""

import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from cardcourier_cli.asking import Context, Fields, Price, Yes, fields_of, minor, sure
from cardcourier_cli.client import part
from cardcourier_cli.endings import Exit, Failed
from cardcourier_cli.output import say_money
from cardcourier_cli.session import Session, session

FIRST_LOOK, LONGEST_LOOK = 0.2, 2.0
COLUMNS = ("id", "state", "sku", "file_name", "counts.rows", "counts.accepted", "total_cost", "batch")
SAMPLE_COLUMNS = ("row", "number", "code", "expires_at", "warnings")
LEFT_OUT_COLUMNS = ("row", "masked", "code", "hint")

stock = typer.Typer(help="Cards that can be sold.", no_args_is_help=True)


@stock.command("list")
def list_stock(context: Context) -> None:
    """What can be sold now, by product."""
    now = session(context)
    now.out.items(now.api.every("/v1/stock"), ("sku", "name", "kind", "available", "release_at"))


@stock.command("import")
def import_cards(
    context: Context,
    file: Annotated[
        Path | None,
        typer.Argument(
            help="TXT, CSV or TSV in any encoding, XLSX, or a ZIP of one; - reads text from stdin."
        ),
    ] = None,
    product: Annotated[str | None, typer.Option(help="SKU")] = None,
    supplier: Annotated[str, typer.Option(help="Whose cards these are; brings its cost and layout.")] = "",
    cost: Price = None,
    currency: Annotated[str, typer.Option(help="Of the cost.")] = "CNY",
    expires_at: Annotated[
        str | None, typer.Option(help="Where the file is silent: a time with its zone.")
    ] = None,
    note: Annotated[str, typer.Option()] = "",
    separator: Annotated[
        str | None, typer.Option(help="Where it is guessed wrong: ---- , ; | : and so on")
    ] = None,
    columns: Annotated[
        str | None, typer.Option(help="number,code,expiry,cost,face,ignore in the file's order")
    ] = None,
    header: Annotated[bool, typer.Option("--header", help="The first line names the columns.")] = False,
    fields: Fields = None,
    yes: Yes = False,
    resume: Annotated[str | None, typer.Option(metavar="JOB", help="Go on with this job.")] = None,
) -> None:
    """Import a card file: upload, preview with masked samples, confirm, write.

    Ends with 5 when some rows were left out. --dry-run stops after the preview.
    """
    now = session(context)
    about = _rest(expires_at=expires_at, note=note, supplier=supplier)
    about |= _rest(layout=_layout(separator, columns, header))
    if cost:
        about |= {"cost": minor(cost, currency), "currency": currency}
    job = job_of(now, resume) if resume else _begin(now, file, product, about | fields_of(fields, now))
    try:
        _finish(now, job, yes)
    except KeyboardInterrupt:
        now.out.say(now.out.words("resume", command=f"stock import --resume {job['id']}"))
        raise


def _rest(**given: Any) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value}


def _layout(separator: str | None, columns: str | None, header: bool) -> dict[str, Any] | None:
    if columns is None and separator is None:
        return None
    roles = [role.strip() for role in (columns or "code").split(",")]
    return {"separator": (separator or "").replace("\\t", "\t"), "columns": roles, "header": header}


def _begin(now: Session, file: Path | None, sku: str | None, about: dict[str, Any]) -> dict[str, Any]:
    if file is None or not sku:
        raise Failed("stock import FILE --product SKU", Exit.USAGE)
    if str(file) != "-" and not file.is_file():
        raise Failed(now.out.words("no_file", path=file), Exit.USAGE)
    body = {"sku": sku, **about}
    body |= {"text": sys.stdin.read()} if str(file) == "-" else {"file_name": file.name}
    # The job of a dry run is made in earnest: a preview writes nothing into stock.
    with now.api.in_earnest():
        job: dict[str, Any] = now.api.post("/v1/imports", body)
    now.out.say(now.out.words("job", job=job["id"]))
    if "text" in body:
        return job
    with now.out.progress() as bar, file.open("rb") as opened:
        if bar is not None:
            bar.add_task(now.out.words("uploading"), total=None)
        now.api.upload(job["upload"], opened, file.name)
    return job


def _finish(now: Session, job: dict[str, Any], yes: bool) -> None:
    """Bring a job to its end from wherever it stands."""
    if job["state"] in ("created", "previewing"):
        with now.api.in_earnest():
            now.api.post(f"/v1/imports/{part(job['id'])}/preview")
        job = wait_for(now, job["id"], now.out.words("reading"), until=("previewed",))
    if job["state"] == "previewed":
        _show_preview(now, job)
        if now.dry_run:
            now.out.say(now.out.words("dry"))
            now.out.one(job, COLUMNS)
            return
        _confirm(now, job, yes)
    if job["state"] != "committed":
        now.api.post(f"/v1/imports/{part(job['id'])}/commit")
        job = wait_for(now, job["id"], now.out.words("writing"), until=("committed",))
    left = _left(job)
    now.out.say(now.out.words("committed", accepted=job["counts"]["accepted"], left=left))
    if job.get("reject_url"):
        now.out.say(now.out.words("reject_url", url=job["reject_url"]))
    now.out.one({name: value for name, value in job.items() if name != "reject_url"}, COLUMNS)
    if left:
        raise typer.Exit(Exit.PARTLY)


def _show_preview(now: Session, job: dict[str, Any]) -> None:
    counts, out = job["counts"], now.out
    facts = {
        "file": job["file_name"],
        "sku": job["sku"],
        "rows": counts["rows"],
        "accepted": counts["accepted"],
    }
    out.say(out.words("preview", **facts, left=_left(job), cost=say_money(job["total_cost"])))
    if job["samples"]:
        out.table(job["samples"], SAMPLE_COLUMNS, aside=True, title=out.words("samples"))
    if job["left_out"]:
        out.table(job["left_out"], LEFT_OUT_COLUMNS, aside=True, title=out.words("left_out"))


def _confirm(now: Session, job: dict[str, Any], yes: bool) -> None:
    words = now.out.words
    if job["blocking"]:
        raise Failed(words("blocked", why=", ".join(job["blocking"])), Exit.CONFLICT)
    asked = words("confirm", accepted=job["counts"]["accepted"], cost=say_money(job["total_cost"]))
    sure(now, asked, yes, "declined")


def wait_for(now: Session, job_id: str, doing: str, until: tuple[str, ...]) -> dict[str, Any]:
    """Ask until the job is there, ever less often; it goes on by itself should we be interrupted."""
    pause = FIRST_LOOK
    with now.out.progress() as bar:
        task = bar.add_task(doing, total=None) if bar is not None else None
        while True:
            job = job_of(now, job_id)
            if job["state"] == "failed":
                raise Failed(
                    now.out.words("job_failed", why=f"{job['error']['detail']} [{job['error']['code']}]")
                )
            if job["state"] in until:
                return job
            if bar is not None and task is not None and job["counts"] and job["state"] == "committing":
                bar.update(task, total=job["counts"]["rows"], completed=job["done_rows"])
            time.sleep(pause)
            pause = min(LONGEST_LOOK, pause * 1.5)


def job_of(now: Session, job_id: str) -> dict[str, Any]:
    job: dict[str, Any] = now.api.get(f"/v1/imports/{part(job_id)}")
    return job


def _left(job: dict[str, Any]) -> int:
    return int(job["counts"]["rows"]) - int(job["counts"]["accepted"])
