"""Facts in any order and any number of times, from the signed call to the state of every card."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from cardcourier import wiring
from cardcourier.adapters.tables import keys
from cardcourier.clock import now_ms
from cardcourier.domain.journal import decode
from tests.integration.shop import (
    Browser,
    acting,
    merchant_of,
    raw_items,
    rfc3339,
    shopify_order,
)

DAY = 86_400_000


@pytest.fixture(scope="module")
def open_cloud(cloud):
    with acting(cloud):
        yield cloud


@pytest.fixture
def merchant(open_cloud):
    with merchant_of(open_cloud) as merchant:
        merchant.sell("MONTH", cards=10)
        yield merchant


def settle(*answers, merchant):
    assert [answer.status for answer in answers] == [200] * len(answers)
    merchant.cloud.wait_idle()


def status(merchant, order):
    """What lists say of the order."""
    now = now_ms()
    rows = wiring.views().orders(merchant.id, None, now - DAY, now)
    return next(row.status for row in rows if row.key.order == order)


def burnt(merchant):
    return len(raw_items(prefix=f"X#{merchant.id}#"))


def reveal(merchant, order):
    answer = Browser(merchant.cloud).program(f"/r/{merchant.token(order)}/reveal")
    assert answer.status == 200
    return [card["code"] for card in answer.json["cards"] if "code" in card]


# ---------------------------------------------------------------- payments


def test_an_order_paid_in_parts_is_one_order(merchant):
    parts = [{"id": "p-1", "amount": "10.00"}, {"id": "p-2", "amount": 40}]
    settle(merchant.pay("A-1", ("MONTH", 2), payments=parts), merchant=merchant)
    header, _, facts = merchant.order("A-1")
    assert (header.amount, header.payments, facts) == (5000, ("p-1", "p-2"), [])
    assert merchant.counts("A-1") == {"DELIVERED": 2}


def test_a_second_payment_is_recorded_once_and_delivers_nothing(merchant):
    again = {"payments": [{"id": "p-2", "amount": "25.00"}]}
    settle(
        merchant.pay("A-1", ("MONTH", 1), payments=[{"id": "p-1", "amount": "25.00"}]),
        merchant.pay("A-1", ("MONTH", 1), **again),
        merchant.pay("A-1", ("MONTH", 1), **again),
        merchant=merchant,
    )
    [fact] = merchant.order("A-1")[2]
    assert (fact.fact, fact.id, int(fact.amount), fact.currency) == ("pay", "p-2", 2500, "CNY")
    assert (merchant.counts("A-1"), merchant.pool("MONTH")) == ({"DELIVERED": 1}, 9)


@pytest.mark.fault("webhooks: amount")
def test_a_repeat_never_changes_what_was_paid(merchant):
    settle(
        merchant.pay("A-1", ("MONTH", 1)),
        merchant.pay("A-1", ("MONTH", 5)),
        merchant.pay("A-1", ("YEAR", 1), currency="USD", buyer={"email": "thief@example.com"}),
        merchant=merchant,
    )
    header = merchant.order("A-1")[0]
    assert (header.amount, header.currency, [line.quantity for line in header.lines]) == (2500, "CNY", [1])
    assert merchant.mails_to("thief@example.com") == []
    assert (merchant.counts("A-1"), merchant.facts("A-1")) == ({"DELIVERED": 1}, [])


# ---------------------------------------------------------------- the whole order ends


@pytest.mark.fault("webhooks: order")
def test_a_refund_before_the_payment_meets_it(merchant):
    settle(merchant.refund("A-1", amount="25.00", currency="CNY", full=True), merchant=merchant)
    assert (merchant.states("A-1"), status(merchant, "A-1")) == ({}, "cancelled")
    settle(merchant.pay("A-1", ("MONTH", 1)), merchant=merchant)
    assert (merchant.counts("A-1"), merchant.pool("MONTH")) == ({"CANCELLED": 1}, 10)
    assert (merchant.facts("A-1"), merchant.mails("A-1")) == ([("refund", "r-1")], [])
    assert (merchant.order("A-1")[0].due, status(merchant, "A-1")) == (None, "cancelled")


def test_a_refund_before_reveal_gives_the_card_back(merchant):
    codes = set(merchant.codes.values())
    settle(merchant.pay("A-1", ("MONTH", 1)), merchant=merchant)
    token = merchant.token("A-1")
    settle(merchant.refund("A-1"), merchant=merchant)
    assert (merchant.counts("A-1"), merchant.pool("MONTH"), burnt(merchant)) == ({"RETURNED": 1}, 10, 0)
    shown = Browser(merchant.cloud).program(f"/r/{token}/reveal")
    assert [card["state"] for card in shown.json["cards"]] == ["ended"]
    assert not any(code in shown.text for code in codes)
    settle(merchant.pay("A-2", ("MONTH", 10)), merchant=merchant)
    assert set(reveal(merchant, "A-2")) == codes
    assert status(merchant, "A-1") == "refunded"


def test_a_refund_after_reveal_burns_the_card(merchant):
    settle(merchant.pay("A-1", ("MONTH", 2)), merchant=merchant)
    browser, path = Browser(merchant.cloud), f"/r/{merchant.token('A-1')}"
    seen = {card["code"] for card in browser.program(f"{path}/reveal").json["cards"]}
    assert len(seen) == 2
    settle(merchant.refund("A-1"), merchant=merchant)
    assert (merchant.counts("A-1"), merchant.pool("MONTH"), burnt(merchant)) == ({"REFUNDED": 2}, 8, 2)
    assert not any(code in browser.program(f"{path}/reveal").text for code in seen)
    settle(merchant.pay("A-2", ("MONTH", 9)), merchant=merchant)
    assert merchant.counts("A-2") == {"DELIVERED": 8, "BACKORDER": 1}
    assert not seen & set(reveal(merchant, "A-2"))


@pytest.mark.parametrize("kind", ["order.cancelled", "order.chargeback"])
def test_a_cancelled_or_charged_back_order_ends(merchant, kind):
    settle(merchant.pay("A-1", ("MONTH", 2)), merchant=merchant)
    told = {"order_id": "A-1", "chargeback_id": "c-1", "reason": "asked for"}
    settle(merchant.tell(kind, told), merchant.tell(kind, told), merchant=merchant)
    assert (merchant.counts("A-1"), merchant.pool("MONTH")) == ({"RETURNED": 2}, 10)
    [fact] = merchant.order("A-1")[2]
    assert (fact.fact, fact.why) == (kind.removeprefix("order.").removesuffix("led"), "asked for")


@pytest.mark.fault("webhooks: order")
def test_a_stop_and_a_payment_at_once_leave_no_card_behind(merchant):
    orders = [f"A-{n}" for n in range(8)]
    with ThreadPoolExecutor(8) as pool:
        paid = pool.map(lambda order: merchant.pay(order, ("MONTH", 1)), orders)
        gone = pool.map(lambda order: merchant.refund(order), orders)
        settle(*paid, *gone, merchant=merchant)
    for order in orders:
        assert merchant.counts(order) in ({"CANCELLED": 1}, {"RETURNED": 1})
        assert merchant.order(order)[0].due is None
    assert merchant.pool("MONTH") == 10


# ---------------------------------------------------------------- a part of the order ends


@pytest.mark.fault("races: one of five")
def test_one_of_five_refunded_ends_one(merchant):
    settle(merchant.pay("A-1", ("MONTH", 5)), merchant=merchant)
    one = {"items": [{"line_id": "1", "quantity": 1}], "amount": "25.00", "currency": "CNY"}
    settle(*(merchant.refund("A-1", **one) for _ in range(3)), merchant=merchant)
    assert (merchant.counts("A-1"), merchant.pool("MONTH")) == ({"DELIVERED": 4, "RETURNED": 1}, 6)
    settle(merchant.refund("A-1", "r-2", **one), merchant=merchant)
    assert (merchant.counts("A-1"), merchant.pool("MONTH")) == ({"DELIVERED": 3, "RETURNED": 2}, 7)
    assert merchant.facts("A-1") == [("refund", "r-1"), ("refund", "r-2")]
    assert len(reveal(merchant, "A-1")) == 3
    assert status(merchant, "A-1") == "delivered"


def test_a_part_refunded_before_the_payment_meets_it(merchant):
    settle(merchant.refund("A-1", items=[{"line_id": "1", "quantity": 2}]), merchant=merchant)
    settle(merchant.pay("A-1", ("MONTH", 3)), merchant=merchant)
    assert (merchant.counts("A-1"), merchant.pool("MONTH")) == ({"DELIVERED": 1, "CANCELLED": 2}, 9)


def test_more_refunded_than_bought_ends_no_other_line(merchant):
    settle(merchant.pay("A-1", ("MONTH", 1), ("MONTH", 2)), merchant=merchant)
    more = [{"line_id": "1", "quantity": 999_999_999}, {"line_id": "no such line", "quantity": 3}]
    settle(merchant.refund("A-1", items=more), merchant=merchant)
    assert merchant.states("A-1") == {"1#0001": "RETURNED", "2#0001": "DELIVERED", "2#0002": "DELIVERED"}


def test_money_alone_ends_nothing(merchant):
    settle(merchant.pay("A-1", ("MONTH", 1)), merchant=merchant)
    settle(merchant.refund("A-1", amount="5.00", currency="CNY"), merchant=merchant)
    assert merchant.counts("A-1") == {"DELIVERED": 1}
    [fact] = merchant.order("A-1")[2]
    assert (fact.fact, int(fact.amount)) == ("refund", 500)


# ---------------------------------------------------------------- Shopify tells the same


def test_shopify_cancels(merchant):
    order = shopify_order(501, (82, "MONTH", 2, "25.00"))
    settle(merchant.shopify_says("orders/paid", order), merchant=merchant)
    assert merchant.counts("501", merchant.shopify) == {"DELIVERED": 2}
    gone = order | {"cancelled_at": rfc3339(now_ms()), "cancel_reason": "customer"}
    settle(merchant.shopify_says("orders/cancelled", gone), merchant=merchant)
    assert (merchant.counts("501", merchant.shopify), merchant.pool("MONTH")) == ({"RETURNED": 2}, 10)


def test_shopify_refunds_a_piece(merchant):
    order = shopify_order(502, (82, "MONTH", 5, "25.00"))
    settle(merchant.shopify_says("orders/paid", order), merchant=merchant)
    refund = {
        "id": 9001,
        "order_id": 502,
        "created_at": rfc3339(now_ms()),
        "refund_line_items": [{"line_item_id": 5021, "quantity": 1}],
        "transactions": [{"kind": "refund", "status": "success", "amount": "25.00", "currency": "CNY"}],
    }
    settle(*(merchant.shopify_says("refunds/create", refund) for _ in range(2)), merchant=merchant)
    assert merchant.counts("502", merchant.shopify) == {"DELIVERED": 4, "RETURNED": 1}
    assert merchant.facts("502", merchant.shopify) == [("refund", "9001")]


def test_shopify_tells_of_an_order_both_paid_and_cancelled(merchant):
    told = shopify_order(503, (82, "MONTH", 1, "25.00"), cancelled_at=rfc3339(now_ms()))
    settle(merchant.shopify_says("orders/paid", told), merchant=merchant)
    assert (merchant.counts("503", merchant.shopify), merchant.pool("MONTH")) == ({"CANCELLED": 1}, 10)


def test_a_test_order_takes_no_card(merchant):
    settle(
        merchant.shopify_says("orders/paid", shopify_order(504, (82, "MONTH", 1, "1.00"), test=True)),
        merchant.pay("A-1", ("MONTH", 1), test=True),
        merchant=merchant,
    )
    assert merchant.order("504", merchant.shopify)[0] is None
    assert (merchant.order("A-1")[0], merchant.pool("MONTH")) == (None, 10)


# ---------------------------------------------------------------- nothing happens unseen


def test_every_step_is_in_the_journal_without_a_gap(merchant):
    settle(merchant.pay("A-1", ("MONTH", 3), payments=[{"id": "p-1", "amount": 75}]), merchant=merchant)
    settle(merchant.pay("A-1", ("MONTH", 3), payments=[{"id": "p-2", "amount": 75}]), merchant=merchant)
    settle(merchant.refund("A-1", items=[{"line_id": "1", "quantity": 1}]), merchant=merchant)
    reveal(merchant, "A-1")
    settle(merchant.refund("A-1", "r-2"), merchant=merchant)
    lines = journal_of(merchant, "A-1")
    vers = {}
    for line in lines:
        vers.setdefault(line.item.removeprefix(f"{merchant.own}/A-1/"), []).append(line.ver)
    header, units, _ = merchant.order("A-1")
    expected = {"H": header.ver, "F/pay/p-2": 1, "F/refund/r-1": 1, "F/refund/r-2": 1}
    expected |= {f"U/{unit.line}/{unit.n:04d}": unit.ver for unit in units}
    assert {item: sorted(seen) for item, seen in vers.items()} == {
        item: list(range(1, ver + 1)) for item, ver in expected.items()
    }
    assert all(line.by and line.request_id and line.at for line in lines)
    states = [
        line.after for line in sorted(lines, key=lambda line: line.ver) if line.item.endswith("U/1/0001")
    ]
    assert states == ["ALLOCATED", "DELIVERED", "REVEALED", "REFUNDED"]


def journal_of(merchant, order):
    found = [item for item in raw_items("JOURNAL_TABLE", f"J#{merchant.id}#") if "line" in item]
    assert found, "the journal keeps its lines in another way"
    lines = [decode(item["line"]["S"]) for item in found]
    return [line for line in lines if line.order == order]


def test_the_key_of_an_order_holds_nothing_that_was_not_told(merchant):
    odd = "订单 #7%/\u0000é"
    settle(merchant.pay(odd, ("MONTH", 1)), merchant=merchant)
    [header] = [item for item in raw_items(prefix=f"O#{merchant.id}#") if item["sk"]["S"] == "H"]
    order = keys.order_of(header["pk"]["S"])
    assert "#" not in order.order
    assert merchant.counts(order.order) == {"DELIVERED": 1}
    assert "DELIVERED" in json.dumps(merchant.states(order.order))
