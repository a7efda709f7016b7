from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardcourier.domain.journal import (
    LANES,
    JournalLine,
    day_of,
    days_between,
    decode,
    encode,
    item_of,
    lane_of,
    lines_of,
)
from cardcourier.domain.ledger import SIGNS, Leg, LegKind

NOON = 1_790_000_000_000
COMMON = {"t": "acme", "shop": "main", "order": "1001", "by": "webhook", "rid": "req-1", "at": Decimal(NOON)}
PK = "O#acme#main#1001"


def header(ver, **more):
    return {"kind": "order", "ver": Decimal(ver), "number": "#1001", **COMMON, **more}


def paid(ver=1, **more):
    lines = [
        {"id": "a", "item": "i", "variant": "v", "sku": "MGTV", "qty": Decimal(2), "price": Decimal(2500)}
    ]
    money = {"paid_at": Decimal(NOON), "amount": Decimal(5000), "currency": "CNY", "lines": lines}
    return header(ver, **{**money, **more})


def fact(kind, amount=None, **more):
    return {
        "kind": "fact",
        "fact": kind,
        "id": "p-2",
        "ver": 1,
        "currency": "CNY",
        **({} if amount is None else {"amount": Decimal(amount)}),
        **COMMON,
        **more,
    }


def unit(state, ver=1, **more):
    return {
        "kind": "unit",
        "st": state,
        "ver": Decimal(ver),
        "line": "a",
        "n": Decimal(3),
        "piece": Decimal(3),
        "sku": "MGTV",
        **COMMON,
        **more,
    }


def holding(state, ver=2, card="c1", cost=1200, gen=0, **more):
    return unit(
        state, ver, card=card, batch="b1", cost=Decimal(cost), ccy="CNY", gen=Decimal(gen), l4="9876", **more
    )


def only(before, after, sk):
    (line,) = lines_of(before, after, {"pk": PK, "sk": sk})
    return line


def unit_line(before, after):
    return only(before, after, "U#a#0003")


def header_line(before, after):
    return only(before, after, "H")


def money(line):
    return [(leg.kind.value, leg.amount) for leg in line.legs]


def test_the_first_payment_books_the_list_price_of_every_line():
    line = header_line(None, paid())

    assert line.id == f"{NOON}#main/1001/H#000001"
    assert (line.kind, line.number, line.quantity) == ("order.paid", "#1001", 2)
    assert line.legs == (Leg(LegKind.SALE, 5000, "CNY", "a", "MGTV", 2),)
    assert (line.by, line.request_id) == ("webhook", "req-1")


def test_what_was_paid_above_the_list_price_is_sold_without_a_line():
    assert money(header_line(None, paid(amount=Decimal(5800)))) == [("sale", 5000), ("sale", 800)]


def test_what_was_paid_below_the_list_price_is_the_merchants_discount():
    line = header_line(None, paid(amount=Decimal(4500)))

    assert money(line) == [("sale", 5000), ("discount_merchant", -500)]
    assert line.legs[1].line == ""


def test_the_only_line_without_a_price_is_worth_what_the_others_leave():
    lines = [
        {"id": "a", "sku": "A", "qty": 1, "price": 1000},
        {"id": "b", "sku": "B", "qty": 2, "price": None},
    ]

    line = header_line(None, paid(lines=lines, amount=4000))

    assert [(leg.line, leg.amount, leg.units) for leg in line.legs] == [("a", 1000, 1), ("b", 3000, 2)]


def test_of_several_lines_without_a_price_none_is_guessed():
    lines = [{"id": name, "sku": None, "qty": 1, "price": None} for name in "ab"]

    line = header_line(None, paid(lines=lines, amount=4000))

    assert [(leg.line, leg.amount, leg.units) for leg in line.legs] == [
        ("a", 0, 1),
        ("b", 0, 1),
        ("", 4000, 0),
    ]


def test_a_payment_after_a_stop_is_still_the_first_payment():
    stopped = header(1, stops={"*"})

    assert header_line(None, stopped).kind == "order.stopped"
    assert header_line(stopped, paid(2, stops={"*"})).kind == "order.paid"


