"""Whether sales are open: the gates of the deployment, a tenant, a shop and a product, read together."""

from typing import Protocol

from cardcourier.domain.catalogue import Product, Shop, Tenant
from cardcourier.domain.gates import Closed, Gate, closed_gate, product_ref, shop_ref
from cardcourier.domain.states import Room


class Catalogue(Protocol):
    """May be half a minute old; whoever judges a gate to open it forgets first what it read."""

    def gate(self) -> Gate | None: ...
    def find_tenant(self, tenant: str) -> Tenant | None: ...
    def find_shop(self, shop: str) -> Shop | None: ...
    def product(self, tenant: str, sku: str) -> Product | None: ...


def closed_for(catalogue: Catalogue, tenant: str, shop: str, product: Product | None) -> Closed | None:
    """What keeps a piece of this shop and product from being allocated."""
    return closed_gate(catalogue.gate(), catalogue.find_tenant(tenant), catalogue.find_shop(shop), product)


def room_closed(catalogue: Catalogue, tenant: str, room: Room, ref: str) -> bool:
    """Whether nobody of this room could get anything now, so that serving it would only move units about."""
    if room is Room.MAP:
        return False
    shop, sku = shop_of(room, ref), sku_of(room, ref)
    closed = closed_gate(
        catalogue.gate(),
        catalogue.find_tenant(tenant),
        catalogue.find_shop(shop) if shop else None,
        catalogue.product(tenant, sku) if sku else None,
    )
    return closed is not None and (room is not Room.PAUSE or closed.ref == ref)


def sku_of(room: Room, ref: str) -> str:
    """The product that a room is about; empty for a room of several."""
    if room is Room.PAUSE:
        return _rest(ref, product_ref(""))
    return ref if room in (Room.BACK, Room.PRE) else ""


def shop_of(room: Room, ref: str) -> str:
    """The shop whose gate a room is about, if it is one's."""
    return _rest(ref, shop_ref("")) if room is Room.PAUSE else ""


def _rest(ref: str, beginning: str) -> str:
    return ref.removeprefix(beginning) if ref.startswith(beginning) else ""
