"""What people type into reasons and reports, without what must not lie about in plain text.

Buyers paste the very card they complain about, merchants the address they paid back to.
"""

import re

_CONTACT = re.compile(r"\S+[@＠]\S+|\+?\d[\d\s()./-]{4,}\d")
_CARD = re.compile(
    r"(?=[A-Za-z-]*\d)[A-Za-z0-9][A-Za-z0-9-]{6,}[A-Za-z0-9]"  # letters and digits in one run
    r"|[A-Z][A-Z-]{6,}[A-Z]"
    r"|(?=[A-Z ]*\d)(?:[A-Z0-9]{2,6} ){2,}[A-Z0-9]{2,6}"  # in groups, as cards are printed
)
GONE = "…"


def without_contacts(text: str) -> str:
    """The text without what looks like an address or a telephone number."""
    return _CONTACT.sub(GONE, text)


def without_cards(text: str) -> str:
    """As `without_contacts`, and without what could be a card or its number."""
    return without_contacts(_CARD.sub(GONE, text))
