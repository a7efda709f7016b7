"""Commands about endpoints: addresses of yours that are told what happens, over Standard Webhooks."""

import time
from typing import Annotated, Any

import typer

from cardcourier_cli.asking import Confirm, Context, Fields, Limit, fields_of, sure_of
from cardcourier_cli.client import part
from cardcourier_cli.endings import Exit, Failed
from cardcourier_cli.output import Form
from cardcourier_cli.session import Session, session

COLUMNS = ("id", "url", "events", "state", "reason", "failing_since", "secrets")
MESSAGE_COLUMNS = ("at", "id", "type", "state", "failures", "next_attempt", "reason")
REPLAY_COLUMNS = ("id", "state", "replayed", "progress", "from", "to")
LOOK = 1.0
Endpoint = Annotated[str, typer.Argument(help="The endpoint's id.")]
Message = Annotated[str, typer.Argument(help="The id of a message, as its receiver sees it.")]

endpoints = typer.Typer(help="Your addresses that are told what happens.", no_args_is_help=True)


@endpoints.command("list")
def list_endpoints(context: Context) -> None:
    """All endpoints."""
    now = session(context)
    now.out.items(now.api.every("/v1/webhook-endpoints"), COLUMNS)


@endpoints.command("show")
def show(context: Context, endpoint: Endpoint) -> None:
    """One endpoint; of its secrets only how many there are."""
    now = session(context)
    now.out.one(now.api.get(_place(endpoint)), (*COLUMNS, "description", "created_at"))


@endpoints.command("add")
def add(
    context: Context,
    url: Annotated[str, typer.Argument(help="https, of the public internet.")],
    event: Annotated[
        list[str] | None, typer.Option(help="A type of event; repeat it. Else all of them.")
    ] = None,
    description: Annotated[str, typer.Option()] = "",
) -> None:
    """Add an endpoint; its signing secret is shown this once."""
    now = session(context)
    body = {"url": url, "events": event or [], "description": description}
    _show_secret(now, now.api.post("/v1/webhook-endpoints", body))


@endpoints.command("change")
def change(context: Context, endpoint: Endpoint, fields: Fields = None) -> None:
    """Change url, events or description; `--set state=disabled` and `=enabled` switch it."""
    now = session(context)
    now.out.one(now.api.change(_place(endpoint), fields_of(fields, now)), COLUMNS)


@endpoints.command("delete")
def delete(context: Context, endpoint: Endpoint, confirm: Confirm = None) -> None:
    """Delete an endpoint and what waits for it. Asks for its id again."""
    now = session(context)
    sure_of(now, endpoint, confirm)
    now.out.one(now.api.delete(_place(endpoint)), COLUMNS)


@endpoints.command("rotate")
def rotate(
    context: Context,
    endpoint: Endpoint,
    drop_old: Annotated[
        bool, typer.Option("--drop-old", help="End the older secret instead. Asks for the id again.")
    ] = False,
    confirm: Confirm = None,
) -> None:
    """Add a signing secret, shown this once; messages carry both signatures until --drop-old."""
    now = session(context)
    if drop_old:
        sure_of(now, endpoint, confirm)
    _show_secret(now, now.api.post(f"{_place(endpoint)}/secrets", {"drop_old": drop_old}))


@endpoints.command("test")
def test(context: Context, endpoint: Endpoint) -> None:
    """Send a test event."""
    now = session(context)
    now.out.one(now.api.post(f"{_place(endpoint)}/test"), MESSAGE_COLUMNS)


@endpoints.command("messages")
def messages(
    context: Context,
    endpoint: Endpoint,
    state: Annotated[str, typer.Option(help="pending, sent, failed or skipped")] = "",
    kind: Annotated[str, typer.Option("--type", help="A type of event.")] = "",
    since: Annotated[str, typer.Option("--from", help="A time with its zone.")] = "",
    until: Annotated[str, typer.Option("--to")] = "",
    limit: Limit = 50,
) -> None:
    """Messages of an endpoint, the newest first."""
    now = session(context)
    query = {"state": state, "type": kind, "from": since, "to": until}
    now.out.items(now.api.every(f"{_place(endpoint)}/messages", most=limit, **query), MESSAGE_COLUMNS)


@endpoints.command("message")
def message(context: Context, endpoint: Endpoint, message: Message) -> None:
    """One message with its attempts."""
    now = session(context)
    found = now.api.get(f"{_place(endpoint)}/messages/{part(message)}")
    now.out.one(found, MESSAGE_COLUMNS)
    if now.out.chosen is Form.TABLE:
        now.out.table(found["attempts"], tuple(found["attempts"][0]) if found["attempts"] else ("at",))


@endpoints.command("replay")
def replay(
    context: Context,
    endpoint: Endpoint,
    message: Annotated[str | None, typer.Argument(help="This message alone.")] = None,
    since: Annotated[str, typer.Option("--from", help="All from then on: a time with its zone.")] = "",
    until: Annotated[str, typer.Option("--to")] = "",
    kind: Annotated[list[str] | None, typer.Option("--type", help="Only these types; repeat it.")] = None,
    state: Annotated[list[str] | None, typer.Option(help="Only in these states; repeat it.")] = None,
    wait: Annotated[bool, typer.Option(help="Wait until it is done.")] = True,
    resume: Annotated[str | None, typer.Option(metavar="JOB", help="Wait for this replay instead.")] = None,
) -> None:
    """Send one message again, or all of a stretch of time as a job."""
    now = session(context)
    if message:
        now.out.one(now.api.post(f"{_place(endpoint)}/messages/{part(message)}/replay"), MESSAGE_COLUMNS)
        return
    if not (since or resume):
        raise Failed("endpoints replay ENDPOINT MESSAGE | --from TIME | --resume JOB", Exit.USAGE)
    body: dict[str, Any] = {"from": since, "types": kind or []}
    body |= ({"to": until} if until else {}) | ({"states": state} if state else {})
    job = {"id": resume} if resume else now.api.post(f"{_place(endpoint)}/replays", body)
    now.out.say(now.out.words("replay", job=job["id"]))
    now.out.one(_wait(now, endpoint, job["id"]) if wait or resume else job, REPLAY_COLUMNS)


def _wait(now: Session, endpoint: str, job_id: str) -> dict[str, Any]:
    try:
        while True:
            job: dict[str, Any] = now.api.get(f"{_place(endpoint)}/replays/{part(job_id)}")
            if job["state"] == "done":
                return job
            time.sleep(LOOK)
    except KeyboardInterrupt:
        now.out.say(now.out.words("resume", command=f"endpoints replay {endpoint} --resume {job_id}"))
        raise


def _place(endpoint: str) -> str:
    return f"/v1/webhook-endpoints/{part(endpoint)}"


def _show_secret(now: Session, endpoint: dict[str, Any]) -> None:
    if endpoint.get("secret"):
        now.out.say(now.out.words("endpoint_secret"))
    now.out.one(endpoint, (*COLUMNS, "secret"))
