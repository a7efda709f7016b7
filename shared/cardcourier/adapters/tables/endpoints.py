"""Endpoints of a tenant, and the replays it asked for.

They lie apart from the catalogue, so that the function that calls strangers' addresses has rights here only.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pynamodb.attributes import NumberAttribute

from cardcourier.adapters.tables import keys
from cardcourier.adapters.tables.catalogue import CatalogueTable, DocumentRecord, document, thing_of
from cardcourier.adapters.tables.keys import Key
from cardcourier.adapters.tables.writes import Change, ConditionFailed, Delete, Item, Put
from cardcourier.domain.catalogue import Job
from cardcourier.domain.endpoints import DISABLED, Endpoint
from cardcourier.domain.kept import Kept
from cardcourier.errors import Conflict, NotFound

ROUNDS = 5
"""How often an endpoint is read again when somebody changes it at the same moment."""


class EndpointRecord(DocumentRecord):
    """`failing_since` stands beside the document: it is no change that anybody made."""

    failing_since = NumberAttribute(null=True)


@dataclass(frozen=True, slots=True)
class EndpointsTable:
    """Documents of endpoints under their tenant; changes name the version that was seen."""

    documents: CatalogueTable

    def endpoints(self, tenant: str) -> list[Endpoint]:
        condition = (EndpointRecord.pk == keys.endpoints(tenant)) & EndpointRecord.sk.startswith("E#")
        return [_endpoint(item) for item in self.documents.table.query(condition, ConsistentRead=True)]

    def endpoint(self, tenant: str, endpoint_id: str) -> Kept[Endpoint]:
        """Raises NotFound for another tenant's endpoint as for none."""
        item = self.documents.table.get(keys.endpoint(tenant, endpoint_id))
        if item is None:
            raise NotFound("not_found", "There is no such endpoint.")
        return Kept(_endpoint(item), int(item["ver"]["N"]))

    def some(self, wanted: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Endpoint]:
        """Endpoints by tenant and id, as they are now; absent ones are simply missing."""
        items = self.documents.table.get_many(keys.endpoint(*one) for one in wanted)
        return {(one.tenant, one.id): one for one in map(_endpoint, items)}

    def add(self, endpoint: Endpoint, now: int, by: str) -> None:
        """Raises Conflict when there is one of this id."""
        record = _record(_key(endpoint), endpoint, now, by)
        try:
            self.documents.table.write(Put(record, DocumentRecord.pk.does_not_exist()))
        except ConditionFailed as failed:
            if not _mine(failed, endpoint, now, by):
                raise Conflict("already_exists", "There is one with this name already.") from failed

    def change(self, endpoint: Endpoint, seen_ver: int, now: int, by: str) -> None:
        """Raises Conflict when somebody else changed it meanwhile. One that is enabled begins anew."""
        actions = [
            EndpointRecord.doc.set(_document(endpoint)),
            EndpointRecord.ver.set(seen_ver + 1),
            EndpointRecord.at.set(now),
            EndpointRecord.by.set(by),
        ]
        if endpoint.enabled and not endpoint.failing_since:
            actions.append(EndpointRecord.failing_since.remove())
        try:
            self.documents.table.write(Change(_key(endpoint), actions, EndpointRecord.ver == seen_ver))
        except ConditionFailed as failed:
            if not _mine(failed, endpoint, now, by):
                raise _changed() from failed

    def remove(self, endpoint: Endpoint, seen_ver: int) -> None:
        """Nothing can be sent to it any more; its messages go with time. Raises Conflict, as `change`."""
        try:
            self.documents.table.write(Delete(_key(endpoint), EndpointRecord.ver == seen_ver))
        except ConditionFailed as failed:
            if failed.old is not None:
                raise _changed() from failed

    def disable(self, tenant: str, endpoint_id: str, reason: str, now: int, by: str) -> bool:
        """Send it nothing more; False when it was disabled before, or is not there."""
        for _ in range(ROUNDS):
            try:
                kept = self.endpoint(tenant, endpoint_id)
                if not kept.thing.enabled:
                    return False
                disabled = replace(kept.thing, state=DISABLED, reason=reason)
                self.change(disabled, kept.ver, now, by)
            except NotFound:
                return False
            except Conflict:
                continue
            return True
        return False

    def begins_to_fail(self, endpoint: Endpoint, now: int) -> None:
        """Note since when it does nothing but fail; the first who notes it wins."""
        unnoted = EndpointRecord.pk.exists() & EndpointRecord.failing_since.does_not_exist()
        self._note(endpoint, Change(_key(endpoint), [EndpointRecord.failing_since.set(now)], unnoted))

    def works_again(self, endpoint: Endpoint) -> None:
        noted = EndpointRecord.failing_since.exists()
        self._note(endpoint, Change(_key(endpoint), [EndpointRecord.failing_since.remove()], noted))

    def _note(self, endpoint: Endpoint, change: Change) -> None:
        try:
            self.documents.table.write(change)
        except ConditionFailed:
            return

    # -- replays --------------------------------------------------------------------------------

    def replay(self, tenant: str, job: str) -> Job:
        return self.documents.need(Job, keys.replay(tenant, job))

    def add_replay(self, job: Job, now: int) -> None:
        """A repeat of the same request finds its replay there and leaves it."""
        try:
            self.documents.put_new([(keys.replay(job.tenant, job.id), job)], now, job.by)
        except Conflict:
            return

    def change_replay(self, job: Job, now: int, by: str) -> None:
        """Raises Conflict when another worker went on with it."""
        self.documents.change(keys.replay(job.tenant, job.id), job, job.ver, now, by)


def _changed() -> Conflict:
    return Conflict("changed_meanwhile", "Somebody changed this meanwhile; read it again.")


def _key(endpoint: Endpoint) -> Key:
    return keys.endpoint(endpoint.tenant, endpoint.id)


def _endpoint(item: Item) -> Endpoint:
    since = int(item.get("failing_since", {}).get("N", "0"))
    return replace(thing_of(Endpoint, item), failing_since=since)


def _document(endpoint: Endpoint) -> dict[str, object]:
    return {name: value for name, value in document(endpoint).items() if name != "failing_since"}


def _record(key: Key, endpoint: Endpoint, now: int, by: str) -> EndpointRecord:
    pk, sk = key
    return EndpointRecord(pk, sk, doc=_document(endpoint), ver=1, at=now, by=by)


def _mine(failed: ConditionFailed, endpoint: Endpoint, now: int, by: str) -> bool:
    """Whether what stands there is what this very write put, whose answer was lost."""
    if failed.old is None:
        return False
    record = EndpointRecord.from_raw_data(failed.old)
    return (int(record.at or 0), record.by) == (now, by) and record.doc == _document(endpoint)
