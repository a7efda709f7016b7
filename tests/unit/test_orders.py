from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardcourier.domain.catalogue import Listing, Shop
from cardcourier.domain.orders import (
    EVERYTHING,
    Header,
    OrderKey,
    OrderLine,
    Owed,
    Part,
    Unit,
    choose_stops,
    slots,
    summarise,
)
from cardcourier.domain.policy import line_hold, order_hold
from cardcourier.domain.states import DRIVEN, EDGES, ENDED, HANDED_OVER, HOLDS_CARD, WAITING, Room, State

KEY = OrderKey("acme", "main", "1001")
SHOP = Shop(id="main", tenant="acme", channel="standard", name="Main")
ROOM_OF = {State.HELD: Room.AMOUNT, State.SCHEDULED: Room.PRE, State.BACKORDER: Room.BACK}

plans = st.lists(st.builds(Part, st.sampled_from("ABC"), st.integers(1, 3)), min_size=1, max_size=3).map(
    tuple
)
STORED = sorted(set(State) - {State.PENDING, State.RESERVED})


def line(name="a", quantity=3):
    return OrderLine(name, "item", "", "", quantity, 100)


def header(*lines, **more):
    return Header(key=KEY, ver=1, **{"paid_at": 1, "lines": lines or (line(),), **more})


def unit(piece, state, name="a", **more):
    more = {"room": ROOM_OF.get(state), "card": "c1x" if state in HOLDS_CARD else "", **more}
    shown = 1 if state is State.REVEALED else None
    return Unit(key=KEY, line=name, n=piece, piece=piece, state=state, exposed_at=shown, **more)


def named(*units):
    return {one.name: one for one in units}


# -- keys and slots -----------------------------------------------------------------------------------


@given(st.text(), st.text(), st.integers(1, 64))
def test_an_order_has_one_even_place(shop, order, parts):
    key = OrderKey("acme", shop, order)
    assert 0 <= key.spread(parts) < parts
    assert key.spread(parts) == OrderKey("acme", shop, order).spread(parts)


@given(plans, st.integers(0, 6))
def test_slots_number_every_card_of_every_piece_once(plan, pieces):
    found = list(slots("a", pieces, plan))
    size = sum(part.quantity for part in plan)

    assert [slot.n for slot in found] == list(range(1, pieces * size + 1))
    assert [slot.piece for slot in found] == [piece for piece in range(1, pieces + 1) for _ in range(size)]
    one = [part.sku for part in plan for _ in range(part.quantity)]
    assert [slot.sku for slot in found] == one * pieces


@given(plans, st.integers(0, 5))
def test_more_pieces_never_renumber_the_first_ones(plan, pieces):
    fewer = list(slots("a", pieces, plan))
    assert list(islice(slots("a", pieces + 1, plan), len(fewer))) == fewer


def test_a_line_that_is_not_ours_has_no_slots():
    assert list(slots("a", 3, ())) == []


# -- what is stopped ------------------------------------------------------------------------------------


@given(st.integers(0, 4), st.sets(st.integers(1, 5)))
def test_a_line_is_stopped_when_each_of_its_pieces_is(quantity, stopped):
    order = header(line(quantity=quantity), stops=frozenset(f"a/{piece}" for piece in stopped))
    pieces = set(range(1, quantity + 1))
    assert order.line_stopped(order.lines[0]) == bool(pieces and pieces <= stopped)


@given(st.integers(0, 4))
def test_everything_stops_every_line(quantity):
    order = header(line(quantity=quantity), stops=frozenset({EVERYTHING}))
    assert order.line_stopped(order.lines[0])
    assert order.stopped("a", 1)


def test_a_stop_of_one_piece_is_not_a_stop_of_another_whose_name_begins_alike():
    order = header(line("a/1", 2), line("a", 20), stops=frozenset({"a/1"}))
    assert order.stopped("a", 1)
    assert not order.stopped("a", 11)
    assert not order.stopped("a/1", 1)


# -- which pieces end for what is owed --------------------------------------------------------------------

