"""What is kept of canaries: one document per tenant, and a shop that stands in no list."""

from contextlib import suppress
from dataclasses import dataclass

from cardcourier.adapters.tables import keys
from cardcourier.adapters.tables.catalogue import CatalogueTable, canary_key, product_key
from cardcourier.domain.canary import Canary
from cardcourier.domain.catalogue import Product, Shop
from cardcourier.errors import Conflict


@dataclass(frozen=True, slots=True)
class CanariesTable:
    """Reads and writes canaries; a change names the version it replaces. What was never on has version 0."""

    catalogue: CatalogueTable

    def canary(self, tenant: str) -> Canary:
        return self.catalogue.get(Canary, canary_key(tenant)) or Canary(tenant=tenant)

    def add_canary(self, canary: Canary, now: int, by: str) -> None:
        """Raises Conflict."""
        self.catalogue.put_new([(canary_key(canary.tenant), canary)], now, by)

    def change_canary(self, canary: Canary, now: int, by: str) -> None:
        """Write in place of version `canary.ver`. Raises Conflict."""
        self.catalogue.change(canary_key(canary.tenant), canary, canary.ver, now, by)

    def shop(self, shop: str) -> Shop | None:
        return self.catalogue.get(Shop, keys.shop(shop))

    def product(self, tenant: str, sku: str) -> Product | None:
        return self.catalogue.get(Product, product_key(tenant, sku))

    def add(self, shop: Shop, product: Product, now: int, by: str) -> None:
        """Shop and product, unless they are there."""
        for key, thing in ((keys.shop(shop.id), shop), (product_key(product.tenant, product.sku), product)):
            with suppress(Conflict):
                self.catalogue.put_new([(key, thing)], now, by)
