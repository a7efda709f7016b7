"""Which addresses events may go to, and which secrets sign."""

from dataclasses import replace

import pytest

from cardcourier.domain.endpoints import GIVEN_UP, ROTATION, Endpoint, check_url, may_reach
from cardcourier.errors import Refused

NOW = 1_790_000_000_000
ENDPOINT = Endpoint(id="we-1", tenant="t", url="https://a.example/", secrets=(b"one",))


@pytest.mark.parametrize(
    "url",
    [
        "https://crm.example.com/hook",
        "https://crm.example.com:8443/hook?tenant=1&x=%20",
        "https://8.8.8.8/",
        "https://[2606:4700:4700::1111]/hook",
        "https://xn--fiqs8s.example",
    ],
)
def test_an_address_of_the_public_internet_is_taken(url):
    assert check_url(url).hostname


@pytest.mark.parametrize(
    "url",
    [
        "http://crm.example.com/",
        "ftp://crm.example.com/",
        "https://",
        "https:///hook",
        "//crm.example.com",
        "https://user:pass@crm.example.com/",
        "https://user@crm.example.com/",
        "https://@crm.example.com/",
        "https://crm.example.com/#part",
        "https://crm.example.com:0/",
        "https://crm.example.com:99999/",
        "https://crm.example.com:x/",
        "https://[::1/",
        "https://中国.example/",
        "https://crm.example.com/a b",
        "https://crm.example.com\\@inside/",
        "https://crm.example.com/\r\nhost: inside",
        "https://10.0.0.1/",
        "https://127.0.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[fd00:ec2::254]/",
        f"https://crm.example.com/{'x' * 500}",
    ],
)
def test_any_other_address_is_refused(url):
    with pytest.raises(Refused) as refused:
        check_url(url)
    assert refused.value.code == "bad_url"


@pytest.mark.parametrize(
    "address",
    [
        *("10.1.2.3", "172.16.0.1", "192.168.1.1", "127.0.0.1", "127.8.8.8", "0.0.0.0", "255.255.255.255"),
        *("169.254.169.254", "169.254.170.2", "100.64.0.1", "100.100.100.200", "192.0.2.1", "198.18.0.1"),
        *("224.0.0.1", "239.1.1.1", "240.0.0.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1"),
        *("fd00:ec2::254", "ff02::1", "2001:db8::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1"),
        *("::ffff:169.254.169.254", "64:ff9b::a00:1", "64:ff9b:1::1", "2002:a00:1::", "2001:0:a00:1::"),
        *("crm.example.com", "", "1.2.3", "0x7f.1"),
    ],
)
def test_nobodys_inside_is_reached(address):
    assert not may_reach(address)


def test_the_public_internet_is_reached_and_this_machine_only_from_itself():
    assert may_reach("8.8.8.8") and may_reach("2606:4700:4700::1111") and may_reach("::ffff:8.8.8.8")
    assert may_reach("127.0.0.1", local=True) and may_reach("::1", local=True)
    assert not may_reach("10.0.0.1", local=True) and not may_reach("169.254.169.254", local=True)
    assert check_url("http://127.0.0.1:8080/hook", local=True).port == 8080
    assert check_url("http://localhost/hook", local=True) and check_url("http://[::1]/hook", local=True)
    for inside in ("http://crm.example.com/", "http://10.0.0.1/", "http://8.8.8.8/"):
        with pytest.raises(Refused):
            check_url(inside, local=True)


def test_two_secrets_sign_for_a_day_and_then_one():
    both = ENDPOINT.with_secret(b"two", NOW, drop_old=False)

    assert both.valid_secrets(NOW + ROTATION - 1) == (b"one", b"two")
    assert both.valid_secrets(NOW + ROTATION) == (b"two",)
    assert both.with_secret(b"three", NOW, drop_old=False).secrets == (b"two", b"three")
    assert both.with_secret(b"three", NOW, drop_old=True).valid_secrets(NOW) == (b"three",)
    later = both.with_secret(b"three", NOW + ROTATION, drop_old=False)
    assert later.secrets == (b"two", b"three")


def test_an_endpoint_is_worn_out_after_days_of_nothing_but_failures():
    failing = replace(ENDPOINT, failing_since=NOW)

    assert not ENDPOINT.worn_out(NOW) and not failing.worn_out(NOW + GIVEN_UP - 1)
    assert failing.worn_out(NOW + GIVEN_UP)


def test_without_a_choice_every_event_is_wanted():
    assert ENDPOINT.wants("order.paid")
    assert not replace(ENDPOINT, events=("order.paid",)).wants("unit.held")
