"""Rows of lists, as people see them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cardcourier.domain.orders import Header, OrderKey, Unit, summarise


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRow:
    """One order in a list. `at` is when we first heard of it (epoch ms); `amount` in minor units."""

    key: OrderKey
    at: int
    number: str
    status: str
    amount: int
    currency: str
    counts: Mapping[str, int] = field(default_factory=dict)
    place: tuple[str, str] = ("", "")


def order_row(header: Header, units: list[Unit]) -> OrderRow:
    """Derive the row from the order as it is now."""
    summary = summarise(header, units)
    return OrderRow(
        key=header.key,
        at=header.listed_at,
        number=header.number or header.key.order,
        status=summary.status,
        amount=header.amount,
        currency=header.currency,
        counts=summary.counts,
    )
