import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardcourier.adapters.channels import shopify
from cardcourier.domain.order_events import Ignored, NotUnderstood, OrderPaid, OrderStopped, Payment
from cardcourier.errors import Refused

VECTORS = json.loads((Path(__file__).parents[1] / "vectors/shopify.json").read_text())
SECRET = "shpss_0123456789abcdef0123456789abcdef"
DOMAIN = "demo.myshopify.com"
SHOP = {"domain": DOMAIN}
PAID, CANCELLED, REFUNDED = (
    {"x-shopify-topic": t} for t in ("orders/paid", "orders/cancelled", "refunds/create")
)


def line(**changes):
    return {
        "id": 14000000000001,
        "sku": "MGTV-MONTH",
        "variant_id": 44000000000001,
        "product_id": 8200000000001,
        "title": "Video pass",
        "name": "Video pass - 1 month",
        "quantity": 2,
        "current_quantity": 2,
        "price": "5.99",
        "total_discount": "0.00",
    } | changes


def order(**changes):
    return {
        "id": 5678901234567890123,
        "name": "#2048",
        "test": False,
        "financial_status": "paid",
        "currency": "USD",
        "total_price": "11.98",
        "email": "buyer@example.com",
        "phone": None,
        "browser_ip": "198.51.100.23",
        "client_details": {"user_agent": "Mozilla/5.0"},
        "customer_locale": "zh-CN",
        "customer": {"first_name": "Li", "last_name": "Lei", "phone": "+8613800138000"},
        "created_at": "2026-11-01T03:59:58-04:00",
        "processed_at": "2026-11-01T03:59:57-04:00",
        "cancelled_at": None,
        "line_items": [line()],
        "refunds": [],
    } | changes


def refund(**changes):
    return {
        "id": 91,
        "order_id": 5678901234567890123,
        "created_at": "2026-11-02T08:00:00Z",
        "note": "Li Lei called from 13800138000",
        "refund_line_items": [{"line_item_id": 14000000000001, "quantity": 1, "subtotal": 5.99}],
        "transactions": [{"kind": "refund", "status": "success", "amount": "5.99", "currency": "USD"}],
    } | changes


def parse(headers, body, **shop):
    return shopify.parse(headers, json.dumps(body).encode(), shop)


def signed(body, secret=SECRET, **changes):
    return {
        "x-shopify-topic": "orders/paid",
        "x-shopify-shop-domain": DOMAIN,
        "x-shopify-hmac-sha256": shopify.sign(secret, body),
    } | changes


def verify(headers, body, secrets=(SECRET,), shop=SHOP):
    return shopify.verify(secrets, headers, body, 0, shop)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["purpose"])
def test_published_vectors(vector):
    given, expected = vector["inputs"], vector["expected"]
    body = given["body"].encode()
    if given["scheme"] == "shopify-webhook":
        assert shopify.sign(given["client_secret"], body) == expected["value"]
        return
    headers = given.get("headers") or signed(body, **{"x-shopify-hmac-sha256": given["hmac"]})
    shop = {"domain": headers["x-shopify-shop-domain"]}
    assert verify(headers, body, (given["client_secret"],), shop) is expected["valid"]


def test_a_signed_body_is_accepted_with_either_secret_in_either_spelling():
    body = json.dumps(order()).encode()
    assert verify(signed(body), body, ("new", SECRET))
    assert verify(signed(body), body, (SECRET.encode(), "old"))
    newer = {name.removeprefix("x-"): value for name, value in signed(body).items()}
    assert verify(newer, body)
    assert verify(signed(body, **{"x-shopify-shop-domain": "Demo.MyShopify.com"}), body)


