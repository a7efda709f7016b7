"""What a line holds, and why it or the whole order must wait for a person."""

from collections.abc import Sequence
from dataclasses import replace

from cardcourier.domain.catalogue import Listing, Shop
from cardcourier.domain.orders import OrderLine, Part, Slot, Unit
from cardcourier.domain.policy import line_hold, order_hold, refund_hold
from cardcourier.domain.states import Room, State
from cardcourier.services.settling.work import Plan, Work


def hold_of(work: Work, line: OrderLine, shop: Shop, listings: Sequence[Listing]) -> str | None:
    """Why a line must wait for a person, or None; a reason of the whole order counts first."""
    return (
        order_hold(work.header, shop)
        or line_hold(work.header, line, shop, listings)
        or refund_hold(work.header)
    )


def plan_of(work: Work, line: OrderLine, shop: Shop, listings: Sequence[Listing]) -> Plan | None:
    """What one piece of the line holds; `()` is not ours, None nobody has mapped."""
    if listings:
        parts = tuple(Part(listing.sku, listing.quantity) for listing in listings if listing.sku)
    elif line.sku and work.product(line.sku) is not None:
        parts = (Part(line.sku, 1),)
    else:
        return () if shop.unmapped == "ignore" else None
    return parts if all(work.product(part.sku) for part in parts) else None


def unmapped(line: OrderLine) -> str:
    """The hold of a line that nobody has mapped."""
    return f"mapping: {line.item or line.sku}/{line.variant}"


def held(work: Work, unit: Unit, slot: Slot, hold: str) -> Unit:
    """The unit as it waits for the person, or the mapping, that its hold asks for."""
    if hold.startswith("mapping"):
        ref = listing_ref(work.header.key.shop, work.line(slot))
        return replace(unit, state=State.HELD, room=Room.MAP, ref=ref, why=hold, plan=None)
    room = Room.REFUND if hold.startswith("refund") else Room.AMOUNT
    return replace(unit, state=State.HELD, room=room, ref=work.header.key.shop, why=hold)


def listing_ref(shop: str, line: OrderLine) -> str:
    """Names a shop's listing in the mapping room; an item without id is known by its code."""
    return f"{shop}/{line.item or line.sku}/{line.variant}"
