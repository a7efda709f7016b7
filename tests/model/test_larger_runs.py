"""Larger worlds, searched to their end; the largest are left to `make model`."""

import pytest

from tests.model.runs import RUNS
from tests.model.search import Search

LARGER = (
    "A3",
    "B3",
    "B4",
    "B5",
    "C1",
    "C5",
    "C6",
    "D1",
    "D2",
    "D3",
    "F2",
    "G2",
    "H2",
    "I1",
    "I2",
    "I3",
    "X4",
)


@pytest.mark.parametrize("name", LARGER)
def test_nothing_goes_wrong(name):
    found = Search(RUNS[name]).go()

    assert found.violation is None, found
    assert found.open == 0
