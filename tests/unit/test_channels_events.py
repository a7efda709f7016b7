import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardcourier.adapters.channels import CHANNELS, Channel
from cardcourier.adapters.channels.payload import contact, load, milliseconds
from cardcourier.adapters.channels.signatures import any_equal, digests
from cardcourier.domain.order_events import (
    MOST_KEY_BYTES,
    Contact,
    Line,
    OrderPaid,
    OrderStopped,
    Payment,
    key_text,
    plain_text,
)
from cardcourier.errors import Refused

LINE = Line(id="1", item="MONTH", quantity=2, unit_price=500)
PAID = {
    "order": "A1",
    "number": "A1",
    "currency": "CNY",
    "total": 1000,
    "payments": (Payment(id="pay", amount=1000, at=1),),
    "lines": (LINE,),
    "created_at": 1,
    "paid_at": 2,
}
STOPPED = {"order": "A1", "kind": "refund", "fact_id": "r1", "at": 3}

any_text = st.text(st.characters(codec=None), max_size=60)  # lone surrogates too, as JSON can bring them


@given(any_text, any_text)
def test_two_ids_never_give_the_same_key(one, other):
    try:
        same = key_text(one) == key_text(other)
    except Refused:
        return
    assert same == (one == other)


@given(any_text)
def test_a_key_is_printable_short_and_without_the_mark_of_our_keys(text):
    try:
        key = key_text(text)
    except Refused as refused:
        assert refused.code == "bad_id"
    else:
        assert "#" not in key and key.isprintable() and len(key.encode()) <= MOST_KEY_BYTES


@pytest.mark.parametrize(
    ("text", "key"),
    [("A-1001", "A-1001"), ("#1010", "%231010"), ("50%", "50%25"), ("a\tb", "a%09b"), ("订单 7", "订单 7")],
)
def test_ordinary_ids_stay_readable(text, key):
    assert key_text(text) == key


@given(any_text)
def test_plain_text_can_always_be_stored_and_shown(text):
    shown = plain_text(text, 20)
    assert shown.isprintable() and len(shown) <= 20
    assert shown.encode().decode() == shown


def test_an_order_says_what_was_paid_in_all():
    payments = (Payment(id="a", amount=700, at=1), Payment(id="b", amount=300, at=2))
    assert OrderPaid(**{**PAID, "payments": payments}).paid == 1000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"order": ""}, "order id"),
        ({"order": "a#b"}, "order id"),
        ({"order": "x" * 121}, "order id"),
        ({"number": "n\n"}, "order number"),
        ({"currency": "cny"}, "capitals"),
        ({"currency": "RMB"}, "ISO 4217"),
        ({"total": -1}, "order total"),
        ({"total": 1.5}, "order total"),
        ({"total": True}, "order total"),
        ({"payments": ()}, "payments"),
        ({"lines": ()}, "lines: there must be 1 to 200, here are 0"),
        ({"lines": (LINE, LINE)}, "lines: each must have an id of its own"),
        ({"lines": tuple(Line(id=str(n), quantity=1) for n in range(201))}, "here are 201"),
        ({"paid_at": -1}, "order paid_at"),
    ],
)
def test_an_order_that_is_not_well_formed_is_refused_by_the_field_s_name(change, message):
    with pytest.raises(Refused, match=message):
        OrderPaid(**{**PAID, **change})


def test_quantities_of_none_and_of_very_many_are_facts_too():
    assert Line(id="1", quantity=0).quantity == 0
    assert Line(id="1", quantity=10**9).quantity == 10**9
    for quantity in (-1, 10**9 + 1, 1.0, True):
        with pytest.raises(Refused, match="line quantity"):
            Line(id="1", quantity=quantity)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "return"}, "kind must be"),
        ({"fact_id": ""}, "fact id"),
        ({"amount": 5}, "needs its currency"),
        ({"amount": -5, "currency": "CNY"}, "amount"),
        ({"everything": True, "pieces": (("1", 1),)}, "not both"),
        ({"pieces": (("1", 0),)}, "quantity of a piece"),
        ({"pieces": (("1", 1), ("1", 1))}, "an id of its own"),
        ({"payment_id": "a#b"}, "payment id"),
        ({"reason": "x" * 121}, "reason"),
    ],
)
def test_a_stop_that_is_not_well_formed_is_refused_by_the_field_s_name(change, message):
    with pytest.raises(Refused, match=message):
        OrderStopped(**{**STOPPED, **change})


def test_a_contact_never_shows_in_a_log():
    order = OrderPaid(**PAID, contact=Contact(email="buyer@example.com", phone="13800138000", name="Li"))
    assert "buyer" not in repr(order) and "138" not in repr(order) and "Li)" not in repr(order)


def test_the_first_usable_address_and_number_count():
    found = contact(
        emails=("", "not an address", "@x.y", "a@b", "buyer@example.com", "second@example.com"),
        phones=("ask me", "1", "+86 138-0013-8000"),
        ips=("localhost", "2001:db8::1"),
        user_agent="Mozilla\n/5.0" + "x" * 500,
        language="zh-CN",
        name=" 李\x00雷 ",
    )
    assert found.email == "buyer@example.com" and found.phone == "+86 138-0013-8000"
    assert found.ip == "2001:db8::1" and found.language == "zh-CN" and found.name == "李 雷"
    assert found.user_agent is not None and len(found.user_agent) == 200


def test_a_buyer_without_anything_usable_is_an_empty_contact():
    assert contact(emails=("x" * 300 + "@example.com",), language="中文") == Contact()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-11-01T08:00:01.123456789Z", 1793520001123),
        ("2026-11-01T03:59:58-04:00", 1793519998000),
        ("2026-11-01 08:00:00+00:00", 1793520000000),
    ],
)
def test_times_are_milliseconds(text, expected):
    assert milliseconds(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "2026-11-01", "2026-11-01T08:00:00", "0001-01-01T00:00:00+14:00", "1969-12-31T23:59:59Z", "now"],
)
def test_times_without_a_zone_or_out_of_range_are_refused(text):
    with pytest.raises(ValueError):
        milliseconds(text)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe{}",
        b"[]",
        b"null",
        b'"text"',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":1',
        b'{"a":' + b"[" * 100_000,
        b'{"a":' + b"9" * 5000 + b"}",
    ],
)
def test_a_body_that_is_no_json_object_is_refused(body):
    with pytest.raises(Refused, match="JSON"):
        load(body)


def test_as_many_digests_are_made_for_a_stranger_as_for_a_shop_that_changes_secrets():
    made = [digests(keys, b"body") for keys in ([], [b"one"], [None], [b"", b""], [b"one", b"two"])]
    assert {len(one) for one in made} == {2}
    assert [sum(digest is not None for digest in one) for one in made] == [0, 1, 0, 0, 2]
    assert len(digests([b"one", b"two", b"three"], b"body")) == 3


def test_a_missing_key_equals_nothing_not_even_zeros():
    assert not any_equal([None, None], [bytes(32), b""])
    assert any_equal([None, b"x" * 32], [b"short", b"x" * 32])


def test_every_channel_offers_the_same():
    for name, channel in CHANNELS.items():
        checked: Channel = channel
        assert name and checked.verify((), {}, b"", 0, {}) is False
        assert checked.event_id({}) == ""
        assert len(checked.parse({}, b"")) == 1
