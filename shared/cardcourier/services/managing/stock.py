"""What there is to sell."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from cardcourier.domain.catalogue import Product
from cardcourier.domain.kept import Page
from cardcourier.domain.protocol import Pool
from cardcourier.services.settling.cards import pool_of


class Products(Protocol):
    def products(self, tenant: str, after: str | None, limit: int) -> Page[Product]: ...
    def has_content(self, tenant: str, sku: str) -> bool: ...


class Pools(Protocol):
    def count(self, pool: Pool, now: int, limit: int | None = None) -> int: ...
    def cards(self, pool: Pool, now: int) -> int: ...


@dataclass(frozen=True, slots=True)
class InStock:
    """A product, how often it can be sold now, and from how many cards."""

    product: Product
    available: int
    cards: int
    unlimited: bool = False


@dataclass(frozen=True, slots=True)
class StockDesk:
    products: Products
    pools: Pools
    clock: Callable[[], int]

    def stock(self, tenant: str, after: str | None, limit: int) -> Page[InStock]:
        """A page of products with the markers of each counted."""
        page = self.products.products(tenant, after, limit)
        return Page(tuple(map(self._of, page.items)), page.next)

    def _of(self, product: Product) -> InStock:
        if product.kind == "fixed":
            there = self.products.has_content(product.tenant, product.sku)
            return InStock(product, int(there), int(there), unlimited=there)
        pool, now = pool_of(product), self.clock()
        available = self.pools.count(pool, now)
        cards = self.pools.cards(pool, now) if product.kind == "shared" else available
        return InStock(product, available, cards)
