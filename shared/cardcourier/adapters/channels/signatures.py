"""Comparing signatures without telling by the time taken what was wrong."""

import hmac
from binascii import Error, a2b_base64
from collections.abc import Iterable, Sequence

_FEWEST_KEYS = 2
_NO_KEY = b"no secret: this key signs nothing"


def digests(keys: Sequence[bytes | None], message: bytes) -> list[bytes | None]:
    """HMAC-SHA256 of the message under each key, None for a missing key.

    A missing key is computed with as well, and so are absent ones up to two, the number a shop in the middle
    of a rotation has: an unknown shop, a shop with one secret and a wrong secret all take the same time.
    """
    padded = [*keys, *[None] * (_FEWEST_KEYS - len(keys))]
    made = [hmac.digest(key or _NO_KEY, message, "sha256") for key in padded]
    return [digest if key else None for key, digest in zip(padded, made, strict=True)]


def any_equal(made: Iterable[bytes | None], given: Iterable[bytes]) -> bool:
    """Whether a given digest equals a made one; every pair is compared, in constant time."""
    given = list(given)
    found = False
    for digest in made:
        for candidate in given:
            found |= hmac.compare_digest(digest or bytes(32), candidate) and digest is not None
    return found


def from_base64(text: str) -> bytes | None:
    """The bytes, or None when the text is not exactly base64."""
    try:
        return a2b_base64(text.encode(), strict_mode=True)
    except (Error, ValueError):
        return None
