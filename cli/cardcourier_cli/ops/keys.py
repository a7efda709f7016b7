"""`keys`: an operator looks at the deployment's keys and rotates them while orders run.

Needs access to the main table and to the KMS key, not to the API.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import typer

from cardcourier.domain.key_versions import Versions, naming
from cardcourier.errors import CardCourierError, Conflict, Refused, Unavailable
from cardcourier.services.rotating_keys import EVERYWHERE, KeyRotation
from cardcourier_cli.endings import Exit, Failed
from cardcourier_cli.session import session

keys = typer.Typer(help="The deployment's keys: for operators.", no_args_is_help=True)
Stack = Annotated[
    str | None, typer.Option(help="Name of the stack; else the tables' names come from the environment.")
]
Only = Annotated[str, typer.Option("--tenant", help="Only this merchant.")]
NAMES = ("tenant", "key", "version", "begins", "ends", "in_use")
COUNTS = ("tenant", "key", "count", "oldest", "under")


@dataclass(frozen=True, slots=True)
class _Reach:
    """What an operator has in hand."""

    rotation: KeyRotation
    service: Any
    table: Any
    tenants: list[str]
    now: int


@keys.command("status")
def status(context: typer.Context, stack: Stack = None, tenant: Only = "") -> None:
    """Versions of the keys that make names; how many data keys there are, how old, under which KMS key."""
    out = session(context).out
    with _reach(context, stack, tenant) as reach:
        rows = [
            row for place in _places(reach.tenants) for row in _versions(*place, reach.table.versions(*place))
        ]
        counts = [
            {
                "tenant": owner,
                "key": purpose,
                "count": count.keys,
                "oldest": _time(count.oldest),
                "under": ", ".join(f"{kms} {found}" for kms, found in sorted(count.under.items())),
            }
            for (owner, purpose), count in sorted(reach.rotation.counts(reach.tenants).items())
        ]
        now = reach.now
    for row in rows:
        row["in_use"] = row.pop("current")(now)
    out.items(rows, NAMES)
    out.items(counts, COUNTS)


@keys.command("rotate")
def rotate(
    context: typer.Context,
    key: Annotated[
        str, typer.Argument(help="link: links and pick-up codes. pepper: ids of cards and contacts.")
    ],
    stack: Stack = None,
    tenant: Only = "",
    end_old: Annotated[
        bool, typer.Option("--end-old", help="After a leak of the link key: end every link made so far.")
    ] = False,
    retire: Annotated[
        str, typer.Option(help="Make no version; stop looking for names of this one. Asks first.")
    ] = "",
    forget: Annotated[
        bool,
        typer.Option(
            "--forget-duplicates-of-old",
            help="Needed to retire a pepper: cards imported under it could come in, and be sold, once more.",
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Make the next version of a key; it begins by itself once every function knows of it."""
    out = session(context).out
    if key not in ("link", "pepper") or (key == "pepper" and (end_old or (retire and not tenant))):
        raise Failed(out.words("bad_rotation"), Exit.USAGE)
    if key == "pepper" and retire and not forget:
        raise Failed(out.words("would_forget", version=retire), Exit.USAGE)
    question = f"confirm_retire_{key}" if retire else "confirm_end_links" if end_old else ""
    if question and not yes and not typer.confirm(out.words(question, version=retire), err=True):
        raise Failed(out.words("declined_keys"), Exit.INTERRUPTED)
    rows: list[dict[str, Any]] = []
    refused = ""
    with _reach(context, stack, tenant) as reach:
        for place in [(EVERYWHERE, key)] if key == "link" else [(owner, key) for owner in reach.tenants]:
            try:
                if retire and not session(context).dry_run:
                    reach.rotation.retire(*place, retire)
                elif not session(context).dry_run:
                    reach.rotation.rotate(*place, end_old=end_old)
            except (Conflict, Refused) as error:
                # The others' keys are rotated all the same; asked again, only what was refused is left.
                refused += f"{place[0]}: {error.detail}\n"
            rows += _versions(*place, reach.table.versions(*place))
        for row in rows:
            row["in_use"] = row.pop("current")(reach.now)
    out.items(rows, NAMES)
    if refused:
        raise Failed(refused.strip(), Exit.CONFLICT)


