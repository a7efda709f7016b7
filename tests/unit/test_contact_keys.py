"""The spellings by which a buyer's orders are found and counted, and the hashes of them."""

from dataclasses import replace
from ipaddress import IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardcourier.adapters.keyring import Fingerprints
from cardcourier.domain.contact_keys import (
    CHINA,
    ContactKey,
    KeyRow,
    Kind,
    Tally,
    email_key,
    folded,
    keys_like,
    keys_of,
    keys_of_buyer,
    names_of,
    network_key,
    number_key,
    phone_key,
    rows_of,
    tally,
)
from cardcourier.domain.key_versions import FIRST, KeyVersion
from cardcourier.domain.order_events import Contact
from cardcourier.domain.orders import Header, OrderKey, OrderLine

NOW = 1_790_000_000_000
KEY = OrderKey("acme", "main", "1001")
HEADER = Header(
    key=KEY,
    ver=1,
    amount=500,
    currency="CNY",
    listed_at=NOW,
    lines=(OrderLine("1", "A", "", "A", 2, 100), OrderLine("2", "B", "", "B", 3, 100)),
    search=("h1", "h2", "h3", "h4"),
    kinds="eonN",
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (" Li.Lei@X.Example ", "li.lei@x.example"),
        ("Li.Lei+shop@GMail.com", "lilei@gmail.com"),
        ("lilei@googlemail.com", "lilei@gmail.com"),
        ("li.lei+1@outlook.com", "li.lei@outlook.com"),
        ("li+lei@qq.com", "li+lei@qq.com"),
        ("+@gmail.com", "+@gmail.com"),
    ],
)
def test_one_mailbox_has_one_key(text, value):
    assert email_key(text) == ContactKey(Kind.EMAIL, value)


@pytest.mark.parametrize(
    ("text", "home", "value"),
    [
        ("+86 138-0013-8000", "", "8613800138000"),
        ("0086 138 0013 8000", "", "8613800138000"),
        ("138 0013 8000", CHINA, "8613800138000"),
        ("13800138000", "", "13800138000"),
        ("010-6552 9988", CHINA, "01065529988"),
        ("+1 (347) 555-0123", CHINA, "13475550123"),
    ],
)
def test_a_telephone_number_is_its_digits_with_the_country_where_it_is_known(text, home, value):
    assert phone_key(text, home) == ContactKey(Kind.PHONE, value)
    assert phone_key("12-34", home) is None


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_counts_whole_in_whatever_clothes_it_comes(address):
    assert network_key(f"::ffff:{address}") == network_key(str(address))
    key = network_key(str(address))
    assert key is None or key.value == str(address)


@given(st.ip_addresses(v=6), st.integers(0, 2**64 - 1))
def test_of_ipv6_everybody_in_a_64_has_one_key(address, host):
    neighbour = IPv6Address(int(ip_network(f"{address}/64", strict=False).network_address) + host)
    if address.ipv4_mapped or neighbour.ipv4_mapped or network_key(str(address)) is None:
        return
    assert network_key(str(neighbour)) in (network_key(str(address)), None)
    assert address in ip_network(network_key(str(address)).value)


@pytest.mark.parametrize(
    "text",
    ["10.0.0.1", "127.0.0.1", "192.168.1.9", "::1", "fe80::1", "fd00::1", "fe80::1%eth0", "x", "", "1.2"],
)
def test_an_address_of_the_inside_or_none_at_all_is_no_network(text):
    assert network_key(text) is None


def test_all_that_a_shop_told_becomes_keys_and_nothing_else():
    told = Contact(email="a@x.example", phone="13800138000", ip="198.51.100.23", buyer="7", device="d-1")
    assert [(key.kind.name, key.value) for key in keys_of(told, "main", CHINA)] == [
        ("EMAIL", "a@x.example"),
        ("PHONE", "8613800138000"),
        ("NETWORK", "198.51.100.23"),
        ("DEVICE", "d-1"),
        ("BUYER", "main/7"),
    ]
    assert keys_of(Contact(name="Li Lei", user_agent="curl"), "main") == []


def test_a_text_in_the_search_box_is_looked_for_in_every_spelling_it_may_have():
    assert keys_like("A-1") == [number_key("a-1")]
    assert set(keys_like("13800138000")) == {
        number_key("13800138000"),
        ContactKey(Kind.PHONE, "13800138000"),
        ContactKey(Kind.PHONE, "8613800138000"),
    }
    assert email_key("a@gmail.com") in keys_like("A+1@gmail.com")
    assert network_key("2001:db8::7") in keys_like("2001:db8::9")


@given(st.text(max_size=40))
def test_a_buyer_is_never_named_by_a_network(text):
    assert all(key.kind is not Kind.NETWORK for key in keys_of_buyer(text))
    assert all(key.kind is not Kind.NETWORK for key in keys_of_buyer("198.51.100.23"))


def test_an_order_lies_under_its_own_names_and_is_counted_under_those_of_both_peppers():
    rows = list(rows_of(HEADER))
    assert rows == [KeyRow(name, KEY, NOW, 5, 500, "CNY") for name in ("h1", "h2", "h3")]
    assert names_of(HEADER, Kind.NETWORK) == ("h3", "h4")
    assert names_of(HEADER, Kind.PHONE) == ()


def test_an_order_of_before_there_were_kinds_is_found_and_not_counted():
    old = replace(HEADER, kinds="")
    assert [row.hash for row in rows_of(old)] == list(old.search)
    assert names_of(old, Kind.EMAIL) == ()


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["x", "y", "1001"])), max_size=12))
def test_every_order_counts_once_under_however_many_names_it_lies(found):
    rows = [KeyRow(name, OrderKey("acme", "main", order), NOW, 2, 10, "CNY") for name, order in found]
    others = {order for _, order in found} - {"1001"}
    assert tally(rows, KEY, "CNY") == Tally(len(others), 2 * len(others), 10 * len(others))
    assert tally(rows, KEY, "USD").amount == 0


class Ring:
    """Peppers that are their own names."""

    def __init__(self, *versions):
        self.known = versions

    def versions(self, tenant, purpose):
        return self.known

    def key(self, tenant, purpose, version):
        return f"pepper {version}".encode()

    def clock(self):
        return NOW


def test_while_two_peppers_live_an_order_bears_the_names_of_both_and_lies_under_one():
    one, two = KeyVersion(id=FIRST), KeyVersion(id="2", since=1)
    keys = [email_key("a@x.example"), network_key("198.51.100.23"), number_key("#1001")]

    before = Fingerprints(Ring(one)).named("acme", keys)
    during = Fingerprints(Ring(one, two)).named("acme", keys)

    assert (before.kinds, during.kinds) == ("eno", "enoEN")
    assert set(before.hashes[:2]) == set(during.hashes[3:])
    assert len(set(during.hashes)) == 5


def test_an_address_keeps_the_name_it_had_before_there_were_kinds():
    prints = Fingerprints(Ring(KeyVersion(id=FIRST)))
    assert prints.named("acme", [email_key("a@x.example")]).hashes == tuple(
        prints.named("acme", [number_key("A@x.example")]).hashes
    )
    named = prints.named("acme", [phone_key("+8613800138000"), ContactKey(Kind.DEVICE, "8613800138000")])
    assert len(set(named.hashes)) == 2
    assert set(named.hashes) & set(prints.searches("acme", "13800138000")) == {named.hashes[0]}


def test_folding_knows_no_case_and_no_blanks():
    assert folded(" Straße  7 ") == "strasse7"
