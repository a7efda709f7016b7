"""A merchant's own site: signed messages as Standard Webhooks has them, told in docs/own-shop.md.

The site answers with 2xx once it took a message. Of two `stock.set` for one listing the one with the higher
`sequence` counts, whichever came last; a message that comes again has the same `webhook-id`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from cardcourier.adapters.channels import standard
from cardcourier.adapters.outbound_http import Poster
from cardcourier.adapters.outbound_signing import signed_headers
from cardcourier.domain.endpoints import check_url
from cardcourier.domain.outbound import rfc3339
from cardcourier.domain.shop_apis import DONE, Connection, Offer, Said, later, refused

STOCK = "stock.set"
_NOT_NOW = frozenset({408, 409, 425, 429})


@dataclass(frozen=True, slots=True)
class StandardApi:
    poster: Poster

    def check(self, connection: Connection, token: str) -> None:
        check_url(connection.url, local=self.poster.local)
        standard.check_settings([token], {})

    def offer(self, connection: Connection, token: str, offer: Offer) -> Said:
        data = {
            "shop": offer.shop,
            "item": offer.item,
            "variant": offer.variant,
            "available": offer.available,
            "sale": offer.sale.value,
            "release_at": None if offer.release_at is None else rfc3339(offer.release_at),
            "sequence": offer.sequence,
        }
        return self.tell(connection, token, STOCK, data, f"{offer.item}/{offer.variant}/{offer.sequence}")

    def tell(self, connection: Connection, token: str, kind: str, data: Mapping[str, Any], name: str) -> Said:
        """Send one message; of a shop and kind the same `name` is the same message, however often sent."""
        now = self.poster.clock()
        told = {"type": kind, "timestamp": rfc3339(now), "data": data}
        body = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
        digest = sha256(f"{connection.shop}\n{kind}\n{name}".encode()).hexdigest()[:24]
        answer = self.poster.post(connection.url, signed_headers([token], f"msg_{digest}", now, body), body)
        if answer.good:
            return DONE
        if answer.status is None:
            wrong = answer.error in ("bad_url", "blocked_address")
            return refused(answer.error) if wrong else later(answer.error)
        if answer.status in _NOT_NOW or answer.status >= 500:
            return later(f"http_{answer.status}", answer.asked)
        return refused(f"http_{answer.status}")
