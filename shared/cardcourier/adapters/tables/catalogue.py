"""What tenants sell and where, small lists kept as documents of their dataclasses."""

import base64
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

from pynamodb.attributes import JSONAttribute

from cardcourier.adapters.tables import keys
from cardcourier.adapters.tables.keys import Key
from cardcourier.adapters.tables.records import Record
from cardcourier.adapters.tables.writes import (
    Change,
    ConditionFailed,
    Delete,
    Item,
    Put,
    Table,
    TransactionLost,
    busy,
    transact,
)
from cardcourier.domain.access import ApiKey, User
from cardcourier.domain.bulk import BulkPart
from cardcourier.domain.canary import Canary
from cardcourier.domain.catalogue import Batch, Content, Job, Listing, Product, Shop, Tenant
from cardcourier.domain.endpoints import Endpoint
from cardcourier.domain.gates import MOST_AGE, Gate
from cardcourier.domain.shop_apis import Connection
from cardcourier.domain.sms import SmsSettings
from cardcourier.domain.suppliers import Supplier
from cardcourier.domain.wording import Wording
from cardcourier.errors import Conflict, NotFound

Thing = TypeVar(
    "Thing",
    Tenant,
    Shop,
    Product,
    Content,
    Batch,
    Job,
    Listing,
    ApiKey,
    User,
    Gate,
    Endpoint,
    Supplier,
    SmsSettings,
    Wording,
    BulkPart,
    Canary,
    Connection,
)
MOST_KEPT = 10_000
_BYTES = "base64:"


class DocumentRecord(Record):
    doc = JSONAttribute()


@dataclass(frozen=True, slots=True)
class CatalogueTable:
    """Documents of one kind of thing each, under their tenant."""

    table: Table

    def get(self, cls: type[Thing], key: Key) -> Thing | None:
        item = self.table.get(key)
        return thing_of(cls, item) if item else None

    def need(self, cls: type[Thing], key: Key) -> Thing:
        """Raises NotFound, with one answer for "not there" and "not yours"."""
        found = self.get(cls, key)
        if found is None:
            raise NotFound("not_found", f"There is no such {cls.__name__.lower()}.")
        return found

    def all(self, cls: type[Thing], pk: str, prefix: str) -> list[Thing]:
        condition = (DocumentRecord.pk == pk) & DocumentRecord.sk.startswith(prefix)
        return [thing_of(cls, item) for item in self.table.query(condition, ConsistentRead=True)]

    def tenants(self) -> list[Tenant]:
        """Every merchant account of this deployment."""
        return self.all(Tenant, keys.catalogue("-"), "TENANT#")

    def put_gate(self, gate: Gate, now: int, by: str) -> None:
        """Close or open the whole deployment; whoever says it last decides."""
        self.put(keys.gate(), gate, now, by)

    def put_new(self, things: Iterable[tuple[Key, Any]], now: int, by: str) -> None:
        """Write all or none. Raises Conflict when one of them exists, Unavailable when nobody can tell."""
        parts = [
            (self.table, Put(_record(key, thing, now, by), DocumentRecord.pk.does_not_exist()))
            for key, thing in things
        ]
        try:
            transact(self.table.client, *parts)
        except TransactionLost as lost:
            if not lost.failed:
                raise busy(lost) from lost
            raise Conflict("already_exists", "There is one with this name already.") from lost

    def put(self, key: Key, thing: Any, now: int, by: str) -> None:
        self.table.write(Put(_record(key, thing, now, by)))

    def change(self, key: Key, thing: Any, seen_ver: int, now: int, by: str) -> None:
        """Replace a document, provided that it is still the one that was read. Raises Conflict."""
        actions = [
            DocumentRecord.doc.set(document(thing)),
            DocumentRecord.ver.set(seen_ver + 1),
            DocumentRecord.at.set(now),
            DocumentRecord.by.set(by),
        ]
        try:
            self.table.write(Change(key, actions, DocumentRecord.ver == seen_ver))
        except ConditionFailed as failed:
            old = failed.old or {}
            if old.get("at", {}).get("N") == str(now) and old.get("by", {}).get("S") == by:
                return
            raise Conflict("changed_meanwhile", "Somebody changed this meanwhile; read it again.") from failed

    def version(self, key: Key) -> int:
        item = self.table.get(key)
        return int(item["ver"]["N"]) if item else 0

    def replace_listings(
        self, tenant: str, shop: str, old: Sequence[Listing], new: Sequence[Listing], now: int, by: str
    ) -> None:
        """Exchange the rows of one listing at once, provided that they are still those that were read."""
        seen = {listing_key(tenant, shop, row): DocumentRecord.ver == row.ver for row in old}
        wanted = {listing_key(tenant, shop, row): row for row in new}
        parts: list[tuple[Table, Any]] = [
            (self.table, Delete(key, same)) for key, same in seen.items() if key not in wanted
        ]
        for key, row in wanted.items():
            record = _record(key, row, now, by, row.ver)
            parts.append((self.table, Put(record, seen.get(key, DocumentRecord.pk.does_not_exist()))))
        if parts:
            transact(self.table.client, *parts)

    def listings(self, tenant: str, shop: str, item: str = "", variant: str | None = None) -> list[Listing]:
        prefix = f"{item}#" if item and variant is None else f"{item}#{variant}#" if item else ""
        condition = DocumentRecord.pk == keys.listings(tenant, shop)
        if prefix:
            condition = condition & DocumentRecord.sk.startswith(prefix)
        return [thing_of(Listing, found) for found in self.table.query(condition, ConsistentRead=True)]


