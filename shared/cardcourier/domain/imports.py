"""What an import pins, brings and leaves behind, chunk by chunk, so that it can be taken up again."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from itertools import islice
from typing import Any, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cardcourier.domain.card_files import (
    CELLS,
    BadRow,
    CardRow,
    Layout,
    Record,
    Rules,
    compile_pattern,
    encoding_of,
    fits,
    layout_of,
    layout_of_cells,
    lines,
    mask,
    read_rows,
    records,
    records_of_cells,
)
from cardcourier.domain.cards import Card, use_id, uses_of
from cardcourier.domain.catalogue import Job, Product, Tenant
from cardcourier.domain.money import share
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

    `now` in epoch ms; `expires_at` (epoch ms), `cost` and `face` (minor units of `currency`) stand in where
    a row is silent; `issuer` is who redeems the card, within whose cards it must be unique, whatever its
    case and width if `fold`; `rows` make a chunk. `uses` is how often a shared card is sold where its row
    is silent, None where cards are unique.
    """

    now: int
    zone: str
    issuer: str
    pattern: str
    currency: str
    cost: int
    expires_at: int | None
    rows: int
    face: int | None = None
    fold: bool = False
    uses: int | None = None

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
            face=data.get("face"),
            fold=product.fold,
            uses=(data.get("uses") or 1) if product.kind == "shared" else None,
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
            fold=self.fold,
        )

    def complete(self, row: Row) -> Row:
        """The row, with what stands in where it is silent."""
        if isinstance(row, BadRow):
            return row
        return replace(
            row,
            expires_at=self.expires_at if row.expires_at is None else row.expires_at,
            cost=self.cost if row.cost is None else row.cost,
            face=self.face if row.face is None else row.face,
            uses=None if self.uses is None else row.uses or self.uses,
        )


@dataclass(frozen=True, slots=True)
class Source:
    """An uploaded file, opened: its bytes are text, or it is a workbook with rows of cells.

    `pieces` and `cells` read it from the start, each time they are called; `cells` yields every row of one
    sheet, empty ones too. `name` is that of the file inside of an archive, `sheet` that of the sheet.
    """

    sha256: str
    pieces: Callable[[], Iterable[bytes]] = field(repr=False)
    cells: Callable[[], Iterable[Sequence[str]]] | None = field(default=None, repr=False)
    name: str = ""
    sheet: str = ""

    @classmethod
    def of(cls, data: bytes) -> Self:
        """Text that is at hand."""
        return cls(sha256(data).hexdigest(), lambda: [data])


@dataclass(frozen=True, slots=True)
class Remembered:
    """How the last file of a supplier was read. `head` is one of what `digests` makes of its header line, if
    it had one: a line that was taken for a header may be a card.
    """

    layout: Layout
    head: str
    digests: Callable[[str], Sequence[str]]


@dataclass(frozen=True, slots=True)
class CardFile:
    """A supplier's file and how it is read."""

    source: Source
    encoding: str
    layout: Layout

    @classmethod
    def of(cls, source: Source, chosen: Mapping[str, Any], remembered: Remembered | None = None) -> Self:
        """`chosen`: the `file_name`, and the `layout` if a person chose one. Raises Refused.

        Without a choice the supplier's last layout counts, if it was `remembered` and fits this file.
        """
        given = Layout.of(chosen["layout"]) if chosen.get("layout") else None
        if source.cells is not None:
            if given is not None and not given.separator and len(given.columns) > 1:
                given = replace(given, separator=CELLS)
            return cls(source, "", given or layout_of_cells(source.cells()))._or(given, remembered)
        encoding = encoding_of(source.pieces())
        quoted = (source.name or chosen["file_name"]).lower().endswith((".csv", ".tsv"))
        layout = given or layout_of(lines(source.pieces(), encoding), quoted=quoted)
        return cls(source, encoding, layout)._or(given, remembered)

    def _or(self, given: Layout | None, remembered: Remembered | None) -> Self:
        """The file as remembered, where that fits and nobody chose otherwise."""
        if given is not None or remembered is None or (remembered.layout.separator == CELLS) > self.is_book:
            return self
        known = replace(self, layout=remembered.layout)
        if known.layout.header != self.layout.header or (
            known.head and remembered.head not in remembered.digests(known.head)
        ):
            return self
        return known if fits(known.layout, known._records()) else self

    @property
    def is_book(self) -> bool:
        return self.source.cells is not None

    @property
    def head(self) -> str:
        """The header line; empty if there is none."""
        if not self.layout.header:
            return ""
        headless = replace(self, layout=replace(self.layout, header=False))
        return next((record.line for record in headless._records()), "")

    @property
    def sha256(self) -> str:
        return self.source.sha256

    def understood(self) -> dict[str, Any]:
        """How the file is read, for people to look at and to correct."""
        about = {"encoding": self.encoding, "file": self.source.name, "sheet": self.source.sheet}
        return {**{name: text for name, text in about.items() if text}, **asdict(self.layout)}

    def chunks(self, terms: Terms, salt: bytes) -> Iterator[list[Row]]:
        """The rows, a chunk at a time; the same chunks whenever it is asked."""
        rows = map(terms.complete, read_rows(self._records(), self.layout, terms.rules(), salt=salt))
        while chunk := list(islice(rows, terms.rows)):
            yield chunk

    def _records(self) -> Iterator[Record]:
        if self.source.cells is not None:
            return records_of_cells(self.source.cells(), self.layout)
        return records(lines(self.source.pieces(), self.encoding), self.layout)


