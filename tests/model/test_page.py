"""The model and docs/protocol.md name the same writes, and the model really makes each of them."""

import re
from dataclasses import replace
from pathlib import Path

from tests.model import disputing, gathering, recalling, refunding, reserving
from tests.model.runs import RUNS
from tests.model.search import Search
from tests.model.writes import WRITES

PAGE = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")
ORDERS = {f"W{number}" for number in range(1, 21)}
"""The writes of an order's life. The others bring and take stock in ways that differ for no order."""

PLANS = {module.__name__ for module in (reserving, gathering, refunding, recalling, disputing)}
"""What is modelled and not built yet."""

PLANNED = {name for name, made in WRITES.items() if made.__module__ in PLANS and " " not in name}
"""Those with a name of two words are half a write, for worlds without a rule."""

PROOF = (Path(__file__).parents[2] / "docs" / "proof.md").read_text(encoding="utf-8")


def test_every_write_of_the_model_is_in_the_table():
    named = set(re.findall(r"^\| (W\d+) ", PAGE, re.MULTILINE))
    assert {number.split(" ")[0] for number in WRITES if number.split(" ")[0] not in PLANNED} <= named


def test_every_write_of_an_order_is_in_the_model():
    assert set(WRITES) >= ORDERS


def test_every_planned_write_is_specified():
    assert set(re.findall(r"^\| ([A-Z]\d+) \w", PROOF, re.MULTILINE)) >= PLANNED


def test_every_write_commits_in_some_run():
    runs = ("A1", "B1", "C3", "E1", "F1", "H1", "H2", "J2", "J3", "K1", "L1", "L2", "M2", "M3", "N1")
    committed = set().union(*(Search(replace(RUNS[name], faults=0)).go().committed for name in runs))
    assert {name for name in committed if " " not in name} == ORDERS | PLANNED