def test_a_later_write_says_what_it_stopped():
    owed = [{"line": "a", "pieces": Decimal(1), "fact": "r-1"}]

    asked = header_line(paid(1), paid(2, owed=owed))
    chosen = header_line(paid(2, owed=owed), paid(3, stops={"a/2"}))

    assert (asked.kind, asked.after, asked.legs) == ("order.stopped", "a*1", ())
    assert (chosen.kind, chosen.after, chosen.quantity) == ("order.stopped", "a/2", 1)


def test_approval_and_any_other_rise_are_lines_without_money():
    assert header_line(paid(1), paid(2, approved=True)).kind == "order.approved"
    assert header_line(paid(1), paid(2)).kind == "order.changed"


@pytest.mark.parametrize(
    ("before", "after", "sk"),
    [
        (paid(1, d="D#ORDER#01", due=Decimal(1)), paid(1), "H"),
        (paid(1, due=Decimal(1)), paid(1, due=Decimal(2)), "H"),
        (holding("REVEALED", views=Decimal(1)), holding("REVEALED", views=Decimal(2)), "U#a#0003"),
        (fact("refund", 1), fact("refund", 1), "F#refund#p-2"),
        (paid(1), None, "H"),
        (None, {"kind": "room", "ver": 1, **COMMON}, "ROOM#PRE"),
        (None, {"ver": 1, **COMMON}, "N#1#mail"),
    ],
)
def test_writes_that_change_nothing_of_substance_give_no_line(before, after, sk):
    assert lines_of(before, after, {"pk": PK, "sk": sk}) == ()


@pytest.mark.parametrize(
    ("kind", "line_kind", "legs"),
    [
        ("pay", "order.payment_added", [("adjustment", 300)]),
        ("refund", "order.refunded", [("refund", -300)]),
        ("cancel", "order.cancelled", []),
        ("chargeback", "order.charged_back", [("refund", -300)]),
    ],
)
def test_facts_are_booked_by_their_kind(kind, line_kind, legs):
    line = only(None, fact(kind, 300), f"F#{kind}#p-2")

    assert (line.kind, money(line)) == (line_kind, legs)
    assert line.item == f"main/1001/F/{kind}/p-2"


def test_a_fact_is_told_in_our_words_and_not_in_the_shops():
    assert only(None, fact("pay", 300), "F#pay#p-2").why == "further payment"
    assert only(None, fact("refund", 300, why="to ming@example.com"), "F#refund#p-2").why == ""


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("bad key", "bad key"),
        ("ask ming@example.com again", "ask … again"),
        ("call 138 0013 8000, twice", "call …, twice"),
        ("+86 (10) 6552-9988", "…"),
        ("3 of 5", "3 of 5"),
        ("x" * 500, "x" * 200),
    ],
)
def test_a_typed_reason_loses_addresses_and_numbers(typed, kept):
    assert unit_line(holding("REVEALED"), holding("ALLOCATED", 3, card="c2", gen=1, why=typed)).why == kept


@pytest.mark.parametrize(
    "state",
    ["HELD", "SCHEDULED", "BACKORDER", "ALLOCATED", "CANCELLED", "EXCEPTION", "RESERVED", "EXPIRED"],
)
def test_a_unit_that_is_written_starts_from_pending(state):
    line = unit_line(None, unit(state))

    assert (line.kind, line.before, line.after) == (f"unit.{state.lower()}", "PENDING", state)
    assert (line.unit, line.legs) == ("a/0003", ())


def test_the_card_is_paid_for_when_it_is_handed_over():
    line = unit_line(holding("ALLOCATED"), holding("DELIVERED", 3))

    assert line.legs == (Leg(LegKind.CARD_COST, -1200, "CNY", "a", "MGTV", 1),)
    assert (line.card, line.batch) == ("c1", "b1")


@pytest.mark.parametrize("state", ["REVEALED", "REFUNDED"])
def test_a_card_that_skips_delivery_is_paid_for_where_it_goes(state):
    assert money(unit_line(holding("ALLOCATED"), holding(state, 3))) == [("card_cost", -1200)]
    assert money(unit_line(holding("DELIVERED"), holding(state, 3))) == []


