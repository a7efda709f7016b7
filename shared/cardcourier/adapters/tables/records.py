"""The items of the order protocol: every attribute is named here and nowhere else."""

from typing import Any

from pynamodb.attributes import (
    BinaryAttribute,
    BooleanAttribute,
    ListAttribute,
    MapAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
)
from pynamodb.models import Model

from cardcourier.adapters.tables import keys
from cardcourier.adapters.tables.writes import Item
from cardcourier.domain.orders import Header, OrderKey, OrderLine, Owed, Part, Step, Unit
from cardcourier.domain.protocol import Actor, Pool
from cardcourier.domain.states import WAITING, Room, State
from cardcourier.domain.stock import Marker

SHAPE = 1


class Record(Model):
    """Any item; `v` is the version of its shape."""

    class Meta:
        table_name = ""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    v = NumberAttribute(default=SHAPE)
    ver = NumberAttribute(null=True)
    at = NumberAttribute(null=True)
    by = UnicodeAttribute(null=True)
    why = UnicodeAttribute(null=True)
    rid = UnicodeAttribute(null=True)
    d = UnicodeAttribute(null=True)
    due = NumberAttribute(null=True)
    ttl = NumberAttribute(null=True)


class Dated(Record):
    """What the journal reads of every item of an order."""

    kind = UnicodeAttribute(null=True)
    t = UnicodeAttribute(null=True)
    shop = UnicodeAttribute(null=True)
    order = UnicodeAttribute(null=True)


class HeaderRecord(Dated):
    number = UnicodeAttribute(null=True)
    paid_at = NumberAttribute(null=True)
    payment = UnicodeAttribute(null=True)
    payments = ListAttribute[Any](null=True)
    amount = NumberAttribute(null=True)
    total = NumberAttribute(null=True)
    currency = UnicodeAttribute(null=True)
    lines = ListAttribute[Any](null=True)
    contact = BinaryAttribute(null=True, legacy_encoding=False)
    search = ListAttribute[Any](null=True)
    kinds = UnicodeAttribute(null=True)
    language = UnicodeAttribute(null=True)
    stops = UnicodeSetAttribute(null=True)
    owed = ListAttribute[Any](null=True)
    asked = ListAttribute[Any](null=True)
    credit = MapAttribute[str, Any](null=True)  # type: ignore[no-untyped-call]
    disputed = BooleanAttribute(null=True)
    outcome = UnicodeAttribute(null=True)
    approved = BooleanAttribute(null=True)
    test = BooleanAttribute(null=True)
    seq = NumberAttribute(null=True)
    tries = NumberAttribute(null=True)
    created_at = NumberAttribute(null=True)
    listed_at = NumberAttribute(null=True)


class FactRecord(Dated):
    fact = UnicodeAttribute()
    id = UnicodeAttribute()
    amount = NumberAttribute(null=True)
    currency = UnicodeAttribute(null=True)
    payment = UnicodeAttribute(null=True)
    occurred_at = NumberAttribute(null=True)
    sealed = BinaryAttribute(null=True, legacy_encoding=False)


class UnitRecord(Dated):
    st = UnicodeAttribute()
    line = UnicodeAttribute()
    n = NumberAttribute()
    piece = NumberAttribute()
    sku = UnicodeAttribute(null=True)
    room = UnicodeAttribute(null=True)
    ref = UnicodeAttribute(null=True)
    plan = ListAttribute[Any](null=True)
    card = UnicodeAttribute(null=True)
    batch = UnicodeAttribute(null=True)
    bucket = UnicodeAttribute(null=True)
    l4 = UnicodeAttribute(null=True)
    head = UnicodeAttribute(null=True)
    cost = NumberAttribute(null=True)
    ccy = UnicodeAttribute(null=True)
    card_exp = NumberAttribute(null=True)
    gen = NumberAttribute(default=0)
    exposed_at = NumberAttribute(null=True)
    since = NumberAttribute(null=True)
    views = NumberAttribute(null=True)
    view_rid = UnicodeAttribute(null=True)
    viewers = ListAttribute[Any](null=True)
    via = UnicodeAttribute(null=True)
    log = ListAttribute[Any](null=True)
    c = UnicodeAttribute(null=True)
    prev = UnicodeAttribute(null=True)
    net = UnicodeAttribute(null=True)
    dev = UnicodeAttribute(null=True)


