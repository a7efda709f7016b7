"""A tenant with a shop, products and cards, and signed orders for it: what every measurement needs."""

import base64
import hmac
import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from local.cloud import Cloud

TENANT, SHOP, SKU = "bench", "bench-web", "MGTV-MONTH"
KEY = b"a signing secret of thirty-two b"
SECRET = "whsec_" + base64.b64encode(KEY).decode()


@contextmanager
def cloud(*, still: bool = False, **options: Any) -> Iterator[Cloud]:
    """A fresh local cloud; this process then has its functions' environment."""
    with (
        TemporaryDirectory(prefix="cardcourier-bench-") as folder,
        Cloud(Path(folder) / "cloud", fresh=True, quiet=True, sources=not still, **options) as running,
    ):
        os.environ.update(running.environment)
        # Functions that are called in this process shall not fill the terminal.
        os.environ |= {"POWERTOOLS_LOG_LEVEL": "CRITICAL", "POWERTOOLS_METRICS_DISABLED": "true"}
        _forget()
        yield running


def _forget() -> None:
    """The parts that were made for another cloud."""
    from cardcourier import wiring

    for part in vars(wiring).values():
        if hasattr(part, "cache_clear"):
            part.cache_clear()


def open_shop(cards: int, sku: str = SKU) -> None:
    """Create the tenant, its keys, a shop, a product, and so many cards of it."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    from cardcourier import wiring
    from cardcourier.adapters.keyring import EVERYWHERE
    from cardcourier.adapters.tables import catalogue as names
    from cardcourier.adapters.tables import keys
    from cardcourier.clock import now_ms
    from cardcourier.domain.catalogue import Product, Shop, Tenant

    now, documents = now_ms(), wiring.catalogue_table()
    documents.put(names.tenant_key(TENANT), Tenant(id=TENANT, name="Bench", created_at=now), now, "bench")
    wiring.key_ring().provide(TENANT, "pepper")
    wiring.key_ring().provide(EVERYWHERE, "link")
    sealed = wiring.shop_secrets().seal(TENANT, SHOP, SECRET)
    shop = Shop(id=SHOP, tenant=TENANT, channel="standard", name="Bench", secrets=(sealed,))
    documents.put(keys.shop(SHOP), shop, now, "bench")
    product = Product(tenant=TENANT, sku=sku, name="Mango TV", issuer="mgtv", max_views=1000)
    documents.put(names.product_key(TENANT, sku), product, now, "bench")
    cipher = AESGCM(wiring.key_ring().create(TENANT, "card", "b1"))
    put_cards(cipher, cards, sku, now)


def put_cards(cipher: Any, cards: int, sku: str, now: int) -> None:
    """Vault items and markers, in bulk: the measurement is not about importing."""
    from cardcourier import wiring
    from cardcourier.adapters.tables.records import marker_record
    from cardcourier.adapters.vault import record_of
    from cardcourier.domain.cards import Card
    from cardcourier.domain.stock import Marker, bucket_of

    vault, markers = [], []
    for row in range(cards):
        code = f"{secrets.token_hex(8).upper()}{row:08d}"
        card = wiring.fingerprints().card_id(TENANT, "mgtv", code)
        vault.append(record_of(cipher, TENANT, card, "b1", sku, row, Card(code=code), now))
        marker = Marker(
            card=card, bucket=bucket_of(None), shard=0, batch="b1", last4=code[-4:], cost=1500, currency="CNY"
        )
        markers.append(marker_record(marker, TENANT, sku, 1))
    wiring.vault().table.put_many(vault)
    wiring.main_table().put_many(markers)


def signed_order(
    number: str, quantity: int = 1, sku: str = SKU, *, mail: bool = True
) -> tuple[bytes, dict[str, str]]:
    """The body and headers of an `order.paid` notification of a shop's own system."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    line = {"line_id": "1", "sku": sku, "quantity": quantity, "unit_price": "25.00"}
    data = {
        "order_id": number,
        "currency": "CNY",
        "total": f"{25 * quantity}.00",
        "paid_at": now,
        "payments": [{"id": f"pay-{number}", "amount": f"{25 * quantity}.00", "paid_at": now}],
        "buyer": {"ip": "198.51.100.23"} | ({"email": f"buyer-{number}@example.com"} if mail else {}),
        "items": [line],
    }
    body = json.dumps({"type": "order.paid", "timestamp": now, "data": data}).encode()
    event, stamp = f"msg_{number}", str(int(time.time()))
    mac = hmac.digest(KEY, f"{event}.{stamp}.".encode() + body, "sha256")
    headers = {
        "content-type": "application/json",
        "webhook-id": event,
        "webhook-timestamp": stamp,
        "webhook-signature": "v1," + base64.b64encode(mac).decode(),
    }
    return body, headers
