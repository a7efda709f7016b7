import json
from base64 import b64encode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardcourier.adapters.channels import standard
from cardcourier.domain.order_events import Ignored, NotUnderstood, OrderPaid, OrderStopped, Payment
from cardcourier.errors import Refused

VECTORS = json.loads((Path(__file__).parents[1] / "vectors/standard-webhooks.json").read_text())
SECRET = standard.make_secret(bytes(range(32)))
NOW = 1_793_520_000
BODY = b'{"type":"ping"}'


def signed(body=BODY, secret=SECRET, message_id="msg_1", at=NOW, prefix="webhook-"):
    return {
        f"{prefix}id": message_id,
        f"{prefix}timestamp": str(at),
        f"{prefix}signature": standard.sign(secret, message_id, at, body),
    }


def verify(headers, body=BODY, secrets=(SECRET,), now=NOW):
    return standard.verify(secrets, headers, body, now * 1000, {})


def data(**changes):
    return {
        "order_id": "A-1001",
        "currency": "CNY",
        "total": "50.00",
        "paid_at": "2026-11-01T07:59:58Z",
        "buyer": {"email": "buyer@example.com", "phone": "+8613800138000", "language": "zh-CN"},
        "items": [
            {"line_id": "1", "sku": "MGTV-MONTH", "variant": None, "quantity": 2, "unit_price": "25.00"}
        ],
    } | changes


def parse(kind, body_data, headers=None, shop=None, **envelope):
    body = {"type": kind, "timestamp": "2026-11-01T08:00:00Z", "data": body_data} | envelope
    return standard.parse(headers or {}, json.dumps(body).encode(), shop or {})


def paid(**changes):
    (event,) = parse("order.paid", data(**changes))
    assert isinstance(event, OrderPaid), event
    return event


def stopped(kind, **body_data):
    (event,) = parse(kind, {"order_id": "A-1001", **body_data}, signed())
    assert isinstance(event, OrderStopped), event
    return event


def reason(kind="order.paid", **changes):
    (event,) = parse(kind, data(**changes), {})
    assert isinstance(event, NotUnderstood), event
    return event.reason


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["purpose"])
def test_published_vectors(vector):
    given, expected = vector["inputs"], vector["expected"]
    body = given["body"].encode()
    if given["scheme"] == "sw-v1":
        made = standard.sign(given["secret"], given["webhook_id"], int(given["webhook_timestamp"]), body)
        assert made == expected["webhook_signature"]
    else:
        assert verify(given["headers"], body, (given["secret"],), given["now"]) is expected["valid"]


def test_either_secret_of_a_rotation_and_either_spelling_is_accepted():
    other = standard.make_secret(bytes(24))
    assert verify(signed(), secrets=(other, SECRET))
    assert verify(signed(), secrets=(bytes(range(32)),))
    assert verify(signed(), secrets=(SECRET.encode(),))
    assert verify(signed(), secrets=(SECRET.removeprefix("whsec_"),))
    assert verify(signed(prefix="svix-"))
    assert not verify(signed(), secrets=(other, other))


def test_the_clock_may_be_five_minutes_off_and_not_more():
    assert verify(signed(), now=NOW + 300) and verify(signed(), now=NOW - 300)
    assert not verify(signed(), now=NOW + 301) and not verify(signed(), now=NOW - 301)


@pytest.mark.parametrize("message_id", ["", "a.b", "a b", "x" * 65, "订单", "a,a"])
def test_an_id_that_is_none_is_refused_though_signed(message_id):
    assert not verify(signed(message_id=message_id))
    assert standard.event_id(signed(message_id=message_id)) == ""


@pytest.mark.parametrize(
    "stamp", ["", "now", "-1", "1e9", "１７９３５２００００", "9" * 30, f"{NOW},{NOW}", f" {NOW}"]
)
def test_a_time_stamp_that_is_none_is_refused_though_signed(stamp):
    from hmac import digest

    mac = digest(bytes(range(32)), f"msg_1.{stamp}.".encode() + BODY, "sha256")
    headers = signed() | {"webhook-timestamp": stamp, "webhook-signature": "v1," + b64encode(mac).decode()}
    assert not verify(headers)


def test_unknown_and_broken_signatures_are_passed_over():
    good = signed()["webhook-signature"]
    for others in ("v1a,AAAA", "v2,xx", "nonsense", "v1,", "v1,!!!", "v1,AAAA"):
        assert verify(signed() | {"webhook-signature": f"{others} {good}"})
        assert verify(signed() | {"webhook-signature": f"{good} {others}"})
        assert not verify(signed() | {"webhook-signature": others})


