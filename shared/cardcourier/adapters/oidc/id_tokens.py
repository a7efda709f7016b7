"""JSON Web Tokens of OpenID Connect issuers (RFC 7519, RFC 8725): who is meant, or nobody.

Everything that could be chosen by whoever made the token is pinned: the issuers and their audiences, the
algorithms, and with them the kind of key. The tenant is in no token; it comes from the user as we keep it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import jwt

from cardcourier.adapters.oidc.issuer_keys import ALGORITHMS
from cardcourier.domain.access import Subject

MOST_CHARACTERS = 8_192
LEEWAY_SECONDS = 60
TYPES = ("jwt", "at+jwt")
NEEDED = ["exp", "iat", "iss", "aud", "sub"]
LONGEST_SUBJECT = 255


class Keys(Protocol):
    def find(self, issuer: str, kid: str) -> jwt.PyJWK | None: ...


@dataclass(frozen=True, slots=True)
class IdTokens:
    """`audiences` are those that are ours, by issuer."""

    audiences: Mapping[str, frozenset[str]]
    keys: Keys

    def read(self, text: str) -> Subject | None:
        """Whom the token speaks for; None for whatever is wrong with it. Raises Unavailable."""
        if len(text) > MOST_CHARACTERS or text.count(".") != 2:
            return None
        try:
            unproven = jwt.decode_complete(text, options={"verify_signature": False})
            header, issuer = unproven["header"], unproven["payload"].get("iss")
            if not self._fits(header) or not isinstance(issuer, str) or issuer not in self.audiences:
                return None
            key = self.keys.find(issuer, header["kid"])
            if key is None or key.algorithm_name != header["alg"]:
                return None
            claims = jwt.decode(
                text,
                key=key,
                algorithms=[key.algorithm_name],
                audience=self.audiences[issuer],
                issuer=issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": NEEDED},
            )
            return _subject(claims)
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
            return None

    @staticmethod
    def _fits(header: Mapping[str, Any]) -> bool:
        kind = str(header.get("typ", "JWT")).lower().removeprefix("application/")
        return header.get("alg") in ALGORITHMS and kind in TYPES and isinstance(header.get("kid"), str)


def _subject(claims: Mapping[str, Any]) -> Subject | None:
    subject = claims["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT:
        return None
    return Subject(claims["iss"], subject, int(claims["exp"]) * 1000)
