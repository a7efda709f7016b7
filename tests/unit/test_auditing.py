"""What a day's lines show by themselves."""

from dataclasses import dataclass, field

import pytest

from cardcourier.domain.journal import JournalLine
from cardcourier.domain.ledger import Leg, LegKind
from cardcourier.domain.orders import Header
from cardcourier.services.auditing import MOST_CARDS, Auditor, Finding
from cardcourier.services.sealing import Break

NOON = 1_790_000_000_000
SALE, COST, BACK = LegKind.SALE, LegKind.CARD_COST, LegKind.COST_RECOVERY


def line(order="1", ver=1, after="", card="", item="U/1/0001", kind="unit.changed", legs=()):
    return JournalLine(
        id=f"{NOON:013d}#main/{order}/{item}#{ver:06d}",
        at=NOON,
        kind=kind,
        tenant="acme",
        shop="main",
        order=order,
        number=order,
        line="1",
        unit="",
        sku="A",
        quantity=1,
        before="",
        after=after,
        by="",
        why="",
        request_id="",
        ver=ver,
        card=card,
        batch="",
        legs=tuple(Leg(kind, amount, "CNY") for kind, amount in legs),
    )


@dataclass
class World:
    lines_: list
    amounts: dict = field(default_factory=dict)
    twice: dict = field(default_factory=dict)
    broken: list = field(default_factory=list)
    asked: list = field(default_factory=list)

    def lines(self, tenant, start, end):
        return iter(self.lines_)

    def headers(self, wanted):
        return {
            key: Header(key=key, ver=1, amount=self.amounts[key.order])
            for key in wanted
            if key.order in self.amounts
        }

    def held_twice(self, tenant, card):
        self.asked.append(card)
        return self.twice.get(card, ())

    def audit(self):
        return Auditor(self, self, self, lambda *_: self.broken).audit("acme", NOON, lambda: True)


def kinds(*lines, **world):
    return [(f.kind, f.subject) for f in World(list(lines), **world).audit().findings]


def test_versions_that_follow_one_another_are_no_gap_even_out_of_order():
    assert kinds(line(ver=3), line(ver=2), line(ver=4)) == []
    assert kinds(line(ver=2), line(ver=4)) == [("gaps", "main/1/U/1/0001")]
    assert kinds(line(ver=2), line(ver=2)) == [("gaps", "main/1/U/1/0001")]


@pytest.mark.parametrize("end", ["RETURNED", "REFUNDED"])
def test_a_card_given_back_and_given_again_is_not_doubled_whatever_the_clocks_say(end):
    again = line("2", 1, "ALLOCATED", "c1")
    assert kinds(again, line("1", 2, end, "c1"), line("1", 1, "ALLOCATED", "c1")) == []
    assert kinds(again, line("1", 1, "ALLOCATED", "c1")) == [("doubled", "c1")]


def test_each_card_given_that_day_is_asked_for_once():
    world = World([line("1", 1, "ALLOCATED", "c1"), line("2", 1, "DELIVERED", "c2")], twice={"c1": {"c1"}})
    assert world.audit().findings == [Finding("doubled", "c1")]
    assert world.asked == ["c1"]


def test_the_uses_of_a_shared_card_are_asked_for_once_and_told_alone():
    """Whoever else holds another use of it has not bought the same thing."""
    sold = [line(str(n), 1, "ALLOCATED", f"c1shared.{n:05d}") for n in (1, 2, 3)]
    assert kinds(*sold) == []
    world = World(sold, twice={"c1shared": {"c1shared.00002"}})
    assert world.audit().findings == [Finding("doubled", "c1shared.00002")]
    assert world.asked == ["c1shared"]


def test_a_payment_is_what_the_order_says():
    paid = line("7", 1, kind="order.paid", item="H", legs=[(SALE, 2500), (LegKind.DISCOUNT_MERCHANT, -100)])
    assert kinds(paid, amounts={"7": 2400}) == []
    assert kinds(paid, amounts={"7": 2500}) == [("money", "main/7")]
    assert kinds(paid) == [("money", "main/7")], "and there is one"


@pytest.mark.parametrize(
    ("legs", "wrong"),
    [
        ([(COST, -5)], False),
        ([(COST, -5), (BACK, 5)], False),
        ([(COST, -5), (COST, -5)], True),
        ([(BACK, 5)], True),
        ([(COST, -5), (LegKind.REPLACEMENT_COST, -5), (BACK, 5), (BACK, 5)], False),
    ],
)
def test_a_card_is_booked_once_and_given_back_once(legs, wrong):
    told = [line(ver=n, legs=[leg]) for n, leg in enumerate(legs, 1)]
    assert bool(kinds(*told)) is wrong


def test_what_was_booked_on_an_earlier_day_may_be_given_back():
    assert kinds(line(ver=5, legs=[(BACK, 5)])) == []


def test_seals_are_named_by_their_segment():
    found = World([], broken=[Break(3, "the segment is missing")]).audit()
    assert found.findings == [Finding("seals", "segment 3: the segment is missing")]
    assert found.count("seals") == 1 and found.count("money") == 0


def test_more_cards_than_a_night_allows_are_said_to_be_cut():
    many = World([line(str(n), 1, "ALLOCATED", f"c{n:06d}") for n in range(MOST_CARDS + 1)])
    assert many.audit().cut and len(many.asked) == MOST_CARDS


def test_orders_are_read_together():
    lines = [line(str(n), 1, kind="order.paid", item="H") for n in range(250)]
    assert kinds(*lines, amounts={str(n): 0 for n in range(250)}) == []
