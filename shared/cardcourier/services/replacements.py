"""Replace cards within the rules of a shop: how many a day by role, and how long after the first showing.

A recall is outside of these rules; it calls the `Replacer` itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from cardcourier.domain.catalogue import Product, Tenant
from cardcourier.domain.orders import OrderKey, Unit
from cardcourier.domain.warranty import in_warranty, warranty_ends
from cardcourier.errors import Conflict
from cardcourier.services.handling_orders import TooMany, Who


class Orders(Protocol):
    def unit(self, key: OrderKey, line: str, n: int) -> Unit | None: ...


class Catalogue(Protocol):
    def product(self, tenant: str, sku: str) -> Product | None: ...


class Slots(Protocol):
    def take(self, action: str, who: str, what: str, most: int, now: int) -> bool: ...


class Replacing(Protocol):
    def replace(
        self, key: OrderKey, line: str, n: int, by: str, why: str, rid: str, card: str = ""
    ) -> Unit: ...


@dataclass(frozen=True, slots=True)
class Replacements:
    """Replaces cards for people and programs. `tenant` is read anew: its caps hold from when they are set."""

    orders: Orders
    tenant: Callable[[str], Tenant]
    catalogue: Catalogue
    slots: Slots
    replacing: Replacing
    clock: Callable[[], int]

    def replace(
        self,
        key: OrderKey,
        line: str,
        n: int,
        reason: str,
        who: Who,
        *,
        override: bool = False,
        card: str = "",
    ) -> Unit:
        """A new card for one that does not work; with `card`, only while the unit holds that one.

        A card counts once against the cap of its day, however often its replacement is asked for. With
        `override` the warranty does not count. Raises what `Replacer.replace` raises, Conflict when the
        warranty is over, TooMany.
        """
        seen = self.orders.unit(key, line, n)
        if seen is not None and seen.holds_card and seen.exposed and card in ("", seen.card):
            self._check_warranty(seen, override)
            self._check_cap(seen, who)
        return self.replacing.replace(key, line, n, who.by, reason, who.rid, card)

    def _check_warranty(self, seen: Unit, override: bool) -> None:
        product = self.catalogue.product(seen.key.tenant, seen.sku)
        if override or product is None or in_warranty(product, seen, self.clock()):
            return
        ended = datetime.fromtimestamp((warranty_ends(product, seen) or 0) / 1000, UTC)
        raise Conflict(
            "out_of_warranty",
            f"The warranty of this card ended at {ended:%Y-%m-%d %H:%M} UTC, {product.warranty_days} days "
            "after its first showing; an owner or manager may override it with a reason.",
        )

    def _check_cap(self, seen: Unit, who: Who) -> None:
        most = self.tenant(seen.key.tenant).replacement_caps.get(who.role)
        if most is None:
            return
        name = f"{seen.key.tenant}/{who.by}"
        if not self.slots.take("replace", name, seen.card, most, self.clock()):
            raise TooMany(f"The limit of {most} replacements a day is reached; try again tomorrow (UTC).")
