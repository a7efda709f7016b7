"""Who may do what: roles, the scopes they hold, API keys and users."""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

_READS = frozenset({"orders:read", "stock:read"})
_MANAGES = _READS | {
    "orders:act",
    "stock:import",
    "cards:read",
    "cards:replace",
    "cards:override",
    "cards:redeemed",
    "claims:read",
    "claims:act",
    "claims:supplier",
    "products:write",
    "shops:write",
    "shops:secrets",
    "sales:pause",
    "notifications:write",
    "reports:read",
    "reports:run",
    "webhooks:read",
    "webhooks:write",
    "buyers:export",
}

ROLES: dict[str, frozenset[str]] = {
    "owner": _MANAGES
    | {"buyers:erase", "keys:write", "team:write", "settings:write", "audit:read", "audit:own"},
    "manager": _MANAGES | {"audit:own"},
    "stock": _READS | {"stock:import", "products:write", "cards:read", "cards:redeemed", "claims:read"},
    "support": _READS | {"orders:act", "cards:read", "cards:replace", "claims:read", "claims:act"},
    "finance": _READS
    | {"reports:read", "reports:run", "webhooks:read", "cards:read", "claims:read", "claims:supplier"},
    "auditor": _READS
    | {"reports:read", "webhooks:read", "audit:read", "audit:own", "cards:read", "claims:read"},
}
"""Scopes of each role. A key may hold fewer than its role, never more."""

SCOPES = frozenset().union(*ROLES.values())

_IMPLIED: dict[str, frozenset[str]] = {
    "keys:write": frozenset({"settings:write"}),
    "shops:write": frozenset({"shops:secrets"}),
    "audit:read": frozenset({"audit:own"}),
}
"""What was one right in 0.1.0 and can be had apart since, and what is a part of another."""

_MANAGED = _READS | {
    "orders:act",
    "stock:import",
    "cards:replace",
    "products:write",
    "shops:write",
    "reports:read",
    "reports:run",
}
_IN_0_1_0: dict[str, frozenset[str]] = {
    "owner": _MANAGED | {"keys:write"},
    "manager": _MANAGED,
    "stock": _READS | {"stock:import", "products:write"},
    "support": _READS | {"orders:act", "cards:replace"},
    "finance": _READS | {"reports:read", "reports:run"},
    "auditor": _READS | {"reports:read"},
}


def implied_by(scope: str) -> frozenset[str]:
    """A scope and those that whoever holds it holds as well."""
    return frozenset({scope}) | _IMPLIED.get(scope, frozenset())


def scopes_of(role: str, wanted: Iterable[str] = ()) -> frozenset[str]:
    """The scopes of a role, narrowed to those wanted if any are named."""
    held = ROLES.get(role, frozenset())
    narrowed = frozenset[str]().union(*(implied_by(scope) for scope in wanted))
    return held & narrowed if narrowed else held


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key as it is kept: of its secret only the SHA-256. Times in epoch milliseconds.

    `scopes` is what its maker named, and nothing where the key holds its whole role, whatever that comes to
    hold later. Keys of 0.1.0 list their whole role instead, and are not `named`.
    """

    id: str
    tenant: str
    name: str
    role: str
    scopes: tuple[str, ...]
    secret_hash: str
    created_at: int
    expires_at: int
    revoked: bool = False
    named: bool = False

    @property
    def by(self) -> str:
        """How the holder is named in everything that is written."""
        return f"key:{self.id}"

    @property
    def held(self) -> frozenset[str]:
        """What the key may do."""
        whole = not self.named and frozenset(self.scopes) == _IN_0_1_0.get(self.role)
        return scopes_of(self.role, () if whole else self.scopes)


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a token speaks for: `subject` as its issuer names people; until `expires_at` (epoch ms)."""

    issuer: str
    subject: str
    expires_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person who signs in at an issuer. Without `scopes` they hold their whole role."""

    id: str
    tenant: str
    issuer: str
    subject: str
    name: str
    role: str
    scopes: tuple[str, ...] = ()
    disabled: bool = False
    created_at: int = 0

    @property
    def by(self) -> str:
        return f"user:{self.id}"

    @property
    def held(self) -> frozenset[str]:
        return scopes_of(self.role, self.scopes)

    @property
    def leads(self) -> bool:
        """Whether this is an owner with all that an owner may do."""
        return self.role == "owner" and not self.scopes and not self.disabled


Holder = ApiKey | User
"""Whoever may call the API."""


def user_id(issuer: str, subject: str) -> str:
    """Where a user is found without knowing the tenant."""
    return sha256(f"{issuer}\n{subject}".encode()).hexdigest()[:32]
