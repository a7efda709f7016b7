from collections import defaultdict
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardcourier.domain.journal import JournalLine, encode
from cardcourier.domain.ledger import SIGNS, Leg, LegKind
from cardcourier.domain.order_report import R4_COLUMNS, orders
from cardcourier.domain.reports import (
    R1_COLUMNS,
    Period,
    by_event,
    by_order,
    daily,
    money_records,
    records,
    totals,
)

SHANGHAI = ZoneInfo("Asia/Shanghai")


def ms(*parts, zone=SHANGHAI):
    return int(datetime(*parts, tzinfo=zone).timestamp()) * 1000


NOVEMBER = Period(ms(2026, 11, 1), ms(2026, 12, 1), SHANGHAI)


def line(order, kind, at, *legs, number="", sku="", name="", n=1, before="", after=""):
    unit = f"{name}/{n:04d}" if kind.startswith("unit.") else ""
    return JournalLine(
        id=f"{at:013d}#main/{order}/{unit or kind}#000001",
        at=at,
        kind=kind,
        tenant="acme",
        shop="main",
        order=order,
        number=number or order,
        line=name,
        unit=unit,
        sku=sku,
        quantity=1,
        before=before,
        after=after or kind.removeprefix("unit.").upper(),
        by="",
        why="",
        request_id="",
        ver=1,
        card="",
        batch="",
        legs=legs,
    )


def leg(kind, amount, currency="CNY", name="", sku="", units=0):
    return Leg(LegKind(kind), amount, currency, name, sku, units)


def named(columns, rows):
    names = [column.name for column in columns]
    return [dict(zip(names, row, strict=True)) for row in rows]


def plain(lines):
    return list(records(map(encode, lines)))


def r1(lines, period=NOVEMBER):
    return named(R1_COLUMNS, daily(plain(lines), by_event(period)))


def r4(lines, period=NOVEMBER):
    return named(R4_COLUMNS, orders(plain(lines), by_event(period), period))


def story(order="1001", day=3, hour=10):
    """Two pieces sold with a discount, one delivered, one refunded before delivery."""
    at = ms(2026, 11, day, hour)
    return [
        line(
            order,
            "order.paid",
            at,
            leg("sale", 5000, name="a", sku="shop-code", units=2),
            leg("discount_merchant", -1000),
            number=f"#{order}",
        ),
        line(order, "unit.allocated", at + 1, name="a", sku="MGTV", before="PENDING"),
        line(
            order,
            "unit.delivered",
            at + 2,
            leg("card_cost", -1200, name="a", sku="MGTV", units=1),
            name="a",
            sku="MGTV",
            before="ALLOCATED",
        ),
        line(order, "order.refunded", at + 3, leg("refund", -2000)),
        line(order, "unit.returned", at + 4, name="a", n=2, sku="MGTV", before="ALLOCATED"),
    ]


def test_the_daily_summary_follows_the_definitions():
    (row,) = r1(story())

    assert row == {
        "day": date(2026, 11, 3),
        "currency": "CNY",
        "orders": 1,
        "units": 2,
        "gross": 5000,
        "discount_merchant": -1000,
        "discount_platform": 0,
        "subsidy_platform": 0,
        "buyer_paid": 4000,
        "net_sales": 4000,
        "refunds": -2000,
        "fees": 0,
        "card_cost": -1200,
        "adjustments": 0,
        "net_profit": 800,
        "margin": Decimal("0.4000"),
        "refund_rate": Decimal("0.5000"),
        "receivable": 2000,
    }
    assert [column.name for column in R1_COLUMNS] == list(row)


def test_a_day_is_the_tenants_day():
    late, early = ms(2026, 11, 3, 23, 59, 59), ms(2026, 11, 4)
    lines = [line(str(at), "order.paid", at, leg("sale", 100)) for at in (late, early)]

    assert [row["day"] for row in r1(lines)] == [date(2026, 11, 3), date(2026, 11, 4)]
    assert [row["day"] for row in r1(lines, Period(0, 2**42, ZoneInfo("UTC")))] == [date(2026, 11, 3)]