class MarkerRecord(Record):
    batch = UnicodeAttribute()
    l4 = UnicodeAttribute(null=True)
    head = UnicodeAttribute(null=True)
    cost = NumberAttribute(null=True)
    ccy = UnicodeAttribute(null=True)
    exp = NumberAttribute(null=True)


class StockRecord(Record):
    """What the journal reads of cards that came in or went out together: `n` cards of a batch."""

    kind = UnicodeAttribute(null=True)
    t = UnicodeAttribute(null=True)
    batch = UnicodeAttribute(null=True)
    sku = UnicodeAttribute(null=True)
    n = NumberAttribute(null=True)


class RoomRecord(Record):
    touched_at = NumberAttribute()
    split_until = NumberAttribute(null=True)


class BurntRecord(Record):
    """A card that is never sold again: burnt with the unit that held it, or void, without one.

    `prev` is the card that it replaced, `next` the one that replaced it.
    """

    card = UnicodeAttribute()
    unit = UnicodeAttribute(null=True)
    batch = UnicodeAttribute(null=True)
    sku = UnicodeAttribute(null=True)
    prev = UnicodeAttribute(null=True)
    next = UnicodeAttribute(null=True)


class SearchRecord(Record):
    """A row of `views` that leads from a number to an order; `n` pieces, an amount `m`."""

    shop = UnicodeAttribute()
    order = UnicodeAttribute()
    unit = UnicodeAttribute(null=True)
    n = NumberAttribute(null=True)
    m = NumberAttribute(null=True)
    ccy = UnicodeAttribute(null=True)


def header_of(item: Item) -> Header:
    record = HeaderRecord.from_raw_data(item)
    return Header(
        key=keys.order_of(record.pk),
        ver=int(record.ver or 0),
        number=record.number or "",
        paid_at=_int(record.paid_at),
        payment=record.payment or "",
        payments=tuple(record.payments or ()),
        amount=int(record.amount or 0),
        total=int(record.total or 0),
        currency=record.currency or "",
        lines=tuple(
            OrderLine(x["id"], x["item"], x["variant"], x["sku"], int(x["qty"]), _int(x.get("price")))
            for x in record.lines or ()
        ),
        contact=record.contact,
        search=tuple(record.search or ()),
        kinds=record.kinds or "",
        language=record.language or "",
        stops=frozenset(record.stops or ()),
        owed=tuple(Owed(x["line"], int(x["pieces"]), x["fact"]) for x in record.owed or ()),
        asked=tuple(record.asked or ()),
        credit=_counts(item.get("credit")),
        disputed=bool(record.disputed),
        outcome=record.outcome or "",
        approved=bool(record.approved),
        seq=int(record.seq or 0),
        due=_int(record.due),
        created_at=int(record.created_at or 0),
        listed_at=int(record.listed_at or 0),
    )


def unit_of(item: Item) -> Unit:
    record = UnitRecord.from_raw_data(item)
    return Unit(
        key=keys.order_of(record.pk),
        line=record.line,
        n=int(record.n),
        piece=int(record.piece),
        state=State(record.st),
        ver=int(record.ver or 1),
        sku=record.sku or "",
        room=Room(record.room) if record.room else None,
        ref=record.ref or "",
        why=record.why or "",
        plan=None if record.plan is None else tuple(Part(x["sku"], int(x["n"])) for x in record.plan),
        card=record.card or "",
        batch=record.batch or "",
        bucket=record.bucket or "",
        last4=record.l4 or "",
        head=record.head or "",
        cost=int(record.cost or 0),
        cost_currency=record.ccy or "",
        card_expires_at=_int(record.card_exp),
        gen=int(record.gen or 0),
        exposed_at=_int(record.exposed_at),
        since=_int(record.since),
        views=int(record.views or 0),
        view_rid=record.view_rid or "",
        viewers=tuple(record.viewers or ()),
        due=_int(record.due),
        at=int(record.at or 0),
        delivered_by=record.via or "",
        replaces=record.prev or "",
        seen_from=record.net or "",
        seen_on=record.dev or "",
        log=tuple(
            Step(int(x["at"]), State(x["st"]), x["by"], x.get("why", ""), x["rid"], x.get("l4", ""))
            for x in record.log or ()
        ),
    )


