from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardcourier.domain.money import (
    DECIMALS,
    LARGEST,
    currency_code,
    decimals,
    format_major,
    parse_minor,
    share,
)
from cardcourier.errors import Refused

currencies = st.sampled_from(sorted(DECIMALS))

# How every text is refused that is no number: it may hold a short text by chance, such as "one".
REFUSAL = 'an amount must be decimal text such as "25.00": digits and one point'


@given(st.integers(-LARGEST, LARGEST), currencies)
def test_an_amount_written_out_reads_back_as_itself(minor, currency):
    assert parse_minor(format_major(minor, currency), currency) == minor


@given(st.integers(-LARGEST, LARGEST), currencies)
def test_a_decimal_from_json_is_as_exact_as_text(minor, currency):
    assert parse_minor(Decimal(format_major(minor, currency)), currency) == minor


@given(st.text(max_size=50), currencies)
def test_any_text_is_read_exactly_or_refused(text, currency):
    try:
        minor = parse_minor(text, currency)
    except Refused as refused:
        assert refused.code == "bad_amount"
        assert len(text) < 3 or text not in refused.detail or text in REFUSAL
    else:
        assert Decimal(minor).scaleb(-decimals(currency)) == Decimal(text)


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("25.00", "CNY", 2500),
        ("25", "CNY", 2500),
        ("25.5", "CNY", 2550),
        ("25.0000", "CNY", 2500),
        ("-0.01", "CNY", -1),
        ("-0.00", "CNY", 0),
        ("1000", "JPY", 1000),
        ("1.234", "KWD", 1234),
        ("1.2345", "CLF", 12345),
        (25, "CNY", 2500),
        (Decimal("5.99"), "usd", 599),
        (Decimal("1E+2"), "EUR", 10000),
    ],
)
def test_amounts_by_the_decimals_of_their_currency(text, currency, minor):
    assert parse_minor(text, currency) == minor


NOT_AMOUNTS = [
    "",
    "-",
    ".",
    ".5",
    "5.",
    "1,234.00",
    "1e3",
    "1_000",
    " 1",
    "１.00",
    "NaN",
    "Infinity",
    "--1",
    "+1",
    "0x1",
    "25.001",
]
NOT_NUMBERS = [25.0, True, None, b"1", *map(Decimal, ("NaN", "Infinity", "1E+999999", "1E-999999", "0.001"))]
TOO_LONG = ["9" * 41, "9" * 30, 10**16, Decimal("1" * 50)]


@pytest.mark.parametrize("value", [*NOT_AMOUNTS, *NOT_NUMBERS, *TOO_LONG])
def test_what_is_not_an_exact_amount_is_refused(value):
    with pytest.raises(Refused) as refused:
        parse_minor(value, "CNY")
    assert refused.value.code == "bad_amount"


def test_yen_have_no_decimals():
    with pytest.raises(Refused, match="at most 0 decimals"):
        parse_minor("10.5", "JPY")


@pytest.mark.parametrize("code", ["", "RMB", "XXX", "XAU", "CN", "cny ", None, 156])
def test_an_unknown_currency_is_refused(code):
    with pytest.raises(Refused, match="ISO 4217"):
        currency_code(code)


def test_the_list_of_currencies_is_the_standard_s():
    places = list(DECIMALS.values())
    assert (places.count(0), places.count(3), places.count(4)) == (17, 7, 2)
    assert len(DECIMALS) == 165 + 1  # all that can be paid today, and BGN
    assert all(len(code) == 3 and code.isupper() for code in DECIMALS)


@given(st.integers(0, 10**12), st.integers(1, 10_000))
def test_shares_of_an_amount_add_up_and_the_first_are_the_larger(amount, parts):
    shares = [share(amount, parts, n) for n in range(1, parts + 1)]
    assert sum(shares) == amount
    assert shares == sorted(shares, reverse=True) and shares[0] - shares[-1] <= 1
