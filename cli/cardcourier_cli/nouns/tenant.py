"""Commands about one's own tenant: make it, look at it, change it, pause it."""

from typing import Annotated

import typer

from cardcourier_cli import config
from cardcourier_cli.asking import Confirm, Context, Fields, Reason, fields_of, sure_of
from cardcourier_cli.config import Config
from cardcourier_cli.nouns import gates
from cardcourier_cli.session import session

BOOTSTRAP_SECRET = "CARDCOURIER_BOOTSTRAP_SECRET"  # noqa: S105
COLUMNS = (
    "id",
    "name",
    "time_zone",
    "currency",
    "language",
    "support",
    "paused",
    "contact_days",
    "legal_hold",
    "replacement_caps",
    "chargebacks",
    "created_at",
)
PLACE = "/v1/tenant"

tenant = typer.Typer(help="Your own tenant.", no_args_is_help=True)


@tenant.command("bootstrap")
def bootstrap(
    context: Context,
    tenant: Annotated[str, typer.Option(help="Id of the merchant: a-z, 0-9, -")],
    name: Annotated[str, typer.Option(help="Name that buyers see.")],
    time_zone: Annotated[str, typer.Option()] = "Asia/Shanghai",
    currency: Annotated[str, typer.Option()] = "CNY",
    language: Annotated[str, typer.Option(help="zh-CN or en")] = "zh-CN",
    support: Annotated[str, typer.Option(help="What buyers are told when they need help.")] = "",
    print_key: Annotated[
        bool, typer.Option("--print-key", help="Print the key instead of keeping it in the profile.")
    ] = False,
) -> None:
    """Create the first tenant and its owner's key, once.

    The deployment's secret is read from CARDCOURIER_BOOTSTRAP_SECRET, from stdin, or asked for.
    """
    now = session(context)
    words = now.out.words
    url = now.config(key_needed=False).url
    secret = now.secret(BOOTSTRAP_SECRET, words("ask_bootstrap"))
    about = {"id": tenant, "name": name, "time_zone": time_zone, "currency": currency}
    body = {"tenant": {**about, "language": language, "support": support}}
    made = now.api_of(Config(url, "")).post("/v1/bootstrap", body, {"x-bootstrap-secret": secret})
    if print_key:
        now.out.say(words("key_now"))
    else:
        path = config.save(now.profile, Config(url, made["key"].pop("key")))
        now.out.say(words("saved", path=path))
    now.out.one(made, ("tenant.id", "tenant.name", "key.id", "key.role", "key.expires_at", "key.key"))


@tenant.command("show")
def show(context: Context) -> None:
    """The tenant's name, time zone, currency and language."""
    now = session(context)
    now.out.one(now.api.get(PLACE), COLUMNS)


@tenant.command("change")
def change(context: Context, fields: Fields = None) -> None:
    """Change name, time_zone, currency, language, support, contact_days, legal_hold or chargebacks."""
    now = session(context)
    now.out.one(now.api.change(PLACE, fields_of(fields, now)), COLUMNS)


@tenant.command("pause")
def pause(context: Context, reason: Reason, confirm: Confirm = None) -> None:
    """Stop all sales; what is paid meanwhile waits. Asks for the tenant's id."""
    now = session(context)
    sure_of(now, str(now.api.get(PLACE)["id"]), confirm)
    gates.pause(now, PLACE, reason)


@tenant.command("resume")
def resume(context: Context) -> None:
    """Sell again, and serve what waited."""
    gates.resume(session(context), PLACE)


@tenant.command("drain")
def drain(context: Context) -> None:
    """How many orders are still under way."""
    gates.drain(session(context), PLACE)


@tenant.command("health")
def health(context: Context) -> None:
    """Whether the API answers; needs no key."""
    now = session(context)
    api = now.api_of(Config(now.config(key_needed=False).url, ""))
    now.out.one(api.get("/v1/health"), ("status",))
