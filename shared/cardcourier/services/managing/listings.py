"""Listings: which products a shop's item stands for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from cardcourier.domain.catalogue import Listing, Shop
from cardcourier.domain.kept import Kept
from cardcourier.domain.order_events import key_text
from cardcourier.domain.orders import OrderLine
from cardcourier.domain.states import Room
from cardcourier.errors import NotFound, Refused
from cardcourier.services.managing.products import RoomOpener
from cardcourier.services.settling.holds import listing_ref

MOST_PARTS = 20
MOST_CARDS = 50
"""Cards that one piece of a listing may hold."""


class Listings(Protocol):
    def shop(self, tenant: str, shop: str) -> Kept[Shop]: ...
    def has_product(self, tenant: str, sku: str) -> bool: ...
    def listing(self, tenant: str, shop: str, item: str, variant: str) -> list[Listing]: ...
    def replace_listing(
        self, tenant: str, shop: str, old: Sequence[Listing], new: Sequence[Listing], now: int, by: str
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class ListedPart:
    """One product of a listing; `floor` is the lowest price of a piece, in minor units, or None."""

    sku: str
    quantity: int = 1
    floor: int | None = None


@dataclass(frozen=True, slots=True)
class ListingsDesk:
    """Maps listings, and lets go the orders that waited for it."""

    listings: Listings
    opener: RoomOpener
    clock: Callable[[], int]

    def rows(self, tenant: str, shop: str, item: str, variant: str) -> list[Listing]:
        """What a listing holds now, nothing when nobody mapped it. Raises NotFound for no such shop."""
        self.listings.shop(tenant, shop)
        return self.listings.listing(tenant, shop, key_text(item), key_text(variant))

    def need(self, tenant: str, shop: str, item: str, variant: str) -> list[Listing]:
        """As `rows`; raises NotFound also when nobody mapped it."""
        rows = self.rows(tenant, shop, item, variant)
        if not rows:
            raise NotFound("not_found", "There is no such listing.")
        return rows

    def map(
        self,
        tenant: str,
        shop: str,
        item: str,
        variant: str,
        parts: Sequence[ListedPart],
        old: Sequence[Listing],
        by: str,
    ) -> list[Listing]:
        """Say what a listing holds instead of `old`; no parts mean that it is not ours.

        Raises Refused, Conflict when somebody mapped it meanwhile.
        """
        item, variant, now = key_text(item), key_text(variant), self.clock()
        self._check(tenant, parts)
        # The time, so that a listing forgotten and mapped anew is never taken for the one before.
        ver = max([now, *(row.ver + 1 for row in old)])
        new = [
            Listing(item=item, variant=variant, row=n, sku=p.sku, quantity=p.quantity, floor=p.floor, ver=ver)
            for n, p in enumerate(parts)
        ] or [Listing(item=item, variant=variant, row=0, sku="", ver=ver)]
        self.listings.replace_listing(tenant, shop, old, new, now, by)
        self.opener.open(tenant, Room.MAP, listing_ref(shop, OrderLine("", item, variant, "", 1, None)))
        return new

    def forget(self, tenant: str, shop: str, old: Sequence[Listing], by: str) -> None:
        """Nobody has mapped this listing any more. Raises Conflict."""
        self.listings.replace_listing(tenant, shop, old, [], self.clock(), by)

    def _check(self, tenant: str, parts: Sequence[ListedPart]) -> None:
        if len(parts) > MOST_PARTS or sum(part.quantity for part in parts) > MOST_CARDS:
            raise Refused(
                "bad_listing", f"A listing has at most {MOST_PARTS} parts with {MOST_CARDS} cards together."
            )
        for part in parts:
            if not self.listings.has_product(tenant, part.sku):
                raise Refused("no_such_product", f"There is no product {part.sku}; create it first.")
