"""Notifications that were signed but not understood: kept sealed, so that nothing is lost."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from pynamodb.attributes import BinaryAttribute, UnicodeAttribute

from cardcourier.adapters.keyring import Contacts
from cardcourier.adapters.tables import keys
from cardcourier.adapters.tables.records import Record
from cardcourier.adapters.tables.writes import Put, Table
from cardcourier.domain.catalogue import Shop
from cardcourier.domain.unread import UnreadNotification

KEEP_DAYS = 90


class UnreadRecord(Record):
    shop = UnicodeAttribute()
    event = UnicodeAttribute(null=True)
    sealed = BinaryAttribute(legacy_encoding=False)


@dataclass(frozen=True, slots=True)
class UnreadTable:
    """The same notification again overwrites itself."""

    table: Table
    contacts: Contacts
    clock: Callable[[], int]

    def keep(self, shop: Shop, event_id: str, reason: str, body: bytes, rid: str) -> None:
        now = self.clock()
        name = sha256(body).hexdigest()[:32]
        text = base64.b64encode(body).decode()
        record = UnreadRecord(
            keys.catalogue(shop.tenant),
            f"UNREAD#{shop.id}#{name}",
            shop=shop.id,
            event=event_id or None,
            sealed=self.contacts.seal(shop.tenant, {"body": text}, f"{shop.id}/{name}"),
            at=now,
            why=reason,
            rid=rid,
            ttl=now // 1000 + KEEP_DAYS * 86_400,
        )
        self.table.write(Put(record))

    def all(self, tenant: str) -> list[UnreadNotification]:
        """What waits for somebody to look; the bodies stay sealed."""
        condition = (UnreadRecord.pk == keys.catalogue(tenant)) & UnreadRecord.sk.startswith("UNREAD#")
        records = map(UnreadRecord.from_raw_data, self.table.query(condition))
        return [
            UnreadNotification(r.sk.rsplit("#", 1)[1], r.shop, r.event or "", r.why or "", int(r.at or 0))
            for r in records
        ]
