"""Bundles of bad cards that suppliers are told of: one item each in the catalogue of their tenant."""

from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import Any

from pynamodb.attributes import JSONAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.expressions.update import Action

from cardcourier.adapters.tables import keys
from cardcourier.adapters.tables.order_actions import is_mine
from cardcourier.adapters.tables.records import Record
from cardcourier.adapters.tables.writes import Change, ConditionFailed, Item, Put, Table
from cardcourier.domain.kept import Page
from cardcourier.domain.protocol import Actor
from cardcourier.domain.supplier_claims import BadCard, Stage, SupplierClaim

PREFIX = "SUPCLAIM#"


class SupplierClaimRecord(Record):
    kind = UnicodeAttribute()
    t = UnicodeAttribute()
    st = UnicodeAttribute()
    supplier = UnicodeAttribute()
    of_batch = UnicodeAttribute(null=True)
    sku = UnicodeAttribute(null=True)
    n = NumberAttribute()
    ccy = UnicodeAttribute()
    credit = NumberAttribute(null=True)
    accepted = NumberAttribute(null=True)
    created_at = NumberAttribute()
    sent_at = NumberAttribute(null=True)
    cards = JSONAttribute()


@dataclass(frozen=True, slots=True)
class SupplierClaimsTable:
    table: Table

    def get(self, tenant: str, claim_id: str) -> SupplierClaim | None:
        item = self.table.get(keys.supplier_claim(tenant, claim_id))
        return _claim_of(item) if item else None

    def page(self, tenant: str, before: str | None, limit: int) -> Page[SupplierClaim]:
        """The newest first; `before` is an id."""
        pk, last = keys.supplier_claim(tenant, before or "~")
        condition = (Record.pk == pk) & Record.sk.between(PREFIX, last)
        items = self.table.query(condition, ScanIndexForward=False, ConsistentRead=True, Limit=limit + 2)
        fresh = [claim for claim in map(_claim_of, islice(items, limit + 2)) if claim.id != before]
        return Page(tuple(fresh[:limit]), fresh[limit - 1].id if len(fresh) > limit else None)

    def put(self, claim: SupplierClaim) -> SupplierClaim:
        """Put a draft, if there is none of this id. Returns the one that is kept."""
        record = SupplierClaimRecord(
            *keys.supplier_claim(claim.tenant, claim.id),
            kind="supplier_claim",
            t=claim.tenant,
            st=claim.stage.value,
            supplier=claim.supplier,
            of_batch=claim.of_batch or None,
            sku=claim.sku or None,
            n=len(claim.cards),
            ccy=claim.currency,
            created_at=claim.created_at,
            cards=[asdict(card) for card in claim.cards],
            ver=claim.ver,
            at=claim.at,
            by=claim.by,
            why=claim.why or None,
            rid=claim.rid,
        )
        try:
            self.table.write(Put(record, SupplierClaimRecord.pk.does_not_exist()))
        except ConditionFailed as failed:
            return _claim_of(failed.old) if failed.old else claim
        return claim

    def move(self, seen: SupplierClaim, after: SupplierClaim, actor: Actor) -> SupplierClaim | None:
        """Move a bundle on, provided that nobody did since. None when somebody did."""
        moved = replace(after, ver=seen.ver + 1, at=actor.now, by=actor.by, why=actor.why, rid=actor.rid)
        same = (SupplierClaimRecord.st == seen.stage.value) & (SupplierClaimRecord.ver == seen.ver)
        try:
            self.table.write(Change(keys.supplier_claim(seen.tenant, seen.id), _actions(moved), same))
        except ConditionFailed as failed:
            if is_mine(failed.old, actor) and failed.old and _claim_of(failed.old).stage is after.stage:
                return _claim_of(failed.old)
            return None
        return moved


def _actions(claim: SupplierClaim) -> list[Action]:
    record = SupplierClaimRecord
    actions: list[Action] = [
        record.st.set(claim.stage.value),
        record.ver.set(claim.ver),
        record.at.set(claim.at),
        record.by.set(claim.by),
        record.why.set(claim.why),
        record.rid.set(claim.rid),
        record.accepted.set(claim.accepted),
        record.credit.set(claim.credit),
        record.ccy.set(claim.currency),
    ]
    return actions if claim.sent_at is None else [*actions, record.sent_at.set(claim.sent_at)]


def _claim_of(item: Item) -> SupplierClaim:
    record = SupplierClaimRecord.from_raw_data(item)
    cards: list[dict[str, Any]] = record.cards
    return SupplierClaim(
        tenant=record.t,
        id=record.sk.removeprefix(PREFIX),
        supplier=record.supplier,
        of_batch=record.of_batch or "",
        stage=Stage(record.st),
        cards=tuple(BadCard(**card) for card in cards),
        currency=record.ccy,
        created_at=int(record.created_at),
        sent_at=None if record.sent_at is None else int(record.sent_at),
        accepted=int(record.accepted or 0),
        credit=int(record.credit or 0),
        ver=int(record.ver or 1),
        at=int(record.at or 0),
        by=record.by or "",
        why=record.why or "",
        rid=record.rid or "",
    )
