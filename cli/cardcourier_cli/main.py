"""`cardcourier`: the commands, and how every ending becomes an exit code."""

import sys
from typing import Annotated

import typer

from cardcourier import VERSION
from cardcourier_cli import importing, merchant, orders, reports
from cardcourier_cli.client import Dry
from cardcourier_cli.endings import Exit, Failed
from cardcourier_cli.ops import ops
from cardcourier_cli.output import Form, Output
from cardcourier_cli.session import Session
from cardcourier_cli.words import Words, language_of

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Ends with 0 done, 1 failed, 2 asked wrongly, 3 not found, 4 conflict, 5 done in part, "
    "6 denied, 7 try later, 130 interrupted.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"cardcourier {VERSION}\n")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    output: Annotated[Form | None, typer.Option(help="table on a terminal, json otherwise")] = None,
    profile: Annotated[
        str | None, typer.Option(help="Address and key from ~/.config/cardcourier/NAME.json")
    ] = None,
    lang: Annotated[str | None, typer.Option(help="zh-CN or en; usually what the terminal speaks")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only data and errors.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Say each request and its answer.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be changed, and change nothing.")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Card keys, delivered: shops, products, imports, orders and reports from the terminal.

    The address and the key come from CARDCOURIER_URL and CARDCOURIER_KEY, or from a profile.
    """
    out = Output(Words(language_of(lang)), output, quiet, verbose)
    context.obj = Session(out, profile, dry_run)
    context.call_on_close(context.obj.close)


app.command()(merchant.bootstrap)
app.command()(merchant.me)
app.add_typer(merchant.shops, name="shop")
app.add_typer(merchant.products, name="product")
app.add_typer(merchant.listings, name="listing")
app.command()(merchant.stock)
app.command("import")(importing.import_cards)
app.add_typer(orders.orders, name="orders")
app.command()(orders.find)
app.command()(orders.approve)
app.command()(orders.resend)
app.command()(orders.replace)
app.add_typer(reports.reports, name="report")
app.add_typer(ops, name="ops")


def run(arguments: list[str] | None = None) -> None:
    """What the console script calls."""
    sys.exit(ending_of(arguments))


def ending_of(arguments: list[str] | None = None) -> int:
    """Run a command line and return its exit code."""
    try:
        code = int(app(args=arguments, prog_name="cardcourier", standalone_mode=False) or 0)
    except Failed as failed:
        return _complain(str(failed), failed.code)
    except Dry:
        return Exit.OK
    except (typer.Abort, KeyboardInterrupt):
        code = Exit.INTERRUPTED
    except typer.TyperException as wrong:
        return _complain(wrong.format_message() or "cardcourier --help", Exit.USAGE)
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        sys.stderr.close()
        return Exit.OK
    if code == Exit.INTERRUPTED:
        return _complain(Words(language_of(None))("interrupted"), Exit.INTERRUPTED)
    return code


def _complain(text: str, code: Exit) -> int:
    Output(Words(language_of(None))).complain(text)
    return int(code)
