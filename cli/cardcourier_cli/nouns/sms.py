"""Commands about how SMS are sent."""

from typing import Annotated

import typer

from cardcourier_cli.asking import Context, Fields, fields_of
from cardcourier_cli.session import session

SMS_SECRET = "CARDCOURIER_SMS_SECRET"  # noqa: S105
COLUMNS = ("provider", "rule", "sign_name", "templates", "region", "app_id", "key_id", "secret_set")

sms = typer.Typer(help="How SMS are sent.", no_args_is_help=True)


@sms.command("show")
def show(context: Context) -> None:
    """The provider, its names of our texts, and whether buyers get mail, SMS or both."""
    now = session(context)
    now.out.one(now.api.get("/v1/sms"), COLUMNS)


@sms.command("set")
def set_up(
    context: Context,
    provider: Annotated[str, typer.Argument(help="none, aliyun, tencent or sns")],
    rule: Annotated[str, typer.Option(help="mail, sms, mail_then_sms or both")] = "mail_then_sms",
    key_id: Annotated[str, typer.Option(help="The provider's name of the key.")] = "",
    given: Annotated[
        bool, typer.Option("--secret", help="Read the key's secret, and never print it.")
    ] = False,
    fields: Fields = None,
) -> None:
    """Set a provider up; sign_name, templates, app_id and region with --set.

    With --secret the provider's secret is read from CARDCOURIER_SMS_SECRET, from stdin, or asked for.
    """
    now = session(context)
    body = {"provider": provider, "rule": rule, "key_id": key_id, **fields_of(fields, now)}
    if given:
        body["secret"] = now.secret(SMS_SECRET, now.out.words("ask_sms"))
    now.out.one(now.api.put("/v1/sms", body), COLUMNS)
