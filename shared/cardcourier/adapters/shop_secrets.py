"""The signing secrets of shops and endpoints: sealed at rest, opened for at most five minutes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from cardcourier.adapters.kms import Context, KeyService

MOST_AGE = 300_000
MOST_KEPT = 1_000


class Signer(Protocol):
    """Whoever has sealed secrets of its own: a shop, an endpoint."""

    @property
    def id(self) -> str: ...
    @property
    def tenant(self) -> str: ...
    def valid_secrets(self, now: int) -> Sequence[bytes]: ...


@dataclass(slots=True)
class ShopSecrets:
    """Seals and opens. A shop has two secrets while one of them is being exchanged."""

    service: KeyService
    clock: Callable[[], int]
    _kept: dict[tuple[str, bytes], tuple[int, str]] = field(default_factory=dict)

    def seal(self, tenant: str, shop: str, secret: str) -> bytes:
        return self.service.wrap(secret.encode(), _context(tenant, shop))

    def open(self, shop: Signer) -> Sequence[str]:
        """Every secret that is valid now. Raises Unavailable when the key service is away."""
        valid = shop.valid_secrets(self.clock())
        return [self.open_one(shop.tenant, shop.id, sealed) for sealed in valid]

    def open_one(self, tenant: str, name: str, sealed: bytes) -> str:
        """A secret that was sealed under this name, which is a shop's id or `sms`."""
        now, place = self.clock(), (name, sealed)
        kept = self._kept.get(place)
        if kept is not None and 0 <= now - kept[0] < MOST_AGE:
            return kept[1]
        secret = self.service.unwrap(sealed, _context(tenant, name)).decode()
        if len(self._kept) >= MOST_KEPT:
            self._kept.clear()
        self._kept[place] = (now, secret)
        return secret


def _context(tenant: str, shop: str) -> Context:
    return Context(tenant, "secret", shop)
