"""`cardcourier`: the commands, and how every ending becomes an exit code."""

import sys
from typing import Annotated

import typer

from cardcourier import VERSION
from cardcourier_cli.client import Dry
from cardcourier_cli.endings import Exit, Failed
from cardcourier_cli.nouns import register
from cardcourier_cli.ops import ops
from cardcourier_cli.output import Form, Output
from cardcourier_cli.session import Session
from cardcourier_cli.words import Words, language_of

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
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
    output: Annotated[
        Form | None,
        typer.Option("--output", "-o", envvar="CARDCOURIER_OUTPUT", help="table on a terminal, else json"),
    ] = None,
    profile: Annotated[
        str | None, typer.Option(help="Address and key from ~/.config/cardcourier/NAME.json")
    ] = None,
    endpoint_url: Annotated[
        str | None, typer.Option(help="Where the API is; wins over CARDCOURIER_URL and the profile.")
    ] = None,
    lang: Annotated[
        str | None,
        typer.Option(envvar="CARDCOURIER_LANG", help="zh-CN or en; usually what the terminal speaks"),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", envvar="CARDCOURIER_QUIET", help="Only data and errors.")
    ] = False,
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose", "-v", envvar="CARDCOURIER_VERBOSE", help="Say each request and its answer."
        ),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            envvar="CARDCOURIER_DRY_RUN",
            help="Show what would be changed, and change nothing.",
        ),
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Card keys, delivered: shops, products, imports, orders and reports from the terminal.

    The address and the key come from CARDCOURIER_URL and CARDCOURIER_KEY, or from a profile. These options
    may stand anywhere in the line.
    """
    out = Output(Words(language_of(lang)), output, quiet, verbose)
    context.obj = Session(out, profile, dry_run, endpoint_url)
    context.call_on_close(context.obj.close)


register(app)
app.add_typer(ops, name="ops")


def run(arguments: list[str] | None = None) -> None:
    """What the console script calls."""
    sys.exit(ending_of(arguments))


def ending_of(arguments: list[str] | None = None) -> int:
    """Run a command line and return its exit code."""
    try:
        line = hoisted(sys.argv[1:] if arguments is None else arguments)
        code = int(app(args=line, prog_name="cardcourier", standalone_mode=False) or 0)
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


# The options of every command, and whether a value follows.
EVERYWHERE = {
    "--output": True, "-o": True, "--profile": True, "--endpoint-url": True, "--lang": True,
    "--quiet": False, "-q": False, "--verbose": False, "-v": False, "--dry-run": False,
}  # fmt: skip


def hoisted(arguments: list[str]) -> list[str]:
    """The line with the options of every command in front, where the parser looks for them."""
    front: list[str] = []
    rest: list[str] = []
    line = iter(arguments)
    for word in line:
        if word == "--":
            return [*front, *rest, word, *line]
        name = word.partition("=")[0]
        if name not in EVERYWHERE:
            rest.append(word)
            continue
        front.append(word)
        if EVERYWHERE[name] and "=" not in word:
            front.extend(value for value in [next(line, None)] if value is not None)
    return [*front, *rest]


def _complain(text: str, code: Exit) -> int:
    Output(Words(language_of(None))).complain(text)
    return int(code)