@pytest.mark.parametrize(
    "change",
    [
        {"x-shopify-hmac-sha256": ""},
        {"x-shopify-hmac-sha256": "not base64!"},
        {"x-shopify-hmac-sha256": "ä"},
        {"x-shopify-hmac-sha256": "AAAA"},
        {"x-shopify-shop-domain": "other.myshopify.com"},
        {"x-shopify-shop-domain": ""},
        {"x-shopify-topic": ""},
    ],
)
def test_whatever_is_wrong_with_the_headers_the_body_is_refused(change):
    body = json.dumps(order()).encode()
    assert not verify(signed(body, **change), body)
    for name in change:
        assert not verify({k: v for k, v in signed(body).items() if k != name}, body)


def test_a_signature_that_came_twice_is_refused():
    body = b"{}"
    twice = ",".join([shopify.sign(SECRET, body)] * 2)
    assert not verify(signed(body, **{"x-shopify-hmac-sha256": twice}), body)
    assert not verify(signed(body, **{"x-shopify-hmac-sha256": twice.replace(",", ", ")}), body)


def test_a_forged_or_reserialised_body_is_refused():
    body = json.dumps(order()).encode()
    headers = signed(body)
    assert not verify(headers, json.dumps(order(), indent=1).encode())
    assert not verify(headers, body.replace(b"11.98", b"01.98"))
    assert not verify(signed(body, "another secret"), body)
    assert not verify(signed(b""), b"")


def test_a_shop_without_secrets_or_domain_takes_nothing():
    body = b"{}"
    assert not verify(signed(body, "no secret: this key signs nothing"), body, ())
    assert not verify(signed(body), body, ("", ""))
    assert not verify(signed(body), body, shop={})


def test_a_paid_order_with_everything_in_it():
    (event,) = parse(PAID, order())

    assert isinstance(event, OrderPaid)
    assert (event.order, event.number, event.currency, event.total) == (
        "5678901234567890123",
        "#2048",
        "USD",
        1198,
    )
    assert event.payments == (Payment(id="paid", amount=1198, at=1793519997000),)
    assert event.created_at == 1793519998000 and not event.test
    (only,) = event.lines
    assert (only.id, only.item, only.variant) == ("14000000000001", "8200000000001", "44000000000001")
    assert (only.sku, only.title, only.quantity, only.unit_price) == (
        "MGTV-MONTH",
        "Video pass - 1 month",
        2,
        599,
    )
    buyer = event.contact
    assert (buyer.email, buyer.phone, buyer.ip) == ("buyer@example.com", "+8613800138000", "198.51.100.23")
    assert (buyer.user_agent, buyer.language, buyer.name) == ("Mozilla/5.0", "zh-CN", "Li Lei")


@pytest.mark.parametrize("status", ["pending", "authorized", "voided", "expired"])
def test_an_unpaid_order_concerns_nobody(status):
    assert parse(PAID, order(financial_status=status)) == (Ignored("the order is not paid"),)


def test_a_partly_paid_order_tells_how_much_came_in():
    (event,) = parse(PAID, order(financial_status="partially_paid", total_outstanding="10.00"))
    assert event.total == 1198 and event.paid == 198
    nothing = order(financial_status="partially_paid", total_outstanding="11.98")
    assert parse(PAID, nothing) == (Ignored("the order is not paid"),)
    (unclear,) = parse(PAID, order(financial_status="partially_paid"))
    assert unclear == NotUnderstood("total_outstanding is missing")


def test_test_orders_count_in_test_shops_only():
    assert isinstance(parse(PAID, order(test=True))[0], Ignored)
    assert isinstance(parse(CANCELLED, order(test=True, cancelled_at="2026-11-02T08:00:00Z"))[0], Ignored)
    (event,) = parse(PAID, order(test=True), test=True)
    assert isinstance(event, OrderPaid) and event.test
    assert isinstance(parse(PAID, order(test="false"))[0], NotUnderstood)


def test_pieces_that_were_edited_away_do_not_count_but_refunded_ones_do():
    back = {"refund_line_items": [{"line_item_id": 14000000000001, "quantity": 1}]}
    (event,) = parse(PAID, order(line_items=[line(quantity=5, current_quantity=2)], refunds=[back]))
    assert event.lines[0].quantity == 3
    (event,) = parse(PAID, order(line_items=[line(quantity=1, current_quantity=1)], refunds=[back]))
    assert event.lines[0].quantity == 1
    (event,) = parse(PAID, order(line_items=[line(quantity=4, current_quantity=None)]))
    assert event.lines[0].quantity == 4