@dataclass(frozen=True, slots=True)
class Origin:
    """Which row of which batch brought a card into the vault."""

    batch: str
    row: int


@dataclass(frozen=True, slots=True)
class NewCard:
    """A card on its way into stock: what is sealed, and the marker that makes it sellable. It is in stock
    already if it is there under one of the names it may `also` have.
    """

    row: int
    card: Card
    marker: Marker
    also: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return (self.marker.card, *self.also)


@dataclass(frozen=True, slots=True)
class SharedCard:
    """A shared card on its way into stock: `marker` is that of its uses, each with its own name and cost.
    `also` as above.
    """

    row: int
    card: Card
    marker: Marker
    uses: int
    also: tuple[str, ...] = ()

    def markers(self, numbers: Iterable[int], shards: Iterator[int]) -> list[Marker]:
        """The markers of these uses, each on a shard of its own; together they cost what the card cost."""
        return [
            replace(
                self.marker,
                card=use_id(self.marker.card, n),
                cost=share(self.marker.cost, self.uses, n),
                shard=next(shards),
            )
            for n in numbers
        ]


@dataclass(frozen=True, slots=True)
class Chunk:
    """What came of some rows: the ids of the cards that are in stock now, the rows whose cards were there
    before, and how many rows were refused, by code. `cost` and `face` are sums over the cards, in minor
    units; `first` and `last` the earliest and latest end of their validity (epoch ms), if any ends. `uses`
    says of each shared card how often it is sold.
    """

    cards: tuple[str, ...]
    duplicates: tuple[int, ...]
    refused: Mapping[str, int]
    cost: int = 0
    face: int = 0
    first: int | None = None
    last: int | None = None
    uses: tuple[int, ...] = ()

    @property
    def sold_as(self) -> tuple[str, ...]:
        """The names under which the cards are sold: their own, or those of their uses."""
        if not self.uses:
            return self.cards
        return tuple(
            use for card, uses in zip(self.cards, self.uses, strict=True) for use in uses_of(card, uses)
        )

    @classmethod
    def of(
        cls, brought: Sequence[tuple[str, CardRow]], duplicates: Iterable[int], bad: Iterable[BadRow]
    ) -> Self:
        """What came of rows of which those `brought` are in stock now."""
        ends = [row.expires_at for _, row in brought if row.expires_at is not None]
        return cls(
            tuple(card for card, _ in brought),
            tuple(sorted(duplicates)),
            Counter(row.code for row in bad),
            sum(row.cost or 0 for _, row in brought),
            sum(row.face or 0 for _, row in brought),
            min(ends, default=None),
            max(ends, default=None),
            tuple(row.uses for _, row in brought if row.uses is not None),
        )


@dataclass(frozen=True, slots=True)
class Gone:
    """What became of a chunk's cards when its import was undone: so many are void, the others were sold."""

    voided: int
    sold: int


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


def batch_of(job: Job) -> str:
    """The batch of an import; a job taken up again fills the same one."""
    return f"b-{job.id}"


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


def sums_of(chunks: Sequence[Chunk]) -> dict[str, Any]:
    """What the cards of a batch cost and are worth, and when they end, by a batch's names for it."""
    return {
        "total_cost": sum(chunk.cost for chunk in chunks),
        "total_face": sum(chunk.face for chunk in chunks),
        "first_expiry": min((c.first for c in chunks if c.first is not None), default=None),
        "last_expiry": max((c.last for c in chunks if c.last is not None), default=None),
    }


def rate_of(done: int, milliseconds: int) -> int:
    """Rows a second."""
    return done * 1000 // max(milliseconds, 1)


def in_stock(row: CardRow) -> BadRow:
    """A good row whose card is known already, whatever became of it."""
    return BadRow(
        row.row, "E_DUP_STOCK", "the card is in stock, or was sold before: it is skipped", mask(row.code)
    )


def tail(code: str) -> str:
    """What of a code may be known everywhere: its last 4 characters, fewer if it has less than 12."""
    return mask(code).removeprefix("****")
