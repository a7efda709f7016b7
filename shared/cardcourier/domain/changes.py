"""A change of one item of an order or of a batch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cardcourier.domain.canary import is_canary
from cardcourier.domain.orders import OrderKey
from cardcourier.domain.states import State

_WITH_BUYER = (State.DELIVERED, State.REVEALED)
Image = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Changed:
    """One item before and after a write, as plain values."""

    key: Mapping[str, str]
    before: Image | None
    after: Image | None

    @property
    def order(self) -> OrderKey:
        _, tenant, shop, order = self.key["pk"].split("#", 3)
        return OrderKey(tenant, shop, order)

    @property
    def of_order(self) -> bool:
        """Whether it is an item of an order, and not of a batch."""
        return self.key["pk"].startswith("O#")

    @property
    def of_canary(self) -> bool:
        """Whether it belongs to a canary's order."""
        return self.of_order and is_canary(self.order.tenant, self.order.shop)

    @property
    def handed_over(self) -> bool:
        """Whether this write handed a unit's card to its buyer."""
        after, before = self.after or {}, self.before or {}
        return after.get("st") in _WITH_BUYER and before.get("st") not in _WITH_BUYER

    @property
    def replaced(self) -> bool:
        """Whether this write gave a unit another card for one that did not work."""
        after, before = self.after or {}, self.before or {}
        return bool(before.get("card") and after.get("card") and before["card"] != after["card"])

    @property
    def newly_allocated(self) -> bool:
        """Whether this write gave a unit a card that nobody handed over yet."""
        after, before = self.after or {}, self.before or {}
        return after.get("st") == State.ALLOCATED and (
            before.get("st") != State.ALLOCATED or before.get("card") != after.get("card")
        )
