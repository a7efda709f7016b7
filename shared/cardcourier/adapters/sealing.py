"""Sealing and opening with AES-256-GCM: the one place that touches ciphers.

A sealed value is `format (1 byte) | nonce (12) | ciphertext and tag`. What it is bound to goes in as
associated data, each part with its length before it, so that no two lists of parts are alike.
"""

import hmac
import os
from collections.abc import Sequence
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cardcourier.errors import CardCourierError

FORMAT = 1
NONCE_BYTES = 12


class Tampered(CardCourierError):
    """What was opened is not what was sealed, or not for this place."""

    def __init__(self) -> None:
        super().__init__("tampered", "A sealed value does not belong here or was changed; nothing is shown.")


def seal(cipher: AESGCM, plain: bytes, bound_to: Sequence[str]) -> bytes:
    """Seal under a fresh random nonce."""
    nonce = os.urandom(NONCE_BYTES)
    return bytes((FORMAT,)) + nonce + cipher.encrypt(nonce, plain, associated_data(bound_to))


def open_sealed(cipher: AESGCM, sealed: bytes, bound_to: Sequence[str]) -> bytes:
    """Open. Raises Tampered when a bit or the place is another one."""
    if len(sealed) <= 1 + NONCE_BYTES or sealed[0] != FORMAT:
        raise Tampered
    nonce, body = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
    try:
        return cipher.decrypt(nonce, body, associated_data(bound_to))
    except InvalidTag as error:
        raise Tampered from error


def associated_data(parts: Sequence[str]) -> bytes:
    out = bytearray((FORMAT,))
    for part in parts:
        raw = part.encode()
        out += len(raw).to_bytes(4, "big") + raw
    return bytes(out)


def keyed_hash(key: bytes, purpose: str, *parts: str) -> bytes:
    """HMAC-SHA256 over the purpose and the parts, each with its length before it."""
    return hmac.digest(key, associated_data((purpose, *parts)), sha256)