def test_a_day_of_changing_clocks_is_one_day():
    berlin = ZoneInfo("Europe/Berlin")
    start, end = ms(2026, 10, 25, zone=berlin), ms(2026, 10, 26, zone=berlin)
    assert end - start == 25 * 3_600_000
    lines = [line(str(at), "order.paid", at, leg("sale", 1)) for at in range(start, end, 1_800_000)]

    (row,) = r1(lines, Period(start, end, berlin))

    assert (row["day"], row["orders"]) == (date(2026, 10, 25), 50)


def test_the_period_begins_with_its_start_and_ends_before_its_end():
    lines = [
        line(str(at), "order.paid", at, leg("sale", 1))
        for at in (NOVEMBER.start - 1, NOVEMBER.start, NOVEMBER.end - 1, NOVEMBER.end)
    ]

    assert [row["day"].day for row in r1(lines)] == [1, 30]


def test_currencies_are_never_added_together():
    at = ms(2026, 11, 3)
    lines = [
        line("1", "order.paid", at, leg("sale", 100, "USD", units=1)),
        line("1", "unit.delivered", at, leg("card_cost", -50, "CNY")),
    ]

    rows = r1(lines)

    assert [(row["currency"], row["orders"], row["net_profit"]) for row in rows] == [
        ("CNY", 0, -50),
        ("USD", 1, 100),
    ]
    assert [row["margin"] for row in rows] == [None, Decimal("1.0000")]


def test_an_order_that_sells_twice_counts_once():
    at = ms(2026, 11, 3)
    lines = [line("1", "order.paid", at + more, leg("sale", 100)) for more in range(3)]

    assert r1(lines)[0]["orders"] == 1


def test_many_orders_of_one_day_are_counted_exactly():
    at = ms(2026, 11, 3)
    legs = [{"kind": "sale", "amount": 1, "currency": "CNY", "units": 1}]
    lines = ({"at": at, "shop": "s", "order": number % 150_000, "legs": legs} for number in range(300_000))

    assert named(R1_COLUMNS, daily(lines, by_event(NOVEMBER)))[0]["orders"] == 150_000


def test_by_order_books_a_later_refund_under_the_day_of_payment():
    paid, *rest = story(day=30, hour=23)
    later = line("1001", "order.refunded", NOVEMBER.end + 5, leg("refund", -1000))
    other = line("7", "order.refunded", NOVEMBER.start, leg("refund", -9))
    lines = plain([later, other, paid, *rest])

    (row,) = named(R1_COLUMNS, daily(lines, by_order(NOVEMBER, lines)))

    assert (row["day"], row["refunds"], row["net_profit"]) == (date(2026, 11, 30), -3000, -200)


def test_orders_have_a_row_per_line_and_one_for_the_whole():
    whole, first = r4(story())

    assert (whole["line"], whole["discount_merchant"], whole["refunds"], whole["gross"]) == (
        "",
        -1000,
        -2000,
        0,
    )
    assert whole["paid_at"] == datetime(2026, 11, 3, 10)
    assert (whole["order"], whole["number"]) == ("1001", "#1001")
    assert (first["line"], first["sku"], first["units"], first["gross"]) == ("a", "MGTV", 2, 5000)
    assert (first["delivered"], first["replaced"], first["ended"]) == (1, 0, 1)
    assert (first["card_cost"], first["net_profit"]) == (-1200, 3800)


def test_a_replaced_piece_is_delivered_once():
    at = ms(2026, 11, 3)
    moves = [
        ("unit.delivered", "ALLOCATED", "DELIVERED"),
        ("unit.revealed", "DELIVERED", "REVEALED"),
        ("unit.replaced", "REVEALED", "ALLOCATED"),
        ("unit.revealed", "ALLOCATED", "REVEALED"),
    ]

    (row,) = r4([line("1", kind, at, name="a", before=old, after=new) for kind, old, new in moves])

    assert (row["delivered"], row["replaced"], row["currency"]) == (1, 1, "")


def test_orders_are_listed_by_time_of_payment():
    rows = r4([*story("2", day=4), *story("1", day=5), *story("3", day=3)])

    assert [row["order"] for row in rows] == ["3", "3", "2", "2", "1", "1"]


