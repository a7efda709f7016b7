"""The event protocol for a shop's own system: Standard Webhooks v1 carrying our order events.

Source: the Standard Webhooks specification 1.0.0 (standardwebhooks.com) for headers and signature; the
events order.paid, order.cancelled, order.refunded and order.chargeback are ours, see docs/own-shop.md.
"""

from collections.abc import Mapping, Sequence
from hmac import digest
from types import MappingProxyType
from typing import Any

from cardcourier.adapters.channels import payload
from cardcourier.adapters.channels.payload import Fields, understood
from cardcourier.adapters.channels.signatures import any_equal, digests, from_base64
from cardcourier.domain.order_events import (
    Contact,
    Ignored,
    Line,
    NotUnderstood,
    OrderEvent,
    OrderPaid,
    OrderStopped,
    Payment,
    StopKind,
)
from cardcourier.errors import Refused

TOLERANCE_MS = 300_000
"""How far the sender's clock may be from ours, either way."""

_PREFIX = "whsec_"
_SPELLINGS = ("webhook-", "svix-")
_MOST_SIGNATURES = 10
_ID_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
_TESTS = frozenset(("ping", "test", "webhook.ping", "webhook.test"))
_NOT_YET = frozenset(("order.created", "order.updated"))
_KNOWN_TYPES = "type must be order.paid, order.cancelled, order.refunded or order.chargeback"
_LIVE: Mapping[str, Any] = MappingProxyType({})


def make_secret(random: bytes) -> str:
    """The text of a new secret, `whsec_` and base64, from 24 to 64 random bytes."""
    from base64 import b64encode  # only whoever makes a shop needs it

    if not 24 <= len(random) <= 64:
        raise Refused("bad_secret", "a secret has 24 to 64 random bytes")
    return _PREFIX + b64encode(random).decode()