def test_headers_that_came_twice_are_refused():
    good = signed()["webhook-signature"]
    assert not verify(signed() | {"webhook-signature": f"{good},{good}"})
    assert not verify(signed() | {"webhook-signature": f"{good} {good},{good}"})
    assert not verify(signed() | {"webhook-id": "msg_1,msg_1"})
    assert not verify(signed() | {"webhook-signature": " ".join([good] * 11)})


def test_a_missing_header_or_changed_bytes_are_refused():
    for name in signed():
        assert not verify({k: v for k, v in signed().items() if k != name})
    assert not verify(signed(), BODY + b"\n")
    assert not verify(signed() | {"webhook-id": "msg_2"})
    assert not verify(signed() | {"webhook-timestamp": str(NOW + 1)})
    mixed = {k: v for k, v in signed().items() if "id" not in k} | {"svix-id": "msg_1"}
    assert not verify(mixed)


@pytest.mark.parametrize("secrets", [(), ("",), (b"",), ("whsec_not base64",), ("whsec_",)])
def test_without_a_usable_secret_nothing_is_accepted(secrets):
    for secret in (b"no secret: this key signs nothing", b"\0"):
        assert not verify(signed(secret=secret), secrets=secrets)


def test_secrets_are_checked_when_they_are_set():
    standard.check_settings([SECRET, standard.make_secret(bytes(64))], {})
    for secrets in ([], ["whsec_AAAA"], ["hunter2"], [SECRET, ""]):
        with pytest.raises(Refused, match="whsec_"):
            standard.check_settings(secrets, {})
    with pytest.raises(Refused, match="24 to 64"):
        standard.make_secret(b"short")
    with pytest.raises(Refused, match="whsec_"):
        standard.sign("whsec_!", "id", 1, b"")


def test_a_paid_order_with_everything_in_it():
    event = paid(number="2026-1001", created_at="2026-11-01T07:00:00Z")

    assert (event.order, event.number, event.currency, event.total) == ("A-1001", "2026-1001", "CNY", 5000)
    assert event.payments == (Payment(id="pay", amount=5000, at=1793519998000),)
    assert event.created_at == 1793516400000 and event.paid_at == 1793519998000
    (only,) = event.lines
    assert (only.id, only.item, only.variant, only.sku) == ("1", "MGTV-MONTH", "", "MGTV-MONTH")
    assert (only.quantity, only.unit_price) == (2, 2500)
    assert event.contact.email == "buyer@example.com" and event.contact.language == "zh-CN"


def test_several_payments_each_count():
    listed = [
        {"id": "wx-1", "amount": "20.00", "paid_at": "2026-11-01T07:00:00Z"},
        {"id": 77, "amount": 30},
    ]
    event = paid(payments=listed)
    assert event.payments == (
        Payment(id="wx-1", amount=2000, at=1793516400000),
        Payment(id="77", amount=3000, at=1793519998000),
    )
    assert event.paid == event.total


def test_what_may_be_left_out():
    event = paid(paid_at=None, buyer=None, items=[{"sku": "A", "quantity": 1}, {"item": 12, "quantity": 0}])
    assert event.number == "A-1001" and event.paid_at == event.created_at == 1793520000000
    assert [(line.id, line.item, line.sku) for line in event.lines] == [("1", "A", "A"), ("2", "12", "")]
    (event,) = parse("order.paid", data(paid_at=None), signed(), timestamp=None)
    assert event.paid_at == NOW * 1000


def test_numbers_may_stand_where_text_is_meant():
    event = paid(order_id=1001, number=7, items=[{"line_id": 3, "sku": 4455, "quantity": 1}])
    assert (event.order, event.number) == ("1001", "7")
    assert (event.lines[0].id, event.lines[0].item, event.lines[0].sku) == ("3", "4455", "4455")


def test_numbers_with_a_point_are_exact():
    body = b'{"type":"order.paid","timestamp":"2026-11-01T08:00:00Z","data":{"order_id":7,"currency":"CNY",'
    body += b'"total":0.29,"items":[{"sku":"A","quantity":1,"unit_price":0.290}]}}'
    (event,) = standard.parse({}, body)
    assert event.total == 29 and event.lines[0].unit_price == 29 and event.order == "7"


def test_test_events_count_in_test_shops_only():
    assert isinstance(parse("order.paid", data(test=True))[0], Ignored)
    assert isinstance(parse("order.refunded", {"order_id": "A", "full": True, "test": True})[0], Ignored)
    assert parse("order.paid", data(test=True), shop={"test": True})[0].test is True


def test_a_cancellation_ends_the_whole_order():
    event = stopped("order.cancelled", reason="buyer changed their mind", cancelled_at="2026-11-02T08:00:00Z")
    assert event.everything and (event.kind, event.fact_id, event.at) == ("cancel", "cancel", 1793606400000)
    assert event.reason == "buyer changed their mind"


