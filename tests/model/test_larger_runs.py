"""Larger worlds, searched to their end; the largest are left to `make model`."""

import pytest

from tests.model.runs import RUNS
from tests.model.search import Search
from tests.model.test_runs import SMALL

LARGEST = ["X1", "X2", "X3"]
LARGER = [name for name in RUNS if name not in {*SMALL, *LARGEST}]


@pytest.mark.parametrize("name", LARGER)
def test_nothing_goes_wrong(name):
    found = Search(RUNS[name]).go()

    assert found.violation is None, found
    assert found.open == 0