@dataclass(frozen=True, slots=True)
class JobDocuments:
    """Jobs, as those who order them and those who work on them read and change them."""

    catalogue: CatalogueTable

    def job(self, tenant: str, job: str) -> Job:
        """Raises NotFound."""
        return self.catalogue.need(Job, job_key(tenant, job))

    def change_job(self, job: Job, now: int, by: str) -> Job:
        """Keep a job as it is now, provided that nobody changed it since; raises Conflict."""
        self.catalogue.change(job_key(job.tenant, job.id), job, job.ver, now, by)
        return replace(job, ver=job.ver + 1)


def tenant_key(tenant: str) -> Key:
    return keys.catalogue("-"), f"TENANT#{tenant}"


def product_key(tenant: str, sku: str) -> Key:
    return keys.catalogue(tenant), f"PRODUCT#{sku}"


def content_key(tenant: str, sku: str) -> Key:
    return keys.catalogue(tenant), f"CONTENT#{sku}"


def shop_key(tenant: str, shop: str) -> Key:
    """The shop in its tenant's list; the shop itself is found without knowing the tenant."""
    return keys.catalogue(tenant), f"SHOP#{shop}"


def batch_key(tenant: str, batch: str) -> Key:
    return keys.catalogue(tenant), f"BATCH#{batch}"


def supplier_key(tenant: str, supplier: str) -> Key:
    return keys.catalogue(tenant), f"SUPPLIER#{supplier}"


def job_key(tenant: str, job: str) -> Key:
    return keys.catalogue(tenant), f"JOB#{job}"


def canary_key(tenant: str) -> Key:
    return keys.catalogue(tenant), "CANARY"


def sms_key(tenant: str) -> Key:
    return keys.catalogue(tenant), "SMS"


def wording_key(tenant: str, channel: str, kind: str, language: str) -> Key:
    return keys.catalogue(tenant), f"TEXT#{channel}#{kind}#{language}"


def api_key_key(tenant: str, key_id: str) -> Key:
    """The key in its tenant's list; the key itself is found by its id alone."""
    return keys.catalogue(tenant), f"AK#{key_id}"


def user_key(tenant: str, user: str) -> Key:
    """The user in the tenant's list; the user is found by issuer and subject alone."""
    return keys.catalogue(tenant), f"USER#{user}"


def listing_key(tenant: str, shop: str, row: Listing) -> Key:
    return keys.listings(tenant, shop), f"{row.item}#{row.variant}#{row.row:02d}"


def document(thing: Any) -> dict[str, Any]:
    """A dataclass as JSON; bytes become base64 text."""
    return {f.name: _plain(getattr(thing, f.name)) for f in fields(thing)}


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return _BYTES + base64.b64encode(value).decode()
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    return value


