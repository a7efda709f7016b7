"""What an import pins, brings and leaves behind, chunk by chunk, so that it can be taken up again."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from itertools import islice
from typing import Any, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cardcourier.domain.card_files import (
    BadRow,
    CardRow,
    Layout,
    Rules,
    compile_pattern,
    encoding_of,
    layout_of,
    lines,
    mask,
    read_rows,
)
from cardcourier.domain.cards import Card
from cardcourier.domain.catalogue import Product, Tenant
from cardcourier.domain.stock import Marker
from cardcourier.errors import Refused

ROWS = 1_000
"""Rows of a file that are one chunk, refused ones included."""

SHORTEST_LIFE = 3_600_000
"""A card that ends within the hour is as good as expired."""

Row = CardRow | BadRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What every row of one import is measured by. Pinned when the import begins: a repeat judges alike.

    `now` in epoch ms; `expires_at` (epoch ms) and `cost` (minor units of `currency`) stand in where a row
    is silent; `issuer` is who redeems the card, within whose cards it must be unique; `rows` make a chunk.
    """

    now: int
    zone: str
    issuer: str
    pattern: str
    currency: str
    cost: int
    expires_at: int | None
    rows: int

    @classmethod
    def for_job(cls, data: Mapping[str, Any], product: Product, tenant: Tenant, now: int, rows: int) -> Self:
        """What was chosen for the file, with what product and tenant say; raises Refused."""
        expires_at = data.get("expires_at")
        if expires_at is not None and expires_at <= now + SHORTEST_LIFE:
            raise Refused("expired", "The validity chosen for cards without a date has ended.")
        return cls(
            now=now,
            zone=tenant.time_zone,
            issuer=product.issuer or product.sku,
            pattern=product.pattern,
            currency=data.get("currency") or tenant.currency,
            cost=data.get("cost") or 0,
            expires_at=expires_at,
            rows=rows,
        )

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Self:
        """As kept with the job."""
        return cls(**value)

    def rules(self) -> Rules:
        """Raises Refused when the zone or the pattern is of no use."""
        try:
            zone = ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise Refused("bad_time_zone", f"The time zone {self.zone} is not known.") from error
        return Rules(
            zone=zone,
            now=self.now + SHORTEST_LIFE,
            currency=self.currency,
            pattern=compile_pattern(self.pattern) if self.pattern else None,
        )

    def complete(self, row: Row) -> Row:
        """The row, with what stands in where it is silent."""
        if isinstance(row, BadRow) or (row.expires_at is not None and row.cost is not None):
            return row
        return replace(
            row,
            expires_at=self.expires_at if row.expires_at is None else row.expires_at,
            cost=self.cost if row.cost is None else row.cost,
        )


@dataclass(frozen=True, slots=True)
class CardFile:
    """A supplier's file and how it is read."""

    data: bytes = field(repr=False)
    sha256: str
    encoding: str
    layout: Layout

    @classmethod
    def of(cls, data: bytes, chosen: Mapping[str, Any]) -> Self:
        """`chosen`: the `file_name`, and the `layout` if a person chose one. Raises Refused."""
        encoding = encoding_of([data])
        quoted = chosen["file_name"].lower().endswith((".csv", ".tsv"))
        layout = (
            Layout.of(chosen["layout"])
            if chosen.get("layout")
            else layout_of(lines([data], encoding), quoted=quoted)
        )
        return cls(data, sha256(data).hexdigest(), encoding, layout)

    def understood(self) -> dict[str, Any]:
        """How the file is read, for people to look at and to correct."""
        return {"encoding": self.encoding, **asdict(self.layout)}

    def chunks(self, terms: Terms, salt: bytes) -> Iterator[list[Row]]:
        """The rows, a chunk at a time; the same chunks whenever it is asked."""
        rows = map(
            terms.complete,
            read_rows(lines([self.data], self.encoding), self.layout, terms.rules(), salt=salt),
        )
        while chunk := list(islice(rows, terms.rows)):
            yield chunk


@dataclass(frozen=True, slots=True)
class Origin:
    """Which row of which batch brought a card into the vault."""

    batch: str
    row: int


@dataclass(frozen=True, slots=True)
class NewCard:
    """A card on its way into stock: what is sealed, and the marker that makes it sellable."""

    row: int
    card: Card
    marker: Marker


@dataclass(frozen=True, slots=True)
class Chunk:
    """What came of some rows: the ids of the cards that are in stock now, the rows whose cards were there
    before, and how many rows were refused, by code.
    """

    cards: tuple[str, ...]
    duplicates: tuple[int, ...]
    refused: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How the rows of a file divide; the parts add up to `rows`. `codes` are those of the refused rows."""

    rows: int
    accepted: int
    duplicates_in_file: int
    duplicates_in_stock: int
    expired: int
    bad: int
    codes: dict[str, int]


def counts_of(accepted: int, codes: Mapping[str, int]) -> Counts:
    in_file, in_stock = codes.get("E_DUP_FILE", 0), codes.get("E_DUP_STOCK", 0)
    expired, refused = codes.get("E_EXPIRED", 0), sum(codes.values())
    return Counts(
        rows=accepted + refused,
        accepted=accepted,
        duplicates_in_file=in_file,
        duplicates_in_stock=in_stock,
        expired=expired,
        bad=refused - in_file - in_stock - expired,
        codes={code: count for code, count in codes.items() if count},
    )


def total_of(chunks: Iterable[Chunk]) -> Counts:
    """The counts of a whole import, from what each chunk left behind."""
    accepted, codes = 0, Counter[str]()
    for chunk in chunks:
        accepted += len(chunk.cards)
        codes.update(chunk.refused)
        codes["E_DUP_STOCK"] += len(chunk.duplicates)
    return counts_of(accepted, codes)


def in_stock(row: CardRow) -> BadRow:
    """A good row whose card is known already, whatever became of it."""
    return BadRow(
        row.row, "E_DUP_STOCK", "the card is in stock, or was sold before: it is skipped", mask(row.code)
    )


def tail(code: str) -> str:
    """What of a code may be known everywhere: its last 4 characters, fewer if it has less than 12."""
    return mask(code).removeprefix("****")
