"""One buyer's order with all that is kept of it, and how he gets to read it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cardcourier.domain.orders import Header, Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class BuyersOrder:
    """All that is kept of one order; `notes` and `messages` are plain facts for the buyer's copy.

    `reports` is what the buyer said of cards that did not work. `reasons` name the refunds and cancels for
    which the shop gave a reason in its own words.
    """

    header: Header
    units: Sequence[Unit]
    notes: Sequence[Mapping[str, Any]]
    messages: Sequence[Mapping[str, Any]]
    reports: Sequence[Mapping[str, Any]] = ()
    reasons: Sequence[str] = ()
    contact: Mapping[str, str] = field(default_factory=dict, repr=False)


def told(kept: BuyersOrder) -> dict[str, Any]:
    """One order as its buyer gets to read it; times in epoch ms, money in minor units, never a card."""
    header = kept.header
    return {
        "shop": header.key.shop,
        "order": header.key.order,
        "number": header.number,
        "paid_at": header.paid_at,
        "amount": header.amount,
        "currency": header.currency,
        "payments": list(header.payments),
        "contact": dict(kept.contact),
        "items": [{"sku": line.sku, "item": line.item, "quantity": line.quantity} for line in header.lines],
        "cards": [
            {
                "product": unit.sku,
                "state": unit.state.value,
                "last4": unit.last4,
                "shown_at": unit.exposed_at,
                "views": unit.views,
                "history": [{"at": step.at, "state": step.state.value} for step in unit.log],
            }
            for unit in kept.units
        ],
        "notes": list(kept.notes),
        "reports": list(kept.reports),
        "messages": list(kept.messages),
    }
