"""Each planted bug is found, by the promise that it breaks.

The product as it is breaks none over the same seeds (`test_seeds_first_half`, `test_seeds_second_half`).
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.bites import MOST_TRANSACTIONS, transactions
from tests.simulation.mutations import MUTATIONS
from tests.simulation.mutations_of_rules import IN_A_SALE

ROOT = Path(__file__).parents[2]
PLANTED = (*MUTATIONS, IN_A_SALE)


@pytest.fixture(scope="module")
def bites():
    """By the bug's name, how it was found."""
    command = [sys.executable, "-m", "tests.simulation.bites"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return {found["name"]: found for found in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("mutation", PLANTED, ids=lambda mutation: mutation.name)
def test_a_planted_bug_is_found(mutation, bites):
    found = bites[mutation.name]
    assert found["broken"] in mutation.breaks, found


def test_the_product_as_it_is_pays_less_for_a_card():
    assert transactions() < MOST_TRANSACTIONS


def test_the_page_tells_of_every_planted_bug():
    page = (ROOT / "docs" / "proof.md").read_text()
    assert [one.name for one in PLANTED if f"| `{one.name}` | {one.what} |" not in page] == []