def test_a_refunded_unit_that_dropped_its_card_still_names_it():
    line = unit_line(holding("ALLOCATED"), unit("REFUNDED", 3))

    assert (line.card, line.batch, money(line)) == ("c1", "b1", [("card_cost", -1200)])


def test_a_card_back_in_stock_gives_its_cost_back_only_if_it_was_booked():
    assert money(unit_line(holding("DELIVERED"), unit("RETURNED", 3, gen=1))) == [("cost_recovery", 1200)]
    assert money(unit_line(holding("ALLOCATED"), unit("RETURNED", 3, gen=1))) == []


@pytest.mark.parametrize("state", ["DELIVERED", "REVEALED"])
def test_a_replacement_is_booked_at_once_and_never_again(state):
    replacement = holding("ALLOCATED", 4, card="c2", cost=1300, gen=1)

    line = unit_line(holding(state, 3), replacement)

    assert (line.kind, line.card) == ("unit.replaced", "c2")
    assert money(line) == [("replacement_cost", -1300)]
    assert money(unit_line(replacement, holding("DELIVERED", 5, card="c2", cost=1300, gen=1))) == []


def test_a_replacement_that_comes_back_unseen_gives_its_cost_back():
    replacement = holding("ALLOCATED", 4, card="c2", cost=1300, gen=1)

    assert money(unit_line(replacement, unit("RETURNED", 5, gen=2))) == [("cost_recovery", 1300)]


def test_a_card_replaced_before_it_was_marked_delivered_is_spent_too():
    line = unit_line(holding("ALLOCATED"), holding("ALLOCATED", 3, card="c2", cost=1300, gen=1))

    assert money(line) == [("card_cost", -1200), ("replacement_cost", -1300)]


def test_a_rise_without_a_move_keeps_the_count_of_versions_whole():
    line = unit_line(holding("DELIVERED", 3), holding("DELIVERED", 4, delivered_by="mail"))

    assert (line.kind, line.ver, line.legs) == ("unit.changed", 4, ())


def test_only_named_attributes_reach_the_journal():
    secret = "S3CR3T"
    unknown = dict.fromkeys(["code", "contact", "token", "viewer", "l4", "search", "language"], secret)

    written = [
        encode(only(None, image | unknown, sk))
        for image, sk in [
            (paid(), "H"),
            (fact("refund", 1), "F#refund#p-2"),
            (holding("DELIVERED"), "U#a#0003"),
        ]
    ]

    assert not any(secret in text for text in written)


def test_a_fraction_of_a_minor_unit_is_a_fault():
    with pytest.raises(ValueError, match="whole"):
        header_line(None, paid(amount=Decimal("10.5")))


@pytest.mark.parametrize("kind", [kind for kind, sign in SIGNS.items() if sign])
def test_a_leg_with_the_wrong_sign_cannot_be_made(kind):
    Leg(kind, 5 * SIGNS[kind], "CNY")
    with pytest.raises(ValueError, match="sign"):
        Leg(kind, -5 * SIGNS[kind], "CNY")


def test_days_and_lanes():
    assert day_of(NOON) == "20260921"
    assert list(days_between(NOON, NOON + 86_400_000)) == ["20260921", "20260922"]
    assert list(days_between(NOON, NOON)) == []
    assert {lane_of("main", str(number)) for number in range(200)} == set(range(LANES))


# -- laws --------------------------------------------------------------------------------------------------

amounts = st.integers(min_value=0, max_value=10**9)
order_lines = st.lists(
    st.fixed_dictionaries(
        {
            "sku": st.sampled_from([None, "", "MGTV", "季卡"]),
            "qty": st.integers(min_value=1, max_value=50),
            "price": st.one_of(st.none(), amounts),
        }
    ),
    max_size=4,
).map(lambda lines: [{"id": f"l{number}", **line} for number, line in enumerate(lines)])


