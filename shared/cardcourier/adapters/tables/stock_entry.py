"""How cards enter the stock: W20, what each chunk of an import left behind, and its documents."""

import base64
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pynamodb.attributes import BinaryAttribute, JSONAttribute, NumberAttribute, UnicodeAttribute

from cardcourier.adapters.tables import keys
from cardcourier.adapters.tables.catalogue import (
    JobDocuments,
    batch_key,
    content_key,
    product_key,
    supplier_key,
    tenant_key,
)
from cardcourier.adapters.tables.records import (
    MarkerRecord,
    Record,
    StockRecord,
    marker_record,
    stock_names,
)
from cardcourier.adapters.tables.writes import (
    Check,
    ConditionFailed,
    Item,
    Put,
    Table,
    TransactionLost,
    Write,
    busy,
    transact,
)
from cardcourier.adapters.vault import VaultRecord, record_of
from cardcourier.domain.cards import Card
from cardcourier.domain.catalogue import Batch, Content, Product, Tenant
from cardcourier.domain.imports import Chunk, NewCard, Origin, SharedCard
from cardcourier.domain.protocol import Actor, Pool
from cardcourier.domain.stock import Marker
from cardcourier.domain.suppliers import Supplier
from cardcourier.errors import Conflict, Unavailable

ID_PREFIX, ID_LETTERS, ID_BYTES = "c1", 26, 17
ROUNDS = 12
UNKNOWN = Origin("", 0)
COUNTED = ("imported", "duplicates", "rejected", "total_cost", "total_face", "first_expiry", "last_expiry")


class ChunkRecord(StockRecord):
    """`cards`: the ids that are in stock, 17 bytes each; `known`: row numbers, 4 bytes each.

    `uses`: how often each shared card is sold, 2 bytes each.
    """

    cards = BinaryAttribute(legacy_encoding=False)
    known = BinaryAttribute(legacy_encoding=False)
    uses = BinaryAttribute(legacy_encoding=False, null=True)
    refused = JSONAttribute()
    cost = NumberAttribute(null=True)
    face = NumberAttribute(null=True)
    first = NumberAttribute(null=True)
    last = NumberAttribute(null=True)


class FileRecord(Record):
    """A file that was imported, under the hash of its bytes."""

    job = UnicodeAttribute()


