"""How long after its first showing a card may be replaced by whoever has no right beyond the rules."""

from cardcourier.domain.catalogue import Product
from cardcourier.domain.orders import Unit

DAY = 86_400_000


def warranty_ends(product: Product, unit: Unit) -> int | None:
    """When the warranty of the unit's card ends (epoch ms); None when nothing ends it.

    A product without `warranty_days` has no window: its cards may be replaced at any time, as ever. With 0
    days no card is replaced without the right to override. Each card has its own window from the moment it
    was first shown, a replacement too.
    """
    if product.warranty_days is None:
        return None
    return (unit.exposed_at or 0) + product.warranty_days * DAY


def in_warranty(product: Product, unit: Unit, now: int) -> bool:
    ends = warranty_ends(product, unit)
    return ends is None or now < ends
