"""The protocol as it is: every order of events of these small worlds, and nothing goes wrong in any."""

import pytest

from tests.model.runs import RUNS
from tests.model.search import Search

SMALL = ["A1", "A2", "B1", "B2", "C2", "C3", "C4", "E1", "E2", "E3", "F1", "G1", "H1"]


@pytest.mark.parametrize("name", SMALL)
def test_nothing_goes_wrong(name):
    found = Search(RUNS[name]).go()

    assert found.violation is None, found
    assert found.open == 0
