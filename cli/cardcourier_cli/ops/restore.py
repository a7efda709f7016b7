"""`restore`: after tables were restored to an earlier second. Needs access to the tables and the seals."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from datetime import UTC, datetime
from secrets import token_hex
from typing import Annotated, Any

import typer

from cardcourier.errors import CardCourierError, Unavailable
from cardcourier.services.restoring import BY, RestoreCheck, Restored
from cardcourier_cli.endings import Exit, Failed
from cardcourier_cli.session import Session, session

restore = typer.Typer(help="After a point-in-time restore.", no_args_is_help=True)
Stack = Annotated[
    str | None, typer.Option(help="Name of the stack; else the tables' names come from the environment.")
]
COUNTS = tuple(f.name for f in fields(Restored) if f.name != "forgotten")
ORDERS = ("tenant", "shop", "order", "lost", "what")
MOST_RUNS = 5


@restore.callback()
def after_a_restore() -> None:
    """Close sales first: `cardcourier ops gate close --stop-reveals`."""


@restore.command("check")
def check(
    context: typer.Context,
    since: Annotated[
        str, typer.Option(help="The second the tables were restored to, such as 2026-01-31T12:00:00Z.")
    ],
    stack: Stack = None,
    journal: Annotated[
        str, typer.Option(help="A journal table that was not restored: it knows what is not sealed yet.")
    ] = "",
    open_as: Annotated[
        str, typer.Option("--open", help="Open sales afterwards; give the name of the main table.")
    ] = "",
) -> None:
    """Take every card off sale that the journal shows sold, shown or voided after that second.

    Goes on until a whole run finds nothing. Names the orders of which the tables know too little: only their
    platforms or people can bring those back. Sales open only with the main table's name.
    """
    now, moment = session(context), _moment(since)
    with _reach(now, stack, journal) as reach:
        done: list[Restored] = []
        while not now.dry_run and len(done) < MOST_RUNS and not (done and done[-1].clean):
            done.append(reach.check.run(reach.tenants, moment))
        now.out.one({name: sum(getattr(run, name) for run in done) for name in COUNTS}, COUNTS)
        forgotten = done[-1].forgotten if done else []
        now.out.items([{name: getattr(order, name) for name in ORDERS} for order in forgotten], ORDERS)
        if not done or not done[-1].clean:
            raise Failed(now.out.words("restore_unclean"), Exit.PARTLY)
        if not open_as:
            return now.out.say(now.out.words("restore_clean", name=reach.name))
        if open_as != reach.name:
            raise Failed(now.out.words("restore_other", name=open_as), Exit.CONFLICT)
        reach.light()
        reach.gate.open(BY)
    return now.out.say(now.out.words("gate_open"))


class _Reach:
    """What an operator has in hand after a restore."""

    def __init__(self, now: Session, names: dict[str, str], old_journal: str) -> None:
        import boto3
        from botocore.config import Config

        from cardcourier.adapters.objects import Objects
        from cardcourier.adapters.queues import OrdersQueue, Queue
        from cardcourier.adapters.sealed_segments import SealedSegments
        from cardcourier.adapters.tables.beacon import Beacon
        from cardcourier.adapters.tables.catalogue import CatalogueTable
        from cardcourier.adapters.tables.journal import JournalTable
        from cardcourier.adapters.tables.orders import OrdersTable
        from cardcourier.adapters.tables.restored_stock import RestoredStock
        from cardcourier.adapters.tables.waiting import WaitingTable
        from cardcourier.adapters.tables.writes import Table
        from cardcourier.clock import now_ms
        from cardcourier.services.managing.gates import DeploymentGate
        from cardcourier.services.managing.products import RoomOpener

        steady = Config(retries={"mode": "adaptive", "max_attempts": 10})
        dynamodb = boto3.client("dynamodb", config=steady)
        s3 = boto3.client("s3", config=Config(signature_version="s3v4"))
        sqs = boto3.client("sqs", config=steady)
        for client in (dynamodb, s3, sqs):
            now.at_close(client.close)
        self.name = names["MAIN_TABLE"]
        main, vault = Table(dynamodb, self.name), Table(dynamodb, names["VAULT_TABLE"])
        journal = Table(dynamodb, names["JOURNAL_TABLE"])
        catalogue = CatalogueTable(main)
        opener = RoomOpener(WaitingTable(main), OrdersQueue(Queue(sqs, names["ORDERS_QUEUE_URL"])), now_ms)
        self.gate = DeploymentGate(catalogue, opener, now_ms)
        self.tenants = [tenant.id for tenant in catalogue.tenants()]
        self.light: Callable[[], None] = lambda: Beacon(main, journal).light(now_ms())
        self.check: RestoreCheck[Any] = RestoreCheck(
            journal=JournalTable(dynamodb, names["JOURNAL_TABLE"]),
            seals=SealedSegments(Objects(s3), names["SEAL_BUCKET"]),
            stock=RestoredStock(main, vault),
            orders=OrdersTable(main),
            clock=now_ms,
            new_id=lambda: token_hex(8),
            old_journal=JournalTable(dynamodb, old_journal) if old_journal else None,
        )


@contextmanager
def _reach(now: Session, stack: str | None, old_journal: str) -> Iterator[_Reach]:
    from botocore.exceptions import BotoCoreError, ClientError

    from cardcourier_cli.ops.verify import failed, names_of

    try:
        yield _Reach(now, names_of(now, stack), old_journal)
    except (BotoCoreError, ClientError) as error:
        raise failed(error) from error
    except Unavailable as away:
        raise Failed(away.detail, Exit.UNAVAILABLE) from away
    except CardCourierError as refused:
        raise Failed(refused.detail, Exit.ERROR) from refused


def _moment(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter("a time such as 2026-01-31T12:00:00Z", param_hint="--since") from error
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
