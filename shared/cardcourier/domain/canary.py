"""The canary: an order of our own that tries the whole way, from the front door to the card and back.

A round takes two runs of the clock: an order is placed; it is judged and refunded; with the next one its end
is judged. Its shop and product are its own, and nothing of them is listed for people or counted as money.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

from cardcourier.domain.catalogue import Batch, Job, Product
from cardcourier.domain.gates import EVERYWHERE, WHOLE_TENANT
from cardcourier.domain.orders import Header, Unit
from cardcourier.domain.states import HANDED_OVER, Room, State

SHOP_PREFIX = "canary-"
"""No id that people choose begins so: rights on the canaries' secrets are given by it."""
SKU = "CANARY"
ISSUER = "cardcourier-canary"
IMPORT = "canary"
"""Ends the ids of its imports and batches; every other's end with hexadecimal digits."""
CARDS = 5
SLOT_MS = 300_000
LIMIT_MS = 60_000
"""From the order placed to the card handed over."""
WIDE_GATES = (EVERYWHERE, WHOLE_TENANT)
"""Closed on purpose, and for everybody: that the canary waits too is right."""

PAID, REFUNDED = "order.paid", "order.refunded"
Stage = Literal["", "placed", "unplaced", "refunded"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """A tenant's canary between two runs. Times in epoch ms; `took` (ms) is how long the last delivery took.

    `since` is when it was last switched on, `slot` the stretch of five minutes that was served last.
    `result` is `ok`, `failed` or `paused`, empty until something was judged; `failures` are those in a row.

    Stage `unplaced`: the front door did not take the order, or did not say so.
    """

    tenant: str
    enabled: bool = False
    since: int = 0
    slot: int = 0
    stage: Stage = ""
    order: str = ""
    placed_at: int = 0
    judged_at: int = 0
    result: str = ""
    reason: str = ""
    took: int | None = None
    failures: int = 0
    ver: int = 0

    @property
    def idle(self) -> bool:
        """Whether there is nothing to place and nothing to end."""
        return not self.enabled and not self.stage


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of the order: `ok`, `failed` or `paused`, why, and how long the delivery took (ms)."""

    result: str
    reason: str = ""
    took: int | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """What one run does: the canary as it is then, the event to tell, and what was judged before."""

    after: Canary
    tells: str = ""
    verdict: Verdict | None = None


def shop_of(tenant: str) -> str:
    """The id of a tenant's canary shop."""
    return f"{SHOP_PREFIX}{tenant}"


def is_canary(tenant: str, shop: str) -> bool:
    """Whether an order of this shop is the canary's: no money, in no list, told to nobody."""
    return shop == shop_of(tenant)


def is_reserved(shop_id: str) -> bool:
    """Whether a shop's id, or one that begins with it and a dash, could be a canary's."""
    return f"{shop_id}-".startswith(SHOP_PREFIX)


def about_canary(thing: object) -> bool:
    """Whether a product, or an import's job or batch, is the canary's own; one of the merchant's never is."""
    if isinstance(thing, Product):
        return thing.sku == SKU and thing.issuer == ISSUER
    return isinstance(thing, (Job, Batch)) and thing.id.endswith(f"-{IMPORT}")


def codes(since: int) -> str:
    """The test cards as the text of an import, the same for the same `since`. They are worth nothing."""
    return "".join(f"{SKU}{since}{n:02d}\n" for n in range(1, CARDS + 1))


def slot_of(at: int) -> int:
    return at // SLOT_MS


def order_in(slot: int) -> str:
    """The number of the order of a slot: whoever runs twice places one."""
    return f"{SKU}-{datetime.fromtimestamp(slot * SLOT_MS / 1000, UTC):%Y%m%dT%H%M}"


def next_move(seen: Canary, slot: int, now: int, header: Header | None, units: Sequence[Unit]) -> Move | None:
    """What to do at `now` with the order as it was just read; None when this slot was served already."""
    if seen.idle or slot <= seen.slot:
        return None
    here = replace(seen, slot=slot)
    if seen.stage == "placed":
        verdict = judge_delivery(header, units, seen.placed_at)
        if verdict.result != "ok" and now - seen.placed_at < LIMIT_MS:
            return None
        return Move(judged(replace(here, stage="refunded"), verdict, now), REFUNDED, verdict)
    if seen.stage == "unplaced":
        return Move(replace(here, stage="refunded"), REFUNDED)
    end = judge_end(units) if seen.stage == "refunded" else None
    if end and end.result == "failed":
        return Move(judged(here, end, now), REFUNDED, end)
    if not seen.enabled:
        return Move(replace(here, stage="", order=""), "", end)
    placed = replace(here, stage="placed", order=order_in(slot), placed_at=now)
    return Move(placed, PAID, end)


def judged(canary: Canary, verdict: Verdict, now: int) -> Canary:
    """The canary with what was found of its order."""
    return replace(
        canary,
        judged_at=now,
        result=verdict.result,
        reason=verdict.reason,
        took=canary.took if verdict.took is None else verdict.took,
        failures=canary.failures + 1 if verdict.result == "failed" else 0,
    )


def judge_delivery(header: Header | None, units: Sequence[Unit], placed_at: int) -> Verdict:
    """Whether every unit was handed over with a card in time, by the unit's own history.

    Delivery keeps the link before it hands a unit over, so that a DELIVERED unit has one.
    """
    if header is None or not header.paid:
        return Verdict("failed", "not_recorded: the front door took the order, and there is none")
    if not units:
        return Verdict("failed", "not_allocated: no unit was written")
    for unit in units:
        if unit.room is Room.PAUSE and unit.ref in WIDE_GATES:
            return Verdict("paused", unit.why)
        if unit.state not in HANDED_OVER or not unit.card:
            return Verdict("failed", f"not_delivered: {unit.state} {unit.why}".strip())
    took = max(0, max(_handed_at(unit) for unit in units) - placed_at)
    if took > LIMIT_MS:
        return Verdict("failed", f"late: {took // 1000} s, the limit is {LIMIT_MS // 1000} s", took)
    return Verdict("ok", took=took)


def judge_end(units: Sequence[Unit]) -> Verdict:
    """Whether the refund ended every unit, and brought each card back into stock."""
    for unit in units:
        if not unit.ended:
            return Verdict("failed", f"not_refunded: {unit.state}")
    burnt = any(unit.state is State.REFUNDED for unit in units)
    return Verdict("ok", "a card was looked at, so it is burnt" if burnt else "")


def event(kind: str, canary: Canary) -> dict[str, Any]:
    """The event of the protocol `standard` that tells of the order. It costs nothing, and names nobody."""
    at = datetime.fromtimestamp(canary.placed_at / 1000, UTC).isoformat().replace("+00:00", "Z")
    if kind == REFUNDED:
        data: dict[str, Any] = {"order_id": canary.order, "refund_id": "canary", "full": True}
    else:
        item = {"line_id": "1", "sku": SKU, "quantity": 1, "unit_price": "0"}
        data = {"order_id": canary.order, "currency": "CNY", "total": "0", "paid_at": at, "items": [item]}
    return {"type": kind, "timestamp": at, "data": data}


def _handed_at(unit: Unit) -> int:
    return next((step.at for step in unit.log if step.state is State.DELIVERED), unit.at)
