"""Shopify: the Admin GraphQL API, called with the token of a merchant's custom app.

Source: shopify.dev, Admin GraphQL 2026-10. A quantity is set against the one that was read
(`changeFromQuantity`), so that a call which arrives late changes nothing; it carries a key of its own
(`@idempotent`), so that one which arrives twice counts once. An answer with status 200 may hold `errors` or
`userErrors` and is a failure then. Needs write_inventory, write_products and read_locations.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID

from cardcourier.adapters.outbound_http import Poster
from cardcourier.domain.free_text import without_contacts
from cardcourier.domain.shop_apis import DONE, Connection, Offer, Said, Sale, later, refused
from cardcourier.errors import Refused

API_VERSION = "2026-10"
"""The one place that names it; a version lives for about a year."""

_DOMAIN = re.compile(r"[a-z0-9][a-z0-9-]*\.myshopify\.com")
_TOKEN = re.compile(r"[\x21-\x7e]{8,200}")
_ID = re.compile(r"\d{1,19}")
_AGAIN = frozenset(
    {"CHANGE_FROM_QUANTITY_STALE", "IDEMPOTENCY_CONCURRENT_REQUEST", "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED"}
)
_OURS_TO_REPEAT = frozenset({"INTERNAL_SERVER_ERROR", "TIMEOUT"})
LONGEST_THROTTLE = 60_000

_LISTING = """query Listing($variant: ID!) {
  productVariant(id: $variant) {
    id inventoryPolicy product { id status }
    inventoryItem { id tracked inventoryLevels(first: 50) {
      nodes { location { id } quantities(names: ["available"]) { name quantity } } } }
  }
}"""
_QUANTITY = """mutation Quantity($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) { userErrors { code field message } }
}"""
_POLICY = """mutation Policy($product: ID!, $variants: [ProductVariantsBulkInput!]!) {
  productVariantsBulkUpdate(productId: $product, variants: $variants) { userErrors { code field message } }
}"""
_STATUS = """mutation Status($product: ProductUpdateInput!) {
  productUpdate(product: $product) { userErrors { field message } }
}"""


class _Stop(Exception):
    """The call ends here, with what is to be said of it."""

    def __init__(self, said: Said) -> None:
        super().__init__(said.why)
        self.said = said


@dataclass(frozen=True, slots=True)
class ShopifyApi:
    """`base` is where the shop answers; only tests know another."""

    poster: Poster
    base: str = "https://{domain}"

    def check(self, connection: Connection, token: str) -> None:
        if not _DOMAIN.fullmatch(connection.domain):
            raise Refused("bad_domain", "The shop's domain must be its name.myshopify.com.")
        if not _TOKEN.fullmatch(token):
            raise Refused("bad_token", "token must be that of a custom app, such as shpat_….")
        if connection.location and not _ID.fullmatch(connection.location):
            raise Refused("bad_location", "location must be the number of a location of the shop.")

    def offer(self, connection: Connection, token: str, offer: Offer) -> Said:
        """First the number, which is what buyers can take; then what is shown of the listing."""
        call = _Calls(self, connection, token)
        try:
            variant = call.listing(offer)
            if offer.sale is Sale.OFF:
                call.policy(variant, "DENY")
            call.quantity(variant, offer)
            if offer.sale is Sale.PRESALE:
                call.policy(variant, "CONTINUE")
            elif offer.before is Sale.PRESALE:
                call.policy(variant, "DENY")
            call.status(variant, offer)
        except _Stop as stop:
            return stop.said
        return DONE


@dataclass(frozen=True, slots=True)
class _Calls:
    api: ShopifyApi
    connection: Connection
    token: str

    def listing(self, offer: Offer) -> dict[str, Any]:
        """The variant as it is now."""
        if not _ID.fullmatch(offer.variant):
            raise _Stop(refused("no_variant: map the listing by the variant's number"))
        variant = self.ask(_LISTING, {"variant": f"gid://shopify/ProductVariant/{offer.variant}"})
        found = variant.get("productVariant")
        if not isinstance(found, dict):
            raise _Stop(refused("no_variant: the shop has no such variant any more"))
        return found

    def quantity(self, variant: Mapping[str, Any], offer: Offer) -> None:
        wanted = 0 if offer.sale is Sale.OFF else offer.available
        place, there = self._place(variant["inventoryItem"])
        if there == wanted:
            return
        change = {
            "inventoryItemId": variant["inventoryItem"]["id"],
            "locationId": place,
            "quantity": wanted,
            "changeFromQuantity": there,
        }
        told = {"name": "available", "reason": "correction", "quantities": [change]}
        # The key names the very change: another number that was read is another change.
        key = _key(self.connection.shop, offer.variant, offer.sequence, there, wanted)
        self.change("inventorySetQuantities", _QUANTITY, {"input": told, "key": key})

    def policy(self, variant: Mapping[str, Any], wanted: str) -> None:
        """Whether the variant is sold on below zero."""
        if variant["inventoryPolicy"] == wanted:
            return
        variants = [{"id": variant["id"], "inventoryPolicy": wanted}]
        told = {"product": variant["product"]["id"], "variants": variants}
        self.change("productVariantsBulkUpdate", _POLICY, told)

    def status(self, variant: Mapping[str, Any], offer: Offer) -> None:
        """Take a product off sale with the last of its variants, and put back what we took off."""
        product = variant["product"]
        if offer.item_off and product["status"] == "ACTIVE":
            wanted = "DRAFT"
        elif offer.before is Sale.OFF and not offer.item_off and product["status"] == "DRAFT":
            wanted = "ACTIVE"
        else:
            return
        self.change("productUpdate", _STATUS, {"product": {"id": product["id"], "status": wanted}})

    def change(self, name: str, query: str, variables: Mapping[str, Any]) -> None:
        answer = self.ask(query, variables).get(name) or {}
        for error in answer.get("userErrors") or ():
            code = str(error.get("code") or "USER_ERROR")
            if code in _AGAIN:
                raise _Stop(later(code))
            raise _Stop(refused(f"{code}: {without_contacts(str(error.get('message') or ''))}"))

    def ask(self, query: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """The data of one answer."""
        host = self.api.base.format(domain=self.connection.domain)
        headers = {"content-type": "application/json", "x-shopify-access-token": self.token}
        body = json.dumps({"query": query, "variables": variables}).encode()
        url = f"{host}/admin/api/{API_VERSION}/graphql.json"
        answer, text = self.api.poster.ask(url, headers, body)
        if answer.status is None:
            raise _Stop(later(answer.error))
        if answer.status == 429 or answer.status >= 500:
            raise _Stop(later(f"http_{answer.status}", answer.asked))
        if answer.status != 200:
            raise _Stop(refused(f"http_{answer.status}"))
        try:
            found = json.loads(text)
            errors, data = found.get("errors"), found.get("data")
        except (ValueError, AttributeError):
            raise _Stop(later("not_json")) from None
        if errors:
            raise _Stop(_of_errors(errors, found.get("extensions")))
        if not isinstance(data, dict):
            raise _Stop(later("no_data"))
        return data

    def _place(self, item: Mapping[str, Any]) -> tuple[str, int]:
        """Where the stock of an item is counted, and how much is there."""
        if not item.get("tracked"):
            raise _Stop(refused("not_tracked: have Shopify track the quantity of this variant"))
        levels = item["inventoryLevels"]["nodes"]
        chosen = f"gid://shopify/Location/{self.connection.location}"
        if self.connection.location:
            levels = [level for level in levels if level["location"]["id"] == chosen]
        if len(levels) != 1:
            raise _Stop(refused("no_location: say at which of the shop's locations cards are counted"))
        level = levels[0]
        return str(level["location"]["id"]), int(level["quantities"][0]["quantity"])


def _of_errors(errors: Any, extensions: Any) -> Said:
    first = errors[0] if isinstance(errors, list) and isinstance(errors[0], dict) else {}
    code = str((first.get("extensions") or {}).get("code") or "ERROR")
    if code == "THROTTLED":
        return later(code, _throttle(extensions))
    if code in _OURS_TO_REPEAT:
        return later(code)
    return refused(f"{code}: {without_contacts(str(first.get('message') or errors))}")


def _throttle(extensions: Any) -> int:
    """Milliseconds until the bucket holds what the call costs."""
    try:
        cost = extensions["cost"]
        status = cost["throttleStatus"]
        missing = float(cost["requestedQueryCost"]) - float(status["currentlyAvailable"])
        wait = int(max(0.0, missing) / float(status["restoreRate"]) * 1000)
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return 0
    return min(wait, LONGEST_THROTTLE)


def _key(*parts: str | int) -> str:
    return str(UUID(bytes=sha256("\n".join(map(str, parts)).encode()).digest()[:16], version=4))
