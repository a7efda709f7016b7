"""Events that merchants' systems hear of: what they are called, what they say, how they are named.

An event is a line of the journal told outside: its id and its time come from the line, so the same change of
the table gives the same event, however often it is read. It never holds a card, a token or a contact.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from cardcourier.domain.canary import IMPORT
from cardcourier.domain.journal import JournalLine
from cardcourier.domain.ledger import Leg
from cardcourier.domain.notification import UNDELIVERED
from cardcourier.domain.orders import Header, Unit
from cardcourier.domain.states import HANDED_OVER, State

Image = Mapping[str, Any]

TEST = "webhook.test"
DELIVERED = "order.delivered"
IMPORTED = "import.committed"
UNTOLD = "notification.failed"
TYPES: Mapping[str, str] = {
    "order.paid": "the first payment of an order came",
    "order.payment_added": "a further payment of an order came",
    "order.refunded": "money of an order was given back",
    "order.cancelled": "an order, or a part of it, was cancelled",
    "order.asked": "money was given back, and a person has to say which pieces end for it",
    "order.answered": "somebody said that no piece ends for money that was given back",
    "order.disputed": "a chargeback is disputed: cards that were shown are kept until it is decided",
    "order.dispute_won": "the bank decided for the merchant",
    "order.dispute_lost": "the bank decided for the buyer: cards that were kept are burnt",
    "order.charged_back": "a payment was taken back by the buyer's bank",
    DELIVERED: "every card of an order was handed over; again after a replacement",
    "unit.held": "a piece waits for a person; `reason` says why",
    "unit.scheduled": "a piece waits for the opening of its presale",
    "unit.backorder": "a piece waits for stock",
    "unit.allocated": "a piece got its card",
    "unit.delivered": "the buyer was told of a piece",
    "unit.revealed": "the buyer saw the card of a piece for the first time",
    "unit.replaced": "a piece got another card for one that does not work",
    "unit.cancelled": "a piece ended before it had a card",
    "unit.returned": "a piece ended and its card, never shown, is back in stock",
    "unit.disputed": "a piece ended, its card is kept and shown to nobody while the chargeback is disputed",
    "unit.refunded": "a piece ended and its card, shown before, is burnt",
    "claim.opened": "a buyer says that a card does not work, or a person opened the claim again",
    "claim.closed": "a claim was replaced, refunded, rejected or withdrawn; `state` says which",
    UNTOLD: "a message to a buyer will not be tried again by itself",
    IMPORTED: "a file of cards was taken into stock",
    TEST: "sent when asked for, to try an endpoint",
}
"""Every type, with what it means. Names of order and unit events are those of the journal."""

_COUNTS = ("rows", "accepted", "duplicates_in_file", "duplicates_in_stock", "expired", "bad")
_OF_IMPORT = ("sku", "batch", "file_name", *_COUNTS)

MOST_UNITS = 200
"""Units named in `order.delivered`; `unit_count` counts all of them."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at `at` (epoch ms); `body` is the very text that is sent."""

    id: str
    tenant: str
    type: str
    at: int
    body: str


def make_event(tenant: str, event_type: str, at: int, seed: str, data: Mapping[str, Any]) -> Event:
    """An event whose id tells its time and sorts by it; the same seed gives the same id."""
    digest = sha256(f"{tenant}\n{event_type}\n{seed}".encode()).hexdigest()[:20]
    told = {"type": event_type, "timestamp": rfc3339(at), "data": data}
    body = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
    return Event(f"evt_{at:013d}_{digest}", tenant, event_type, at, body)


def event_of(line: JournalLine, after: Image) -> Event | None:
    """The event of one change of an order, if there is one of this kind."""
    if line.kind not in TYPES:
        return None
    data = {
        "shop": line.shop,
        "order_id": line.order,
        "number": line.number,
        **_said(line, after),
        "entries": [_entry(leg) for leg in line.legs],
        "version": line.ver,
    }
    return make_event(line.tenant, line.kind, line.at, line.id, data)


def delivered(header: Header, units: Sequence[Unit]) -> Event:
    """That every card of an order was handed over, told anew for each replacement."""
    handed = [unit for unit in units if unit.state in HANDED_OVER]
    at = max(map(_handed_at, handed))
    key, generation = header.key, sum(unit.gen for unit in handed)
    data = {
        "shop": key.shop,
        "order_id": key.order,
        "number": header.number,
        "unit_count": len(handed),
        "units": [
            {
                "unit": unit.name.replace("#", "/"),
                "line": unit.line,
                "sku": unit.sku,
                "state": unit.state.value,
                "last4": unit.last4,
            }
            for unit in handed[:MOST_UNITS]
        ],
    }
    return make_event(key.tenant, DELIVERED, at, f"{key.shop}/{key.order}/{generation}", data)


