"""What the order protocol's writes are made of: the attributes that each of them sets or removes.

The writes themselves, with their conditions, stand in `orders.py` and the modules beside it.
"""

from collections.abc import Mapping
from typing import Any

from pynamodb.expressions.update import Action

from cardcourier.adapters.tables import keys
from cardcourier.adapters.tables.records import (
    BurntRecord,
    FactRecord,
    HeaderRecord,
    UnitRecord,
    log_entry,
    order_names,
    unit_of,
)
from cardcourier.adapters.tables.writes import ConditionFailed, Item
from cardcourier.domain.facts import Fact
from cardcourier.domain.orders import Header, OrderKey, Unit
from cardcourier.domain.protocol import Actor, Lost, Pool
from cardcourier.domain.stock import Marker

ORDER_TIMER = "ORDER"
UNIT_TIMER = "DELIV"
ROOM_TIMER = "ROOM"
DELIVERY_GRACE = 60_000
"""Milliseconds after which the sweeper looks at what should have been done at once."""

CARD_HELD = ("ALLOCATED", "DELIVERED", "REVEALED")
UNSEEN = ("ALLOCATED", "DELIVERED")


def place(pool: Pool | None, marker: Marker) -> list[keys.Key]:
    """Where the marker stands, if there is one."""
    if pool is None:
        return []
    return [(keys.pool(pool.tenant, pool.sku, pool.epoch, marker.shard), f"{marker.bucket}#{marker.card}")]


def without_card(unit: Unit, actor: Actor) -> list[Action]:
    """As `moved`, and the unit holds no card any more; its next one has another `gen`."""
    return [
        *moved(unit, actor),
        UnitRecord.gen.set(unit.gen),
        UnitRecord.card.remove(),
        UnitRecord.c.remove(),
        UnitRecord.d.remove(),
        UnitRecord.due.remove(),
    ]


def stamp(key: OrderKey, kind: str, actor: Actor, why: str) -> list[Action]:
    """Who writes a header, when and why; the stream knows no actor."""
    names: dict[str, Any] = order_names(key, kind)
    return [
        HeaderRecord.kind.set(names["kind"]),
        HeaderRecord.t.set(names["t"]),
        HeaderRecord.shop.set(names["shop"]),
        HeaderRecord.order.set(names["order"]),
        HeaderRecord.at.set(actor.now),
        HeaderRecord.by.set(actor.by),
        HeaderRecord.why.set(why),
        HeaderRecord.rid.set(actor.rid),
    ]


def work(pk: str, now: int) -> list[Action]:
    """The timer, and a new `ver`: whoever removes the timer must have seen this write."""
    return [
        HeaderRecord.ver.set((HeaderRecord.ver | 0) + 1),
        HeaderRecord.d.set(keys.timer(ORDER_TIMER, pk)),
        HeaderRecord.due.set(now + DELIVERY_GRACE),
    ]


def credit_actions(header: Header, credit: Mapping[str, int]) -> list[Action]:
    """The header's credit as it is from now on; nothing where it stays."""
    if dict(credit) == dict(header.credit):
        return []
    left = {line: pieces for line, pieces in credit.items() if pieces}
    return [HeaderRecord.credit.set(left) if left else HeaderRecord.credit.remove()]


def moved(unit: Unit, actor: Actor) -> list[Action]:
    """The unit's new state, and the step in its timeline."""
    return [
        UnitRecord.st.set(unit.state.value),
        UnitRecord.ver.set(UnitRecord.ver + 1),
        UnitRecord.at.set(actor.now),
        UnitRecord.by.set(actor.by),
        UnitRecord.why.set(unit.why),
        UnitRecord.rid.set(actor.rid),
        UnitRecord.log.set((UnitRecord.log | []).append([log_entry(unit, actor.by, actor.rid, actor.now)])),
    ]


def card_actions(unit: Unit) -> list[Action]:
    """Everything of the card that the unit holds from now on."""
    actions = [
        UnitRecord.c.set(keys.card_index(unit.key.tenant, unit.card)),
        UnitRecord.card.set(unit.card),
        UnitRecord.batch.set(unit.batch),
        UnitRecord.bucket.set(unit.bucket),
        UnitRecord.l4.set(unit.last4),
        UnitRecord.cost.set(unit.cost),
        UnitRecord.ccy.set(unit.cost_currency),
        UnitRecord.head.set(unit.head) if unit.head else UnitRecord.head.remove(),
    ]
    if unit.card_expires_at is None:
        return [*actions, UnitRecord.card_exp.remove()]
    return [*actions, UnitRecord.card_exp.set(unit.card_expires_at)]


def seen_where(unit: Unit) -> list[Action]:
    """Out of which network and on what kind of device the card is shown, as far as that is known."""
    known = ((UnitRecord.net, unit.seen_from), (UnitRecord.dev, unit.seen_on))
    return [attribute.set(text) for attribute, text in known if text]


def own_timer(key: OrderKey, now: int) -> list[Action]:
    """A timer of the unit's own, for one whose header may have none by now."""
    return [
        UnitRecord.d.set(keys.timer(UNIT_TIMER, keys.order_pk(key))),
        UnitRecord.due.set(now + DELIVERY_GRACE),
    ]


def burnt_record(seen: Unit, actor: Actor, replaced_by: str = "") -> BurntRecord:
    """The last home of a card that somebody saw, with the cards before and after it in its unit."""
    pk, sk = keys.burnt(seen.key.tenant, seen.card)
    return BurntRecord(
        pk,
        sk,
        card=seen.card,
        unit=f"{seen.key.shop}/{seen.key.order}/{seen.name}",
        batch=seen.batch,
        sku=seen.sku,
        at=actor.now,
        by=actor.by,
        why=actor.why or "refunded after it was shown",
        rid=actor.rid,
        prev=seen.replaces or None,
        next=replaced_by or None,
    )


def fact_record(fact: Fact, actor: Actor) -> FactRecord:
    """A fact as it is put, once."""
    pk, sk = keys.fact(fact.key, fact.kind, fact.id)
    return FactRecord(
        pk,
        sk,
        **order_names(fact.key, "fact"),
        fact=fact.kind,
        id=fact.id,
        amount=fact.amount,
        currency=fact.currency,
        payment=fact.payment,
        occurred_at=fact.at,
        at=actor.now,
        ver=1,
        by=actor.by,
        why=fact.reason or None,
        rid=actor.rid,
    )


def is_mine(old: Item | None, actor: Actor) -> bool:
    """Whether a condition failed on what this very request wrote before (the SDK asked again)."""
    return old is not None and old.get("rid", {}).get("S") == actor.rid


def own_or_lost(failed: ConditionFailed, unit: Unit, stamp: str, rid: str) -> Unit | Lost:
    """A condition that failed on our own earlier success (the SDK asked again) is a success."""
    if failed.old is None:
        return Lost(None)
    old = unit_of(failed.old)
    mine = failed.old.get(stamp, {}).get("S") == rid
    return (
        old if mine and (old.state, old.card, old.views) == (unit.state, unit.card, unit.views) else Lost(old)
    )
