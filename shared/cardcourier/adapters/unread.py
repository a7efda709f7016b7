"""Notifications that were signed but not understood: kept sealed, so that nothing is lost.

A long body is kept in parts, because a table takes no item above 400 KB.
"""

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice

from pynamodb.attributes import BinaryAttribute, NumberAttribute, UnicodeAttribute

from cardcourier.adapters.keyring import Contacts
from cardcourier.adapters.tables import keys
from cardcourier.adapters.tables.records import Record
from cardcourier.adapters.tables.writes import Put, Table
from cardcourier.domain.catalogue import Shop
from cardcourier.domain.kept import Page
from cardcourier.domain.todo import NOT_UNDERSTOOD, Task, TaskId
from cardcourier.domain.unread import UnreadNotification
from cardcourier.errors import NotFound

KEEP_DAYS = 90
PART_BYTES = 200_000


class UnreadRecord(Record):
    """The first part of a body and what is known of it; later parts have only `sealed`."""

    shop = UnicodeAttribute()
    event = UnicodeAttribute(null=True)
    parts = NumberAttribute(default=1)
    sealed = BinaryAttribute(legacy_encoding=False)


@dataclass(frozen=True, slots=True)
class UnreadTable:
    """The same notification again overwrites itself."""

    table: Table
    contacts: Contacts
    clock: Callable[[], int]

    def keep(self, shop: Shop, event_id: str, reason: str, body: bytes, rid: str) -> None:
        """Keep the body for 90 days; its first part comes last, so that what is listed is whole."""
        now, name = self.clock(), sha256(body).hexdigest()[:32]
        parts = [body[start : start + PART_BYTES] for start in range(0, len(body), PART_BYTES)] or [b""]
        for number in reversed(range(len(parts))):
            text = base64.b64encode(parts[number]).decode()
            record = UnreadRecord(
                keys.catalogue(shop.tenant),
                _sk(shop.id, name, number),
                shop=shop.id,
                event=event_id or None,
                parts=len(parts),
                sealed=self.contacts.seal(shop.tenant, {"body": text}, f"{shop.id}/{name}/{number}"),
                at=now,
                why=reason,
                rid=rid,
                ttl=now // 1000 + KEEP_DAYS * 86_400,
            )
            self.table.write(Put(record))

    def page(self, tenant: str, after: str | None = None, limit: int = 100) -> Page[UnreadNotification]:
        """What waits for somebody to look, by shop; the bodies stay sealed."""
        first = f"UNREAD#{after}\x00" if after else "UNREAD#"
        condition = (UnreadRecord.pk == keys.catalogue(tenant)) & UnreadRecord.sk.between(first, "UNREAD$")
        found = islice(self.table.query(condition, Limit=limit + 1), limit + 1)
        records = [UnreadRecord.from_raw_data(item) for item in found]
        more = records[limit - 1].sk.removeprefix("UNREAD#") if len(records) > limit else None
        return Page(tuple(map(_notification, records[:limit])), more)

    def open(self, tenant: str, shop: str, name: str) -> bytes:
        """The very bytes that were sent. Raises NotFound, Tampered, Unavailable."""
        first = self._part(tenant, shop, name, 0)
        records = [first, *(self._part(tenant, shop, name, n) for n in range(1, int(first.parts)))]
        opened = [
            self.contacts.open(tenant, record.sealed, f"{shop}/{name}/{number}")["body"]
            for number, record in enumerate(records)
        ]
        return b"".join(map(base64.b64decode, opened))

    def _part(self, tenant: str, shop: str, name: str, number: int) -> UnreadRecord:
        item = self.table.get((keys.catalogue(tenant), _sk(shop, name, number)))
        if item is None:
            raise NotFound("not_found", "There is no such notification, or its 90 days are over.")
        record: UnreadRecord = UnreadRecord.from_raw_data(item)
        return record


@dataclass(frozen=True, slots=True)
class UnreadTasks:
    """That somebody has to look at them."""

    kept: UnreadTable

    def tasks(self, tenant: str) -> Iterator[Task]:
        after: str | None = None
        while True:
            page = self.kept.page(tenant, after)
            for found in page.items:
                ref = f"{found.shop}/{found.id}"
                yield Task(
                    id=TaskId(NOT_UNDERSTOOD, "", "", ref),
                    since=found.at,
                    about=found.shop,
                    detail=found.reason,
                    place=f"{found.at:013d}#{NOT_UNDERSTOOD}#{ref}",
                )
            if (after := page.next) is None:
                return


def _notification(record: UnreadRecord) -> UnreadNotification:
    name = record.sk.rsplit("#", 1)[1]
    return UnreadNotification(name, record.shop, record.event or "", record.why or "", int(record.at or 0))


def _sk(shop: str, name: str, number: int) -> str:
    return f"UNREADPART#{shop}#{name}#{number:02d}" if number else f"UNREAD#{shop}#{name}"
