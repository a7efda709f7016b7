"""docs/faults.md lists every fault with the tests that show it; every write meets those of the network."""

import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from tests.fault_list import FAULTS
from tests.integration.write_table import WRITES

DOCS = Path(__file__).parents[2] / "docs"
ROWS = {f"{name}: {row}" for name, group in FAULTS.items() for row in group.rows}


@pytest.fixture(scope="module")
def page():
    spec = spec_from_file_location("generate_faults", DOCS / "generate_faults.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_row_is_without_a_test(page):
    assert ROWS - page.shown().keys() == set()


def test_no_test_names_a_row_that_is_not_listed(page):
    assert page.shown().keys() - ROWS == set()


def test_the_page_is_what_the_marks_say(page):
    written = (DOCS / "faults.md").read_text("utf-8")
    assert written == page.text(), "Type: python docs/generate_faults.py"


def test_every_write_of_the_protocol_meets_the_faults():
    """By its number; a write beside the protocol by the name of its function."""
    protocol = (DOCS / "protocol.md").read_text("utf-8")
    numbered = re.findall(r"^\| (W\d+) ", protocol, re.MULTILINE)
    beside = re.findall(r"^\| `adapters/tables/\w+\.py::(\w+)`", protocol, re.MULTILINE)
    assert {write.name.split()[0] for write in WRITES} == {*numbered, *beside}
