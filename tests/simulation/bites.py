"""Plants every bug in turn, each in a process of its own, and searches it: a line of JSON for each.

python -m tests.simulation.bites                as the suite does, each from where it was found before
python -m tests.simulation.bites --from-zero    the figures of docs/proof.md, in some minutes

Other people's packages are imported once, before the processes part; the product is imported by each alone.
"""

import json
import os
import sys
from time import process_time

import boto3  # noqa: F401
import cryptography.hazmat.primitives.ciphers.aead  # noqa: F401
import jinja2  # noqa: F401
import pynamodb.models  # noqa: F401

from tests.simulation.mutating import Mutation, planted
from tests.simulation.mutations import MUTATIONS
from tests.simulation.mutations_of_rules import IN_A_SALE

MOST_TRANSACTIONS = 3.0
"""A card costs 1.5 in this sale, in which many reach for the last cards of one shard."""


def main(arguments: list[str]) -> None:
    for mutation in (*MUTATIONS, IN_A_SALE):
        child = os.fork()
        if child == 0:
            began = process_time()
            with planted(mutation):
                first = 0 if "--from-zero" in arguments else mutation.first
                found = _sale() if mutation is IN_A_SALE else _search(mutation, first)
            found |= {"name": mutation.name, "cpu": round(process_time() - began, 1)}
            print(json.dumps(found), flush=True)
            os._exit(0)
        os.waitpid(child, 0)


def _search(mutation: Mutation, first: int) -> dict:
    from tests.simulation.campaign import run_all

    for seed in range(first, first + mutation.seeds):
        if broken := run_all([seed]).found:
            return {"broken": broken[0].invariant, "seeds": seed - first + 1, "how": broken[0].what}
    return {"broken": "", "seeds": mutation.seeds, "how": "never"}


def _sale() -> dict:
    cost = transactions()
    broken = "transactions per card" if cost > MOST_TRANSACTIONS else ""
    return {"broken": broken, "seeds": 1, "how": f"{cost} transactions"}


def transactions() -> float:
    """What a card costs in a sale, of the product as it was imported."""
    from bench.scale import bitten
    from bench.scale.sales import simulate
    from cardcourier.services.picking import Picker

    return simulate(bitten(Picker))["transactions per card"]


if __name__ == "__main__":
    main(sys.argv[1:])
