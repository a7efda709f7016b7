"""`ops dlq`: look at messages that were given up, have them worked on again, or throw them away."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import boto3
import typer
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from cardcourier.clock import now_ms
from cardcourier_cli.endings import Exit, Failed
from cardcourier_cli.ops.dead_letters import (
    PLACES,
    Letters,
    Message,
    function_of,
    read_body,
    redrive,
    sender,
    shown,
)
from cardcourier_cli.ops.names import Names
from cardcourier_cli.ops.scanning import TouchedOrders
from cardcourier_cli.ops.stream_failures import Stretches
from cardcourier_cli.session import Session, session

dlq = typer.Typer(help="Messages that were given up: look, redrive, purge.", no_args_is_help=True)
Stack = Annotated[str | None, typer.Option(help="Name of the stack; else names come from the environment.")]
Queue = Annotated[str, typer.Argument(help=", ".join(PLACES))]


@dlq.command("list")
def list_queues(context: typer.Context, stack: Stack = None) -> None:
    """How many messages lie where. Ends with 1 if there are any."""
    now = session(context)
    with _reach(now, stack) as reach:
        items = [{"queue": name, **reach.letters(name).counts()} for name in PLACES if reach.known(name)]
    now.out.items(items, ("queue", "waiting", "in_hand"))
    if any(item["waiting"] or item["in_hand"] for item in items):
        raise typer.Exit(Exit.ERROR)


@dlq.command("show")
def show(
    context: typer.Context,
    queue: Queue,
    stack: Stack = None,
    most: Annotated[int, typer.Option(min=1, max=1000)] = 100,
) -> None:
    """Ages, kinds, what each message names, and why it was given up; nothing of its contents."""
    now = session(context)
    with _reach(now, stack) as reach:
        found = [shown(message, now_ms()) for message in reach.letters(queue).look(most)]
    now.out.items(
        sorted(found, key=lambda one: -one["age_seconds"]),
        ("age_seconds", "kind", "names", "received", "error", "id"),
    )


@dlq.command("redrive")
def redrive_queue(
    context: typer.Context,
    queue: Queue,
    stack: Stack = None,
    per_second: Annotated[float, typer.Option("--max-per-second", min=0.1, max=1000)] = 10,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be moved.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Wait also for what an interrupted run still has in hand.")
    ] = False,
) -> None:
    """Have every message worked on again: sent back to its queue, or its function called once more.

    May be interrupted and repeated: a message is deleted only after it was handed on.
    """
    now = session(context)
    with _reach(now, stack) as reach:
        letters = reach.letters(queue)
        if dry_run or now.dry_run:
            counts = letters.counts()
            now.out.items([{"queue": queue, **counts}], ("queue", "waiting", "in_hand"))
            return
        done = redrive(
            letters,
            reach.hand_on(queue, now.out.say),
            per_second=per_second,
            wait=resume,
            complain=lambda message, error: now.out.complain(
                f"{message['MessageId']}: {type(error).__name__}"
            ),
        )
    item = {"queue": queue, "moved": done.moved, "failed": done.failed}
    now.out.items([item], ("queue", "moved", "failed"))
    if done.failed:
        raise typer.Exit(Exit.PARTLY)


@dlq.command("purge")
def purge(
    context: typer.Context,
    queue: Queue,
    again: Annotated[str, typer.Argument(metavar="QUEUE", help="The same name once more.")],
    stack: Stack = None,
) -> None:
    """Delete every message of a queue for good. Timers find what was lost with orders and deliveries."""
    now = session(context)
    if again != queue:
        raise Failed(now.out.words("name_twice"), Exit.USAGE)
    with _reach(now, stack) as reach:
        letters = reach.letters(queue)
        gone = letters.counts()["waiting"] if now.dry_run else letters.empty()
    now.out.items([{"queue": queue, "deleted": 0 if now.dry_run else gone}], ("queue", "deleted"))


@dataclass(slots=True)
class _Reach:
    """What these commands reach with the AWS credentials of the environment."""

    names: Names
    steady: Config

    def __enter__(self) -> "_Reach":
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, BotoCoreError | ClientError):
            raise Failed(str(error), Exit.UNAVAILABLE) from error

    def client(self, service: str) -> Any:
        return boto3.client(service, config=self.steady)

    def known(self, queue: str) -> bool:
        return bool(self.names.of(PLACES[queue].dead))

    def letters(self, queue: str) -> Letters:
        place = PLACES.get(queue)
        if place is None:
            raise Failed(", ".join(PLACES), Exit.USAGE)
        return Letters(self.client("sqs"), self.names.need(place.dead))

    def hand_on(self, queue: str, say: Callable[[str], None]) -> Callable[[Message], None]:
        place = PLACES[queue]
        if place.back:
            return sender(self.client("sqs"), self.names.need(place.back))
        if queue == "schedule":
            return self._run_again
        stretches = self._stretches(say)
        return lambda message: stretches.make_good(read_body(message))

    def _run_again(self, message: Message) -> None:
        """A schedule's run that failed: run it once more, with what it was given."""
        body = read_body(message)
        function = function_of(message, body)
        if not function:
            raise LookupError("no function is named")
        self._call(function, dict(body.get("requestPayload", body)))

    def _stretches(self, say: Callable[[str], None]) -> Stretches:
        from cardcourier.adapters.queues import DeliveryQueue
        from cardcourier.adapters.queues import Queue as SendQueue
        from cardcourier.adapters.tables.orders import OrdersTable
        from cardcourier.adapters.tables.views import ViewsTable
        from cardcourier.adapters.tables.writes import Table

        dynamodb = self.client("dynamodb")
        main = Table(dynamodb, self.names.need("MainTable"))
        return Stretches(
            self.client("dynamodbstreams"),
            self._call,
            TouchedOrders(dynamodb, main.name, OrdersTable(main)),
            ViewsTable(Table(dynamodb, self.names.need("ViewsTable"))),
            DeliveryQueue(SendQueue(self.client("sqs"), self.names.need("DeliveryQueue"))),
            say,
        )

    def _call(self, function: str, event: dict[str, Any]) -> Any:
        answer = self.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())
        said = answer["Payload"].read()
        if answer.get("FunctionError"):
            raise RuntimeError("the function failed once more; its log says why")
        return json.loads(said) if said else None


def _reach(now: Session, stack: str | None) -> _Reach:
    steady = Config(retries={"mode": "adaptive", "max_attempts": 10}, parameter_validation=False)
    names = Names.of_stack(stack, boto3.client("cloudformation")) if stack else Names.of_environment()
    if not names.found:
        raise Failed(now.out.words("no_tables"), Exit.USAGE)
    return _Reach(names, steady)
