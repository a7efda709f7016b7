"""The platforms that tell us of orders: one module each, found by the name in their webhook's address.

    channel     authentication                     module
    shopify     HMAC of the body, no time stamp    `shopify`
    standard    Standard Webhooks v1               `standard` (a shop's own system, see docs/own-shop.md)

A channel proves who sent the bytes and says what they mean; it keeps nothing and decides nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from cardcourier.adapters.channels import shopify, standard
from cardcourier.domain.order_events import OrderEvent


class Channel(Protocol):
    """What every platform's module offers. Header names are lower case, `body` is the raw request."""

    def verify(
        self,
        secrets: Sequence[bytes | str],
        headers: Mapping[str, str],
        body: bytes,
        now_ms: int,
        shop_meta: Mapping[str, Any],
    ) -> bool:
        """Whether one of the secrets signed exactly these bytes for this shop, now.

        Never raises. Takes the same work whatever is wrong, also with no secrets at all, so call it for an
        unknown shop too.
        """

    def parse(
        self, headers: Mapping[str, str], body: bytes, shop_meta: Mapping[str, Any] = ...
    ) -> tuple[OrderEvent, ...]:
        """What verified bytes say; at least one event, never raises.

        A test order counts only in a shop whose meta has `test` true: else it is Ignored, so that it cannot
        use up real stock.
        """

    def event_id(self, headers: Mapping[str, str]) -> str:
        """The platform's id of this notification, the same in its repeats; empty if there is none."""

    def check_settings(self, secrets: Sequence[bytes | str], shop_meta: Mapping[str, Any]) -> None:
        """Raises Refused when a shop could never receive anything with these settings."""


CHANNELS: Mapping[str, Channel] = {"shopify": shopify, "standard": standard}
