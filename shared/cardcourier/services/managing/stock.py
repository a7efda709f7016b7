"""What there is to sell."""

from dataclasses import dataclass
from typing import Protocol

from cardcourier.domain.catalogue import Product
from cardcourier.domain.kept import Page
from cardcourier.domain.protocol import Pool
from cardcourier.services.allocating import pool_of


class Products(Protocol):
    def products(self, tenant: str, after: str | None, limit: int) -> Page[Product]: ...


class Pools(Protocol):
    def count(self, pool: Pool, limit: int | None = None) -> int: ...


@dataclass(frozen=True, slots=True)
class InStock:
    """A product and how many cards of it can be sold now."""

    product: Product
    available: int


@dataclass(frozen=True, slots=True)
class StockDesk:
    products: Products
    pools: Pools

    def stock(self, tenant: str, after: str | None, limit: int) -> Page[InStock]:
        """A page of products with the markers of each counted."""
        page = self.products.products(tenant, after, limit)
        return Page(tuple(InStock(p, self.pools.count(pool_of(p))) for p in page.items), page.next)
