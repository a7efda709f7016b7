"""Connect shops, and exchange the secrets with which they sign."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from cardcourier.domain.canary import is_reserved
from cardcourier.domain.catalogue import Shop, check_id
from cardcourier.domain.kept import Kept
from cardcourier.domain.money import currency_code
from cardcourier.errors import Conflict, Refused

MOST_QUANTITY = 1_000
SECRET_BYTES = 32
TRIES = 3
_ENDINGS = "0123456789abcdefghjkmnpqrstvwxyz"


class Shops(Protocol):
    def shop(self, tenant: str, shop: str) -> Kept[Shop]: ...
    def add_shop(self, shop: Shop, now: int, by: str) -> None: ...
    def change_shop(self, shop: Shop, seen_ver: int, now: int, by: str) -> None: ...


class Channel(Protocol):
    """The part of a platform that knows which settings can work."""

    def check_settings(self, secrets: Sequence[bytes | str], shop_meta: Mapping[str, Any]) -> None: ...


class Sealer(Protocol):
    def seal(self, tenant: str, shop: str, secret: str) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Connected:
    """A shop, and the secret we made for it, which nobody can read again."""

    shop: Shop
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ShopsDesk:
    """Sets shops up. `makes_secret` names the channels whose secret is ours to make."""

    shops: Shops
    channels: Mapping[str, Channel]
    makes_secret: Collection[str]
    make_secret: Callable[[bytes], str]
    sealer: Sealer
    random: Callable[[int], bytes]
    clock: Callable[[], int]

    def connect(self, shop: Shop, secret: str | None, by: str) -> Connected:
        """Add a shop; four random characters make its id nobody else's. Raises Refused."""
        check_id(shop.id, "id")
        if is_reserved(shop.id):
            raise Refused("reserved_id", "id: 'canary' is kept for the canary's own shop; choose another.")
        self._check(shop)
        secret, made = self._secret(shop, secret)
        for left in reversed(range(TRIES)):
            ending = "".join(_ENDINGS[byte & 31] for byte in self.random(4))
            full = replace(shop, id=f"{shop.id}-{ending}")
            full = replace(full, secrets=(self.sealer.seal(full.tenant, full.id, secret),))
            try:
                self.shops.add_shop(full, self.clock(), by)
            except Conflict:
                if not left:
                    raise
                continue
            return Connected(full, secret if made else None)
        raise AssertionError("unreachable")

    def change(self, shop: Shop, seen_ver: int, by: str) -> None:
        """Raises Refused for what cannot be, Conflict when somebody else changed it meanwhile."""
        self._check(shop)
        self.shops.change_shop(shop, seen_ver, self.clock(), by)

    def rotate(self, tenant: str, shop_id: str, secret: str | None, by: str, *, overlap: int) -> Connected:
        """Put a new secret beside the one in use, which stays valid for `overlap` milliseconds.

        After that it is worth nothing, without anybody's doing. Raises Conflict while an older one is still
        valid beside it: a platform that was not changed over yet would be shut out. Without overlap the new
        one stands alone at once.
        """
        kept, now = self.shops.shop(tenant, shop_id), self.clock()
        valid = kept.thing.valid_secrets(now)
        if overlap and len(valid) > 1:
            raise Conflict(
                "rotation_under_way", "Two secrets are valid already; end the older one with drop_old first."
            )
        secret, made = self._secret(kept.thing, secret)
        old = valid[-1:] if overlap else ()
        secrets = (*old, self.sealer.seal(tenant, shop_id, secret))
        changed = replace(kept.thing, secrets=secrets, old_until=now + overlap if overlap else 0)
        self.shops.change_shop(changed, kept.ver, now, by)
        return Connected(changed, secret if made else None)

    def drop_old(self, tenant: str, shop_id: str, by: str) -> Connected:
        """End the older secret now."""
        kept = self.shops.shop(tenant, shop_id)
        changed = replace(kept.thing, secrets=kept.thing.secrets[-1:], old_until=0)
        self.shops.change_shop(changed, kept.ver, self.clock(), by)
        return Connected(changed)

    def _check(self, shop: Shop) -> None:
        if shop.channel not in self.channels:
            raise Refused("bad_channel", f"channel must be one of {', '.join(sorted(self.channels))}.")
        currency_code(shop.currency)
        if shop.unmapped not in ("hold", "ignore"):
            raise Refused("bad_unmapped", "unmapped must be hold or ignore.")
        if not 1 <= shop.max_quantity <= MOST_QUANTITY:
            raise Refused("bad_quantity", f"max_quantity must be 1 to {MOST_QUANTITY}.")

    def _secret(self, shop: Shop, given: str | None) -> tuple[str, bool]:
        """The secret to use, and whether we made it."""
        if given is None and shop.channel not in self.makes_secret:
            raise Refused("bad_secret", f"secret: {shop.channel} makes it; copy it from there.")
        secret = given if given is not None else self.make_secret(self.random(SECRET_BYTES))
        meta = {"domain": shop.domain, "test": shop.test}
        self.channels[shop.channel].check_settings([secret], meta)
        return secret, given is None