states_of_three = st.lists(st.sampled_from([None, *STORED]), min_size=3, max_size=3)
some_owed = st.lists(st.builds(Owed, st.sampled_from("ab"), st.integers(1, 4), st.just("f")), max_size=3)
some_stops = st.frozensets(st.sampled_from([f"{name}/{piece}" for name in "ab" for piece in (1, 2, 3)]))


def price(state):
    if state is None:
        return 0
    if state in WAITING:
        return 1
    if state in ENDED:
        return 4
    return 3 if state is State.REVEALED else 2


@given(states_of_three, states_of_three, some_owed, some_stops)
def test_as_many_pieces_end_as_are_owed_and_the_cheapest_ones(of_a, of_b, owed, stops):
    states = {"a": of_a, "b": of_b}
    units = named(*(unit(p, s, name) for name in "ab" for p, s in enumerate(states[name], 1) if s))
    order = header(line("a"), line("b"), owed=tuple(owed), stops=stops)

    chosen = choose_stops(order, units)

    assert stops <= chosen
    for name in "ab":
        told = sum(one.pieces for one in owed if one.line == name)
        before = [piece for piece in (1, 2, 3) if f"{name}/{piece}" not in stops]
        new = [piece for piece in before if f"{name}/{piece}" in chosen]
        assert len(new) == min(told, len(before))
        kept = set(before) - set(new)
        rank = {piece: (price(states[name][piece - 1]), -piece) for piece in before}
        assert all(rank[piece] < rank[other] for piece in new for other in kept)


@given(states_of_three, some_owed)
def test_the_order_in_which_units_are_read_does_not_matter(states, owed):
    units = [unit(piece, state) for piece, state in enumerate(states, 1) if state]
    order = header(line("a"), line("b"), owed=tuple(owed))
    assert choose_stops(order, named(*units)) == choose_stops(order, named(*reversed(units)))


@given(some_owed)
def test_where_everything_is_stopped_nothing_more_is_named(owed):
    order = header(line("a"), line("b"), owed=tuple(owed), stops=frozenset({EVERYTHING}))
    assert choose_stops(order, {}) == {EVERYTHING}


def test_of_a_bundle_the_dearest_card_is_the_price_of_the_piece():
    shown = [
        unit(1, State.BACKORDER),
        Unit(key=KEY, line="a", n=2, piece=1, state=State.REVEALED, exposed_at=1),
    ]
    waiting = [Unit(key=KEY, line="a", n=n, piece=2, state=State.BACKORDER) for n in (3, 4)]
    order = header(line(quantity=2), owed=(Owed("a", 1, "f"),))
    assert choose_stops(order, named(*shown, *waiting)) == {"a/2"}


def test_what_is_owed_of_a_line_nobody_knows_ends_nothing():
    assert choose_stops(header(owed=(Owed("z", 1, "f"),)), {}) == set()


def test_two_pieces_of_a_billion_are_chosen_at_once():
    order = header(line(quantity=10**9), owed=(Owed("a", 2, "f"),))
    assert choose_stops(order, named(unit(1, State.HELD))) == {f"a/{10**9}", f"a/{10**9 - 1}"}


# -- what people see ------------------------------------------------------------------------------------

STATUSES = {
    "unpaid",
    "received",
    "held_mapping",
    "held_amount",
    "held_refund",
    "disputed",
    "held_risk",
    "presale",
    "no_stock",
    "delivering",
    "partly_delivered",
    "delivered",
    "refunded",
    "cancelled",
}


@given(states_of_three, st.booleans(), st.booleans())
def test_every_order_has_a_status_that_fits_its_units(states, paid, stopped):
    units = [unit(piece, state) for piece, state in enumerate(states, 1) if state]
    order = header(paid_at=1 if paid else None, stops=frozenset({EVERYTHING} if stopped else ()))

    summary = summarise(order, units)

    assert summary.status in STATUSES
    assert sum(summary.counts.values()) == len(units)
    assert (summary.status in ("unpaid", "cancelled")) or paid
    if summary.status == "delivered":
        assert any(one.state in HANDED_OVER for one in units)
        assert all(one.state in HANDED_OVER | ENDED for one in units)
    if any(one.waiting for one in units) and paid:
        assert summary.status not in ("delivered", "delivering", "refunded", "cancelled")