def _rich(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(_BYTES):
        return base64.b64decode(value.removeprefix(_BYTES))
    if isinstance(value, list):
        return tuple(_rich(part) for part in value)
    return value


def thing_of(cls: type[Thing], item: Item) -> Thing:
    """A document as its dataclass; fields that this version does not know are left out."""
    record = DocumentRecord.from_raw_data(item)
    known = {f.name for f in fields(cls)}
    values = {name: _rich(value) for name, value in record.doc.items() if name in known}
    if "ver" in known:
        values["ver"] = int(record.ver or 1)
    return cls(**values)


def _record(key: Key, thing: Any, now: int, by: str, ver: int = 1) -> DocumentRecord:
    pk, sk = key
    return DocumentRecord(pk, sk, doc=document(thing), ver=ver, at=now, by=by)


@dataclass(slots=True)
class CachedCatalogue:
    """The catalogue as the hot paths read it: up to half a minute old."""

    catalogue: CatalogueTable
    clock: Callable[[], int]
    _kept: dict[Any, tuple[int, Any]] = field(default_factory=dict)

    def tenant(self, tenant: str) -> Tenant:
        found = self.find_tenant(tenant)
        if found is None:
            raise NotFound("not_found", "There is no such tenant.")
        return found

    def find_tenant(self, tenant: str) -> Tenant | None:
        found: Tenant | None = self._cached(
            ("tenant", tenant), lambda: self.catalogue.get(Tenant, tenant_key(tenant))
        )
        return found

    def gate(self) -> Gate | None:
        """The gate of the whole deployment, if anybody ever closed it."""
        found: Gate | None = self._cached(("gate",), lambda: self.catalogue.get(Gate, keys.gate()))
        return found

    def shop(self, shop: str) -> Shop:
        found = self.find_shop(shop)
        if found is None:
            raise NotFound("not_found", "There is no such shop.")
        return found

    def find_shop(self, shop: str) -> Shop | None:
        found: Shop | None = self._cached(("shop", shop), lambda: self.catalogue.get(Shop, keys.shop(shop)))
        return found

    def product(self, tenant: str, sku: str) -> Product | None:
        found: Product | None = self._cached(
            ("product", tenant, sku), lambda: self.catalogue.get(Product, product_key(tenant, sku))
        )
        return found

    def content(self, tenant: str, sku: str) -> Content | None:
        """What buyers of a product of kind `fixed` get, once it was set."""
        found: Content | None = self._cached(
            ("content", tenant, sku), lambda: self.catalogue.get(Content, content_key(tenant, sku))
        )
        return found

    def listings(self, tenant: str, shop: str, item: str, variant: str) -> Sequence[Listing]:
        if not item:
            return ()
        found: list[Listing] = self._cached(
            ("listings", tenant, shop, item, variant),
            lambda: self.catalogue.listings(tenant, shop, item, variant),
        )
        return found

    def endpoints(self, tenant: str) -> Sequence[Endpoint]:
        """Who is to hear of this tenant's events; nobody, for most."""
        found: list[Endpoint] = self._cached(
            ("endpoints", tenant), lambda: self.catalogue.all(Endpoint, keys.endpoints(tenant), "E#")
        )
        return found

    def sms(self, tenant: str) -> SmsSettings:
        """How the tenant tells buyers; by mail alone unless he chose."""
        found: SmsSettings | None = self._cached(
            ("sms", tenant), lambda: self.catalogue.get(SmsSettings, sms_key(tenant))
        )
        return found or SmsSettings(tenant=tenant)

    def wording(self, tenant: str, channel: str, kind: str, language: str) -> Wording | None:
        key = wording_key(tenant, channel, kind, language)
        found: Wording | None = self._cached(key, lambda: self.catalogue.get(Wording, key))
        return found

    def release_at(self, tenant: str, sku: str) -> int | None:
        """When a presale opens (epoch ms), read anew; None when the product has no such time."""
        product = self.catalogue.get(Product, product_key(tenant, sku))
        return product.release_at if product else None

    def forget(self) -> None:
        """Read everything anew: a gate is about to be judged."""
        self._kept.clear()

    def _cached(self, key: Any, read: Callable[[], Any]) -> Any:
        now = self.clock()
        kept = self._kept.get(key)
        if kept is not None and 0 <= now - kept[0] < MOST_AGE:
            return kept[1]
        value = read()
        if len(self._kept) >= MOST_KEPT:
            self._kept.clear()
        self._kept[key] = (now, value)
        return value
