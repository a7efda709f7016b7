"""Commands about what waits for a person."""

from typing import Annotated

import typer

from cardcourier_cli.asking import Context, Limit
from cardcourier_cli.session import session

COLUMNS = ("since", "kind", "shop", "order", "amount", "about", "detail", "assignee", "asleep_until", "id")
Task = Annotated[str, typer.Argument(help="The id of a task, as `todo list` shows it.")]
Reason = Annotated[str, typer.Option(help="Why, for whoever asks later.")]

todo = typer.Typer(help="What waits for a person.", no_args_is_help=True)


@todo.command("list")
def list_tasks(
    context: Context,
    kind: Annotated[str, typer.Option(help="Only this kind, such as held_risk.")] = "",
    assignee: Annotated[str, typer.Option(help="Only those of this user or key, or `me`.")] = "",
    asleep: Annotated[bool, typer.Option("--asleep", help="Those that sleep too.")] = False,
    limit: Limit = 50,
) -> None:
    """Everything that waits, the oldest first."""
    now = session(context)
    asked = {"kind": kind, "assignee": assignee, "asleep": "true" if asleep else None}
    now.out.items(now.api.every("/v1/todo", most=limit, **asked), COLUMNS)


@todo.command("load")
def load(context: Context) -> None:
    """How much waits by kind, since when, and how much money it is about."""
    now = session(context)
    now.out.items(now.api.get("/v1/todo/load")["kinds"], ("kind", "count", "since", "amounts", "ends"))


@todo.command("assign")
def assign(
    context: Context,
    task: Task,
    to: Annotated[str, typer.Option(help="`me`, user:<id>, key:<id>; empty for nobody.")] = "me",
    reason: Reason = "",
) -> None:
    """Say who sees to a task."""
    now = session(context)
    now.out.one(now.api.post("/v1/todo/assign", {"task": task, "to": to, "reason": reason}), COLUMNS)


@todo.command("snooze")
def snooze(
    context: Context,
    task: Task,
    until: Annotated[str, typer.Option(help="Until when, such as 2026-12-01T08:00:00Z.")],
    reason: Reason,
) -> None:
    """Let a task sleep for a while."""
    now = session(context)
    now.out.one(now.api.post("/v1/todo/snooze", {"task": task, "until": until, "reason": reason}), COLUMNS)


@todo.command("settle")
def settle(context: Context, task: Task, reason: Reason) -> None:
    """Say that a task is done, and how."""
    now = session(context)
    now.out.one(now.api.post("/v1/todo/settle", {"task": task, "reason": reason}), COLUMNS)