@dataclass(frozen=True, slots=True)
class StockEntryTable:
    """Vault items with their markers, and batch content."""

    main: Table
    vault: Table

    def present(self, tenant: str, cards: Iterable[str]) -> dict[str, Origin]:
        """Where those of the cards that were ever imported come from; whatever became of them since."""
        items = self.vault.get_many((keys.vault(tenant, card), "") for card in cards)
        return {_name(item): _origin(item) for item in items}

    def put(
        self, pool: Pool, batch: str, cards: Sequence[NewCard], key: bytes, now: int
    ) -> dict[str, Origin]:
        """W20: seal cards and put each into the vault together with its marker, unless it is there under
        another name; all or none. Up to 50 cards, or 33 that have another name.

        Returns nothing when all were written, else those that were there before, by the name they have: a
        card that was ever imported, sold or not, does not get its marker back. Raises Unavailable when
        others were in the way.
        """
        cipher = AESGCM(key)
        parts: list[tuple[Table, Write | Check]] = []
        for new in cards:
            record = record_of(cipher, pool.tenant, new.marker.card, batch, pool.sku, new.row, new.card, now)
            marker = marker_record(new.marker, pool.tenant, pool.sku, pool.epoch)
            parts.append((self.vault, Put(record, VaultRecord.pk.does_not_exist())))
            parts.append((self.main, Put(marker, MarkerRecord.pk.does_not_exist())))
            parts += self._nowhere_else(pool.tenant, new.also)
        try:
            transact(self.main.client, *parts)
        except TransactionLost as lost:
            there = _there_before(cards, lost)
            if not there:
                raise busy(lost) from lost
            return there
        return {}

    def put_shared(
        self, pool: Pool, batch: str, new: SharedCard, first: Sequence[Marker], key: bytes, now: int
    ) -> dict[str, Origin]:
        """W22: seal a shared card and put it into the vault together with the markers of its first uses,
        unless it is there under another name.

        Returns nothing when it was written, else by its name where the card came from before: its first
        uses are issued, and some may be sold. Raises Unavailable when others were in the way.
        """
        card = new.marker.card
        record = record_of(AESGCM(key), pool.tenant, card, batch, pool.sku, new.row, new.card, now)
        sealed = Put(record, VaultRecord.pk.does_not_exist())
        there = self._issue(pool, first, (self.vault, sealed), *self._nowhere_else(pool.tenant, new.also))
        return {} if there is None else {_name(there): _origin(there)}

    def put_uses(
        self, pool: Pool, batch: str, card: str, stretch: int, markers: Sequence[Marker], now: int
    ) -> bool:
        """W23: put the markers of a stretch of uses together with the row that says it is issued.

        False when it was issued before: what is sold of it does not come again. Raises Unavailable.
        """
        record = Record(*keys.issued(pool.tenant, batch, card, stretch), at=now)
        issued = Put(record, Record.pk.does_not_exist())
        return self._issue(pool, markers, (self.main, issued)) is None

    def _nowhere_else(self, tenant: str, names: Iterable[str]) -> list[tuple[Table, Check]]:
        """That the vault holds nothing under these names: a worker for whom another version of the names is
        the one in use may bring in the same card at this moment.
        """
        absent = VaultRecord.pk.does_not_exist()
        return [(self.vault, Check((keys.vault(tenant, name), ""), absent)) for name in names]

    def _issue(self, pool: Pool, markers: Sequence[Marker], *once: tuple[Table, Put | Check]) -> Item | None:
        """Put markers together with what says that they were put; returns that where it is there."""
        puts: list[tuple[Table, Write]] = [
            (
                self.main,
                Put(marker_record(m, pool.tenant, pool.sku, pool.epoch), MarkerRecord.pk.does_not_exist()),
            )
            for m in markers
        ]
        try:
            transact(self.main.client, *once, *puts)
        except TransactionLost as lost:
            of_once, of_markers = lost.reasons[: len(once)], lost.reasons[len(once) :]
            there = next((reason.old for reason in of_once if reason.failed and reason.old), None)
            if there is not None:
                return there
            if all(r.innocent for r in of_once) and any(r.failed for r in of_markers):
                raise AssertionError("a use was issued twice") from lost
            raise busy(lost) from lost
        return None

    def put_content(
        self, tenant: str, sku: str, batch: str, card_id: str, card: Card, key: bytes, now: int
    ) -> None:
        """Seal fixed content into the vault, unless an earlier try of the same job did."""
        record = record_of(AESGCM(key), tenant, card_id, batch, sku, 0, card, now)
        try:
            self.vault.write(Put(record, VaultRecord.pk.does_not_exist()))
        except ConditionFailed:
            return

    def put_chunk(self, pool: Pool, batch: str, number: int, chunk: Chunk, actor: Actor) -> None:
        """Keep what came of a chunk, which is also told to the journal. Whoever was first wrote the same."""
        record = ChunkRecord(
            *keys.batch_chunk(pool.tenant, batch, number),
            **stock_names("import", pool, batch, len(chunk.sold_as), actor),
            cards=b"".join(map(_packed, chunk.cards)),
            known=struct.pack(f">{len(chunk.duplicates)}I", *chunk.duplicates),
            uses=struct.pack(f">{len(chunk.uses)}H", *chunk.uses) if chunk.uses else None,
            refused=dict(chunk.refused),
            cost=chunk.cost,
            face=chunk.face,
            first=chunk.first,
            last=chunk.last,
        )
        try:
            self.main.write(Put(record, ChunkRecord.pk.does_not_exist()))
        except ConditionFailed:
            return

    def chunks(self, tenant: str, batch: str) -> dict[int, Chunk]:
        """Every chunk that is done, by its number, read strongly."""
        pk, _ = keys.batch_chunk(tenant, batch, 0)
        condition = (ChunkRecord.pk == pk) & ChunkRecord.sk.startswith("M#")
        items = self.main.query(condition, ConsistentRead=True)
        return {int(item["sk"]["S"].removeprefix("M#")): chunk_of(item) for item in items}


