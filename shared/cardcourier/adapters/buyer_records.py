"""All that is kept of one buyer's order, opened or erased."""

from dataclasses import dataclass
from typing import Any

from cardcourier.adapters.keyring import Contacts, Links
from cardcourier.adapters.tables import keys
from cardcourier.adapters.tables.claims import ClaimRecord, claim_of
from cardcourier.adapters.tables.notes import NoteRecord
from cardcourier.adapters.tables.notifications import notification_of
from cardcourier.adapters.tables.records import HeaderRecord, Record, UnitRecord, header_of, unit_of
from cardcourier.adapters.tables.writes import Change, ConditionFailed, Delete, Item, Table
from cardcourier.domain.buyers import BuyersOrder
from cardcourier.domain.orders import Header, OrderKey
from cardcourier.domain.protocol import Actor

GONE = "…"
"""What is left of a text that somebody wrote about the order."""


@dataclass(frozen=True, slots=True)
class BuyerRecords:
    """Reads whole orders strongly; erases what names their buyer and leaves what counts money and cards."""

    main: Table
    views: Table
    contacts: Contacts
    links: Links

    def read(self, key: OrderKey) -> BuyersOrder | None:
        items = list(self.main.query(Record.pk == keys.order_pk(key), ConsistentRead=True))
        header = next((header_of(item) for item in items if _kind(item) == "H"), None)
        if header is None:
            return None
        sealed = header.contact
        return BuyersOrder(
            header=header,
            units=[unit_of(item) for item in items if _kind(item) == "U"],
            notes=[_note(item) for item in items if _kind(item) == "L"],
            messages=[_message(item) for item in items if _kind(item) == "N"],
            reasons=[item["sk"]["S"] for item in items if _kind(item) in ("F", "T") and _worded(item)],
            reports=[_report(item) for item in items if _kind(item) == "Q"],
            contact=self.contacts.open(key.tenant, sealed, key.order) if sealed else {},
        )

    def erase(self, kept: BuyersOrder, actor: Actor) -> None:
        """Rows that lead here go first, for the header alone knows them; then the header forgets them.

        A pass that began before may put them once more, so they are taken away again afterwards.
        """
        header = kept.header
        self._forget_rows(header, kept.contact.get("email", ""))
        for note in kept.notes:
            if note["text"] == GONE:
                continue
            place = (keys.order_pk(header.key), str(note["id"]))
            self.main.write(Change(place, [NoteRecord.text.set(GONE)], NoteRecord.pk.exists()))
        for unit in kept.units:
            if unit.seen_from:
                place = keys.unit(header.key, unit.line, unit.n)
                self.main.write(Change(place, [UnitRecord.net.remove()], UnitRecord.pk.exists()))
        for report in kept.reports:
            if report["note"] != GONE:
                place = (keys.order_pk(header.key), str(report["id"]))
                worded = [ClaimRecord.note.set(GONE), ClaimRecord.why.set(GONE)]
                self.main.write(Change(place, worded, ClaimRecord.pk.exists()))
        for fact in kept.reasons:
            self.main.write(
                Change((keys.order_pk(header.key), fact), [Record.why.set(GONE)], Record.pk.exists())
            )
        if header.contact is not None or header.search:
            self._forget_contact(header, actor)
            self._forget_rows(header, "")

    def _forget_contact(self, header: Header, actor: Actor) -> None:
        actions = [
            HeaderRecord.contact.remove(),
            HeaderRecord.search.remove(),
            HeaderRecord.kinds.remove(),
            HeaderRecord.ver.set((HeaderRecord.ver | 0) + 1),
            HeaderRecord.at.set(actor.now),
            HeaderRecord.by.set(actor.by),
            HeaderRecord.why.set(actor.why),
            HeaderRecord.rid.set(actor.rid),
        ]
        there = HeaderRecord.contact.exists() | HeaderRecord.search.exists()
        try:
            self.main.write(Change(keys.header(header.key), actions, there))
        except ConditionFailed:
            return

    def _forget_rows(self, header: Header, email: str) -> None:
        key = header.key
        for digest in header.search:
            self.views.write(Delete(keys.search_row(key, digest, header.listed_at)))
        numbers = [number for number in (header.number, key.order) if number and email]
        hashes = {self.links.mail_hash(v, number, email) for v in self.links.every() for number in numbers}
        self.main.delete_many((f"R#{each}", keys.order_pk(key)) for each in sorted(hashes))


def _kind(item: Item) -> str:
    sk: str = item["sk"]["S"]
    return sk.partition("#")[0]


def _worded(item: Item) -> bool:
    """Whether a fact, or the mark of a task, holds what somebody wrote about it."""
    return bool(item.get("why", {}).get("S", GONE) != GONE)


def _note(item: Item) -> dict[str, Any]:
    record = NoteRecord.from_raw_data(item)
    return {"id": record.sk, "at": int(record.at or 0), "text": record.text}


def _report(item: Item) -> dict[str, Any]:
    """What the buyer said of a card, and how it ended."""
    claim = claim_of(item)
    return {
        "id": item["sk"]["S"],
        "at": claim.opened_at,
        "reason": claim.reason,
        "note": claim.note,
        "state": claim.state.value,
    }


def _message(item: Item) -> dict[str, Any]:
    sent = notification_of(item)
    return {"at": sent.created_at, "channel": sent.channel, "about": sent.kind, "status": sent.status.value}
