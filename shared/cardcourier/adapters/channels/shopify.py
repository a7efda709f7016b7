"""Shopify: topics orders/paid, orders/cancelled and refunds/create over HTTPS.

Source: shopify.dev, "Deliver webhooks through HTTPS" and the REST order and refund objects. The HMAC covers
the body alone, so topic and shop are unsigned text: the shop must be the connected one, and a body must
itself bear out what its topic says. There is no signed time stamp; a replay is harmless because every fact
has an id of its own.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
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
    key_text,
)
from cardcourier.errors import Refused

_UNPAID = frozenset(("pending", "authorized", "voided", "expired"))
_PAID_IN_FULL = frozenset(("paid", "partially_refunded", "refunded"))
_PAYMENT_ID = "paid"  # the order body names no payment; an order is paid once as far as it tells
_TOO_SHORT = "order must be fetched"  # a body that outgrew its carrier arrives as an id alone
_TEST_ORDER = Ignored("a test order in a shop that sells for real")
_DOMAIN_END = ".myshopify.com"
_LIVE: Mapping[str, Any] = MappingProxyType({})


def sign(secret: bytes | str, body: bytes) -> str:
    """The value of `X-Shopify-Hmac-Sha256` for a body: base64 of its HMAC-SHA256."""
    from base64 import b64encode  # only senders need it

    return b64encode(digest(_key(secret), body, "sha256")).decode()


def verify(
    secrets: Sequence[bytes | str],
    headers: Mapping[str, str],
    body: bytes,
    now_ms: int,
    shop_meta: Mapping[str, Any],
) -> bool:
    """As `Channel.verify`; the shop's `domain` in `shop_meta` must be the one in the headers."""
    made = digests([_key(secret) for secret in secrets], body)
    # A header sent twice arrives joined by a comma, which base64 never has: that is refused as well.
    given = from_base64(_header(headers, "hmac-sha256").strip())
    signed = any_equal(made, [given or b""])
    domain = str(shop_meta.get("domain", "")).lower()
    at_home = bool(domain) and _header(headers, "shop-domain").strip().lower() == domain
    return signed and at_home and bool(body) and bool(_header(headers, "topic"))


def event_id(headers: Mapping[str, str]) -> str:
    """`X-Shopify-Webhook-Id`: one per delivery, the same when Shopify tries again. Not signed."""
    try:
        return key_text(_header(headers, "webhook-id"))
    except Refused:
        return ""


def check_settings(secrets: Sequence[bytes | str], shop_meta: Mapping[str, Any]) -> None:
    """As `Channel.check_settings`: secrets that are not empty, and `domain` as name.myshopify.com."""
    if not secrets or not all(_key(secret) for secret in secrets):
        raise Refused("bad_secret", "secrets: give the app's client secret, or the key the admin page shows")
    domain = str(shop_meta.get("domain", ""))
    name = domain.lower().removesuffix(_DOMAIN_END)
    plain = name.replace("-", "a").isalnum() and name.isascii() and not name.startswith("-")
    if not plain or not domain.lower().endswith(_DOMAIN_END):
        raise Refused("bad_domain", f"domain must be the shop's own, such as my-shop{_DOMAIN_END}")


def parse(
    headers: Mapping[str, str], body: bytes, shop_meta: Mapping[str, Any] = _LIVE
) -> tuple[OrderEvent, ...]:
    """As `Channel.parse`."""
    match _header(headers, "topic").strip():
        case "orders/paid":
            return understood(lambda: _paid(payload.load(body), shop_meta))
        case "orders/cancelled":
            return understood(lambda: _cancelled(payload.load(body), shop_meta))
        case "refunds/create":
            return understood(lambda: _refunded(payload.load(body)))
        case "customers/data_request" | "customers/redact" | "shop/redact":
            return (NotUnderstood("a privacy request: someone has to answer it within 30 days"),)
        case _:
            return (Ignored("a topic that is not used: orders/paid, orders/cancelled, refunds/create are"),)


def _paid(order: Fields, shop_meta: Mapping[str, Any]) -> tuple[OrderEvent, ...]:
    if "financial_status" not in order or "line_items" not in order:
        return (NotUnderstood(_TOO_SHORT),)
    test = order.yes("test")
    if test and not shop_meta.get("test"):
        return (_TEST_ORDER,)
    currency = order.currency()
    total = order.required_money("total_price", currency)
    amount = _amount_paid(order, total, currency)
    if amount is None:
        return (Ignored("the order is not paid"),)
    # Nothing in the body says when it was paid; an order changes when it is paid, hence `updated_at`.
    paid_at = order.moment("updated_at", "processed_at", "created_at")
    paid = OrderPaid(
        order=order.key("id"),
        number=order.text("name") or order.text("id"),
        currency=currency,
        total=total,
        payments=(Payment(id=_PAYMENT_ID, amount=amount, at=paid_at),),
        lines=_lines(order, currency),
        contact=_contact(order),
        created_at=order.moment("created_at", default=paid_at),
        paid_at=paid_at,
        test=test,
    )
    return (paid, *_cancelled(order, shop_meta)) if "cancelled_at" in order else (paid,)