def test_a_refund_is_full_or_by_piece_or_money_alone():
    full = stopped("order.refunded", refund_id="r1", full=True, amount="50.00", currency="CNY")
    assert full.everything and full.amount == 5000 and full.fact_id == "r1"

    lines = [{"line_id": "1", "quantity": 1}, {"line_id": 2, "quantity": 2}, {"line_id": "1", "quantity": 1}]
    some = stopped(
        "order.refunded", refund_id="r2", items=[*lines, {"line_id": "3", "quantity": 0}], payment_id="p"
    )
    assert not some.everything and some.pieces == (("1", 2), ("2", 2)) and some.payment_id == "p"

    money = stopped("order.refunded", refund_id="r3", amount="5.00", currency="CNY")
    assert not money.everything and money.pieces == () and money.amount == 500


def test_a_refund_without_an_id_goes_by_the_message_s_id_which_repeats_keep():
    assert stopped("order.refunded", full=True).fact_id == "msg_1"
    (event,) = parse("order.refunded", {"order_id": "A", "full": True})
    assert event == NotUnderstood("data.refund_id is missing")


def test_a_chargeback_takes_everything_unless_it_says_less():
    assert stopped("order.chargeback", chargeback_id="c1").everything
    assert stopped("order.chargeback", chargeback_id="c1", items=[{"line_id": "1", "quantity": 1}]).pieces
    money = stopped("order.chargeback", chargeback_id="c1", full=False, amount="5", currency="CNY")
    assert not money.everything and money.kind == "chargeback"


def test_a_refund_of_nothing_or_of_two_kinds_needs_a_person():
    assert '"full": true' in reason("order.refunded", refund_id="r", items=[])
    assert "not both" in reason("order.refunded", refund_id="r", full=True)
    assert reason("order.refunded", refund_id="r", items=[], currency=None, amount="5").startswith(
        "data.currency"
    )


@pytest.mark.parametrize("kind", ["ping", "test", "webhook.test", "order.created", "order.updated"])
def test_calls_that_need_nothing(kind):
    assert isinstance(parse(kind, {})[0], Ignored)


@pytest.mark.parametrize("kind", ["order.payed", "orders.paid", "ORDER.PAID", "", None, 7, "product.updated"])
def test_a_type_nobody_knows_is_kept_for_a_person(kind):
    (event,) = parse(kind, data())
    assert isinstance(event, NotUnderstood) and "order.paid" in event.reason


@pytest.mark.parametrize(
    ("changes", "start"),
    [
        ({"order_id": ""}, "data.order_id is missing"),
        ({"order_id": ["A"]}, "data.order_id must be text or a whole number"),
        ({"total": None}, "data.total is missing"),
        ({"total": "1,000.00"}, "data.total: an amount must be decimal text"),
        ({"currency": "元"}, "data.currency: currency must be an ISO 4217 code"),
        ({"paid_at": "2026-11-01 07:59"}, "data.paid_at must be a time with zone"),
        ({"test": 1}, "data.test must be true or false"),
        ({"items": "all"}, "data.items must be a list"),
        ({"items": [{"quantity": 1}]}, "data.items[0].sku is missing"),
        ({"items": [{"sku": "A"}]}, "data.items[0].quantity must be a whole number"),
        ({"items": [{"sku": "A", "quantity": 1, "unit_price": "x"}]}, "data.items[0].unit_price: an amount"),
        ({"payments": [{"amount": "1"}]}, "data.payments[0].id is missing"),
        ({"payments": [{"id": "a", "amount": "1"}] * 2}, "payments: each must have an id of its own"),
    ],
)
def test_what_cannot_be_understood_is_said_by_the_field_s_name(changes, start):
    assert reason(**changes).startswith(start)


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.sampled_from(["order.paid", "order.cancelled", "order.refunded", "order.chargeback"]),
    st.dictionaries(st.sampled_from([*data(), "amount", "full", "refund_id", "payments", "reason"]), junk),
    st.dictionaries(st.sampled_from(["line_id", "item", "sku", "title", "quantity", "unit_price"]), junk),
)
def test_no_signed_body_ever_ends_in_an_error(kind, changes, item):
    whole = data(**changes)
    if isinstance(whole["items"], list) and whole["items"] and isinstance(whole["items"][0], dict):
        whole["items"][0] = whole["items"][0] | item
    events = parse(kind, whole, signed())
    assert (
        all(isinstance(event, OrderPaid | OrderStopped | NotUnderstood | Ignored) for event in events)
        and events
    )


@given(st.text(max_size=40), st.text(max_size=20), st.text(max_size=90), st.binary(max_size=60))
def test_no_header_ever_ends_in_an_error_or_passes_by_chance(message_id, stamp, signature, body):
    headers = {"webhook-id": message_id, "webhook-timestamp": stamp, "webhook-signature": signature}
    assert verify(headers, body) is False
    assert standard.parse(headers, body)
