"""What a line holds, and what must not be delivered without a person: limits, prices, mappings, bundles."""

from collections import Counter

import pytest

from cardcourier import wiring
from cardcourier.clock import now_ms
from cardcourier.domain.protocol import Actor
from cardcourier.domain.states import Room
from tests.integration.shop import Merchant, acting, merchant_of, overdue, shopify_order


@pytest.fixture(scope="module")
def open_cloud(cloud):
    with acting(cloud):
        yield cloud


@pytest.fixture
def merchant(open_cloud):
    with merchant_of(open_cloud) as merchant:
        merchant.sell("MONTH", cards=4)
        yield merchant


def settle(*answers, merchant):
    assert [answer.status for answer in answers] == [200] * len(answers)
    merchant.cloud.wait_idle()


def approve(merchant, order):
    key = merchant.key_of(order)
    assert wiring.orders().approve(key, Actor("staff", now_ms(), "approval"))
    wiring.orders_queue().order(key)
    merchant.cloud.wait_idle()


def skus(merchant, order, shop=""):
    return Counter(unit.sku for unit in merchant.order(order, shop)[1] if unit.holds_card)


def at_rest(merchant, order):
    """Whether nothing drives the order any more, at the latest after one sweep."""
    if merchant.order(order)[0].due is not None:
        overdue(merchant, order)
        merchant.cloud.run_schedule("release")
        merchant.cloud.wait_idle()
    return merchant.order(order)[0].due is None


# ---------------------------------------------------------------- amounts and quantities


@pytest.mark.fault("webhooks: nothing", "webhooks: 500")
@pytest.mark.parametrize("quantity", [0, 51, 500, 5000])
def test_a_quantity_out_of_bounds_is_held_with_the_reason(merchant, quantity):
    settle(merchant.pay("A-1", ("MONTH", quantity), ("MONTH", 1)), merchant=merchant)
    assert merchant.states("A-1") == {"1#0001": "HELD", "2#0001": "DELIVERED"}
    [(room, why)] = merchant.held_for("A-1")
    assert (room, why) == ("AMOUNT", f"quantity: {quantity}, allowed are 1 to 50")
    assert (merchant.pool("MONTH"), at_rest(merchant, "A-1")) == (3, True)


def test_a_refund_ends_a_held_line_whatever_its_quantity(merchant):
    settle(merchant.pay("A-1", ("MONTH", 500)), merchant.pay("A-2", ("MONTH", 5000)), merchant=merchant)
    settle(merchant.refund("A-1", items=[{"line_id": "1", "quantity": 500}]), merchant=merchant)
    settle(merchant.refund("A-2"), merchant=merchant)
    for order in ("A-1", "A-2"):
        assert (merchant.counts(order), at_rest(merchant, order)) == ({"CANCELLED": 1}, True)
    assert merchant.pool("MONTH") == 4


def test_fifty_are_delivered_without_a_person(merchant):
    merchant.stock("MONTH", 46)
    settle(merchant.pay("A-1", ("MONTH", 50)), merchant=merchant)
    assert (merchant.counts("A-1"), merchant.pool("MONTH")) == ({"DELIVERED": 50}, 0)


def test_an_approved_order_goes_on_whatever_held_it(merchant):
    merchant.stock("MONTH", 50)
    settle(merchant.pay("A-1", ("MONTH", 51)), merchant.pay("A-2", ("MONTH", 0)), merchant=merchant)
    approve(merchant, "A-1")
    approve(merchant, "A-2")
    assert merchant.counts("A-1") == {"DELIVERED": 51}
    assert merchant.counts("A-2") == {"CANCELLED": 1}
    assert at_rest(merchant, "A-1")
    assert at_rest(merchant, "A-2")


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"payments": [{"id": "p", "amount": "24.99"}]}, "amount: paid 2499, the order's total is 2500"),
        ({"payments": [{"id": "p", "amount": "25.01"}]}, "amount: paid 2501, the order's total is 2500"),
        ({"currency": "USD"}, "currency: paid in USD, the shop sells in CNY"),
        ({"currency": "JPY", "total": "25"}, "currency: paid in JPY, the shop sells in CNY"),
    ],
    ids=["less", "more", "dollars", "yen"],
)
def test_money_that_does_not_fit_holds_the_whole_order(merchant, told, why):
    settle(merchant.pay("A-1", ("MONTH", 1), **told), merchant=merchant)
    assert merchant.held_for("A-1") == [("AMOUNT", why)]
    assert (merchant.pool("MONTH"), merchant.mails("A-1")) == (4, [])
    approve(merchant, "A-1")
    assert (merchant.counts("A-1"), merchant.pool("MONTH")) == ({"DELIVERED": 1}, 3)
    assert len(merchant.mails("A-1")) == 1