def sign(secret: bytes | str, message_id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`; `timestamp` in seconds, as in `webhook-timestamp`."""
    from base64 import b64encode  # only senders need it

    key = _key(secret)
    if key is None:
        raise Refused("bad_secret", "a secret is whsec_ and base64")
    return "v1," + b64encode(digest(key, _signed_bytes(message_id, str(timestamp), body), "sha256")).decode()


def verify(
    secrets: Sequence[bytes | str],
    headers: Mapping[str, str],
    body: bytes,
    now_ms: int,
    shop_meta: Mapping[str, Any],
) -> bool:
    """As `Channel.verify`; the time stamp may be 300 s off, either way."""
    message_id, timestamp, signature = _headers(headers)
    made = digests([_key(secret) for secret in secrets], _signed_bytes(message_id, timestamp, body))
    signed = any_equal(made, _signatures(signature))
    return signed and _is_id(message_id) and abs(now_ms - _sent_at(headers)) <= TOLERANCE_MS


def event_id(headers: Mapping[str, str]) -> str:
    """`webhook-id`, signed, the same in every repeat."""
    message_id = _headers(headers)[0]
    return message_id if _is_id(message_id) else ""


def check_settings(secrets: Sequence[bytes | str], shop_meta: Mapping[str, Any]) -> None:
    """As `Channel.check_settings`: each secret is `whsec_` and base64 of 24 to 64 bytes."""
    keys = [_key(secret) for secret in secrets]
    if not keys or not all(key and 24 <= len(key) <= 64 for key in keys):
        raise Refused("bad_secret", "secrets: each must be whsec_ and base64 of 24 to 64 random bytes")


def parse(
    headers: Mapping[str, str], body: bytes, shop_meta: Mapping[str, Any] = _LIVE
) -> tuple[OrderEvent, ...]:
    """As `Channel.parse`."""
    return understood(lambda: _read(headers, payload.load(body), shop_meta))


def _read(headers: Mapping[str, str], event: Fields, shop_meta: Mapping[str, Any]) -> tuple[OrderEvent, ...]:
    kind = event.word("type")
    sent_at = event.moment("timestamp", default=_sent_at(headers))
    data = event.inside("data")
    if data.yes("test") and not shop_meta.get("test"):
        return (Ignored("a test event in a shop that sells for real"),)
    match kind:
        case "order.paid":
            return (_paid(data, sent_at),)
        case "order.cancelled":
            return (_stopped(data, "cancel", "cancel", data.moment("cancelled_at", default=sent_at)),)
        case "order.refunded":
            fact = data.key("refund_id", event_id(headers) or None)
            return (_stopped(data, "refund", fact, data.moment("refunded_at", default=sent_at)),)
        case "order.chargeback":
            fact = data.key("chargeback_id", event_id(headers) or None)
            return (_stopped(data, "chargeback", fact, data.moment("charged_back_at", default=sent_at)),)
        case _ if kind in _TESTS:
            return (Ignored("a test call"),)
        case _ if kind in _NOT_YET:
            return (Ignored("orders count once they are paid: order.paid"),)
        case _:
            return (NotUnderstood(_KNOWN_TYPES),)


def _paid(data: Fields, sent_at: int) -> OrderPaid:
    order = data.key("order_id")
    currency = data.currency()
    total = data.required_money("total", currency)
    paid_at = data.moment("paid_at", default=sent_at)
    return OrderPaid(
        order=order,
        number=data.text("number") or data.text("order_id") or order,
        currency=currency,
        total=total,
        payments=_payments(data, total, currency, paid_at),
        lines=tuple(_line(item, at, currency) for at, item in enumerate(data.each("items"), 1)),
        contact=_contact(data.inside("buyer")),
        created_at=data.moment("created_at", default=paid_at),
        paid_at=paid_at,
        test=data.yes("test"),
    )


def _payments(data: Fields, total: int, currency: str, paid_at: int) -> tuple[Payment, ...]:
    """The payments as listed; without a list one payment `pay` of the whole total."""
    listed = data.each("payments")
    if not listed:
        return (Payment(id="pay", amount=total, at=paid_at),)
    return tuple(
        Payment(
            id=one.key("id"),
            amount=one.required_money("amount", currency),
            at=one.moment("paid_at", default=paid_at),
        )
        for one in listed
    )


def _line(item: Fields, at: int, currency: str) -> Line:
    """A line. Without an id its place counts, from 1; without an item its SKU names the listing."""
    listing = item.key("item", "") or item.key("sku")
    return Line(
        id=item.key("line_id", str(at)),
        item=listing,
        variant=item.key("variant", ""),
        sku=item.text("sku"),
        title=item.text("title"),
        quantity=item.count("quantity"),
        unit_price=item.money("unit_price", currency),
    )


def _stopped(data: Fields, kind: StopKind, fact_id: str, at: int) -> OrderStopped:
    """Which units end: `full`, or the `items`, or with neither none yet, the `amount` being a money fact.

    A cancellation and a chargeback without items or `full` concern the whole order.
    """
    pieces = _pieces(data)
    everything = data.yes("full", default=kind != "refund" and not pieces)
    currency = data.currency() if "currency" in data or "amount" in data else None
    amount = data.money("amount", currency) if currency else None
    if not everything and not pieces and amount is None:
        raise Refused("bad_body", 'data needs "full": true, or items with line_id and quantity, or an amount')
    return OrderStopped(
        order=data.key("order_id"),
        kind=kind,
        fact_id=fact_id,
        at=at,
        amount=amount,
        currency=currency,
        everything=everything,
        pieces=pieces,
        payment_id=data.key("payment_id", "") or None,
        reason=data.text("reason"),
    )


def _pieces(data: Fields) -> tuple[tuple[str, int], ...]:
    pieces: dict[str, int] = {}
    for item in data.each("items"):
        line, quantity = item.key("line_id"), item.count("quantity")
        pieces[line] = pieces.get(line, 0) + quantity
    return tuple((line, quantity) for line, quantity in pieces.items() if quantity)


def _contact(buyer: Fields) -> Contact:
    return payload.contact(
        emails=(buyer.word("email"),),
        phones=(buyer.word("phone"),),
        ips=(buyer.word("ip"),),
        user_agent=buyer.word("user_agent"),
        language=buyer.word("language"),
        name=buyer.word("name"),
        buyer=buyer.text("id"),
        device=buyer.word("device"),
    )


def _headers(headers: Mapping[str, str]) -> tuple[str, str, str]:
    """Id, time stamp and signatures, all three in one spelling; empty where missing."""
    spelling = next((one for one in _SPELLINGS if f"{one}signature" in headers), _SPELLINGS[0])
    return (
        headers.get(f"{spelling}id", ""),
        headers.get(f"{spelling}timestamp", ""),
        headers.get(f"{spelling}signature", ""),
    )


def _signatures(header: str) -> list[bytes]:
    """The v1 digests of a header; other versions and broken items are passed over.

    An item with two commas is two headers joined on the way: then none counts.
    """
    items = header.split()
    if len(items) > _MOST_SIGNATURES or any(item.count(",") > 1 for item in items):
        return []
    return [from_base64(item.removeprefix("v1,")) or b"" for item in items if item.startswith("v1,")]


def _signed_bytes(message_id: str, timestamp: str, body: bytes) -> bytes:
    return f"{message_id}.{timestamp}.".encode(errors="replace") + body


def _is_id(text: str) -> bool:
    return 1 <= len(text) <= 64 and _ID_LETTERS.issuperset(text)


def _sent_at(headers: Mapping[str, str]) -> int:
    """The signed time stamp in milliseconds; 0 for anything but whole seconds."""
    timestamp = _headers(headers)[1]
    plain = timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 11
    return int(timestamp) * 1000 if plain else 0


def _key(secret: bytes | str) -> bytes | None:
    """The key of a secret, decoded; raw bytes without the prefix are the key itself."""
    if isinstance(secret, bytes) and not secret.startswith(_PREFIX.encode()):
        return secret
    text = secret if isinstance(secret, str) else secret.decode("ascii", "replace")
    return from_base64(text.removeprefix(_PREFIX))
