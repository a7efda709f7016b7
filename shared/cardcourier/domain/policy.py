"""When a paid order may be delivered without a person looking at it."""

from collections.abc import Iterable

from cardcourier.domain.catalogue import Listing, Shop
from cardcourier.domain.orders import Header, OrderLine


def order_hold(header: Header, shop: Shop) -> str | None:
    """Why the whole order must wait for a person, or None. Approval overrides every reason."""
    if header.approved:
        return None
    if header.currency != shop.currency:
        return f"currency: paid in {header.currency or 'nothing'}, the shop sells in {shop.currency}"
    if header.amount != header.total:
        return f"amount: paid {header.amount}, the order's total is {header.total}"
    return None


def refund_hold(header: Header) -> str | None:
    """Why nothing more is allocated until a person has said what a refund by amount ends; approval or not."""
    if not header.asked:
        return None
    return f"refund: which pieces end for {', '.join(header.asked)}"


def line_hold(header: Header, line: OrderLine, shop: Shop, listings: Iterable[Listing]) -> str | None:
    """Why one line must wait for a person, or None."""
    if header.approved:
        return None
    if not 1 <= line.quantity <= shop.max_quantity:
        return f"quantity: {line.quantity}, allowed are 1 to {shop.max_quantity}"
    floor = next((listing.floor for listing in listings if listing.floor is not None), None)
    if floor is not None and (line.price is None or line.price < floor):
        return f"floor: unit price {line.price if line.price is not None else 'unknown'}, floor is {floor}"
    return None
