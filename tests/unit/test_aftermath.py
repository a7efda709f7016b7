"""What the journal says of cards after a second: which may be sold again, and what a buyer saw."""

from dataclasses import replace

import pytest

from cardcourier.domain.aftermath import UnitName, aftermath
from cardcourier.domain.journal import JournalLine
from cardcourier.domain.orders import OrderKey
from cardcourier.domain.segments import GENESIS, SealState, manifest_of, pack
from cardcourier.services.restoring import BrokenSeal, RestoreCheck

AT = 1_790_000_000_000
KEY = OrderKey("acme", "main", "A-1")


def line(order, at, after, card="c1x", *, ver=2, kind="", batch="b-1"):
    return JournalLine(
        id=f"{AT + at:013d}#main/{order}/U/1/0001#{ver:06d}",
        at=AT + at,
        kind=kind or f"unit.{after.lower()}",
        tenant="acme",
        shop="main",
        order=order,
        number=order,
        line="1",
        unit="1/0001",
        sku="MONTH",
        quantity=1,
        before="",
        after=after,
        by="",
        why="",
        request_id="",
        ver=ver,
        card=card,
        batch=batch,
        legs=(),
    )


@pytest.mark.parametrize(
    ("lines", "gone"),
    [
        ([line("A", 1, "ALLOCATED")], {"c1x"}),
        ([line("A", 2, "RETURNED", ver=3), line("A", 1, "ALLOCATED")], set()),
        ([line("A", 1, "ALLOCATED"), line("A", 2, "RETURNED", ver=3), line("B", 3, "ALLOCATED")], {"c1x"}),
        ([line("A", 5, "RETURNED", ver=3), line("B", 5, "ALLOCATED")], {"c1x"}),
        ([line("B", 5, "RETURNED", ver=3), line("A", 5, "ALLOCATED")], {"c1x"}),
        ([line("A", 1, "REFUNDED")], {"c1x"}),
        ([line("A", 1, "CANCELLED", card="")], set()),
    ],
    ids=["sold", "went back", "sold again", "at once", "at once, the other way", "burnt", "never had one"],
)
def test_only_a_card_whose_last_word_is_that_it_went_back_is_sold_again(lines, gone):
    assert set(aftermath(lines).gone) == gone


def test_what_was_shown_or_replaced_is_known_of_each_unit():
    first = [line("A", 1, "REVEALED"), line("A", 2, "ALLOCATED", "c1y", ver=3, kind="unit.replaced")]
    told = aftermath(first)

    unit = told.units[UnitName(OrderKey("acme", "main", "A"), "1", 1)]
    assert (unit.shown, unit.card, unit.ver) == ({"c1x"}, "c1y", 3)
    assert set(told.gone) == {"c1x", "c1y"}


def test_a_batch_that_was_undone_is_known():
    undone = replace(line("", 1, "", "", kind="stock.voided"), unit="", order="", shop="")

    assert aftermath([undone]).voided == {"b-1"}


class Seals:
    """One published segment, and its bytes as somebody left them."""

    def __init__(self, segment, left):
        self.manifest, self.left = manifest_of("acme", SealState(0, AT - 1, GENESIS), segment), left

    def beyond(self, tenant, state):
        return iter([self.manifest.text().encode()])

    def segment(self, manifest):
        return self.left


class Journal:
    def seal_state(self, tenant):
        return None


@pytest.mark.parametrize("left", [None, pack(["{}"])], ids=["missing", "altered"])
def test_a_seal_that_does_not_hold_stops_everything(left):
    from cardcourier.domain.journal import encode

    seals = Seals(pack([encode(line("A", 1, "ALLOCATED"))]), left)
    check = RestoreCheck(Journal(), seals, None, None, lambda: AT, lambda: "r")

    with pytest.raises(BrokenSeal):
        check.run(["acme"], AT)