def imported(before: Image | None, after: Image | None) -> Event | None:
    """That an import was committed, out of the change of its job; never of the canary's cards."""
    job, was = _job(after), _job(before)
    if job.get("kind") != "import" or job.get("state") != "committed" or was.get("state") == "committed":
        return None
    if str(job["id"]).endswith(f"-{IMPORT}"):
        return None
    at, facts = int((after or {})["at"]), job.get("data") or {}
    data = {"import": job["id"], **{name: facts[name] for name in _OF_IMPORT if name in facts}}
    return make_event(job["tenant"], IMPORTED, at, job["id"], data)


def untold(before: Image | None, after: Image | None, key: Mapping[str, str]) -> Event | None:
    """That a buyer could not be told, out of the change of a notification; never to which address."""
    now, was = after or {}, before or {}
    if now.get("kind") != "notification" or now["st"] not in UNDELIVERED or was.get("st") == now["st"]:
        return None
    name = key["sk"].partition("#")[2]
    data = {
        "shop": now["shop"],
        "order_id": now["order"],
        "notification": name,
        "occasion": now["told"],
        "channel": now["channel"],
        "state": now["st"],
    }
    at, ver = int(now["at"]), int(now["ver"])
    return make_event(now["t"], UNTOLD, at, f"{now['shop']}/{now['order']}/{name}/{ver}", data)


def rfc3339(at: int) -> str:
    """A time in UTC to the millisecond."""
    return f"{datetime.fromtimestamp(at // 1000, UTC):%Y-%m-%dT%H:%M:%S}.{at % 1000:03d}Z"


def _said(line: JournalLine, after: Image) -> dict[str, Any]:
    if line.kind.startswith("claim."):
        return _of_claim(line, after)
    return _of_unit(line, after) if line.unit else _of_order(line, after)


def _of_claim(line: JournalLine, after: Image) -> dict[str, Any]:
    """Never what the buyer wrote: only which of the reasons it is."""
    return {
        "claim": line.item.rpartition("/")[2],
        "unit": line.unit,
        "line": line.line,
        "sku": line.sku,
        "batch": line.batch,
        "last4": str(after.get("l4") or ""),
        "reason": str(after["reason"]),
        "state": line.after,
        "previous_state": line.before,
    }


def _of_unit(line: JournalLine, after: Image) -> dict[str, Any]:
    said = {
        "unit": line.unit,
        "line": line.line,
        "sku": line.sku,
        "state": line.after,
        "previous_state": line.before,
    }
    if after.get("l4"):
        said["last4"] = str(after["l4"])
    if line.after == State.HELD:
        said["reason"] = line.why
    return said


def _of_order(line: JournalLine, after: Image) -> dict[str, Any]:
    if "fact" not in after and line.kind != "order.paid":
        return {"asked": list(after.get("asked") or ()), "stopped": sorted(after.get("stops") or ())}
    if line.kind != "order.paid":
        said: dict[str, Any] = {"fact": {"kind": str(after["fact"]), "id": str(after["id"])}}
        if after.get("amount") is not None:
            said["amount"] = _money(after["amount"], after.get("currency"))
        return said
    currency = after.get("currency")
    return {
        "paid_at": rfc3339(int(after["paid_at"])),
        "amount": _money(after.get("amount") or 0, currency),
        "total": _money(after.get("total") or 0, currency),
        "test": bool(after.get("test")),
        "lines": [_line(one, currency) for one in after.get("lines") or ()],
    }


def _line(line: Image, currency: Any) -> dict[str, Any]:
    said = {
        "line": line["id"],
        "item": line["item"],
        "variant": line["variant"],
        "sku": line["sku"],
        "quantity": int(line["qty"]),
    }
    if line.get("price") is not None:
        said["unit_price"] = _money(line["price"], currency)
    return said


def _entry(leg: Leg) -> dict[str, Any]:
    """A line of the money ledger, as it stands in the reports."""
    return {
        "kind": leg.kind.value,
        "amount": _money(leg.amount, leg.currency),
        "line": leg.line,
        "sku": leg.sku,
        "units": leg.units,
    }


def _money(amount: Any, currency: Any) -> dict[str, Any]:
    return {"amount": int(amount), "currency": str(currency or "")}


def _handed_at(unit: Unit) -> int:
    """When the buyer got the card that the unit holds now."""
    at = 0
    for step in unit.log:
        if step.state is State.ALLOCATED:
            at = 0
        elif step.state in HANDED_OVER and not at:
            at = step.at
    return at or unit.at


def _job(image: Image | None) -> dict[str, Any]:
    try:
        found = json.loads((image or {}).get("doc") or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