def test_pieces_of_a_line_with_two_currencies_are_counted_once():
    at = ms(2026, 11, 3)
    lines = [
        line("1", "order.paid", at, leg("sale", 100, "USD", name="a", units=1)),
        line("1", "unit.delivered", at, leg("card_cost", -50, "CNY", name="a"), name="a", before="ALLOCATED"),
    ]

    assert [(row["currency"], row["units"], row["delivered"]) for row in r4(lines)] == [
        ("CNY", 0, 1),
        ("USD", 1, 0),
    ]


@pytest.mark.parametrize(
    ("start", "end", "label"),
    [
        ((2026, 11, 1), (2026, 12, 1), "2026-11"),
        ((2026, 12, 1), (2027, 1, 1), "2026-12"),
        ((2026, 11, 3), (2026, 11, 4), "2026-11-03"),
        ((2026, 11, 3), (2026, 11, 17), "2026-11-03_2026-11-16"),
    ],
)
def test_a_period_is_named_as_people_name_it(start, end, label):
    assert Period(ms(*start), ms(*end), SHANGHAI).label == label


# -- laws --------------------------------------------------------------------------------------------------

some_legs = st.builds(
    lambda kind, size, currency, name: leg(kind, size * (SIGNS[kind] or -1), currency, name, units=size % 5),
    st.sampled_from(LegKind),
    st.integers(min_value=0, max_value=10**6),
    st.sampled_from(["CNY", "JPY"]),
    st.sampled_from(["", "a", "b"]),
)
some_lines = st.lists(
    st.builds(
        lambda order, kind, at, legs, name, n: line(order, kind, at, *legs, name=name, n=n),
        st.sampled_from(["1", "2", "3"]),
        st.sampled_from(["order.paid", "order.refunded", "unit.delivered", "unit.refunded", "unit.held"]),
        st.integers(min_value=NOVEMBER.start - 10**8, max_value=NOVEMBER.end + 10**8),
        st.lists(some_legs, max_size=3),
        st.sampled_from(["a", "b"]),
        st.integers(min_value=1, max_value=3),
    ),
    max_size=25,
)


@given(some_lines)
def test_profit_is_the_sum_of_all_entries(lines):
    expected = defaultdict(int)
    for each in lines:
        for entry in each.legs:
            if NOVEMBER.start <= each.at < NOVEMBER.end:
                expected[NOVEMBER.local(each.at).date(), entry.currency] += entry.amount

    assert {(row["day"], row["currency"]): row["net_profit"] for row in r1(lines)} == expected


@given(some_lines, st.randoms())
def test_rows_do_not_depend_on_the_order_of_lines(lines, random):
    shuffled = random.sample(lines, len(lines))

    assert r1(shuffled) == r1(lines)
    assert r4(shuffled) == r4(lines)


@given(some_lines)
def test_both_reports_have_the_same_totals(lines):
    day_totals = named(R1_COLUMNS, totals(R1_COLUMNS, daily(plain(lines), by_event(NOVEMBER))))
    rows = orders(plain(lines), by_event(NOVEMBER), NOVEMBER)
    order_totals = {row["currency"]: row for row in named(R4_COLUMNS, totals(R4_COLUMNS, rows))}

    for row in day_totals:
        other = order_totals[row["currency"]]
        assert {name: row[name] for name in ("units", "gross", "fees", "net_profit", "receivable")} == {
            name: other[name] for name in ("units", "gross", "fees", "net_profit", "receivable")
        }
        assert row["net_profit"] == row["receivable"] + row["card_cost"] + row["adjustments"]


names = st.text(alphabet='a0#/,:"\\\n[]{}季', max_size=12) | st.sampled_from(
    ['"legs":[]', ',"order":"x"', "],"]
)


@given(
    st.lists(st.tuples(names, names, st.integers(min_value=0), st.lists(some_legs, max_size=2)), max_size=5)
)
def test_lines_with_money_are_found_in_their_text_alone(drawn):
    lines = [
        replace(line(order, order, at, *legs, name=shop, number=shop), shop=shop)
        for order, shop, at, legs in drawn
    ]

    found = [
        {name: record[name] for name in ("at", "shop", "order", "legs")}
        for record in money_records(map(encode, lines))
    ]

    assert found == [
        {"at": each.at, "shop": each.shop, "order": each.order, "legs": each.to_dict()["legs"]}
        for each in lines
        if each.legs
    ]
