"""Wrapped data keys and the versions of those that make names, in the catalogue of their tenant."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from pynamodb.attributes import BinaryAttribute, JSONAttribute, UnicodeAttribute

from cardcourier.adapters.tables import keys
from cardcourier.adapters.tables.records import Record
from cardcourier.adapters.tables.writes import Change, ConditionFailed, Item, Put, Table
from cardcourier.domain.key_versions import FIRST, KeyVersion, Versions, WrappedKey


class DataKeyRecord(Record):
    """`kms` names the key that wrapped it, as far as it was written down."""

    wrapped = BinaryAttribute(legacy_encoding=False)
    kms = UnicodeAttribute(null=True)


class VersionsRecord(Record):
    versions = JSONAttribute()


@dataclass(frozen=True, slots=True)
class DataKeysTable:
    """Where wrapped keys lie. Without the key service they open nothing."""

    table: Table

    def get(self, tenant: str, purpose: str, key_id: str) -> bytes | None:
        item = self.table.get((keys.catalogue(tenant), _sk(purpose, key_id)))
        return DataKeyRecord.from_raw_data(item).wrapped if item else None

    def put_new(
        self, tenant: str, purpose: str, key_id: str, wrapped: bytes, now: int, kms: str = ""
    ) -> bytes:
        """Keep the key unless there is one; returns the one that is kept."""
        record = DataKeyRecord(
            keys.catalogue(tenant), _sk(purpose, key_id), wrapped=wrapped, at=now, kms=kms or None
        )
        try:
            self.table.write(Put(record, DataKeyRecord.pk.does_not_exist()))
        except ConditionFailed as failed:
            kept: bytes = DataKeyRecord.from_raw_data(failed.old or {}).wrapped
            return kept
        return wrapped

    def keys(self, tenant: str) -> Iterator[WrappedKey]:
        """Every data key of a tenant, read strongly."""
        condition = (DataKeyRecord.pk == keys.catalogue(tenant)) & DataKeyRecord.sk.startswith("KEY#")
        return (_wrapped_key(tenant, item) for item in self.table.query(condition, ConsistentRead=True))

    def rewrap(self, key: WrappedKey, wrapped: bytes, kms: str) -> bool:
        """Keep a key wrapped anew, provided that it still is as it was read; False when it is not."""
        place = (keys.catalogue(key.tenant), _sk(key.purpose, key.id))
        actions = [DataKeyRecord.wrapped.set(wrapped), DataKeyRecord.kms.set(kms)]
        try:
            self.table.write(Change(place, actions, DataKeyRecord.wrapped == key.wrapped))
        except ConditionFailed as failed:
            return failed.old is not None and DataKeyRecord.from_raw_data(failed.old).wrapped == wrapped
        return True

    def versions(self, tenant: str, purpose: str) -> Versions:
        """The versions of a key that makes names; just the first, unless there ever was another."""
        item = self.table.get((keys.catalogue(tenant), _versions(purpose)))
        if item is None:
            return (KeyVersion(id=FIRST),)
        return tuple(KeyVersion(**kept) for kept in VersionsRecord.from_raw_data(item).versions)

    def put_versions(self, tenant: str, purpose: str, seen: Versions, new: Versions, now: int) -> bool:
        """Replace the list, provided that it is still the one that was read; False when it is not."""
        record = VersionsRecord(keys.catalogue(tenant), _versions(purpose), versions=_plain(new), at=now)
        unchanged = VersionsRecord.versions == _plain(seen)
        if len(seen) == 1:
            unchanged = VersionsRecord.pk.does_not_exist() | unchanged
        try:
            self.table.write(Put(record, unchanged))
        except ConditionFailed:
            return self.versions(tenant, purpose) == new
        return True


def _wrapped_key(tenant: str, item: Item) -> WrappedKey:
    record = DataKeyRecord.from_raw_data(item)
    _, purpose, key_id = record.sk.split("#", 2)
    return WrappedKey(
        tenant=tenant,
        purpose=purpose,
        id=key_id,
        wrapped=record.wrapped,
        kms=record.kms or "",
        at=int(record.at or 0),
    )


def _plain(versions: Versions) -> list[dict[str, str | int | None]]:
    return [asdict(version) for version in versions]


def _versions(purpose: str) -> str:
    return f"VERSIONS#{purpose}"


def _sk(purpose: str, key_id: str) -> str:
    return f"KEY#{purpose}#{key_id}"
