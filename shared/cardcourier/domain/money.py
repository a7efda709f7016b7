"""Money: whole numbers of a currency's smallest unit, and the text people and platforms write.

ISO 4217 says how many decimals a currency has. A code that is not in its list is refused, for a wrong
guess would be wrong by a factor of a hundred.
"""

from decimal import Context, Decimal

from cardcourier.errors import Refused

_CODES_BY_DECIMALS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: """
        AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF
        CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ
        GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD
        MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON
        RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS
        UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG
    """,
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
DECIMALS = {code: places for places, codes in _CODES_BY_DECIMALS.items() for code in codes.split()}
"""Decimals by code, for every code that can be paid: no metals, no test codes. BGN left in 2026; refunds
of older orders still come in it."""

LARGEST = 10**15
"""No amount is larger, in minor units. It fits every table, file and double on the way."""

_MOST_DIGITS = 40
_CONTEXT = Context(prec=3 * _MOST_DIGITS)


def currency_code(text: object) -> str:
    """The ISO 4217 code in capitals; raises Refused `bad_currency` for anything that is none."""
    code = text.upper() if isinstance(text, str) else ""
    if code not in DECIMALS:
        raise Refused("bad_currency", "currency must be an ISO 4217 code such as CNY, USD or EUR")
    return code


def decimals(currency: str) -> int:
    """How many decimals amounts of this currency have; 2 for CNY, 0 for JPY, 3 for KWD."""
    return DECIMALS[currency_code(currency)]


def parse_minor(value: str | int | Decimal, currency: str) -> int:
    """Minor units of an amount in major units, exactly: "25.00" CNY is 2500, 25 CNY is 2500 too.

    Decimals beyond the currency's own are accepted only when they are zeros. Text is plain digits with an
    optional sign and point; thousands separators and exponents are refused, and so are floats, because
    they have lost the amount already. Raises Refused `bad_amount` or `bad_currency`.
    """
    places = decimals(currency)
    minor = _exact(value).scaleb(places, _CONTEXT)
    if minor != minor.to_integral_value():
        raise Refused("bad_amount", f"an amount in {currency} has at most {places} decimals")
    if abs(minor) > LARGEST:
        raise Refused("bad_amount", f"an amount is at most {LARGEST} minor units")
    return int(minor)


def format_major(minor: int, currency: str) -> str:
    """The amount in major units with all the currency's decimals: 2500 CNY is "25.00"."""
    places = decimals(currency)
    sign, digits = "-" if minor < 0 else "", str(abs(minor)).rjust(places + 1, "0")
    return f"{sign}{digits[:-places]}.{digits[-places:]}" if places else sign + digits


def _exact(value: object) -> Decimal:
    """The value as a number short enough for exact arithmetic."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LARGEST:
        return Decimal(value)
    if isinstance(value, str) and len(value) <= _MOST_DIGITS and _is_plain(value):
        return Decimal(value)
    if isinstance(value, Decimal) and value.is_finite():
        _, digits, exponent = value.as_tuple()
        if len(digits) <= _MOST_DIGITS and abs(int(exponent)) <= _MOST_DIGITS:
            return value
    raise Refused("bad_amount", 'an amount must be decimal text such as "25.00": digits and one point')


def _is_plain(text: str) -> bool:
    whole, point, fraction = text.removeprefix("-").partition(".")
    return text.isascii() and whole.isdigit() and (fraction.isdigit() or not point)


def share(amount: int, parts: int, n: int) -> int:
    """The n-th (from 1) of so many parts of an amount in minor units: they differ by one at most, the first
    being the larger, and add up to the amount.
    """
    whole, rest = divmod(amount, parts)
    return whole + (n <= rest)