@dataclass(frozen=True, slots=True)
class ImportDocuments(JobDocuments):
    """The documents an import reads and writes, in the catalogue of its tenant."""

    def tenant(self, tenant: str) -> Tenant:
        return self.catalogue.need(Tenant, tenant_key(tenant))

    def product(self, tenant: str, sku: str) -> Product:
        """Read anew; raises NotFound."""
        return self.catalogue.need(Product, product_key(tenant, sku))

    def supplier(self, tenant: str, supplier: str) -> Supplier | None:
        return self.catalogue.get(Supplier, supplier_key(tenant, supplier))

    def remember_layout(self, supplier: Supplier, layout: Mapping[str, Any], now: int, by: str) -> None:
        """Keep how the supplier's last file was read; whoever changes the supplier now may overtake us."""
        key = supplier_key(supplier.tenant, supplier.id)
        seen = self.catalogue.version(key)
        kept = self.catalogue.need(Supplier, key)
        try:
            self.catalogue.change(key, replace(kept, layout=dict(layout)), seen, now, by)
        except Conflict:
            return

    def add_batch(self, batch: Batch, now: int, by: str) -> None:
        """Announce a batch, unless an earlier try did."""
        try:
            self.catalogue.put_new([(batch_key(batch.tenant, batch.id), batch)], now, by)
        except Conflict:
            return

    def count_batch(self, batch: Batch, now: int, by: str) -> None:
        """Set the counts of a batch and leave the rest of it alone; raises Conflict."""
        key = batch_key(batch.tenant, batch.id)
        seen = self.catalogue.version(key)
        if not seen:
            return self.catalogue.put_new([(key, batch)], now, by)
        kept = self.catalogue.need(Batch, key)
        counted = replace(kept, **{name: getattr(batch, name) for name in COUNTED})
        return self.catalogue.change(key, counted, seen, now, by)

    def mark_batch(self, tenant: str, batch: str, now: int, by: str, **facts: Any) -> None:
        """Set these facts of a batch and leave the rest of it alone. Raises NotFound, Conflict."""
        key = batch_key(tenant, batch)
        for _ in range(ROUNDS):
            seen = self.catalogue.version(key)
            marked = replace(self.catalogue.need(Batch, key), **facts)
            try:
                return self.catalogue.change(key, marked, seen, now, by)
            except Conflict:
                continue
        raise Unavailable("batch_busy", "Others change this batch; try again.")

    def set_content(self, content: Content, now: int, by: str) -> int:
        """Make this what buyers get, unless something newer is; returns the version they get then.

        Raises Unavailable.
        """
        key = content_key(content.tenant, content.sku)
        for _ in range(ROUNDS):
            seen = self.catalogue.version(key)
            kept = self.catalogue.get(Content, key) if seen else None
            if kept is not None and (kept.card == content.card or kept.at > content.at):
                return kept.version
            next_one = replace(content, version=kept.version + 1 if kept else 1)
            try:
                if kept is None:
                    self.catalogue.put_new([(key, next_one)], now, by)
                else:
                    self.catalogue.change(key, next_one, seen, now, by)
            except Conflict:
                continue
            return next_one.version
        raise Unavailable("content_busy", "Others set this content; try again.")

    def file_job(self, tenant: str, sha256: str) -> str:
        """The job that imported, or is importing, a file with these bytes; empty if there is none."""
        item = self.catalogue.table.get(_file_key(tenant, sha256))
        return str(item["job"]["S"]) if item else ""

    def claim_file(self, tenant: str, sha256: str, job: str, instead_of: str, now: int, by: str) -> bool:
        """Say that this job imports the file; `instead_of` is a job that failed to. False if another does."""
        free = FileRecord.pk.does_not_exist() | (FileRecord.job == job) | (FileRecord.job == instead_of)
        try:
            self.catalogue.table.write(
                Put(FileRecord(*_file_key(tenant, sha256), job=job, at=now, by=by), free)
            )
        except ConditionFailed:
            return False
        return True


def _file_key(tenant: str, sha256: str) -> keys.Key:
    return keys.catalogue(tenant), f"FILE#{sha256}"


def _there_before(cards: Sequence[NewCard], lost: TransactionLost) -> dict[str, Origin]:
    there: dict[str, Origin] = {}
    reasons = iter(lost.reasons)
    for new in cards:
        vault, marker, *others = islice(reasons, 1 + len(new.names))
        found = [reason.old for reason in (vault, *others) if reason.failed and reason.old]
        if found:
            there |= {_name(item): _origin(item) for item in found}
        elif any(reason.failed for reason in (vault, marker, *others)):
            there[new.marker.card] = UNKNOWN
    return there


def _name(item: Item) -> str:
    """The name of a card in the vault."""
    pk: str = item["pk"]["S"]
    return pk.rsplit("#", 1)[1]


def _origin(item: Item) -> Origin:
    return Origin(item["batch"]["S"], int(item["row"]["N"]))


def _packed(card: str) -> bytes:
    """A card's id without its prefix, in the bytes its 26 letters stand for."""
    letters = card.removeprefix(ID_PREFIX).upper()
    return base64.b32decode(letters.ljust(32, "A"))[:ID_BYTES]


def _unpacked(packed: bytes) -> str:
    return ID_PREFIX + base64.b32encode(packed).decode().lower()[:ID_LETTERS]


def chunk_of(item: Item) -> Chunk:
    """What came of some rows, as it is kept."""
    record = ChunkRecord.from_raw_data(item)
    cards = [record.cards[at : at + ID_BYTES] for at in range(0, len(record.cards), ID_BYTES)]
    known = struct.unpack(f">{len(record.known) // 4}I", record.known)
    return Chunk(
        tuple(map(_unpacked, cards)),
        known,
        record.refused,
        int(record.cost or 0),
        int(record.face or 0),
        _int(record.first),
        _int(record.last),
        struct.unpack(f">{len(record.uses) // 2}H", record.uses) if record.uses else (),
    )


def _int(value: Any) -> int | None:
    return None if value is None else int(value)