@pytest.mark.parametrize(
    ("price", "state"),
    [("19.99", "HELD"), ("20.00", "DELIVERED"), (None, "HELD")],
    ids=["below", "at", "none"],
)
def test_a_price_below_the_floor_is_held(merchant, price, state):
    merchant.map(merchant.own, "sale", ("MONTH", 1), floor=2000)
    item = {"line_id": "1", "item": "sale", "quantity": 1, "unit_price": price}
    settle(merchant.pay("A-1", item), merchant=merchant)
    assert merchant.counts("A-1") == {state: 1}
    if state == "HELD":
        told = 1999 if price else "unknown"
        assert merchant.held_for("A-1") == [("AMOUNT", f"floor: unit price {told}, floor is 2000")]


# ---------------------------------------------------------------- mappings


@pytest.mark.fault("webhooks: unknown")
def test_an_unmapped_line_waits_and_is_released_when_it_is_mapped(merchant):
    item = {"line_id": "1", "item": "new", "variant": "blue", "quantity": 2, "unit_price": "25.00"}
    settle(merchant.pay("A-1", item, ("MONTH", 1)), merchant=merchant)
    assert merchant.states("A-1") == {"1#0001": "HELD", "2#0001": "DELIVERED"}
    assert merchant.held_for("A-1") == [("MAP", "mapping: new/blue")]
    assert at_rest(merchant, "A-1")
    merchant.map(merchant.own, "new", ("MONTH", 1), variant="blue")
    wiring.orders_queue().room(merchant.id, Room.MAP, f"{merchant.own}/new/blue", 0)
    merchant.cloud.wait_idle()
    assert merchant.counts("A-1") == {"DELIVERED": 3}
    assert at_rest(merchant, "A-1")
    # One mail for what was there at once; for the rest one, or one for each, as the hand-overs fall.
    links = [mail["text"].count("/r/") for mail in merchant.mails("A-1")]
    assert links in ([1, 1], [1, 1, 1])


def test_the_sweeper_releases_a_mapping_whose_message_was_lost(merchant):
    orders = [f"A-{n}" for n in range(3)]
    item = {"line_id": "1", "item": "new", "quantity": 1, "unit_price": "25.00"}
    settle(*(merchant.pay(order, item) for order in orders), merchant=merchant)
    assert [merchant.counts(order) for order in orders] == [{"HELD": 1}] * 3
    merchant.map(merchant.own, "new", ("MONTH", 1))
    assert wiring.waiting().open_room(merchant.id, Room.MAP, f"{merchant.own}/new/", now_ms() - 1)
    merchant.cloud.run_schedule("release")
    merchant.cloud.wait_idle()
    assert [merchant.counts(order) for order in orders] == [{"DELIVERED": 1}] * 3


def test_a_product_made_later_maps_the_code_that_equals_its_sku(merchant):
    settle(merchant.pay("A-1", ("YEAR", 1)), merchant=merchant)
    assert merchant.held_for("A-1") == [("MAP", "mapping: YEAR/")]
    merchant.sell("YEAR", cards=1)
    wiring.orders_queue().room(merchant.id, Room.MAP, f"{merchant.own}/YEAR/", 0)
    merchant.cloud.wait_idle()
    assert (merchant.counts("A-1"), skus(merchant, "A-1")) == ({"DELIVERED": 1}, {"YEAR": 1})


def test_a_mapping_without_stock_goes_on_to_wait_for_stock(merchant):
    merchant.sell("YEAR")
    item = {"line_id": "1", "item": "new", "quantity": 2, "unit_price": "25.00"}
    settle(merchant.pay("A-1", item), merchant=merchant)
    merchant.map(merchant.own, "new", ("YEAR", 1))
    wiring.orders_queue().room(merchant.id, Room.MAP, f"{merchant.own}/new/", 0)
    merchant.cloud.wait_idle()
    assert merchant.counts("A-1") == {"BACKORDER": 2}
    merchant.restock("YEAR", 2)
    merchant.cloud.wait_idle()
    assert merchant.counts("A-1") == {"DELIVERED": 2}


def test_what_is_not_ours_is_passed_over(open_cloud):
    merchant = Merchant(open_cloud, unmapped="ignore")
    merchant.sell("MONTH", cards=4)
    merchant.map(merchant.own, "mug", ("", 1))
    mug = {"line_id": "m", "item": "mug", "quantity": 3, "unit_price": "9.00"}
    hat = {"line_id": "h", "item": "hat", "sku": "HAT", "quantity": 1, "unit_price": "19.00"}
    ours = {"line_id": "c", "sku": "MONTH", "quantity": 1, "unit_price": "25.00"}
    settle(merchant.pay("A-1", mug, ours, hat), merchant.pay("A-2", mug, hat), merchant=merchant)
    assert merchant.states("A-1") == {"c#0001": "DELIVERED", "h#0001": "CANCELLED", "m#0001": "CANCELLED"}
    assert merchant.counts("A-2") == {"CANCELLED": 2}
    assert at_rest(merchant, "A-1")
    assert at_rest(merchant, "A-2")
    assert (len(merchant.mails("A-1")), merchant.mails("A-2")) == (1, [])