@pytest.mark.parametrize(
    ("states", "status"),
    [
        ([], "received"),
        ([State.ALLOCATED, State.DELIVERED], "delivering"),
        ([State.BACKORDER, State.DELIVERED], "partly_delivered"),
        ([State.BACKORDER, State.ALLOCATED], "no_stock"),
        ([State.HELD, State.BACKORDER], "held_amount"),
        ([State.SCHEDULED, State.BACKORDER], "presale"),
        ([State.CANCELLED, State.DELIVERED], "delivered"),
        ([State.CANCELLED, State.RETURNED], "refunded"),
        ([State.CANCELLED], "cancelled"),
        ([State.RETURNED, State.DISPUTED], "disputed"),
        ([State.DISPUTED, State.DELIVERED], "delivered"),
    ],
)
def test_the_worst_that_wants_attention_is_the_status(states, status):
    assert summarise(header(), [unit(n, state) for n, state in enumerate(states, 1)]).status == status


def test_a_line_that_is_not_ours_does_not_make_an_order_cancelled():
    closed = unit(1, State.CANCELLED, plan=())
    assert summarise(header(), [closed]).status == "received"
    assert summarise(header(), [closed, unit(1, State.DELIVERED, "b")]).status == "delivered"
    assert summarise(header(stops=frozenset({EVERYTHING})), [closed]).status == "cancelled"
    assert summarise(header(stops=frozenset({"a/1", "a/2", "a/3"})), [closed]).status == "cancelled"


# -- states -----------------------------------------------------------------------------------------------


def test_each_state_is_of_one_kind_and_leads_where_it_may():
    kinds = [WAITING, HOLDS_CARD, ENDED, frozenset({State.PENDING})]
    assert set(State) == set().union(*kinds)
    assert sum(map(len, kinds)) == len(State)
    assert set(EDGES) == set(State)
    assert all(not EDGES[state] for state in ENDED - {State.DISPUTED})
    assert EDGES[State.DISPUTED] == {State.REFUNDED}
    assert HANDED_OVER <= HOLDS_CARD
    assert not DRIVEN & {Room.AMOUNT, Room.RISK, Room.REFUND}


def test_a_shown_card_never_returns():
    assert State.RETURNED not in EDGES[State.REVEALED]
    assert State.REFUNDED in EDGES[State.REVEALED]


# -- policy -------------------------------------------------------------------------------------------------


def paid(amount=300, total=300, currency="CNY", approved=False):
    return header(amount=amount, total=total, currency=currency, approved=approved)


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.sampled_from(["CNY", "EUR", ""]))
def test_an_order_is_held_unless_currency_and_amount_are_right(amount, total, currency):
    order = paid(amount, total, currency)
    assert (order_hold(order, SHOP) is None) == (currency == "CNY" and amount == total)


@given(
    st.integers(-5, 200),
    st.none() | st.integers(0, 200),
    st.lists(st.none() | st.integers(0, 200), max_size=3),
)
def test_a_line_is_held_unless_quantity_and_price_are_right(quantity, unit_price, floors):
    one = OrderLine("a", "item", "", "", quantity, unit_price)
    rows = [
        Listing(item="item", variant="", row=row, sku="A", floor=floor) for row, floor in enumerate(floors)
    ]
    floor = next((floor for floor in floors if floor is not None), None)
    fair = floor is None or (unit_price is not None and unit_price >= floor)
    assert (line_hold(paid(), one, SHOP, rows) is None) == (1 <= quantity <= SHOP.max_quantity and fair)


@given(st.integers(-5, 200), st.integers(0, 10**6))
def test_approval_overrides_every_reason(quantity, amount):
    order = paid(amount, 1, "EUR", approved=True)
    assert order_hold(order, SHOP) is None
    assert line_hold(order, line(quantity=quantity), SHOP, []) is None


def test_the_reason_says_what_was_paid_and_what_was_expected():
    assert order_hold(paid(299), SHOP) == "amount: paid 299, the order's total is 300"
    assert "EUR" in order_hold(paid(currency="EUR"), SHOP)
    assert "51" in line_hold(paid(), line(quantity=51), SHOP, [])
