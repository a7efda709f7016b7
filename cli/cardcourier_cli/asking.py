"""What commands ask for in the same way everywhere: fields, a yes, a name once more."""

import json
import sys
from typing import Annotated, Any

import typer

from cardcourier.domain.money import parse_minor
from cardcourier.errors import Refused
from cardcourier_cli.endings import Exit, Failed
from cardcourier_cli.session import Session

Context = typer.Context
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Confirm = Annotated[
    str | None, typer.Option(metavar="NAME", help="The name once more, instead of being asked for it.")
]
Reason = Annotated[str, typer.Option(help="Why; it stands in the journal.")]
Limit = Annotated[int, typer.Option(min=1, help="How many at most.")]
Fields = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="FIELD=VALUE",
        help="A field as the API names it; numbers, true, null, [..] and {..} are JSON. Repeat it.",
    ),
]
Price = Annotated[str | None, typer.Option(metavar="PRICE", help="What one card costs, such as 15.00")]


def minor(text: str, currency: str) -> int:
    """An amount as people write it, in whole minor units."""
    try:
        return parse_minor(text, currency)
    except Refused as refused:
        raise Failed(refused.detail, Exit.USAGE) from refused


def fields_of(given: list[str] | None, now: Session) -> dict[str, Any]:
    """Fields of `--set`; text stays text, what is JSON becomes its value."""
    fields: dict[str, Any] = {}
    for text in given or ():
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise Failed(now.out.words("bad_field", text=text), Exit.USAGE)
        try:
            fields[name] = json.loads(value)
        except ValueError:
            fields[name] = value
    return fields


def sure(now: Session, question: str, yes: bool, declined: str = "nothing_done") -> None:
    """Go on only with a yes: given before, or typed."""
    if yes or now.dry_run:
        return
    if not sys.stdin.isatty():
        raise Failed(now.out.words("needs_yes"), Exit.USAGE)
    if not typer.confirm(question, err=True):
        raise Failed(now.out.words(declined))


def sure_of(now: Session, name: str, again: str | None) -> None:
    """Go on with what cannot be taken back only when its name is said twice."""
    if now.dry_run:
        return
    if again is None and sys.stdin.isatty():
        again = str(typer.prompt(now.out.words("again", name=name), err=True))
    if again != name:
        raise Failed(now.out.words("not_again", name=name), Exit.USAGE)
