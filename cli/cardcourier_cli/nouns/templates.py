"""Commands about the words that buyers read in mails and SMS."""

from typing import Annotated, Any

import typer

from cardcourier_cli.asking import Confirm, Context, Fields, fields_of, sure_of
from cardcourier_cli.client import part
from cardcourier_cli.session import Session, session

COLUMNS = ("channel", "kind", "language", "parts", "ours", "placeholders")
Channel = Annotated[str, typer.Argument(help="mail or sms")]
Kind = Annotated[str, typer.Argument(help="What is told, as `templates list` shows it.")]
Language = Annotated[str, typer.Argument(help="zh-CN or en")]

templates = typer.Typer(help="Texts that buyers read.", no_args_is_help=True)


@templates.command("list")
def list_templates(context: Context) -> None:
    """All texts: yours, else ours."""
    now = session(context)
    now.out.items(now.api.every("/v1/templates"), COLUMNS)


@templates.command("show")
def show(context: Context, channel: Channel, kind: Kind, language: Language) -> None:
    """One text, ours beside it, and the placeholders it may use."""
    now = session(context)
    now.out.one(now.api.get(_place(channel, kind, language)), COLUMNS)


@templates.command("change")
def change(context: Context, channel: Channel, kind: Kind, language: Language, fields: Fields = None) -> None:
    """Word it yourself: `--set subject=…`, `--set text=…` and so on, each part of the text."""
    now = session(context)
    place = _place(channel, kind, language)
    now.out.one(now.api.put(place, {"parts": _parts(now, place, fields)}), COLUMNS)


@templates.command("preview")
def preview(
    context: Context, channel: Channel, kind: Kind, language: Language, fields: Fields = None
) -> None:
    """See it with made-up data; with `--set` as it would read then."""
    now = session(context)
    place = _place(channel, kind, language)
    draft: dict[str, Any] = {"parts": _parts(now, place, fields)} if fields else {}
    with now.api.in_earnest():
        found = now.api.post(f"{place}/preview", draft)
    now.out.one(found, ("subject", "text", "one_message"))


@templates.command("test")
def test(
    context: Context,
    channel: Channel,
    kind: Kind,
    language: Language,
    to: Annotated[str, typer.Option(help="Your own address or number.")],
) -> None:
    """Have it sent to yourself."""
    now = session(context)
    now.out.one(now.api.post(f"{_place(channel, kind, language)}/test", {"to": to}), ("accepted",))


@templates.command("reset")
def reset(
    context: Context, channel: Channel, kind: Kind, language: Language, confirm: Confirm = None
) -> None:
    """Bring our text back and forget yours. Asks for the kind again."""
    now = session(context)
    sure_of(now, kind, confirm)
    now.out.one(now.api.delete(_place(channel, kind, language)), COLUMNS)


def _place(channel: str, kind: str, language: str) -> str:
    return f"/v1/templates/{part(channel)}/{part(kind)}/{part(language)}"


def _parts(now: Session, place: str, given: list[str] | None) -> dict[str, Any]:
    """All parts: what is there, with what was given laid over it."""
    told = now.api.get(place)
    return {**(told["parts"] or told["ours"]), **fields_of(given, now)}
