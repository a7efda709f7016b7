"""`cardcourier ops …`: what an operator does with access to the tables and queues, not over the API.

One module a command or group of commands; each is named below, nowhere else:

    keys        versions and wrapping of the deployment's keys
    dlq         messages that were given up: list, show, redrive, purge
    gate        close and open sales of the whole deployment
    restore     after a point-in-time restore: what was sold since is taken off sale
    verify      check that no card was lost, doubled or sold again
    scanning    direct sight of the tables, for those who need it
"""

import typer

from cardcourier_cli.ops import dlq, gate, keys, restore, verify

ops = typer.Typer(
    help="For operators: commands that need access to the tables and queues.", no_args_is_help=True
)
ops.add_typer(keys.keys, name="keys")
ops.add_typer(dlq.dlq, name="dlq")
ops.add_typer(gate.gate, name="gate")
ops.add_typer(restore.restore, name="restore")
ops.command()(verify.verify)