def test_without_that_setting_only_what_is_said_not_to_be_ours_is_passed_over(merchant):
    merchant.map(merchant.own, "mug", ("", 1))
    mug = {"line_id": "m", "item": "mug", "quantity": 1, "unit_price": "9.00"}
    hat = {"line_id": "h", "item": "hat", "quantity": 1, "unit_price": "19.00"}
    settle(merchant.pay("A-1", mug, hat), merchant=merchant)
    assert merchant.states("A-1") == {"h#0001": "HELD", "m#0001": "CANCELLED"}


def test_a_bundle_holds_several_products(merchant):
    merchant.sell("YEAR", cards=4)
    merchant.map(merchant.own, "party", ("MONTH", 1), ("YEAR", 2))
    item = {"line_id": "1", "item": "party", "quantity": 2, "unit_price": "99.00"}
    settle(merchant.pay("A-1", item), merchant=merchant)
    assert (merchant.counts("A-1"), skus(merchant, "A-1")) == ({"DELIVERED": 6}, {"MONTH": 2, "YEAR": 4})
    settle(merchant.refund("A-1", items=[{"line_id": "1", "quantity": 1}]), merchant=merchant)
    assert (merchant.counts("A-1"), skus(merchant, "A-1")) == (
        {"DELIVERED": 3, "RETURNED": 3},
        {"MONTH": 1, "YEAR": 2},
    )
    assert (merchant.pool("MONTH"), merchant.pool("YEAR")) == (3, 2)


def test_a_bundle_short_of_one_part_delivers_the_others(merchant):
    merchant.sell("YEAR")
    merchant.map(merchant.own, "party", ("MONTH", 1), ("YEAR", 1))
    item = {"line_id": "1", "item": "party", "quantity": 1, "unit_price": "99.00"}
    settle(merchant.pay("A-1", item), merchant=merchant)
    assert merchant.states("A-1") == {"1#0001": "DELIVERED", "1#0002": "BACKORDER"}
    merchant.restock("YEAR", 1)
    merchant.cloud.wait_idle()
    assert merchant.counts("A-1") == {"DELIVERED": 2}


def test_an_order_keeps_the_mapping_it_began_with(merchant):
    merchant.sell("YEAR", cards=2)
    merchant.map(merchant.own, "item", ("YEAR", 3))
    item = {"line_id": "1", "item": "item", "quantity": 1, "unit_price": "25.00"}
    settle(merchant.pay("A-1", item), merchant=merchant)
    assert merchant.counts("A-1") == {"DELIVERED": 2, "BACKORDER": 1}
    merchant.map(merchant.own, "item", ("MONTH", 1))
    merchant.cloud.cold_start()
    merchant.restock("YEAR", 1)
    merchant.cloud.wait_idle()
    assert skus(merchant, "A-1") == {"YEAR": 3}


def test_shopify_maps_product_and_variant(merchant):
    merchant.map(merchant.shopify, "8200", ("MONTH", 2), variant="44")
    order = shopify_order(601, (8200, "whatever", 1, "49.00"))
    order["line_items"][0]["variant_id"] = 44
    settle(merchant.shopify_says("orders/paid", order), merchant=merchant)
    assert skus(merchant, "601", merchant.shopify) == {"MONTH": 2}


# ---------------------------------------------------------------- cards


def test_an_expired_card_is_never_sold_and_the_earliest_goes_first(merchant):
    now, month = now_ms(), 31 * 86_400_000
    merchant.sell("DATED")
    merchant.stock("DATED", 3, expires_at=now - 1000)
    later = merchant.stock("DATED", 1, expires_at=now + 4 * month)
    sooner = merchant.stock("DATED", 1, expires_at=now + month)
    settle(merchant.pay("A-1", ("DATED", 1)), merchant=merchant)
    settle(merchant.pay("A-2", ("DATED", 1)), merchant=merchant)
    settle(merchant.pay("A-3", ("DATED", 1)), merchant=merchant)
    sold = [merchant.order(order)[1][0] for order in ("A-1", "A-2", "A-3")]
    assert [merchant.codes.get(unit.card) for unit in sold] == [*sooner, *later, None]
    assert str(sold[2].state) == "BACKORDER"
