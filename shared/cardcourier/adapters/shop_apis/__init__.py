"""The shops that we call: one module per channel, found by its name.

    channel     what is called                                module
    shopify     Admin GraphQL, by the token of a custom app   `shopify`
    standard    a merchant's own site, signed by us           `standard` (docs/own-shop.md)

A module says what came of a call and keeps nothing. Every call may be repeated, and may arrive late.
"""

from collections.abc import Mapping
from typing import Protocol

from cardcourier.adapters.outbound_http import Poster
from cardcourier.adapters.shop_apis.shopify import ShopifyApi
from cardcourier.adapters.shop_apis.standard import StandardApi
from cardcourier.domain.shop_apis import Connection, Offer, Said


class ShopApi(Protocol):
    """What every channel's module offers. `token` is the plain text of the connection's."""

    def check(self, connection: Connection, token: str) -> None:
        """Raises Refused for a connection that can never work."""

    def offer(self, connection: Connection, token: str, offer: Offer) -> Said:
        """Tell the shop how many pieces of a listing there are, and whether it is for sale. Never raises."""


def shop_apis(poster: Poster) -> Mapping[str, ShopApi]:
    """Every channel that can be called."""
    return {"shopify": ShopifyApi(poster), "standard": StandardApi(poster)}
