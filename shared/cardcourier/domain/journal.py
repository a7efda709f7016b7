"""The journal: one line per transition of an order, with who, why, and its money.

A line is derived from the old and the new image of one item and from nothing else. Its time and its
id come from the item, so a replayed stream record gives the same line again:

    id     <at, 13 digits>#<item>#<ver, 6 digits>
    item   <shop>/<order>/H    <shop>/<order>/F/<kind>/<id>    <shop>/<order>/U/<line>/<nnnn>
    home   day = UTC day of `at`, lane = crc32("<shop>/<order>") % LANES

Every rise of an item's `ver` gives exactly one line, so the lines of one item count 1, 2, 3 … without
a gap. Only the attributes named here are copied; whatever else an item holds cannot reach the journal.
A reason that somebody typed loses what looks like an address or a number.
"""

import json
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

LANES = 8
DAY = 86_400_000

MOST_WHY = 200

Image = Mapping[str, Any]

_CONTACT = re.compile(r"\S+[@＠]\S+|\+?\d[\d\s()./-]{4,}\d")


class LegKind(StrEnum):
    """The kinds of ledger entries, seen from the merchant: plus is good for the merchant."""

    SALE = "sale"
    DISCOUNT_MERCHANT = "discount_merchant"
    DISCOUNT_PLATFORM = "discount_platform"
    SUBSIDY_PLATFORM = "subsidy_platform"
    COMMISSION = "commission"
    AFFILIATE = "affiliate"
    PAYMENT_FEE = "payment_fee"
    FEE_RETURN = "fee_return"
    CARD_COST = "card_cost"
    REPLACEMENT_COST = "replacement_cost"
    COST_RECOVERY = "cost_recovery"
    REFUND = "refund"
    ADJUSTMENT = "adjustment"


# 0 = either sign: a subsidy can be taken back, an adjustment goes both ways.
SIGNS: Mapping[LegKind, int] = {
    LegKind.SALE: 1,
    LegKind.DISCOUNT_MERCHANT: -1,
    LegKind.DISCOUNT_PLATFORM: -1,
    LegKind.SUBSIDY_PLATFORM: 0,
    LegKind.COMMISSION: -1,
    LegKind.AFFILIATE: -1,
    LegKind.PAYMENT_FEE: -1,
    LegKind.FEE_RETURN: 1,
    LegKind.CARD_COST: -1,
    LegKind.REPLACEMENT_COST: -1,
    LegKind.COST_RECOVERY: 1,
    LegKind.REFUND: -1,
    LegKind.ADJUSTMENT: 0,
}


@dataclass(frozen=True, slots=True)
class Leg:
    """One signed amount in minor units of `currency`; `line` is empty for what concerns the whole order.

    `units` counts pieces: sold by a sale, handed over or taken back by a cost.
    A sign that the kind does not allow raises ValueError.
    """

    kind: LegKind
    amount: int
    currency: str
    line: str = ""
    sku: str = ""
    units: int = 0

    def __post_init__(self) -> None:
        if self.amount * SIGNS[self.kind] < 0:
            raise ValueError(f"a {self.kind} leg of {self.amount} has the wrong sign")


@dataclass(frozen=True, slots=True)
class JournalLine:
    """One transition. `at` is in milliseconds; `before` and `after` are states, or what was stopped."""

    id: str
    at: int
    kind: str
    tenant: str
    shop: str
    order: str
    number: str
    line: str
    unit: str
    sku: str
    quantity: int
    before: str
    after: str
    by: str
    why: str
    request_id: str
    ver: int
    card: str
    batch: str
    legs: tuple[Leg, ...]

    @property
    def item(self) -> str:
        return item_of(self.id)

    def to_dict(self) -> dict[str, Any]:
        """Plain strings, integers and lists; `encode` makes the one text form of it."""
        record: dict[str, Any] = {name: getattr(self, name) for name in _FIELDS}
        record["legs"] = [asdict(leg) | {"kind": leg.kind.value} for leg in self.legs]
        return record

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "JournalLine":
        legs = tuple(
            Leg(LegKind(leg["kind"]), leg["amount"], leg["currency"], leg["line"], leg["sku"], leg["units"])
            for leg in record["legs"]
        )
        return cls(**{name: record[name] for name in _FIELDS}, legs=legs)


