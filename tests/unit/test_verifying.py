"""The operator's check: what is wrong is named, what only moved while it was read is not."""

from dataclasses import dataclass, field, replace

import pytest

from cardcourier.domain.catalogue import Batch, Job
from cardcourier.domain.orders import OrderKey, Step, Unit
from cardcourier.domain.states import State
from cardcourier.services.verifying import Burnt, InVault, Issued, OnSale, verify

KEY = OrderKey("acme", "main", "1001")
SHOWN = {"state": State.REVEALED, "exposed_at": 5}


def vault(*cards, **changes):
    return [InVault(**{"tenant": "acme", "card": card, "batch": "b", "sku": "S"} | changes) for card in cards]


def on_sale(card, **changes):
    return OnSale(
        **{"tenant": "acme", "card": card, "batch": "b", "sku": "S", "place": f"P/{card}"} | changes
    )


def burnt(card, unit="main/1001/1#0001"):
    return Burnt("acme", card, "b", "S", unit)


def unit(card="", n=1, took=1, **changes):
    log = tuple(Step(at, State.ALLOCATED, "allocation", "", "r", "") for at in range(took))
    kept = {"key": KEY, "line": "1", "n": n, "piece": n, "state": State.ALLOCATED, "gen": took - 1}
    return Unit(**kept | {"card": card, "batch": "b", "sku": "S", "log": log} | changes)


def batch(imported):
    return Batch(tenant="acme", id="b", sku="S", imported=imported)


@dataclass
class FakeSight:
    """What each look shows; the last one is shown again."""

    looks: list = field(default_factory=list)
    looked: int = -1

    def main(self):
        self.looked += 1
        return iter(self._now()[0])

    def vault(self):
        return iter(self._now()[1])

    def _now(self):
        return self.looks[min(self.looked, len(self.looks) - 1)]


def found(main, cards):
    offences, _ = verify(FakeSight([(main, cards)]))
    return {(offence.invariant, offence.subject) for offence in offences}


GOOD = [on_sale("a"), unit("b", n=1), unit("c", n=2, **SHOWN), burnt("d"), batch(4)]


def test_a_card_in_each_home_is_well():
    offences, checked = verify(FakeSight([(GOOD, vault("a", "b", "c", "d"))]))

    assert offences == []
    assert (checked.cards, checked.markers, checked.units, checked.burnt, checked.batches) == (4, 1, 2, 1, 1)


@pytest.mark.parametrize(
    ("main", "cards", "named"),
    [
        ([batch(1)], vault("a"), {("I1", "a"), ("I5", "b")}),
        ([on_sale("a"), batch(1)], [], {("I1", "a"), ("I5", "b")}),
        ([on_sale("a"), burnt("a"), batch(1)], vault("a"), {("I1", "a"), ("I5", "b"), ("I8", "a")}),
        ([unit("a", 1), unit("a", 2), batch(1)], vault("a"), {("I1", "a"), ("I3", "a"), ("I5", "b")}),
        ([on_sale("a"), unit("a", **SHOWN), batch(1)], vault("a"), {("I1", "a"), ("I8", "a"), ("I5", "b")}),
        ([unit("a", took=2, gen=0), batch(1)], vault("a"), {("I2", "main/1001/1#0001")}),
        ([unit("", state=State.ALLOCATED), batch(0)], [], {("I2", "main/1001/1#0001")}),
        ([unit("a", state=State.CANCELLED), batch(1)], vault("a"), {("I2", "main/1001/1#0001")}),
        ([unit("", state=State.RETURNED, exposed_at=3), batch(0)], [], {("I8", "main/1001/1#0001")}),
        ([on_sale("a"), batch(2)], vault("a"), {("I5", "b")}),
        ([on_sale("a", batch="x"), batch(1)], vault("a"), {("I5", "a"), ("I5", "b"), ("I5", "x")}),
        ([on_sale("a", sku="T"), batch(1)], vault("a"), {("I5", "a"), ("I5", "b")}),
    ],
)
def test_what_is_wrong_is_named(main, cards, named):
    assert found(main, cards) == named


USES = [on_sale("c1a.00001"), unit("c1a.00002"), burnt("c1a.00003"), Issued("acme", "b", (("c1a", 3),))]
PIECES = [unit("t1a.x", n=1), unit("t1a.y", n=2), burnt("t1a.z")]


def test_each_use_of_a_shared_card_has_one_home_and_the_card_counts_once():
    assert found([*USES, batch(1)], vault("c1a")) == set()
    assert found([*USES, batch(2)], vault("c1a")) == {("I5", "b")}
    assert found([*USES[1:], batch(1)], vault("c1a")) == {("I1", "c1a.00001")}
    assert found([*USES, on_sale("c1a.00004"), batch(1)], vault("c1a")) == {("I1", "c1a.00004")}
    assert found([*USES, unit("c1a.00002", n=9), batch(1)], vault("c1a")) == {
        ("I1", "c1a.00002"),
        ("I3", "c1a.00002"),
    }
    assert found([*USES, batch(1)], []) == {("I1", "c1a"), ("I5", "b")}


def test_fixed_content_has_any_number_of_pieces_each_in_one_place():
    assert found([*PIECES, batch(1)], vault("t1a")) == set()
    assert found([batch(1)], vault("t1a")) == set()
    assert found([*PIECES, unit("t1a.x", n=9), batch(1)], vault("t1a")) == {("I1", "t1a.x"), ("I3", "t1a.x")}
    assert found([*PIECES, batch(1)], []) == {("I1", "t1a"), ("I5", "b")}


def test_equal_ids_of_two_tenants_are_two_cards():
    other = replace(on_sale("a"), tenant="other")
    both = vault("a") + vault("a", tenant="other")

    assert found([on_sale("a"), other, batch(1), replace(batch(1), tenant="other")], both) == set()


def test_what_only_moved_while_it_was_read_is_not_named():
    gone = ([batch(1)], vault("a"))
    twice = ([on_sale("a"), unit("a"), batch(1)], vault("a"))
    well = ([unit("a"), batch(1)], vault("a"))

    assert verify(FakeSight([gone, well]))[0] == []
    assert verify(FakeSight([twice, well]))[0] == []
    assert verify(FakeSight([twice, twice, well]))[0] == []
    assert {offence.subject for offence in verify(FakeSight([twice]))[0]} == {"a", "b"}


def test_a_batch_on_its_way_in_has_not_counted_itself_yet():
    job = Job(
        tenant="acme", id="j", kind="import", state="committing", created_at=0, by="k", data={"batch": "b"}
    )

    assert found([on_sale("a"), batch(0), job], vault("a")) == set()
    assert found([on_sale("a"), batch(0), replace(job, state="committed")], vault("a")) == {("I5", "b")}


def test_nothing_wrong_hides_behind_many_cards():
    cards = [f"c{n}" for n in range(5_000)]
    main = [on_sale(card) for card in cards[:-1]]

    assert found([*main, batch(5_000)], vault(*cards)) == {("I1", cards[-1]), ("I5", "b")}
