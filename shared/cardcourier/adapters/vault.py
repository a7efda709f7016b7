"""The vault: sealed cards by id. Written once on import, read only to show a card."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pynamodb.attributes import BinaryAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.models import Model

from cardcourier.adapters.keyring import KeyRing
from cardcourier.adapters.sealing import open_sealed, seal
from cardcourier.adapters.tables import keys
from cardcourier.adapters.tables.writes import Table
from cardcourier.domain.cards import Card, base_of
from cardcourier.errors import NotFound


class VaultRecord(Model):
    """One sealed card. `row` and `job` say which line of which import wrote it."""

    class Meta:
        table_name = ""

    pk = UnicodeAttribute(hash_key=True)
    v = NumberAttribute(default=1)
    t = UnicodeAttribute()
    batch = UnicodeAttribute()
    kv = NumberAttribute(default=1)
    sealed = BinaryAttribute(legacy_encoding=False)
    sku = UnicodeAttribute()
    row = NumberAttribute()
    at = NumberAttribute()


def record_of(
    cipher: AESGCM, tenant: str, card_id: str, batch: str, sku: str, row: int, card: Card, now: int
) -> VaultRecord:
    """A card as it goes into the vault, bound to its place."""
    plain = json.dumps([card.number, card.code], ensure_ascii=False, separators=(",", ":")).encode()
    sealed = seal(cipher, plain, _bound_to(tenant, card_id, batch, 1))
    return VaultRecord(
        keys.vault(tenant, card_id), t=tenant, batch=batch, sealed=sealed, sku=sku, row=row, at=now
    )


@dataclass(slots=True)
class Vault:
    """Opens cards, all that are asked for or none."""

    table: Table
    ring: KeyRing

    def open_all(self, tenant: str, card_ids: Iterable[str]) -> dict[str, Card]:
        """The plain cards by their ids, a hundred in one read, each batch's key asked for once.

        Raises NotFound when one is missing, Tampered, or Unavailable when a key cannot be opened.
        """
        places = {card_id: keys.vault(tenant, card_id) for card_id in card_ids}
        items = self.table.get_many((place, "") for place in places.values())
        found = {item["pk"]["S"]: VaultRecord.from_raw_data(item) for item in items}
        if len(found) < len(set(places.values())):
            raise NotFound("card_missing", "A card is not in the vault; see the runbook on lost cards.")
        batches = dict.fromkeys(record.batch for record in found.values())
        ciphers = {batch: AESGCM(self.ring.key(tenant, "card", batch)) for batch in batches}
        return {
            card_id: _opened(tenant, card_id, found[place], ciphers[found[place].batch])
            for card_id, place in places.items()
        }


def _opened(tenant: str, card_id: str, record: VaultRecord, cipher: AESGCM) -> Card:
    bound_to = _bound_to(tenant, base_of(card_id), record.batch, int(record.kv))
    number, code = json.loads(open_sealed(cipher, record.sealed, bound_to))
    return Card(number=number, code=code)


def _bound_to(tenant: str, card_id: str, batch: str, key_version: int) -> tuple[str, ...]:
    return ("card", tenant, card_id, batch, str(key_version))
