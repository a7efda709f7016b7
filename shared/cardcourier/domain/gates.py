"""Gates: sales that were closed on purpose, and why.

A paid order behind a closed gate is recorded and answered like any other; its units wait in the gate's own
room until it opens. A gate is read through the cached catalogue, so closing it holds everywhere only after
`MOST_AGE`.
"""

from dataclasses import dataclass

from cardcourier.domain.catalogue import Product, Shop, Tenant

MOST_AGE = 30_000
"""Milliseconds for which a worker may still act on what the catalogue said before."""

EVERYWHERE = "all"
WHOLE_TENANT = "tenant"


@dataclass(frozen=True, slots=True)
class Gate:
    """The gate of the whole deployment: closed while `paused` holds a reason, since `paused_at`."""

    paused: str = ""
    paused_at: int | None = None
    stop_reveals: bool = False


@dataclass(frozen=True, slots=True)
class Closed:
    """The widest gate that is closed: `ref` names its room, `reason` is what its closer said."""

    ref: str
    reason: str


def shop_ref(shop: str) -> str:
    return f"shop/{shop}"


def product_ref(sku: str) -> str:
    return f"sku/{sku}"


def closed_gate(
    gate: Gate | None, tenant: Tenant | None, shop: Shop | None, product: Product | None
) -> Closed | None:
    """The gate that keeps a piece from being allocated, or None when all that are named stand open."""
    if gate is not None and gate.paused:
        return Closed(EVERYWHERE, gate.paused)
    if tenant is not None and tenant.paused:
        return Closed(WHOLE_TENANT, tenant.paused)
    if shop is not None and shop.paused:
        return Closed(shop_ref(shop.id), shop.paused)
    if product is not None and product.paused:
        return Closed(product_ref(product.sku), product.paused)
    return None


def reveals_stopped(gate: Gate | None, product: Product | None) -> bool:
    """Whether cards that are handed over already must not be shown now."""
    everywhere = gate is not None and bool(gate.paused) and gate.stop_reveals
    return everywhere or (product is not None and bool(product.paused) and product.stop_reveals)
