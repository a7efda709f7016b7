"""The journal: one line per transition of an order, with who, why, and its money, and per movement of stock.

A line is derived from the old and the new image of one item and from nothing else. Its time and its
id come from the item, so a replayed stream record gives the same line again:

    id     <at, 13 digits>#<item>#<ver, 6 digits>
    item   <shop>/<order>/H    <shop>/<order>/F/<kind>/<id>    <shop>/<order>/U/<line>/<nnnn>
           <shop>/<order>/T/<kind>/<what>    what people said to something that waits for one
           <shop>/<order>/Q/<claim>    what was said and decided of a card
           stock/<batch>/M/<chunk>    stock/<batch>/V/<chunk>    cards that came in, and that were voided
           stock/<batch>/R/<card>    an issuer's word that a card was redeemed
           SUPCLAIM/<id>    cards told to their supplier together, and what became of them
           RETENTION    buyers' data erased by age: days `before` to `after`, so many orders clear
    home   day = UTC day of `at`, lane = crc32("<shop>/<order>") % LANES

Every rise of an item's `ver` gives exactly one line, so the lines of one item count 1, 2, 3 … without
a gap. A reason that somebody typed loses what looks like an address or a number.
"""

import json
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from cardcourier.domain.booking import Image, change_of, ver_of, whole
from cardcourier.domain.canary import is_canary
from cardcourier.domain.ledger import Leg, LegKind

LANES = 8
DAY = 86_400_000
MOST_WHY = 200

_CONTACT = re.compile(r"\S+[@＠]\S+|\+?\d[\d\s()./-]{4,}\d")


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
    """The lines one change of a header, fact, unit or chunk of a batch gives: none, or one.

    `before` and `after` are the plain images of the item, `key` its `pk` and `sk`. A write that does
    not raise `ver` (a timer, a view counted) and the removal of an item give none. What a canary's order
    does is told like any other, and books nothing.
    """
    change = change_of(before, after)
    if after is None or change is None:
        return ()
    at, ver = whole(after["at"]), ver_of(after)
    # A movement of stock belongs to its batch, erasure by age to its tenant, and neither to an order.
    shop, order, batch = (str(after.get(name) or "") for name in ("shop", "order", "batch"))
    home = f"{shop}/{order}/" if order else f"stock/{batch}/" if batch else ""
    item = f"{home}{key['sk'].replace('#', '/')}"
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
            legs=() if is_canary(after["t"], shop) else change.legs,
        ),
    )


def _without_contacts(text: str) -> str:
    """People write addresses and numbers into reasons; a journal that is kept for ever must not have them."""
    return _CONTACT.sub("…", text)[:MOST_WHY]
