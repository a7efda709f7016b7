"""What money given back means for pieces: amounts that can mean one thing only, numbers, and credit."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardcourier.domain.facts import ALL
from cardcourier.domain.orders import Header, OrderKey, OrderLine, Owed
from cardcourier.domain.refunds import (
    EVERYTHING_ENDS,
    NOTHING,
    Answer,
    Told,
    answer_of,
    check_pieces,
    credit_for,
    named,
    settle_debts,
)
from cardcourier.errors import Refused

KEY = OrderKey("acme", "main", "1001")


def line(name, quantity, price):
    return OrderLine(name, name, "", "", quantity, price)


def header(*lines, amount=None, **more):
    lines = lines or (line("a", 3, 100), line("b", 1, 250))
    total = sum(one.price * one.quantity for one in lines) if amount is None else amount
    return Header(
        key=KEY, ver=1, paid_at=1, amount=total, total=total, currency="CNY", lines=tuple(lines), **more
    )


def refund(amount, name="r1", kind="refund", currency="CNY", payment=""):
    return Told(kind, name, amount, currency, payment)


def answer(order, *told):
    return answer_of(order, told[0].name, told)


# -- by amount ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "ends"),
    [
        (100, Answer(owed=(("a", 1),))),
        (300, Answer(owed=(("a", 3),))),
        (250, Answer(owed=(("b", 1),))),
        (550, EVERYTHING_ENDS),
        (600, EVERYTHING_ENDS),
        (400, None),
        (50, None),
        (549, None),
    ],
)
def test_an_amount_ends_what_it_can_only_mean(amount, ends):
    assert answer(header(), refund(amount)) == ends


def test_a_price_that_two_lines_share_asks():
    order = header(line("a", 2, 100), line("b", 2, 100))
    assert answer(order, refund(100)) is None
    assert answer(order, refund(400)) == EVERYTHING_ENDS


def test_the_rest_of_what_was_paid_ends_everything():
    order = header(amount=580)
    assert answer(order, refund(330, "r2"), refund(250)) == EVERYTHING_ENDS
    assert answer(order, refund(330, "r2"), refund(249)) is None


@pytest.mark.parametrize(
    "order",
    [replace(header(), paid_at=None), replace(header(), currency="USD")],
    ids=["unpaid", "another currency"],
)
def test_what_cannot_be_compared_asks(order):
    assert answer(order, refund(550)) is None


def test_where_everything_ended_nothing_is_left_to_end():
    assert answer(header(stops=ALL), refund(50)) == NOTHING


def test_a_further_payment_given_back_ends_nothing():
    again = Told("pay", "p2", 550, "CNY")
    assert answer(header(), refund(550, payment="p2"), again) == NOTHING
    assert answer(header(), refund(550), again) is None
    assert answer(header(), refund(1100), again) == EVERYTHING_ENDS


# -- any order ------------------------------------------------------------------------------------------

amounts = st.lists(st.sampled_from([50, 75, 100, 150, 200, 250, 300]), min_size=1, max_size=5)


def settle(order, told):
    """All passes over an order that is asked about these, until nothing answers itself any more."""
    for _ in range(len(told) + 1):
        for name in order.asked:
            ends = answer_of(order, name, told)
            if ends is not None:
                order = replace(
                    order,
                    asked=tuple(one for one in order.asked if one != name),
                    stops=order.stops | ends.stops,
                    owed=order.owed + tuple(Owed(line, pieces, name) for line, pieces in ends.owed),
                )
    stops, credit = settle_debts(order, {})
    return replace(order, stops=stops, credit=credit, owed=())


@given(amounts, st.randoms())
def test_refunds_by_amount_come_to_the_same_in_any_order_and_however_often_they_are_told(given_back, random):
    facts = [refund(amount, f"r{n}") for n, amount in enumerate(given_back)]

    def play(told):
        order, known = header(amount=580), []
        for fact in told:
            if fact in known:
                continue
            known.append(fact)
            order = settle(replace(order, asked=(*order.asked, fact.name)), known)
        return order

    first = play(facts)
    shuffled = facts + facts
    random.shuffle(shuffled)
    second = play(shuffled)

    assert ("*" in first.stops) == ("*" in second.stops)
    if "*" not in first.stops:
        assert (set(first.asked), first.stops) == (set(second.asked), second.stops)
    else:
        assert not first.asked and not second.asked


# -- credit ---------------------------------------------------------------------------------------------


def test_a_piece_that_was_stopped_before_leaves_no_credit():
    order = header(stops=frozenset({"a/1"}))
    assert credit_for(order, named([("a", 1), ("a", 2), ("b", 1)])) == {"a": 1, "b": 1}
    assert credit_for(header(stops=ALL), named([("a", 1)])) == {}


def test_a_refund_by_number_is_met_with_the_credit_of_its_line_first():
    order = header(
        stops=frozenset({"a/1"}), credit={"a": 1, "b": 1}, owed=(Owed("a", 1, "f1"), Owed("a", 1, "f2"))
    )
    assert settle_debts(order, {}) == ({"a/1", "a/3"}, {"b": 1})


def test_a_piece_that_is_not_there_is_refused():
    for name in ("a/0", "a/4", "c/1"):
        with pytest.raises(Refused) as refused:
            check_pieces(header(), [name])
        assert refused.value.code == "no_such_piece"
    check_pieces(header(), ["a/1", "a/3", "b/1"])


events = st.lists(
    st.one_of(
        st.tuples(st.just("cancel"), st.integers(1, 3)),
        st.tuples(st.just("refund"), st.integers(1, 2)),
    ),
    max_size=6,
)


@given(events)
def test_credit_is_never_negative_and_no_more_pieces_end_than_both_sides_say(happened):
    order, told = header(line("a", 3, 100)), Counter()
    for kind, number in happened:
        told[kind] += 1 if kind == "cancel" else number
        if kind == "cancel":
            stops = named([("a", number)])
            order = replace(order, credit=credit_for(order, stops), stops=order.stops | stops)
        else:
            stops, credit = settle_debts(replace(order, owed=(Owed("a", number, "f"),)), {})
            order = replace(order, stops=stops, credit=credit)
        assert all(pieces > 0 for pieces in order.credit.values() if pieces)
        assert all(pieces >= 0 for pieces in order.credit.values())
        cancelled = len({n for what, n in happened if what == "cancel"})
        assert len(order.stops) <= min(3, told["refund"] + cancelled)
        assert len(order.stops) >= min(3, told["refund"])
