"""Switch a tenant's canary on and off."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from cardcourier.domain.canary import IMPORT, ISSUER, SKU, Canary, codes, shop_of
from cardcourier.domain.catalogue import Job, Product, Shop
from cardcourier.domain.kept import Act
from cardcourier.errors import Conflict
from cardcourier.services.importing_jobs import Order, Ordered

SECRET_BYTES = 32
TO_LOOK_THROUGH = frozenset({"created", "previewing"})


class Canaries(Protocol):
    def canary(self, tenant: str) -> Canary: ...
    def add_canary(self, canary: Canary, now: int, by: str) -> None: ...
    def change_canary(self, canary: Canary, now: int, by: str) -> None: ...
    def product(self, tenant: str, sku: str) -> Product | None: ...
    def add(self, shop: Shop, product: Product, now: int, by: str) -> None: ...


class Sealer(Protocol):
    def seal(self, tenant: str, shop: str, secret: str) -> bytes: ...


class Imports(Protocol):
    def create(self, tenant: str, order: Order, act: Act, by: str) -> Ordered: ...
    def preview(self, tenant: str, job_id: str) -> Job: ...


@dataclass(frozen=True, slots=True)
class CanaryDesk:
    """Gives the canary what it needs: a shop with a secret of its own, a product, and test cards."""

    canaries: Canaries
    sealer: Sealer
    imports: Imports
    make_secret: Callable[[bytes], str]
    random: Callable[[int], bytes]
    clock: Callable[[], int]

    def get(self, tenant: str) -> Canary:
        return self.canaries.canary(tenant)

    def switch(self, tenant: str, enabled: bool, by: str) -> Canary:
        """Off, an order under way is refunded still. On, new test cards come in; again, what lacks is made.

        Raises Conflict when a product of the merchant's own has the canary's SKU, or somebody changed it
        meanwhile.
        """
        seen, now = self.canaries.canary(tenant), self.clock()
        wanted = seen
        if enabled != seen.enabled:
            wanted = replace(seen, enabled=enabled, since=now if enabled else seen.since)
        if enabled:
            self._furnish(tenant, wanted.since, by)
        if wanted == seen:
            return seen
        if seen.ver:
            self.canaries.change_canary(wanted, now, by)
        else:
            self.canaries.add_canary(wanted, now, by)
        return replace(wanted, ver=seen.ver + 1)

    def _furnish(self, tenant: str, since: int, by: str) -> None:
        product = self.canaries.product(tenant, SKU)
        if product is not None and product.issuer != ISSUER:
            raise Conflict("sku_taken", f"A product of yours is named {SKU}; the canary needs this name.")
        shop_id = shop_of(tenant)
        sealed = self.sealer.seal(tenant, shop_id, self.make_secret(self.random(SECRET_BYTES)))
        shop = Shop(id=shop_id, tenant=tenant, channel="standard", name="Canary", secrets=(sealed,))
        self.canaries.add(shop, Product(tenant=tenant, sku=SKU, name="Canary", issuer=ISSUER), since, by)
        # As an import like any other: whoever may not write cards has them brought in.
        cards = Order(
            sku=SKU, file_name="canary.txt", cost=0, currency=None, text=codes(since), straight=True
        )
        job = self.imports.create(tenant, cards, Act(IMPORT, since), by).job
        if job.state in TO_LOOK_THROUGH:
            self.imports.preview(tenant, job.id)
