"""Commands about reports: order one, wait for it, fetch its files."""

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from cardcourier_cli.asking import Context, Limit
from cardcourier_cli.client import part
from cardcourier_cli.endings import Exit, Failed
from cardcourier_cli.session import Session, session

reports = typer.Typer(help="Daily summary (R1) and orders (R4).", no_args_is_help=True)
COLUMNS = ("id", "report", "state", "from", "to", "format", "rows", "created_at")
Out = Annotated[
    Path | None,
    typer.Option(file_okay=False, help="Folder for the files; without it only the link is shown."),
]
LOOK = 0.5


@reports.command("run")
def run(
    context: Context,
    report: Annotated[str, typer.Argument(help="R1 or R4")] = "",
    since: Annotated[str, typer.Option("--from", help="First day, such as 2026-11-01")] = "",
    until: Annotated[str, typer.Option("--to", help="The day after the last one")] = "",
    form: Annotated[str, typer.Option("--format", help="xlsx, csv or csv-raw")] = "xlsx",
    basis: Annotated[str, typer.Option(help="event or order")] = "event",
    wait: Annotated[bool, typer.Option(help="Wait until it is done.")] = True,
    out: Out = None,
    resume: Annotated[str | None, typer.Option(metavar="JOB", help="Wait for this run instead.")] = None,
) -> None:
    """Order a report, wait for it and fetch it."""
    now = session(context)
    if resume is None and not (report and since and until):
        raise Failed("reports run REPORT --from DAY --to DAY", Exit.USAGE)
    language = "zh-CN" if now.out.words.chinese else "en"
    body = {
        "report": report,
        "from": since,
        "to": until,
        "format": form,
        "basis": basis,
        "language": language,
    }
    job = {"id": resume} if resume else now.api.post("/v1/reports", body)
    now.out.say(now.out.words("report", job=job["id"]))
    try:
        if wait or resume or out is not None:
            job = _wait(now, job["id"])
    except KeyboardInterrupt:
        now.out.say(now.out.words("resume", command=f"reports run --resume {job['id']}"))
        raise
    _hand_over(now, job, out)


@reports.command("list")
def list_reports(context: Context, limit: Limit = 20) -> None:
    """All reports, the newest first."""
    now = session(context)
    now.out.items(now.api.every("/v1/reports", most=limit), COLUMNS)


@reports.command("get")
def get(
    context: Context, report: Annotated[str, typer.Argument(help="The id of a run.")], out: Out = None
) -> None:
    """One report, with a link that works for five minutes, or its files."""
    now = session(context)
    _hand_over(now, now.api.get(f"/v1/reports/{part(report)}"), out)


def _wait(now: Session, job_id: str) -> dict[str, Any]:
    with now.out.progress() as bar:
        if bar is not None:
            bar.add_task(now.out.words("waiting"), total=None)
        while True:
            job: dict[str, Any] = now.api.get(f"/v1/reports/{part(job_id)}")
            if job["state"] in ("done", "failed"):
                return job
            time.sleep(LOOK)


def _hand_over(now: Session, job: dict[str, Any], out: Path | None) -> None:
    if job["state"] == "failed":
        raise Failed(now.out.words("job_failed", why=f"{job['error']['detail']} [{job['error']['code']}]"))
    if out is None:
        now.out.one(job, (*COLUMNS, "download_url"))
        return
    if job["state"] != "done":
        raise Failed(now.out.words("report_wait", job=job["id"], state=job["state"]), Exit.CONFLICT)
    out.mkdir(parents=True, exist_ok=True)
    for file in job["files"]:
        # The name comes from outside: it stays within the folder.
        path = out / Path(file["file_name"]).name
        now.api.download(file["download_url"], path)
        now.out.say(now.out.words("wrote", path=path))
    links = ("download_url", "files")
    now.out.one({name: value for name, value in job.items() if name not in links}, COLUMNS)
