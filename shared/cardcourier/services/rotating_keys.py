"""What an operator does to keys while orders run: look, rotate, retire, wrap anew.

Data keys stay what they are when they are wrapped anew, so nothing that they sealed is touched. A key
that makes names gets a further version instead (see `domain.key_versions`).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Protocol

from cardcourier.domain.catalogue import Shop
from cardcourier.domain.endpoints import Endpoint
from cardcourier.domain.kept import Kept
from cardcourier.domain.key_versions import Versions, WrappedKey, announced, retired
from cardcourier.domain.sms import SEALED_AS_SMS, SmsSettings
from cardcourier.errors import Conflict

EVERYWHERE = "-"
TRIES = 5
BY = "operator:keys"


class DataKeys(Protocol):
    def keys(self, tenant: str) -> Iterator[WrappedKey]: ...
    def rewrap(self, key: WrappedKey, wrapped: bytes, kms: str) -> bool: ...
    def versions(self, tenant: str, purpose: str) -> Versions: ...
    def put_versions(self, tenant: str, purpose: str, seen: Versions, new: Versions, now: int) -> bool: ...


class Shops(Protocol):
    def sealed_shops(self, tenant: str) -> list[str]: ...
    def any_shop(self, tenant: str, shop: str) -> Kept[Shop]: ...
    def change_shop(self, shop: Shop, seen_ver: int, now: int, by: str) -> None: ...


class Endpoints(Protocol):
    def endpoints(self, tenant: str) -> list[Endpoint]: ...
    def endpoint(self, tenant: str, endpoint_id: str) -> Kept[Endpoint]: ...
    def change(self, endpoint: Endpoint, seen_ver: int, now: int, by: str) -> None: ...


class Sending(Protocol):
    """Tenants' SMS settings, with the secret of their provider."""

    def sms(self, tenant: str) -> SmsSettings: ...
    def save_sms(self, settings: SmsSettings, now: int, by: str) -> None: ...


Wrapping = Callable[[bytes, str, str, str], bytes]
"""Wraps what is bound to (tenant, purpose, id) anew, without showing it."""


@dataclass(slots=True)
class Count:
    """Of one purpose: how many keys, when the oldest was made (epoch ms), how many under which key of KMS."""

    keys: int = 0
    oldest: int = 0
    under: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class KeyRotation:
    """Over all tenants named, and the deployment's own keys."""

    keys: DataKeys
    shops: Shops
    endpoints: Endpoints
    provide: Callable[[str, str, str], None]
    clock: Callable[[], int]
    sending: Sending | None = None

    def counts(self, tenants: Iterable[str]) -> dict[tuple[str, str], Count]:
        """By tenant and purpose. Shops' and endpoints' secrets count as `secret`, the valid ones."""
        found: dict[tuple[str, str], Count] = {}
        for tenant in (EVERYWHERE, *tenants):
            for key in self.keys.keys(tenant):
                count = found.setdefault((tenant, key.purpose), Count())
                count.keys += 1
                count.oldest = min(count.oldest or key.at, key.at)
                count.under[key.kms or "?"] += 1
            holders: list[Shop | Endpoint] = [
                self.shops.any_shop(tenant, shop).thing for shop in self.shops.sealed_shops(tenant)
            ]
            holders += self.endpoints.endpoints(tenant)
            for holder in holders:
                secrets = holder.valid_secrets(self.clock())
                found.setdefault((tenant, "secret"), Count()).keys += len(secrets)
        return found

    def rotate(self, tenant: str, purpose: str, *, end_old: bool = False) -> Versions:
        """Make the next version and announce it; returns the list as it is now.

        The key is made first, so that nobody learns of a version without one. Raises Conflict, Refused.
        """
        seen = self.keys.versions(tenant, purpose)
        new = announced(seen, purpose, self.clock(), end_old=end_old)
        self.provide(tenant, purpose, new[-1].id)
        return self._put(tenant, purpose, seen, new)

    def retire(self, tenant: str, purpose: str, version: str) -> Versions:
        """Let one version count no longer. Raises Conflict, Refused."""
        seen = self.keys.versions(tenant, purpose)
        return self._put(tenant, purpose, seen, retired(seen, version, self.clock()))

    def _put(self, tenant: str, purpose: str, seen: Versions, new: Versions) -> Versions:
        if not self.keys.put_versions(tenant, purpose, seen, new, self.clock()):
            raise Conflict("changed_meanwhile", "Somebody rotates this key at the same time; look again.")
        return new

    def rewrap(
        self, tenants: Iterable[str], wrapping: Wrapping, kms: str, *, again: bool = False
    ) -> Iterator[tuple[str, str, bool]]:
        """Wrap all keys and secrets anew; yields (tenant, purpose, whether it was done) of each.

        Keys that say they lie under `kms` are passed over, so a run that broke off goes on where it was; with
        `again` none is, which takes them to the newest material of the same key.
        """
        for tenant in (EVERYWHERE, *tenants):
            for key in self.keys.keys(tenant):
                due = again or key.kms != kms
                if due:
                    wrapped = wrapping(key.wrapped, tenant, key.purpose, key.id)
                    due = self.keys.rewrap(key, wrapped, kms)
                yield tenant, key.purpose, due
            for shop in self.shops.sealed_shops(tenant):
                yield tenant, "secret", self._rewrap_shop(tenant, shop, wrapping)
            for endpoint in self.endpoints.endpoints(tenant):
                yield tenant, "secret", self._rewrap_endpoint(tenant, endpoint.id, wrapping)
            if self.sending and self.sending.sms(tenant).secret:
                yield tenant, "secret", self._rewrap_sms(self.sending, tenant, wrapping)

    def _rewrap_sms(self, sending: Sending, tenant: str, wrapping: Wrapping) -> bool:
        def once() -> bool:
            kept = sending.sms(tenant)
            if kept.secret:
                secret = wrapping(kept.secret, tenant, "secret", SEALED_AS_SMS)
                sending.save_sms(replace(kept, secret=secret), self.clock(), BY)
            return bool(kept.secret)

        return _until_unchanged(once)

    def _rewrap_shop(self, tenant: str, shop_id: str, wrapping: Wrapping) -> bool:
        def once() -> bool:
            kept = self.shops.any_shop(tenant, shop_id)
            secrets = tuple(wrapping(sealed, tenant, "secret", shop_id) for sealed in kept.thing.secrets)
            if secrets:
                self.shops.change_shop(replace(kept.thing, secrets=secrets), kept.ver, self.clock(), BY)
            return bool(secrets)

        return _until_unchanged(once)

    def _rewrap_endpoint(self, tenant: str, endpoint_id: str, wrapping: Wrapping) -> bool:
        def once() -> bool:
            kept = self.endpoints.endpoint(tenant, endpoint_id)
            place = f"endpoint/{endpoint_id}"
            secrets = tuple(wrapping(sealed, tenant, "secret", place) for sealed in kept.thing.secrets)
            self.endpoints.change(replace(kept.thing, secrets=secrets), kept.ver, self.clock(), BY)
            return bool(secrets)

        return _until_unchanged(once)


def _until_unchanged(once: Callable[[], bool]) -> bool:
    """What somebody changes at the same moment is read again, so that nobody's change is lost."""
    for _ in range(TRIES - 1):
        try:
            return once()
        except Conflict:
            continue
    return once()