_FIELDS = tuple(name for name in JournalLine.__slots__ if name != "legs")


def encode(line: JournalLine) -> str:
    """The one text of a line: sorted keys, no spaces, no floats. Seals are taken over these bytes."""
    return json.dumps(line.to_dict(), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def decode(text: str) -> JournalLine:
    return JournalLine.from_dict(json.loads(text))


def item_of(line_id: str) -> str:
    """The item a line belongs to, out of the line's id."""
    return line_id.split("#", 2)[1]


def lane_of(shop: str, order: str) -> int:
    """All lines of one order share one lane."""
    return zlib.crc32(f"{shop}/{order}".encode()) % LANES


def day_of(at: int) -> str:
    """The UTC day of a time, as yyyymmdd."""
    return datetime.fromtimestamp(at // 1000, UTC).strftime("%Y%m%d")


def days_between(start: int, end: int) -> Iterator[str]:
    """Every UTC day that has a millisecond of [start, end)."""
    return (day_of(at) for at in range(start - start % DAY, end, DAY) if start < end)


def lines_of(before: Image | None, after: Image | None, key: Mapping[str, str]) -> tuple[JournalLine, ...]:
    """The lines one change of a header, fact or unit gives: none, or one.

    `before` and `after` are the plain images of the item, `key` its `pk` and `sk`. A write that does
    not raise `ver` (a timer, a view counted) and the removal of an item give none.
    """
    derive = _DERIVATIONS.get(after.get("kind", "")) if after else None
    if after is None or derive is None or (before is not None and _ver(before) == _ver(after)):
        return ()
    change = derive(before or {}, after)
    shop, order, at, ver = after["shop"], after["order"], _whole(after["at"]), _ver(after)
    item = f"{shop}/{order}/{key['sk'].replace('#', '/')}"
    return (
        JournalLine(
            id=f"{at:013d}#{item}#{ver:06d}",
            at=at,
            kind=change.kind,
            tenant=after["t"],
            shop=shop,
            order=order,
            number=after.get("number") or order,
            line=change.line,
            unit=change.unit,
            sku=change.sku,
            quantity=change.quantity,
            before=change.before,
            after=change.after,
            by=after.get("by") or "",
            why=_without_contacts(after.get("why") or "") if change.why is None else change.why,
            request_id=after.get("rid") or "",
            ver=ver,
            card=change.card,
            batch=change.batch,
            legs=change.legs,
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    kind: str
    before: str = ""
    after: str = ""
    quantity: int = 0
    legs: tuple[Leg, ...] = ()
    line: str = ""
    unit: str = ""
    sku: str = ""
    card: str = ""
    batch: str = ""
    why: str | None = None


def _without_contacts(text: str) -> str:
    """People write addresses and numbers into reasons; a journal that is kept for ever must not have them."""
    return _CONTACT.sub("…", text)[:MOST_WHY]


def _whole(value: Any) -> int:
    """Table numbers arrive as Decimal; a fraction in them is a fault, not something to round."""
    number = int(value)
    if number != value:
        raise ValueError(f"{value} is not a whole number")
    return number


def _ver(image: Image) -> int:
    return _whole(image.get("ver") or 1)


def _header(old: Image, new: Image) -> _Change:
    if new.get("paid_at") is not None and old.get("paid_at") is None:
        quantity = sum(_whole(line["qty"]) for line in new.get("lines") or ())
        return _Change(
            kind="order.paid", before="unpaid", after="paid", quantity=quantity, legs=_sale_legs(new)
        )
    if stopped := _newly_stopped(old, new):
        return _Change(kind="order.stopped", after=",".join(stopped), quantity=len(stopped))
    if new.get("approved") and not old.get("approved"):
        return _Change(kind="order.approved", after="approved")
    return _Change(kind="order.changed")


def _newly_stopped(old: Image, new: Image) -> list[str]:
    """What this write stopped: `*`, pieces as <line>/<piece>, or a number of pieces as <line>*<pieces>."""
    known = {(owed["line"], owed["fact"]) for owed in old.get("owed") or ()}
    owed = [
        f"{debt['line']}*{_whole(debt['pieces'])}"
        for debt in new.get("owed") or ()
        if (debt["line"], debt["fact"]) not in known
    ]
    return sorted(set(new.get("stops") or ()) - set(old.get("stops") or ())) + sorted(owed)


def _sale_legs(header: Image) -> tuple[Leg, ...]:
    """List price by line, then what the paid amount has above it (shipping, tax) or below it (discount).

    A line without a price is worth what the others leave over, if it is the only such line.
    """
    currency = header.get("currency") or ""
    lines = list(header.get("lines") or ())
    prices = {line["id"]: _price(line) for line in lines}
    listed = sum(price or 0 for price in prices.values())
    amount = header.get("amount")
    rest = 0 if amount is None else _whole(amount) - listed
    unpriced = [name for name, price in prices.items() if price is None]
    if len(unpriced) == 1 and rest > 0:
        prices[unpriced[0]], rest = rest, 0
    sales = [
        Leg(
            LegKind.SALE,
            prices[line["id"]] or 0,
            currency,
            line["id"],
            line.get("sku") or "",
            _whole(line["qty"]),
        )
        for line in lines
    ]
    if rest:
        sales.append(Leg(LegKind.SALE if rest > 0 else LegKind.DISCOUNT_MERCHANT, rest, currency))
    return tuple(sales)


def _price(line: Image) -> int | None:
    """List price × quantity of an order line."""
    price = line.get("price")
    return None if price is None else _whole(price) * _whole(line["qty"])


_FACTS = {
    "pay": ("order.payment_added", LegKind.ADJUSTMENT, 1, "further payment"),
    "refund": ("order.refunded", LegKind.REFUND, -1, ""),
    "cancel": ("order.cancelled", None, 0, ""),
    "chargeback": ("order.charged_back", LegKind.REFUND, -1, "chargeback"),
}


def _fact(_: Image, new: Image) -> _Change:
    """A fact's own reason is the shop's free text and stays where it can be erased."""
    kind, leg, sign, why = _FACTS[new["fact"]]
    amount = _whole(new.get("amount") or 0)
    legs = (Leg(leg, sign * amount, new.get("currency") or ""),) if leg and amount else ()
    return _Change(kind=kind, after=str(new.get("id") or ""), legs=legs, why=why)


def _unit(old: Image, new: Image) -> _Change:
    was, state = old.get("st") or "PENDING", new["st"]
    kind = f"unit.{state.lower()}" if was != state else "unit.changed"
    line = str(new["line"])
    return _Change(
        kind="unit.replaced" if _replaced(old, new) else kind,
        before=was,
        after=state,
        quantity=1,
        legs=_cost_legs(old, new),
        line=line,
        unit=f"{line}/{_whole(new['n']):04d}",
        sku=new.get("sku") or "",
        card=new.get("card") or old.get("card") or "",
        batch=new.get("batch") or old.get("batch") or "",
    )


def _replaced(old: Image, new: Image) -> bool:
    return bool(old.get("card") and new.get("card") and old["card"] != new["card"])


def _cost_booked(unit: Image) -> bool:
    """A first card is booked when it is handed over, a replacement when it is taken."""
    return _whole(unit.get("gen") or 0) > 0 or unit.get("st") in {"DELIVERED", "REVEALED"}


def _cost_legs(old: Image, new: Image) -> tuple[Leg, ...]:
    """What this move of a unit costs; each card is booked once, and given back once if it returns."""
    state, booked = new["st"], _cost_booked(old)
    if _replaced(old, new):
        # A card shown before it was marked as delivered is spent all the same.
        first = () if booked else _cost_leg(LegKind.CARD_COST, old)
        return first + _cost_leg(LegKind.REPLACEMENT_COST, new)
    if state == "RETURNED":
        return _cost_leg(LegKind.COST_RECOVERY, old) if booked else ()
    if state in {"DELIVERED", "REVEALED", "REFUNDED"} and not booked:
        return _cost_leg(LegKind.CARD_COST, new if new.get("cost") is not None else old)
    return ()


def _cost_leg(kind: LegKind, unit: Image) -> tuple[Leg, ...]:
    cost = _whole(unit.get("cost") or 0) * SIGNS[kind]
    if not cost:
        return ()
    return (Leg(kind, cost, unit.get("ccy") or "", str(unit["line"]), unit.get("sku") or "", 1),)


_DERIVATIONS: Mapping[str, Callable[[Image, Image], _Change]] = {
    "order": _header,
    "fact": _fact,
    "unit": _unit,
}
