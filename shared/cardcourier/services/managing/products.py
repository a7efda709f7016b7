"""Products: what is sold, and when a presale opens."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from cardcourier.domain.canary import SKU
from cardcourier.domain.card_files import compile_pattern
from cardcourier.domain.catalogue import Product, Shop, check_sku
from cardcourier.domain.states import Room
from cardcourier.errors import Refused

MOST_SHARDS = 64


class Products(Protocol):
    def add_product(self, product: Product, now: int, by: str) -> None: ...
    def change_product(self, product: Product, seen_ver: int, now: int, by: str) -> None: ...
    def has_batch(self, tenant: str, sku: str) -> bool: ...
    def every_shop(self, tenant: str) -> list[Shop]: ...


class Rooms(Protocol):
    def open_room(self, tenant: str, room: Room, ref: str, due: int) -> bool: ...


class Passes(Protocol):
    def room(self, tenant: str, room: Room, ref: str, delay: int) -> None: ...


@dataclass(frozen=True, slots=True)
class RoomOpener:
    """Has a waiting room looked at now: by a message, and by the sweeper should the message be lost."""

    rooms: Rooms
    passes: Passes
    clock: Callable[[], int]

    def open(self, tenant: str, room: Room, ref: str) -> bool:
        """False when nobody waits there."""
        there = self.rooms.open_room(tenant, room, ref, self.clock())
        if there:
            self.passes.room(tenant, room, ref, 0)
        return there


@dataclass(frozen=True, slots=True)
class ProductsDesk:
    """Adds and changes products."""

    products: Products
    opener: RoomOpener
    clock: Callable[[], int]

    def add(self, product: Product, by: str) -> None:
        """Raises Refused, or Conflict when there is one with this SKU.

        Orders that named the SKU as their merchant code before it existed go on at once.
        """
        check_sku(product.sku)
        if product.sku == SKU:
            raise Refused("reserved_sku", f"sku: {SKU} is kept for the canary's own product; choose another.")
        if "%2F" in product.sku.upper():
            raise Refused("bad_sku", "A SKU must not hold %2F: in addresses it stands for a slash.")
        self._check(product)
        self.products.add_product(product, self.clock(), by)
        for shop in self.products.every_shop(product.tenant):
            self.opener.open(product.tenant, Room.MAP, f"{shop.id}/{product.sku}/")

    def change(self, before: Product, after: Product, seen_ver: int, by: str) -> None:
        """Raises Refused, Conflict. A new release time is looked at by whoever waits for it."""
        self._check(after)
        if after.shards < before.shards:
            raise Refused("bad_shards", "shards may only grow: cards lie in the old ones.")
        if after.kind != before.kind and self.products.has_batch(after.tenant, after.sku):
            raise Refused(
                "kind_is_fixed",
                f"kind: this product was filled as {before.kind}: cards in stock and with buyers were "
                "counted by it. Add another product instead.",
            )
        self.products.change_product(after, seen_ver, self.clock(), by)
        if after.release_at != before.release_at:
            self.opener.open(after.tenant, Room.PRE, after.sku)

    def _check(self, product: Product) -> None:
        if product.pattern:
            compile_pattern(product.pattern)
        if not 1 <= product.shards <= MOST_SHARDS:
            raise Refused("bad_shards", f"shards must be 1 to {MOST_SHARDS}.")
        if product.redeem_url and not product.redeem_url.startswith(("https://", "http://")):
            raise Refused("bad_url", "redeem_url must begin with https:// or http://.")
        if product.display == "direct" and product.policy != "repeat":
            raise Refused(
                "bad_display",
                f"display: direct opens the card by itself, which policy {product.policy} does not allow.",
            )
        _check_texts("steps", product.steps)
        _check_texts("steps_en", product.steps_en)


def _check_texts(name: str, texts: Iterable[str]) -> None:
    if any(not text.strip() for text in texts):
        raise Refused("bad_steps", f"{name}: every step needs a text.")