def test_a_line_that_was_edited_away_is_no_line():
    (event,) = parse(PAID, order(line_items=[line(), line(id=2, current_quantity=0)]))
    assert [one.id for one in event.lines] == ["14000000000001"]


def test_the_price_of_a_piece_is_less_its_share_of_the_discount_rounded_down():
    discounted = line(quantity=3, current_quantity=3, discount_allocations=[{"amount": "1.00"}])
    (event,) = parse(PAID, order(line_items=[discounted]))
    assert event.lines[0].unit_price == (599 * 3 - 100) // 3
    (event,) = parse(PAID, order(line_items=[line(price=None), line(id=2)]))
    assert [one.unit_price for one in event.lines] == [None, 599]
    (event,) = parse(PAID, order(line_items=[line(discount_allocations=[{"amount": "99.00"}])]))
    assert event.lines[0].unit_price == 0


def test_a_line_typed_in_by_hand_goes_by_its_title():
    by_hand = line(product_id=None, variant_id=None, sku=None, title="Special offer")
    (event,) = parse(PAID, order(line_items=[by_hand]))
    assert (event.lines[0].item, event.lines[0].variant, event.lines[0].sku) == (
        "custom",
        "Special offer",
        "",
    )
    (event,) = parse(PAID, order(line_items=[by_hand | {"title": "很长的标题" * 40}]))
    assert event.lines[0].item == "custom" and len(event.lines[0].variant) == 32


def test_a_cancelled_order_ends_whole():
    (event,) = parse(CANCELLED, order(cancelled_at="2026-11-02T08:00:00Z", cancel_reason="fraud"))
    assert event == OrderStopped(
        order="5678901234567890123",
        kind="cancel",
        fact_id="cancel",
        at=1793606400000,
        everything=True,
        reason="fraud",
    )


def test_a_paid_order_that_was_cancelled_meanwhile_tells_both():
    paid, stopped = parse(PAID, order(cancelled_at="2026-11-02T08:00:00Z"))
    assert isinstance(paid, OrderPaid) and isinstance(stopped, OrderStopped)


def test_a_topic_that_the_body_does_not_bear_out_changes_nothing():
    (event,) = parse(CANCELLED, order())
    assert isinstance(event, NotUnderstood) and "cancelled_at" in event.reason
    (event,) = parse(REFUNDED, order())
    assert isinstance(event, NotUnderstood)


def test_a_refund_names_its_pieces_and_what_was_paid_back():
    (event,) = parse(REFUNDED, refund())
    assert event == OrderStopped(
        order="5678901234567890123",
        kind="refund",
        fact_id="91",
        at=1793606400000,
        amount=599,
        currency="USD",
        pieces=(("14000000000001", 1),),
    )


def test_a_refund_whose_money_has_not_moved_is_a_refund_of_nothing_yet():
    waiting = [{"kind": "refund", "status": "pending", "amount": "5.99", "currency": "USD"}]
    (event,) = parse(REFUNDED, refund(transactions=waiting))
    assert event.amount == 0 and event.pieces
    (event,) = parse(REFUNDED, refund(transactions=[]))
    assert event.amount is None and event.pieces == (("14000000000001", 1),)


def test_a_refund_of_money_alone_ends_no_unit():
    (event,) = parse(REFUNDED, refund(refund_line_items=[]))
    assert event.pieces == () and not event.everything and event.amount == 599


def test_a_refund_of_neither_concerns_nobody_and_one_in_two_currencies_needs_a_person():
    assert isinstance(parse(REFUNDED, refund(refund_line_items=[], transactions=[]))[0], Ignored)
    mixed = [{"kind": "refund", "status": "success", "amount": "1", "currency": c} for c in ("USD", "EUR")]
    assert parse(REFUNDED, refund(transactions=mixed)) == (
        NotUnderstood("transactions have more than one currency"),
    )


