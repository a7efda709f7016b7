"""What a buyer is told of an order."""

from collections.abc import Mapping
from dataclasses import dataclass

from cardcourier.domain.catalogue import Tenant
from cardcourier.domain.orders import Header


@dataclass(frozen=True, slots=True)
class Notice:
    """`kind` is `delivered`, `replaced` or `again`; `items` says how many cards of each SKU it is about.

    `delivered` of `total` cards are there; the link ends at `expires_at` (epoch ms).
    """

    kind: str
    header: Header
    tenant: Tenant
    link: str
    code: str
    items: Mapping[str, int]
    delivered: int
    total: int
    expires_at: int