def unit_record(unit: Unit, *, paid_at: int, by: str, rid: str) -> UnitRecord:
    """A unit as it is first written; one that waits stands in its room by payment time."""
    pk, sk = keys.unit(unit.key, unit.line, unit.n)
    record = UnitRecord(
        pk,
        sk,
        ver=unit.ver,
        at=unit.at,
        by=by,
        why=unit.why or None,
        rid=rid,
        **order_names(unit.key, "unit"),
        st=unit.state.value,
        line=unit.line,
        n=unit.n,
        piece=unit.piece,
        sku=unit.sku or None,
        plan=plan_value(unit.plan),
        log=[log_entry(unit, by, rid, unit.at)],
    )
    if unit.state in WAITING and unit.room is not None:
        record.room, record.ref = unit.room.value, unit.ref
        record.d = room_index_of(unit.key, unit.room, unit.ref)
        record.due = paid_at
    if unit.card:
        record.c = keys.card_index(unit.key.tenant, unit.card)
        record.card, record.batch, record.bucket = unit.card, unit.batch, unit.bucket
        record.l4, record.cost, record.ccy = unit.last4, unit.cost, unit.cost_currency
        record.head = unit.head or None
        record.card_exp = unit.card_expires_at
    return record


def log_entry(unit: Unit, by: str, rid: str, at: int) -> dict[str, Any]:
    """One step of a unit's history, for the order's timeline; the journal keeps the full line."""
    entry: dict[str, Any] = {"at": at, "st": unit.state.value, "by": by, "rid": rid}
    if unit.why:
        entry["why"] = unit.why
    if unit.last4 and unit.holds_card:
        entry["l4"] = unit.last4
    return entry


def room_index_of(key: OrderKey, room: Room, ref: str) -> str:
    return keys.room_index(key.tenant, room, ref, key.spread(keys.ROOM_PARTS))


def order_names(key: OrderKey, kind: str) -> dict[str, Any]:
    """What every item of an order says of itself, for the journal."""
    return {"kind": kind, "t": key.tenant, "shop": key.shop, "order": key.order}


def stock_names(kind: str, pool: Pool, batch: str, count: int, actor: Actor) -> dict[str, Any]:
    """What a movement of stock says of itself, for the journal; it is written once."""
    names = {"kind": kind, "t": pool.tenant, "batch": batch, "sku": pool.sku, "n": count}
    return {**names, "ver": 1, "at": actor.now, "by": actor.by, "why": actor.why or None, "rid": actor.rid}


def void_record(pool: Pool, marker: Marker, actor: Actor) -> BurntRecord:
    """A card that was never handed over and never will be."""
    return BurntRecord(
        *keys.burnt(pool.tenant, marker.card),
        card=marker.card,
        batch=marker.batch,
        sku=pool.sku,
        at=actor.now,
        by=actor.by,
        why=actor.why or None,
        rid=actor.rid,
    )


def plan_value(plan: tuple[Part, ...] | None) -> list[dict[str, Any]] | None:
    return None if plan is None else [{"sku": part.sku, "n": part.quantity} for part in plan]


def line_value(line: OrderLine) -> dict[str, Any]:
    value: dict[str, Any] = {
        "id": line.id,
        "item": line.item,
        "variant": line.variant,
        "sku": line.sku,
        "qty": line.quantity,
    }
    if line.price is not None:
        value["price"] = line.price
    return value


def marker_of(item: Item) -> Marker:
    record = MarkerRecord.from_raw_data(item)
    bucket, _, card = record.sk.partition("#")
    return Marker(
        card=card,
        bucket=bucket,
        shard=int(record.pk.rsplit("#", 1)[1]),
        batch=record.batch,
        last4=record.l4 or "",
        head=record.head or "",
        cost=int(record.cost or 0),
        currency=record.ccy or "",
        expires_at=_int(record.exp),
    )


def marker_record(marker: Marker, tenant: str, sku: str, epoch: int) -> MarkerRecord:
    return MarkerRecord(
        keys.pool(tenant, sku, epoch, marker.shard),
        f"{marker.bucket}#{marker.card}",
        batch=marker.batch,
        l4=marker.last4,
        head=marker.head or None,
        cost=marker.cost,
        ccy=marker.currency,
        exp=marker.expires_at,
    )


def _counts(value: Item | None) -> dict[str, int]:
    """Pieces by line."""
    return {line: int(count["N"]) for line, count in (value or {}).get("M", {}).items()}


def _int(value: Any) -> int | None:
    return None if value is None else int(value)