@st.composite
def unit_histories(draw, delivered=True):
    """Every image of one unit along legal moves, from nothing to wherever the draw stops."""
    moves = {
        "PENDING": ["HELD", "BACKORDER", "ALLOCATED", "CANCELLED"],
        "HELD": ["BACKORDER", "CANCELLED"],
        "BACKORDER": ["ALLOCATED", "CANCELLED"],
        "ALLOCATED": ["DELIVERED", "REVEALED", "RETURNED", "REFUNDED", "REPLACE"]
        if delivered
        else ["RETURNED"],
        "DELIVERED": ["REVEALED", "RETURNED", "REFUNDED", "REPLACE"],
        "REVEALED": ["REFUNDED", "REPLACE"],
    }
    images, state, card, gen = [None], "PENDING", 0, 0
    for ver in range(1, draw(st.integers(min_value=1, max_value=12))):
        if state not in moves:
            break
        move = draw(st.sampled_from(moves[state]))
        if move == "REPLACE":
            state, card, gen = "ALLOCATED", card + 1, gen + 1
        else:
            state = move
            gen += move == "RETURNED"
        if state in {"ALLOCATED", "DELIVERED", "REVEALED"}:
            images.append(holding(state, ver, card=f"c{card}", cost=1000 + card, gen=gen))
        else:
            images.append(unit(state, ver, gen=gen))
    return images


def lines_along(images, sk="U#a#0003"):
    return [only(old, new, sk) for old, new in pairwise(images)]


@given(unit_histories())
def test_every_card_that_left_is_paid_for_exactly_once(images):
    lines = lines_along(images)
    last = images[-1]

    cards = {int(image["card"][1:]) for image in images if image and image.get("card")}
    unsold = {"ALLOCATED"} if last and last.get("gen") == 0 else set()
    if last and last["st"] == "RETURNED":
        spent = cards - {max(cards)}
    elif last and last["st"] in unsold:
        spent = set()
    else:
        spent = cards

    assert sum(leg.amount for line in lines for leg in line.legs) == -sum(1000 + card for card in spent)
    assert [line.ver for line in lines] == list(range(1, len(images)))


@given(order_lines, amounts, unit_histories(delivered=False))
def test_an_order_refunded_in_full_and_never_delivered_leaves_nothing(lines, amount, images):
    booked = [
        header_line(None, paid(lines=lines, amount=Decimal(amount))),
        only(None, fact("refund", amount), "F#refund#r-1"),
        *lines_along(images),
    ]

    assert sum(leg.amount for line in booked for leg in line.legs) == 0


@given(order_lines, amounts)
def test_the_legs_of_a_payment_add_up_to_the_payment(lines, amount):
    line = header_line(None, paid(lines=lines, amount=Decimal(amount)))

    assert sum(leg.amount for leg in line.legs) == amount
    assert sum(leg.units for leg in line.legs) == sum(each["qty"] for each in lines)


texts = st.text(alphabet='aZ0#/,"\\\n\x00季\u2028', max_size=12)
legs = st.builds(
    lambda kind, size, currency, line, units: Leg(
        kind, size * (SIGNS[kind] or -1), currency, line, "s", units
    ),
    st.sampled_from(LegKind),
    amounts,
    st.sampled_from(["CNY", "JPY"]),
    texts,
    st.integers(min_value=0, max_value=9),
)
journal_lines = st.builds(
    JournalLine,
    **{
        name: st.integers() if name in {"at", "quantity", "ver"} else texts
        for name in JournalLine.__slots__
        if name != "legs"
    },
    legs=st.lists(legs, max_size=3).map(tuple),
)


@given(journal_lines)
def test_a_line_survives_its_text_and_the_text_is_one(line):
    assert decode(encode(line)) == line
    assert encode(decode(encode(line))) == encode(line)


@given(unit_histories())
def test_a_replayed_record_gives_the_same_line(images):
    once, again = lines_along(images), lines_along(images)

    assert [encode(line) for line in once] == [encode(line) for line in again]
    assert len({line.id for line in once}) == len(once)
    assert all(item_of(line.id) == "main/1001/U/a/0003" for line in once)
