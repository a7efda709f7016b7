"""Wrapped data keys, in the catalogue of their tenant."""

from dataclasses import dataclass

from pynamodb.attributes import BinaryAttribute

from cardcourier.adapters.tables import keys
from cardcourier.adapters.tables.records import Record
from cardcourier.adapters.tables.writes import ConditionFailed, Put, Table


class DataKeyRecord(Record):
    wrapped = BinaryAttribute(legacy_encoding=False)


@dataclass(frozen=True, slots=True)
class DataKeysTable:
    """Where wrapped keys lie. Without the key service they open nothing."""

    table: Table

    def get(self, tenant: str, purpose: str, key_id: str) -> bytes | None:
        item = self.table.get((keys.catalogue(tenant), _sk(purpose, key_id)))
        return DataKeyRecord.from_raw_data(item).wrapped if item else None

    def put_new(self, tenant: str, purpose: str, key_id: str, wrapped: bytes, now: int) -> bytes:
        """Keep the key unless there is one; returns the one that is kept."""
        record = DataKeyRecord(keys.catalogue(tenant), _sk(purpose, key_id), wrapped=wrapped, at=now)
        try:
            self.table.write(Put(record, DataKeyRecord.pk.does_not_exist()))
        except ConditionFailed as failed:
            kept: bytes = DataKeyRecord.from_raw_data(failed.old or {}).wrapped
            return kept
        return wrapped


def _sk(purpose: str, key_id: str) -> str:
    return f"KEY#{purpose}#{key_id}"
