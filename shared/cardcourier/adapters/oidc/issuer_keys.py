"""Public keys of OpenID Connect issuers, found by discovery and kept for an hour.

Facts: OpenID Connect Discovery 1.0 §4 (`/.well-known/openid-configuration`, whose `issuer` must be the one
asked) and RFC 7517 (key sets). A kid that we do not know has the keys asked for again, but not more than once
a minute; while an issuer is down the keys of its last good answer hold.
"""

import http.client
import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from cardcourier.errors import Unavailable

ALGORITHMS = ("RS256", "ES256", "EdDSA")
CURVES = ("P-256", "Ed25519")
LEAST_RSA_BITS = 2048
KEEP, PAUSE = 3_600_000, 60_000
SECONDS = 3.0
MOST_BYTES = 256 * 1024
MOST_KEYS = 50
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Unusable(Exception):
    """The issuer did not answer, or not as it must."""


@dataclass(slots=True)
class _Kept:
    """`keys` by kid. `fetched_at` is the last good answer, `tried_at` the last try (epoch ms)."""

    keys: Mapping[str, jwt.PyJWK]
    fetched_at: int
    tried_at: int


@dataclass(slots=True)
class IssuerKeys:
    """The keys of all issuers. `fetch` reads an address, or raises Unusable."""

    fetch: Callable[[str], bytes]
    clock: Callable[[], int]
    _kept: dict[str, _Kept] = field(default_factory=dict)

    def find(self, issuer: str, kid: str) -> jwt.PyJWK | None:
        """The key of this id. Raises Unavailable when the issuer has not answered yet."""
        now, kept = self.clock(), self._kept.get(issuer)
        due = kept is None or kid not in kept.keys or now - kept.fetched_at >= KEEP
        if due and (kept is None or now - kept.tried_at >= PAUSE):
            kept = self._kept[issuer] = self._ask(issuer, kept, now)
        if kept is None or not kept.fetched_at:
            raise Unavailable(
                "issuer_unavailable", "The issuer of this token does not answer; try again.", retry_after=60
            )
        return kept.keys.get(kid)

    def _ask(self, issuer: str, kept: _Kept | None, now: int) -> _Kept:
        try:
            found = self._json(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
            if found.get("issuer") != issuer:
                raise Unusable("another issuer")
            keys = self._json(str(found.get("jwks_uri"))).get("keys")
            if not isinstance(keys, list):
                raise Unusable("no keys")
        except Unusable:
            return _Kept(kept.keys if kept else {}, kept.fetched_at if kept else 0, now)
        usable = (_usable(key) for key in keys[:MOST_KEYS])
        return _Kept({key.key_id: key for key in usable if key is not None and key.key_id}, now, now)

    def _json(self, url: str) -> dict[str, Any]:
        try:
            found = json.loads(self.fetch(url))
        except (ValueError, RecursionError) as error:
            raise Unusable("not JSON") from error
        if not isinstance(found, dict):
            raise Unusable("not an object")
        return found


def _usable(key: Any) -> jwt.PyJWK | None:
    """A public signing key of an algorithm that we take; a shared secret is none."""
    if (
        not isinstance(key, dict)
        or key.get("kty") not in ("RSA", "EC", "OKP")
        or key.get("use", "sig") != "sig"
    ):
        return None
    if key["kty"] != "RSA" and key.get("crv") not in CURVES:
        return None
    try:
        made = jwt.PyJWK({name: value for name, value in key.items() if name != "d"})
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    small = isinstance(made.key, RSAPublicKey) and made.key.key_size < LEAST_RSA_BITS
    return made if made.algorithm_name in ALGORITHMS and not small and isinstance(made.key_id, str) else None


def fetch_https(*, loopback: bool) -> Callable[[str], bytes]:
    """Reads an address over TLS; over plain HTTP only on this machine, if `loopback` allows it."""

    def fetch(url: str) -> bytes:
        place = urlsplit(url)
        connection = _connect(place, loopback=loopback)
        try:
            connection.request("GET", place.path + (f"?{place.query}" if place.query else ""))
            answer = connection.getresponse()
            body = answer.read(MOST_BYTES + 1)
        except (OSError, http.client.HTTPException) as error:
            raise Unusable(type(error).__name__) from error
        finally:
            connection.close()
        if answer.status != http.client.OK or len(body) > MOST_BYTES:
            raise Unusable(f"status {answer.status}, {len(body)} bytes")
        return body

    return fetch


def _connect(place: SplitResult, *, loopback: bool) -> http.client.HTTPConnection:
    host = place.hostname or ""
    try:
        port = place.port
    except ValueError as error:
        raise Unusable("no such port") from error
    if place.scheme == "https" and host:
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(host, port, timeout=SECONDS, context=context)
    if loopback and place.scheme == "http" and host in LOOPBACK:
        return http.client.HTTPConnection(host, port, timeout=SECONDS)
    raise Unusable("not https")
