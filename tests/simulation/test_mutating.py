import sys

import pytest

from tests.simulation.mutating import Mutation, NotPlanted, mutated, planted, source_of
from tests.simulation.mutations import MUTATIONS
from tests.simulation.mutations_of_rules import IN_A_SALE

BUG = Mutation(
    "a-bug", "nothing works", "cardcourier.domain.money", "LARGEST = 10**15", "LARGEST = 1", ("I9",)
)


@pytest.mark.parametrize("mutation", (*MUTATIONS, IN_A_SALE), ids=lambda mutation: mutation.name)
def test_every_bug_still_fits_the_product(mutation):
    source = source_of(mutation.module)
    compile(mutated(mutation, source), mutation.module, "exec")
    assert mutated(mutation, source) != source


@pytest.mark.parametrize("source", ["", "LARGEST = 10**15\nLARGEST = 10**15"])
def test_a_snippet_that_is_not_there_exactly_once_is_refused(source):
    with pytest.raises(NotPlanted, match="not once"):
        mutated(BUG, source)


def test_a_module_that_is_imported_already_is_refused():
    import cardcourier.domain.money  # noqa: F401 - this is what is refused

    with pytest.raises(NotPlanted, match="imported before"), planted(BUG):
        pass


def test_a_planted_bug_is_seen_by_the_next_import_alone(monkeypatch):
    monkeypatch.delitem(sys.modules, "cardcourier.domain.money", raising=False)
    with planted(BUG):
        import cardcourier.domain.money as planted_money

        assert planted_money.LARGEST == 1
    monkeypatch.delitem(sys.modules, "cardcourier.domain.money")
    import cardcourier.domain.money as money

    assert money.LARGEST == 10**15