@pytest.mark.parametrize("headers", [PAID, CANCELLED, REFUNDED])
def test_a_body_that_is_only_an_id_must_be_fetched(headers):
    assert parse(headers, {"id": 5678901234567890123}) == (NotUnderstood("order must be fetched"),)


def test_other_topics():
    assert isinstance(parse({"x-shopify-topic": "products/update"}, {})[0], Ignored)
    assert isinstance(parse({"x-shopify-topic": "customers/redact"}, {})[0], NotUnderstood)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"id": None}, "id is missing"),
        ({"id": 1.5}, "id must be text or a whole number"),
        ({"id": "x" * 200}, "id is longer than 120 bytes"),
        ({"currency": "RMB"}, "currency: currency must be an ISO 4217 code"),
        ({"total_price": "11.980001"}, "total_price: an amount in USD has at most 2 decimals"),
        ({"total_price": "-1.00"}, "total_price must not be negative"),
        ({"line_items": {}}, "line_items must be a list"),
        ({"line_items": []}, "lines: there must be 1 to 200, here are 0"),
        ({"line_items": [line(), 7]}, "line_items[1] must be an object"),
        ({"line_items": [line(quantity="2")]}, "line_items[0].quantity must be a whole number"),
        ({"line_items": [line(quantity=-2)]}, "line_items[0].quantity must be a whole number"),
        ({"line_items": [line(), line()]}, "lines: each must have an id of its own"),
        ({"processed_at": "yesterday"}, "processed_at must be a time with zone"),
    ],
)
def test_what_cannot_be_understood_is_said_by_the_field_s_name(changes, reason):
    (event,) = parse(PAID, order(**changes))
    assert isinstance(event, NotUnderstood) and event.reason.startswith(reason)


def test_a_reason_never_repeats_what_the_buyer_typed():
    for field in ("currency", "total_price", "created_at", "test", "line_items"):
        (event,) = parse(PAID, order(**{field: "buyer@example.com"}))
        assert isinstance(event, NotUnderstood) and "buyer@" not in event.reason


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from([PAID, CANCELLED, REFUNDED]), st.data())
def test_no_signed_body_ever_ends_in_an_error(headers, data):
    body = refund() if headers is REFUNDED else order(cancelled_at="2026-11-02T08:00:00Z")
    for name in data.draw(st.lists(st.sampled_from(sorted(body)), max_size=3)):
        body[name] = data.draw(junk)
    for holder in ("line_items", "transactions", "refund_line_items"):
        inside = body.get(holder)
        if isinstance(inside, list) and inside and isinstance(inside[0], dict):
            inside[0] = inside[0] | {data.draw(st.sampled_from(sorted(line()))): data.draw(junk)}
    assert parse(headers, body)


@given(st.binary(max_size=200))
def test_no_signed_bytes_ever_end_in_an_error(body):
    for headers in (PAID, CANCELLED, REFUNDED):
        assert shopify.parse(headers, body)


def test_the_delivery_s_id():
    assert shopify.event_id({"x-shopify-webhook-id": "b54557e4-bdd9"}) == "b54557e4-bdd9"
    assert shopify.event_id({"shopify-webhook-id": "b5"}) == "b5"
    assert shopify.event_id({"x-shopify-webhook-id": "x" * 500}) == ""


def test_settings_that_could_never_work_are_refused():
    shopify.check_settings([SECRET], SHOP)
    for secrets in ([], [""], [SECRET, ""]):
        with pytest.raises(Refused, match="secret"):
            shopify.check_settings(secrets, SHOP)
    for domain in (
        "",
        "demo",
        "demo.example.com",
        "-demo.myshopify.com",
        ".myshopify.com",
        "a.b.myshopify.com",
    ):
        with pytest.raises(Refused, match=r"my-shop\.myshopify\.com"):
            shopify.check_settings([SECRET], {"domain": domain})
