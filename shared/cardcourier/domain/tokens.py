"""Links and pick-up codes. A code is eight characters that people can read aloud."""

from dataclasses import dataclass

from cardcourier.domain.key_versions import FIRST
from cardcourier.domain.orders import OrderKey

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LIKE = str.maketrans("OILU", "011V")


@dataclass(frozen=True, slots=True)
class Token:
    """Which order a link or code belongs to, until when (epoch ms). A higher `seq` ends it before.

    `version` is that of the key which made it; when that one ends, the link ends with it.
    """

    key: OrderKey
    seq: int
    expires_at: int
    version: str = FIRST


def pick_up_code(digest: bytes) -> str:
    """The first 40 bits in Crockford's base 32, as `XXXX-XXXX`."""
    number = int.from_bytes(digest[:5], "big")
    text = "".join(ALPHABET[number >> shift & 31] for shift in range(35, -1, -5))
    return f"{text[:4]}-{text[4:]}"


def read_code(text: str) -> str | None:
    """A pick-up code as a person typed it, or None when it cannot be one."""
    folded = "".join(c for c in text.upper() if c not in " -\u2010\u2013\u2014").translate(_LIKE)
    if len(folded) != 8 or any(c not in ALPHABET for c in folded):
        return None
    return f"{folded[:4]}-{folded[4:]}"
