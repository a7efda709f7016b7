"""What the outside world sends in the story: suppliers' card files and shops' signed notifications."""

import base64
import hmac
import io
import json
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import xlsxwriter

ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
MONTH, QUARTER, YEAR = "MGTV-MONTH", "MGTV-QUARTER", "MGTV-YEAR"
PRICES = {MONTH: 2500, QUARTER: 6800, YEAR: 21800}
SHOPIFY_ITEM = {MONTH: ("8200000000001", "44000000000001"), QUARTER: ("8200000000001", "44000000000002")}
GIFT_ITEM = ("8200000000009", "44000000000009")


def card_code() -> str:
    """A code as card makers print them: four groups of four."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(4)) for _ in range(4))


def supplier_file(cards: int, kind: str, *, flaws: bool = False) -> bytes:
    """A supplier's text file: card number, four dashes, code; in GB18030, with Windows line ends.

    With `flaws` one line stands twice and one has lost its code, as it happens.
    """
    prefix = {"月卡": "MY", "季卡": "MJ", "年卡": "MN"}[kind]
    lines = [f"{prefix}{secrets.randbelow(10**10):010d}----{card_code()}" for _ in range(cards)]
    if flaws:
        lines.insert(3, lines[1])
        lines.insert(7, f"{prefix}0000000000----")
    return ("卡号----卡密\r\n" + "\r\n".join(lines) + "\r\n").encode("gb18030")


def supplier_workbook(cards: int) -> bytes:
    """A supplier's Excel file: number, code, a date as Excel keeps it, and the face value."""
    held = io.BytesIO()
    with xlsxwriter.Workbook(held, {"in_memory": True}) as book:
        sheet, day = book.add_worksheet("月卡"), book.add_format({"num_format": "yyyy-mm-dd"})
        sheet.write_row(0, 0, ["序号", "卡号", "卡密", "有效期", "面值"])
        ends = datetime.now() + timedelta(days=400)
        for row in range(1, cards + 1):
            sheet.write_number(row, 0, row)
            sheet.write_row(row, 1, [f"MX{secrets.randbelow(10**10):010d}", card_code()])
            sheet.write_datetime(row, 3, ends, day)
            sheet.write_number(row, 4, 25)
    return held.getvalue()


def shared_card() -> bytes:
    """A file with one code."""
    return f"{card_code()}\n".encode()


@dataclass(slots=True)
class ShopifyShop:
    """A Shopify store as its webhooks look from outside."""

    webhook_url: str
    secret: str
    domain: str
    client: httpx.Client

    def send(self, topic: str, body: dict[str, Any], *, secret: str = "") -> int:
        """Post a signed notification, or with another `secret` a forged one; returns the status."""
        raw = json.dumps(body, ensure_ascii=False).encode()
        mac = base64.b64encode(hmac.digest((secret or self.secret).encode(), raw, "sha256")).decode()
        headers = {
            "content-type": "application/json",
            "x-shopify-topic": topic,
            "x-shopify-shop-domain": self.domain,
            "x-shopify-api-version": "2026-10",
            "x-shopify-webhook-id": secrets.token_hex(16),
            "x-shopify-event-id": secrets.token_hex(16),
            "x-shopify-triggered-at": _now(),
            "x-shopify-hmac-sha256": mac,
        }
        return self.client.post(self.webhook_url, content=raw, headers=headers).status_code

    def order(self, order: str, lines: list[tuple[str, str, str, int, int]], email: str) -> dict[str, Any]:
        """An order's JSON. A line is product, variant, code, quantity, unit price in minor units."""
        total = sum(quantity * price for *_, quantity, price in lines)
        return {
            "id": int(order),
            "name": f"#{order[-4:]}",
            "test": False,
            "financial_status": "paid",
            "currency": "CNY",
            "total_price": _major(total),
            "email": email,
            "browser_ip": "198.51.100.23",
            "created_at": _now(),
            "processed_at": _now(),
            "updated_at": _now(),
            "line_items": [
                {
                    "id": int(order) * 10 + n,
                    "product_id": int(product),
                    "variant_id": int(variant),
                    "sku": code or None,
                    "title": "芒果TV会员",
                    "quantity": quantity,
                    "current_quantity": quantity,
                    "price": _major(price),
                    "total_discount": "0.00",
                }
                for n, (product, variant, code, quantity, price) in enumerate(lines, start=1)
            ],
            "refunds": [],
        }

    def refund(self, order: str, line: int, quantity: int, amount: int) -> dict[str, Any]:
        """A refund of some pieces of one line."""
        number = secrets.randbelow(10**12)
        return {
            "id": number,
            "order_id": int(order),
            "created_at": _now(),
            "processed_at": _now(),
            "refund_line_items": [{"id": number, "line_item_id": line, "quantity": quantity}],
            "transactions": [
                {
                    "id": number,
                    "kind": "refund",
                    "status": "success",
                    "amount": _major(amount),
                    "currency": "CNY",
                }
            ],
        }


@dataclass(slots=True)
class OwnShop:
    """A shop's own system, speaking Standard Webhooks."""

    webhook_url: str
    secret: str
    client: httpx.Client

    def send(self, kind: str, data: dict[str, Any]) -> int:
        raw = json.dumps({"type": kind, "timestamp": _now(), "data": data}, ensure_ascii=False).encode()
        event, stamp = f"msg_{secrets.token_hex(12)}", str(int(time.time()))
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        mac = base64.b64encode(hmac.digest(key, f"{event}.{stamp}.".encode() + raw, "sha256")).decode()
        headers = {
            "content-type": "application/json",
            "webhook-id": event,
            "webhook-timestamp": stamp,
            "webhook-signature": f"v1,{mac}",
        }
        return self.client.post(self.webhook_url, content=raw, headers=headers).status_code

    def order(
        self, order: str, lines: list[tuple[str, int]], email: str, paid_at: str = "", price: int = 0
    ) -> dict[str, Any]:
        """An order's data. A line is a SKU and a quantity; a piece costs `price`, or what is listed."""
        prices = {sku: price or PRICES[sku] for sku, _ in lines}
        total = sum(prices[sku] * quantity for sku, quantity in lines)
        return {
            "order_id": order,
            "currency": "CNY",
            "total": _major(total),
            "paid_at": paid_at or _now(),
            "payments": [{"id": f"pay-{order}", "amount": _major(total), "paid_at": paid_at or _now()}],
            "buyer": {"email": email, "ip": "203.0.113.9", "language": "zh-CN"},
            "items": [
                {
                    "line_id": str(n),
                    "sku": sku,
                    "quantity": quantity,
                    "unit_price": _major(price or PRICES[sku]),
                }
                for n, (sku, quantity) in enumerate(lines, start=1)
            ],
        }


def local_address(url: str, base: str) -> str:
    """The same path on the address that this story talks to."""
    return base + urlsplit(url).path


def moment(seconds: float) -> str:
    """So many seconds from now, in RFC 3339."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


def _now() -> str:
    return moment(0)


def _major(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02d}"
