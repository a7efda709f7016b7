"""Telephone numbers as providers want them."""

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType

_NO_SMS = frozenset(
    {
        PhoneNumberType.FIXED_LINE,
        PhoneNumberType.TOLL_FREE,
        PhoneNumberType.PREMIUM_RATE,
        PhoneNumberType.SHARED_COST,
        PhoneNumberType.UAN,
        PhoneNumberType.VOICEMAIL,
        PhoneNumberType.PAGER,
    }
)


def e164(text: str, region: str) -> str | None:
    """The number as `+8613800138000`; nothing if it cannot get an SMS.

    `region` is the country (ISO 3166) of a number that names none.
    """
    try:
        number = phonenumbers.parse(text, region)
    except NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number) or phonenumbers.number_type(number) in _NO_SMS:
        return None
    return str(phonenumbers.format_number(number, PhoneNumberFormat.E164))


def known_region(region: str) -> bool:
    """Whether this is a country whose numbers are known."""
    return region in phonenumbers.SUPPORTED_REGIONS