@keys.command("rewrap")
def rewrap(
    context: typer.Context,
    stack: Stack = None,
    tenant: Only = "",
    key: Annotated[str, typer.Option(help="The KMS key to move to; else the deployment's own.")] = "",
    again: Annotated[
        bool, typer.Option("--again", help="Also what lies under it already: for new key material.")
    ] = False,
) -> None:
    """Wrap every data key and every shop's secret anew, inside KMS. Broken off, it goes on where it was."""
    now = session(context)
    done: Counter[tuple[str, str, bool]] = Counter()
    with _reach(context, stack, tenant) as reach, now.out.progress() as bar:
        from cardcourier.adapters.kms import Context

        target = key or reach.service.key
        task = bar.add_task("rewrap", total=None) if bar is not None else None

        def wrapping(wrapped: bytes, owner: str, purpose: str, key_id: str) -> bytes:
            new: bytes = reach.service.rewrap(wrapped, Context(owner, purpose, key_id), target)
            return new

        if not now.dry_run:
            for step in reach.rotation.rewrap(reach.tenants, wrapping, target, again=again):
                done[step] += 1
                if bar is not None and task is not None:
                    bar.update(task, advance=1)
    places = sorted({(owner, purpose) for owner, purpose, _ in done})
    rows = [
        {
            "tenant": owner,
            "key": purpose,
            "rewrapped": done[owner, purpose, True],
            "passed_over": done[owner, purpose, False],
        }
        for owner, purpose in places
    ]
    now.out.items(rows, ("tenant", "key", "rewrapped", "passed_over"))


@contextmanager
def _reach(context: typer.Context, stack: str | None, tenant: str) -> Iterator[_Reach]:
    """The tables and the key service through clients of our own; what fails becomes an exit code."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    from cardcourier.adapters.keyring import KeyRing
    from cardcourier.adapters.kms import KeyService
    from cardcourier.adapters.tables.catalogue import CatalogueTable
    from cardcourier.adapters.tables.data_keys import DataKeysTable
    from cardcourier.adapters.tables.endpoints import EndpointsTable
    from cardcourier.adapters.tables.merchants import MerchantsTable
    from cardcourier.adapters.tables.telling import TellingTable
    from cardcourier.adapters.tables.writes import Table
    from cardcourier.clock import now_ms
    from cardcourier_cli.ops.verify import failed, names_of

    now = session(context)
    names = names_of(now, stack)
    steady = Config(retries={"mode": "adaptive", "max_attempts": 10})
    dynamodb, kms = boto3.client("dynamodb", config=steady), boto3.client("kms", config=steady)
    now.at_close(dynamodb.close)
    now.at_close(kms.close)
    main = Table(dynamodb, names["MAIN_TABLE"])
    table, service = DataKeysTable(main), KeyService(kms, names["KMS_KEY_ID"])
    catalogue = CatalogueTable(main)
    provide = KeyRing(service, table, now_ms).provide
    homes = MerchantsTable(catalogue), EndpointsTable(catalogue)
    rotation = KeyRotation(table, *homes, provide, now_ms, TellingTable(catalogue))
    try:
        tenants = [found.id for found in catalogue.tenants() if tenant in ("", found.id)]
        if tenant and not tenants:
            raise Failed(now.out.words("not_found", text=tenant), Exit.NOT_FOUND)
        yield _Reach(rotation, service, table, tenants, now_ms())
    except (BotoCoreError, ClientError) as error:
        raise failed(error) from error
    except Unavailable as away:
        raise Failed(away.detail, Exit.UNAVAILABLE) from away
    except CardCourierError as refused:
        raise Failed(refused.detail, Exit.CONFLICT) from refused


def _places(tenants: list[str]) -> list[tuple[str, str]]:
    return [(EVERYWHERE, "link"), *((tenant, "pepper") for tenant in tenants)]


def _versions(tenant: str, purpose: str, versions: Versions) -> Iterator[dict[str, Any]]:
    for version in versions:
        yield {
            "tenant": tenant,
            "key": purpose,
            "version": version.id,
            "begins": _time(version.since),
            "ends": _time(version.ends_at or 0),
            "current": partial(_in_use, versions, version.id),
        }


def _in_use(versions: Versions, version: str, now: int) -> bool:
    return naming(versions, now, now).id == version


def _time(at: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="seconds") if at else ""
