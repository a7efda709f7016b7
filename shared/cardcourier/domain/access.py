"""Who may do what: roles, the scopes they hold, and API keys."""

from collections.abc import Iterable
from dataclasses import dataclass

READS = ("orders:read", "stock:read")

ROLES: dict[str, frozenset[str]] = {
    "owner": frozenset(
        {
            *READS,
            "orders:act",
            "stock:import",
            "cards:replace",
            "products:write",
            "shops:write",
            "reports:read",
            "reports:run",
            "keys:write",
        }
    ),
    "manager": frozenset(
        {
            *READS,
            "orders:act",
            "stock:import",
            "cards:replace",
            "products:write",
            "shops:write",
            "reports:read",
            "reports:run",
        }
    ),
    "stock": frozenset({*READS, "stock:import", "products:write"}),
    "support": frozenset({*READS, "orders:act", "cards:replace"}),
    "finance": frozenset({*READS, "reports:read", "reports:run"}),
    "auditor": frozenset({*READS, "reports:read"}),
}
"""Scopes of each role. A key may hold fewer than its role, never more."""

SCOPES = frozenset().union(*ROLES.values())


def scopes_of(role: str, wanted: Iterable[str] = ()) -> frozenset[str]:
    """The scopes of a role, narrowed to those wanted if any are named."""
    held = ROLES.get(role, frozenset())
    narrowed = frozenset(wanted)
    return held & narrowed if narrowed else held


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key as it is kept: of its secret only the SHA-256. Times in epoch milliseconds."""

    id: str
    tenant: str
    name: str
    role: str
    scopes: tuple[str, ...]
    secret_hash: str
    created_at: int
    expires_at: int
    revoked: bool = False
