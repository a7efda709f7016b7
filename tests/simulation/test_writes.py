"""The simulator counts writes by the names that the protocol's page gives them."""

import re
from pathlib import Path

from tests.simulation.writes import BESIDE, WRITES

PAGE = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text()


def test_every_write_of_the_protocol_is_counted():
    rows = re.findall(r"^\| (W\d+) [^|]*\| `adapters/tables/(\w+)\.py::(\w+)`", PAGE, re.M)
    assert {(module, function): name for name, module, function in rows} == WRITES


def test_every_write_beside_the_protocol_is_counted():
    rows = re.findall(r"^\| `adapters/tables/(\w+)\.py::(\w+)`", PAGE, re.M)
    assert set(rows) == set(BESIDE)
