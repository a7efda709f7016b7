"""API keys: shown once when they are made, afterwards only their hash is known."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from hashlib import sha256
from hmac import compare_digest
from typing import Protocol

from cardcourier.domain.access import ROLES, SCOPES, ApiKey, Holder, scopes_of
from cardcourier.domain.kept import Kept, Page
from cardcourier.errors import Conflict, Denied, Refused

DAY = 86_400_000
MOST_DAYS = 365
_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_IDS = "0123456789abcdefghjkmnpqrstvwxyz"
_FORM = re.compile(r"ck_([a-z]{1,10})_([0-9a-z]{8})_([0-9A-Za-z]{32})")
_NOBODY = sha256(b"nobody").hexdigest()


class Keys(Protocol):
    def find_key(self, key_id: str) -> ApiKey | None: ...
    def api_keys(self, tenant: str, after: str | None, limit: int) -> Page[ApiKey]: ...
    def add_key(self, key: ApiKey, now: int, by: str) -> None: ...
    def change_key(self, key: ApiKey, seen_ver: int, now: int, by: str) -> None: ...


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key as it is kept, and its text, which nobody can read again."""

    key: ApiKey
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeysDesk:
    """Makes keys, knows them again and takes them back."""

    keys: Keys
    random: Callable[[int], bytes]
    clock: Callable[[], int]
    stage: str

    def recognise(self, text: str) -> ApiKey | None:
        """The key of this text; None alike for an unknown id, a wrong secret, an expired or revoked key."""
        form = _FORM.fullmatch(text)
        stage, key_id, secret = form.groups() if form else ("", "", "")
        key = self.keys.find_key(key_id) if key_id else None
        same = compare_digest(_hash(secret), key.secret_hash if key else _NOBODY)
        if key is None or not same or stage != self.stage:
            return None
        return None if key.revoked or key.expires_at <= self.clock() else key

    def create(
        self, maker: Holder, name: str, role: str, scopes: Iterable[str], days: int, by: str
    ) -> NewKey:
        """A key for `days` days that may do no more than its maker. Raises Refused, Denied."""
        wanted = frozenset(scopes)
        if role not in ROLES:
            raise Refused("bad_role", f"role must be one of {', '.join(ROLES)}.")
        if not wanted <= SCOPES:
            raise Refused("bad_scope", f"scopes must be among {', '.join(sorted(SCOPES))}.")
        beyond = wanted - ROLES[role]
        if beyond:
            raise Refused("bad_scope", f"The role {role} does not hold {', '.join(sorted(beyond))}.")
        beyond = scopes_of(role, wanted) - maker.held
        if beyond:
            raise Denied("not_allowed", f"You do not hold {', '.join(sorted(beyond))} yourself.")
        now = self.clock()
        new = make_key(maker.tenant, name, role, wanted, days, self.stage, now, self.random)
        self.keys.add_key(new.key, now, by)
        return new

    def revoke(self, maker: Holder, kept: Kept[ApiKey], by: str) -> Kept[ApiKey]:
        """End a key at once; again changes nothing. Raises Conflict, also for one's own key."""
        if kept.thing.id == maker.id:
            raise Conflict("own_key", "A key cannot revoke itself; use another owner's key.")
        if kept.thing.revoked:
            return kept
        revoked = replace(kept.thing, revoked=True)
        self.keys.change_key(revoked, kept.ver, self.clock(), by)
        return Kept(revoked, kept.ver + 1)


def make_key(
    tenant: str,
    name: str,
    role: str,
    scopes: Iterable[str],
    days: int,
    stage: str,
    now: int,
    random: Callable[[int], bytes],
) -> NewKey:
    """`ck_<stage>_<id>_<secret>`: 40 random bits to find it by, 190 to prove it."""
    if not 1 <= days <= MOST_DAYS:
        raise Refused("bad_expiry", f"A key lives 1 to {MOST_DAYS} days.")
    key_id = "".join(_IDS[byte & 31] for byte in random(8))
    secret = _text(random, 32)
    key = ApiKey(
        id=key_id,
        tenant=tenant,
        name=name,
        role=role,
        scopes=tuple(sorted(frozenset(scopes))),
        named=bool(frozenset(scopes)),
        secret_hash=_hash(secret),
        created_at=now,
        expires_at=now + days * DAY,
    )
    return NewKey(key, f"ck_{stage}_{key_id}_{secret}")


def _text(random: Callable[[int], bytes], length: int) -> str:
    """Even letters: bytes that would favour some are drawn anew."""
    fair = 256 - 256 % len(_LETTERS)
    text = ""
    while len(text) < length:
        text += "".join(_LETTERS[byte % len(_LETTERS)] for byte in random(length) if byte < fair)
    return text[:length]


def _hash(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
