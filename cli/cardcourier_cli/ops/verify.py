"""`verify`: an operator's check of everything that is kept. It needs access to the tables, not to the API."""

from collections.abc import Iterator
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError

from cardcourier.errors import Unavailable
from cardcourier.services.verifying import Checked, Offence
from cardcourier_cli.endings import Exit, Failed
from cardcourier_cli.session import Session, session

COLUMNS = ("invariant", "tenant", "subject", "what")
SEAL = "seal"
EVERY = 1_000


def verify(
    context: typer.Context,
    stack: Annotated[
        str | None, typer.Option(help="Name of the stack; else the tables' names come from the environment.")
    ] = None,
    tenant: Annotated[str, typer.Option(help="Only this merchant.")] = "",
    seals: Annotated[bool, typer.Option(help="Read the sealed journal as well.")] = True,
) -> None:
    """Check that no card was lost, doubled or sold again, and that the journal is as it was sealed.

    Names every offending id and ends with 1 if there is one. Reads the tables from end to end with the
    AWS credentials of the environment.
    """
    now = session(context)
    try:
        sight = _sight(now, stack, tenant)
        now.at_close(sight.close)
        offences, checked = _cards(now, sight)
        if seals:
            offences += list(_seals(sight))
    except (BotoCoreError, ClientError) as error:
        raise failed(error) from error
    except Unavailable as away:
        raise Failed(away.detail, Exit.UNAVAILABLE) from away
    now.out.items([_item(offence) for offence in offences], COLUMNS)
    counts = f"{checked.cards} cards, {checked.markers} on sale, {checked.units} units, {checked.burnt} burnt"
    if offences:
        now.out.complain(now.out.words("broken", count=len(offences)))
        raise typer.Exit(Exit.ERROR)
    now.out.say(now.out.words("clean", checked=counts))


class _Sight:
    """The tables and what seals their journal, through clients of our own."""

    def __init__(self, names: dict[str, str], tenant: str) -> None:
        import boto3
        from botocore.config import Config

        from cardcourier_cli.ops.scanning import Scanner

        steady = Config(retries={"mode": "adaptive", "max_attempts": 10})
        self.dynamodb = boto3.client("dynamodb", config=steady)
        self.s3 = boto3.client("s3", config=Config(signature_version="s3v4"))
        self.names = names
        self.scanner = Scanner(self.dynamodb, names["MAIN_TABLE"], names["VAULT_TABLE"], tenant)

    def close(self) -> None:
        self.dynamodb.close()
        self.s3.close()


def _sight(now: Session, stack: str | None, tenant: str) -> _Sight:
    return _Sight(names_of(now, stack), tenant)


def names_of(now: Session, stack: str | None) -> dict[str, str]:
    """The names of what an operator reaches: of a stack, or out of the environment."""
    from cardcourier_cli.ops.scanning import names_of_environment, names_of_stack

    if stack:
        import boto3

        names = names_of_stack(stack, boto3.client("cloudformation"))
    else:
        names = names_of_environment()
    if not names["MAIN_TABLE"] or not names["VAULT_TABLE"]:
        raise Failed(now.out.words("no_tables"), Exit.USAGE)
    return names


def _cards(now: Session, sight: _Sight) -> tuple[list[Offence], Checked]:
    from cardcourier.services.verifying import verify as look

    with now.out.progress() as bar:
        task = bar.add_task("verify", total=None) if bar is not None else None

        def tell(checked: Checked) -> None:
            seen = checked.cards + checked.markers + checked.units + checked.burnt
            if bar is not None and task is not None and seen % EVERY == 0:
                bar.update(task, completed=seen)

        return look(sight.scanner, tell)


def _seals(sight: _Sight) -> Iterator[Offence]:
    from cardcourier.adapters.objects import Objects
    from cardcourier.adapters.tables.journal import JournalTable
    from cardcourier.services.sealing import verify_chain

    journal, bucket = sight.names["JOURNAL_TABLE"], sight.names["SEAL_BUCKET"]
    if not journal or not bucket:
        return
    table, objects = JournalTable(sight.dynamodb, journal), Objects(sight.s3)
    for tenant in sight.scanner.tenants():
        for broken in verify_chain(tenant, journal=table, objects=objects, bucket=bucket):
            yield Offence(SEAL, tenant, f"segment {broken.seq}", broken.what)


def failed(error: BotoCoreError | ClientError) -> Failed:
    code = str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""
    if "Denied" in code or "Unauthorized" in code:
        return Failed(str(error), Exit.DENIED)
    if code in ("ResourceNotFoundException", "ValidationError"):
        return Failed(str(error), Exit.NOT_FOUND)
    return Failed(str(error), Exit.UNAVAILABLE)


def _item(offence: Offence) -> dict[str, str]:
    return {name: getattr(offence, name) for name in COLUMNS}
