"""The first tenant, and what may be changed of any."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from hmac import compare_digest
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cardcourier.domain.access import ApiKey
from cardcourier.domain.catalogue import Tenant, check_id
from cardcourier.domain.disputes import POLICIES
from cardcourier.domain.kept import Kept
from cardcourier.domain.language import LANGUAGES
from cardcourier.domain.money import currency_code
from cardcourier.errors import Conflict, Denied, Refused
from cardcourier.services.managing.api_keys import MOST_DAYS, NewKey, make_key

EVERYWHERE = "-"


class Tenants(Protocol):
    def is_set_up(self) -> bool: ...
    def set_up(self, tenant: Tenant, owner: ApiKey, now: int, by: str) -> None: ...
    def tenant(self, tenant: str) -> Kept[Tenant]: ...
    def change_tenant(self, tenant: Tenant, seen_ver: int, now: int, by: str) -> None: ...


class KeyRing(Protocol):
    def provide(self, tenant: str, purpose: str) -> None: ...


@dataclass(frozen=True, slots=True)
class TenantsDesk:
    """Sets tenants up."""

    tenants: Tenants
    key_ring: KeyRing
    bootstrap_secret: Callable[[], str]
    random: Callable[[int], bytes]
    clock: Callable[[], int]
    stage: str

    def bootstrap(self, secret: str, tenant: Tenant, owner_name: str, rid: str) -> NewKey:
        """Make the first tenant with its keys and its owner; works once, for whoever holds the secret.

        Raises Denied for a wrong secret before anything else is told, Conflict when it was done before.
        """
        if not compare_digest(secret.encode(), self.bootstrap_secret().encode()):
            raise Denied("not_signed_in", "X-Bootstrap-Secret is missing or wrong; the operator has it.")
        checked(tenant)
        if self.tenants.is_set_up():
            raise _done()
        self.key_ring.provide(tenant.id, "pepper")
        self.key_ring.provide(EVERYWHERE, "link")
        now = self.clock()
        tenant = replace(tenant, created_at=now)
        owner = make_key(tenant.id, owner_name, "owner", (), MOST_DAYS, self.stage, now, self.random)
        try:
            self.tenants.set_up(tenant, owner.key, now, f"bootstrap:{rid}")
        except Conflict as conflict:
            raise _done() from conflict
        return owner

    def change(self, tenant: Tenant, seen_ver: int, by: str) -> None:
        """Raises Refused for what cannot be, Conflict when somebody else changed it meanwhile."""
        self.tenants.change_tenant(checked(tenant), seen_ver, self.clock(), by)


def checked(tenant: Tenant) -> Tenant:
    """A tenant as it may be kept; raises Refused."""
    check_id(tenant.id, "id")
    currency_code(tenant.currency)
    if tenant.language not in LANGUAGES:
        raise Refused("bad_language", f"language must be one of {', '.join(LANGUAGES)}.")
    if tenant.chargebacks not in POLICIES:
        raise Refused("bad_policy", f"chargebacks must be one of {', '.join(POLICIES)}.")
    try:
        ZoneInfo(tenant.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Refused("bad_time_zone", "time_zone must be a name such as Asia/Shanghai or UTC.") from error
    return tenant


def _done() -> Conflict:
    return Conflict("already_set_up", "This deployment has its first tenant already; use its owner's key.")