def _amount_paid(order: Fields, total: int, currency: str) -> int | None:
    """What came in, in minor units; None as long as nothing did."""
    status = order.word("financial_status")
    if status in _PAID_IN_FULL:
        return total
    if status in _UNPAID:
        return None
    amount = total - order.required_money("total_outstanding", currency)
    return amount if amount > 0 else None


def _cancelled(order: Fields, shop_meta: Mapping[str, Any]) -> tuple[OrderEvent, ...]:
    if "financial_status" not in order:
        return (NotUnderstood(_TOO_SHORT),)
    if order.yes("test") and not shop_meta.get("test"):
        return (_TEST_ORDER,)
    if "cancelled_at" not in order:
        return (NotUnderstood("cancelled_at is missing: the body does not say that the order was cancelled"),)
    return (
        OrderStopped(
            order=order.key("id"),
            kind="cancel",
            fact_id="cancel",
            at=order.moment("cancelled_at"),
            everything=True,
            reason=order.text("cancel_reason"),
        ),
    )


def _refunded(refund: Fields) -> tuple[OrderEvent, ...]:
    """Pieces are what the merchant took back, the amount is what was really paid back so far.

    The refund's note stays out: it is the merchant's free text and may name the buyer.
    """
    if "order_id" not in refund or "refund_line_items" not in refund:
        return (NotUnderstood(_TOO_SHORT),)
    transactions = [one for one in refund.each("transactions") if one.word("kind") == "refund"]
    pieces = tuple((line, quantity) for line, quantity in _returned([refund]).items() if quantity)
    if not pieces and not transactions:
        return (Ignored("a refund of no item and no money"),)
    currency = transactions[0].currency() if transactions else None
    return (
        OrderStopped(
            order=refund.key("order_id"),
            kind="refund",
            fact_id=refund.key("id"),
            at=refund.moment("processed_at", "created_at"),
            amount=_money_back(transactions, currency) if currency else None,
            currency=currency,
            pieces=pieces,
        ),
    )


def _money_back(transactions: Sequence[Fields], currency: str) -> int:
    if any(one.currency() != currency for one in transactions):
        raise Refused("bad_body", "transactions have more than one currency")
    done = [one for one in transactions if one.word("status") == "success"]
    return sum(one.required_money("amount", currency) for one in done)


def _returned(refunds: Sequence[Fields]) -> dict[str, int]:
    """Pieces taken back by these refunds, by line id."""
    pieces: dict[str, int] = {}
    for refund in refunds:
        for item in refund.each("refund_line_items"):
            line = item.key("line_item_id")
            pieces[line] = pieces.get(line, 0) + item.count("quantity")
    return pieces


def _lines(order: Fields, currency: str) -> tuple[Line, ...]:
    returned = _returned(order.each("refunds"))
    lines = (_line(item, returned, currency) for item in order.each("line_items"))
    return tuple(line for line in lines if line.quantity)  # none left: the line was edited away


def _line(item: Fields, returned: Mapping[str, int], currency: str) -> Line:
    """A line with the pieces that were sold: edits count, refunds do not.

    `current_quantity` lacks what was refunded, but each refund also arrives as refunds/create and ends its
    units then; taking it off here as well would end them twice.
    """
    line = item.key("id")
    quantity = item.count("quantity")
    listing, variant = _listing(item)
    return Line(
        id=line,
        item=listing,
        variant=variant,
        sku=item.text("sku"),
        title=item.text("name") or item.text("title"),
        quantity=min(quantity, item.count("current_quantity", quantity) + returned.get(line, 0)),
        unit_price=_unit_price(item, quantity, currency),
    )


def _listing(item: Fields) -> tuple[str, str]:
    """Product and variant; a line typed in by hand has neither and goes by its title."""
    if "product_id" in item:
        return item.key("product_id"), item.key("variant_id", "")
    title = item.text("title")
    try:
        return "custom", key_text(title)
    except Refused:
        return "custom", sha256(title.encode()).hexdigest()[:32]


def _unit_price(item: Fields, quantity: int, currency: str) -> int | None:
    """Price of one piece less its share of the line's discounts, rounded down to the minor unit.

    Down, so that rounding never lifts a line over its floor price.
    """
    price = item.money("price", currency)
    if price is None or not quantity:
        return price
    discounts = item.each("discount_allocations")
    off = sum(one.required_money("amount", currency) for one in discounts)
    return max(0, (price * quantity - off) // quantity)


def _contact(order: Fields) -> Contact:
    customer, billing = order.inside("customer"), order.inside("billing_address")
    client = order.inside("client_details")
    return payload.contact(
        emails=(order.word("email"), order.word("contact_email"), customer.word("email")),
        phones=(order.word("phone"), customer.word("phone"), billing.word("phone")),
        ips=(order.word("browser_ip"), client.word("browser_ip")),
        user_agent=client.word("user_agent"),
        language=order.word("customer_locale"),
        name=f"{customer.text('first_name')} {customer.text('last_name')}".strip() or billing.text("name"),
        buyer=customer.text("id"),
    )


def _header(headers: Mapping[str, str], name: str) -> str:
    """A header in the classic spelling or in the newer one without `x-`."""
    return headers.get(f"x-shopify-{name}") or headers.get(f"shopify-{name}", "")


def _key(secret: bytes | str) -> bytes:
    return secret.encode(errors="surrogatepass") if isinstance(secret, str) else secret
