"""`ops gate`: the kill switch over every tenant of a deployment, for instance after a restore."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

import boto3
import typer
from botocore.exceptions import BotoCoreError, ClientError

from cardcourier.adapters.queues import OrdersQueue, Queue
from cardcourier.adapters.tables import keys
from cardcourier.adapters.tables.catalogue import CatalogueTable
from cardcourier.adapters.tables.waiting import WaitingTable
from cardcourier.adapters.tables.writes import Table
from cardcourier.clock import now_ms
from cardcourier.domain.gates import Gate
from cardcourier.services.managing.gates import DeploymentGate, effective_at
from cardcourier.services.managing.products import RoomOpener
from cardcourier_cli.endings import Exit, Failed
from cardcourier_cli.ops.names import Names
from cardcourier_cli.session import Session, session

gate = typer.Typer(help="Sales of the whole deployment: show, close, open.", no_args_is_help=True)
COLUMNS = ("closed", "reason", "effective_at", "stop_reveals")
Stack = Annotated[str | None, typer.Option(help="Name of the stack; else names come from the environment.")]


@gate.command()
def show(context: typer.Context, stack: Stack = None) -> None:
    """Whether sales are open. Ends with 1 if they are not."""
    now = session(context)
    with _tables(stack) as (catalogue, _):
        found = catalogue.get(Gate, keys.gate()) or Gate()
    _tell(now, found)
    if found.paused:
        raise typer.Exit(Exit.ERROR)


@gate.command()
def close(
    context: typer.Context,
    reason: Annotated[str, typer.Option(help="Shown on every order that waits.")],
    stop_reveals: Annotated[bool, typer.Option(help="Show no cards either.")] = False,
    stack: Stack = None,
) -> None:
    """Allocate nothing any more, for nobody. Paid orders are recorded and wait."""
    now = session(context)
    with _tables(stack) as (catalogue, opener):
        found = Gate(paused=reason, paused_at=now_ms(), stop_reveals=stop_reveals)
        if not now.dry_run:
            desk = DeploymentGate(catalogue, opener, now_ms)
            found = desk.close(reason, _operator(), stop_reveals=stop_reveals)
    _tell(now, found)


@gate.command("open")
def open_gate(context: typer.Context, stack: Stack = None) -> None:
    """Serve everybody who waited, the oldest payment first."""
    now = session(context)
    with _tables(stack) as (catalogue, opener):
        if not now.dry_run:
            DeploymentGate(catalogue, opener, now_ms).open(_operator())
    _tell(now, Gate())


@contextmanager
def _tables(stack: str | None) -> Iterator[tuple[CatalogueTable, RoomOpener]]:
    names = Names.of_stack(stack, boto3.client("cloudformation")) if stack else Names.of_environment()
    main = Table(boto3.client("dynamodb"), names.need("MainTable"))
    queue = OrdersQueue(Queue(boto3.client("sqs"), names.need("OrdersQueue")))
    try:
        yield CatalogueTable(main), RoomOpener(WaitingTable(main), queue, now_ms)
    except (BotoCoreError, ClientError) as error:
        raise Failed(str(error), Exit.UNAVAILABLE) from error


def _tell(now: Session, found: Gate) -> None:
    at = effective_at(found.paused_at)
    item: dict[str, Any] = {
        "closed": bool(found.paused),
        "reason": found.paused,
        "effective_at": _said(at) if at else None,
        "stop_reveals": found.stop_reveals,
    }
    now.out.one(item, COLUMNS)
    words = now.out.words
    now.out.say(words("gate_from", at=item["effective_at"]) if found.paused else words("gate_open"))


def _said(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _operator() -> str:
    return f"operator:{os.environ.get('USER', 'unknown')}"
