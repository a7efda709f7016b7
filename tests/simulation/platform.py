"""A shop platform: it signs what it tells and tells it again until it is answered with success, or gives
up.
"""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cardcourier.adapters.channels.standard import sign
from cardcourier.errors import CardCourierError
from tests.simulation.ground import BUYER, PRICE, secret_of, shop_of

TRIES = 6


@dataclass
class Told:
    """One fact as a platform knows it. `pieces` are refunded numbers by line, `everything` ends the order.

    `answered` counts how often it was taken; a fact that nobody took may be unknown to us.
    """

    kind: str
    order: tuple[str, str]
    id: str
    data: dict
    amount: int = 0
    pieces: dict[str, int] = field(default_factory=dict)
    everything: bool = False
    answered: int = 0


def paid(order: tuple[str, str], items, amount: int | None = None, payment: str = "pay-1") -> Told:
    """`items` are (item, quantity); every piece costs the same. Another `amount` than their sum is held."""
    tenant, number = order
    lines = [
        {"line_id": str(at), "item": item, "sku": item, "quantity": quantity, "unit_price": _money(PRICE)}
        for at, (item, quantity) in enumerate(items, 1)
    ]
    total = sum(PRICE * quantity for _, quantity in items)
    amount = total if amount is None else amount
    data = {
        "order_id": number,
        "currency": "CNY",
        "total": _money(total),
        "items": lines,
        "payments": [{"id": payment, "amount": _money(amount)}],
        "buyer": {"email": f"{number.lower()}@{tenant}.{BUYER}", "ip": "198.51.100.23"},
    }
    return Told("order.paid", order, payment, data, amount)


def refunded(order, refund: str, pieces: dict[str, int], amount: int) -> Told:
    """Without pieces the whole order."""
    data = {"order_id": order[1], "refund_id": refund, "amount": _money(amount), "currency": "CNY"}
    data |= (
        {"items": [{"line_id": line, "quantity": n} for line, n in pieces.items()]}
        if pieces
        else {"full": True}
    )
    return Told("order.refunded", order, refund, data, amount, pieces, not pieces)


def given_back(order, refund: str, amount: int) -> Told:
    """Money alone: no piece ends."""
    data = {"order_id": order[1], "refund_id": refund, "amount": _money(amount), "currency": "CNY"}
    return Told("order.refunded", order, refund, data, amount)


def cancelled(order) -> Told:
    return Told("order.cancelled", order, "cancel", {"order_id": order[1]}, everything=True)


def charged_back(order, amount: int) -> Told:
    data = {"order_id": order[1], "chargeback_id": "cb-1", "amount": _money(amount), "currency": "CNY"}
    return Told("order.chargeback", order, "cb-1", data, amount, everything=True)


def _money(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02d}"


def tell(world, told: Told, copies: int) -> None:
    """Tell it now, so many times at once, each until it is taken."""
    for copy in range(copies):
        _try(world, told, TRIES, f"{told.order[1]}-{told.kind.replace('.', '-')}-{told.id}-{copy}")


def _try(world, told: Told, left: int, event: str) -> None:
    tenant = told.order[0]
    at = world.scheduler.now
    stamp = datetime.fromtimestamp(at / 1000, UTC).isoformat().replace("+00:00", "Z")
    body = json.dumps({"type": told.kind, "timestamp": stamp, "data": told.data}).encode()
    headers = {
        "webhook-id": event[:64],
        "webhook-timestamp": str(at // 1000),
        "webhook-signature": sign(secret_of(tenant), event[:64], at // 1000, body),
    }

    def ended(strand) -> None:
        if strand.error is None:
            told.answered += 1
            if strand.answer.not_understood:
                raise AssertionError(strand.answer.not_understood)
            return
        if isinstance(strand.error, Exception) and not isinstance(strand.error, CardCourierError):
            world.failed(strand.error)
        if left > 1:
            wait = world.chance.random.choice((500, 5_000, 60_000))
            world.scheduler.after(wait, lambda: _try(world, told, left - 1, event))

    world.start(
        "webhooks",
        lambda parts, rid: parts.intake.receive("standard", shop_of(tenant), headers, body, rid),
        ended,
        tenant=tenant,
    )
