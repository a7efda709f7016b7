"""Claims: one item for each card that a buyer said does not work, beside the unit that held it.

While nobody has decided, a claim stands in the to-do list of its tenant, the oldest first.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.expressions.update import Action

from cardcourier.adapters.tables import keys
from cardcourier.adapters.tables.order_actions import is_mine
from cardcourier.adapters.tables.records import Dated, Record, header_of, order_names, unit_of
from cardcourier.adapters.tables.waiting import todo_page
from cardcourier.adapters.tables.writes import Change, ConditionFailed, Item, Put, Table
from cardcourier.domain.claims import Claim, ClaimState
from cardcourier.domain.kept import Page
from cardcourier.domain.orders import Header, OrderKey, Unit
from cardcourier.domain.protocol import Actor


class ClaimRecord(Dated):
    unit = UnicodeAttribute()
    gen = NumberAttribute()
    card = UnicodeAttribute()
    batch = UnicodeAttribute()
    sku = UnicodeAttribute()
    l4 = UnicodeAttribute(null=True)
    reason = UnicodeAttribute()
    note = UnicodeAttribute(null=True)
    st = UnicodeAttribute()
    shown_at = NumberAttribute()
    opened_at = NumberAttribute()
    opened_by = UnicodeAttribute()
    outcome = UnicodeAttribute(null=True)
    bundle = UnicodeAttribute(null=True)


@dataclass(frozen=True, slots=True)
class ClaimsTable:
    """Claims in the words of the domain; every decision is conditional on the one before."""

    table: Table

    # -- reading, always strongly ---------------------------------------------------------------

    def get(self, key: OrderKey, claim: str) -> Claim | None:
        item = self.table.get(keys.claim(key, claim))
        return claim_of(item) if item else None

    def get_many(self, places: Iterable[tuple[OrderKey, str]]) -> list[Claim]:
        return [claim_of(item) for item in self.table.get_many(keys.claim(*place) for place in places)]

    def of_order(self, key: OrderKey) -> list[Claim]:
        condition = (Record.pk == keys.order_pk(key)) & Record.sk.startswith(keys.CLAIM)
        return [claim_of(item) for item in self.table.query(condition, ConsistentRead=True)]

    def order(self, key: OrderKey) -> tuple[Header | None, list[Unit], list[Claim]]:
        """What a buyer's page shows of an order, in one read."""
        header, units, claims = None, list[Unit](), list[Claim]()
        for item in self.table.query(Record.pk == keys.order_pk(key), ConsistentRead=True):
            match item["sk"]["S"][:2]:
                case "H":
                    header = header_of(item)
                case "U#":
                    units.append(unit_of(item))
                case "Q#":
                    claims.append(claim_of(item))
        return header, units, claims

    def units_of(self, claims: Sequence[Claim]) -> dict[tuple[OrderKey, str], Unit]:
        """The units of claims, by order and name."""
        places = [keys.unit(claim.key, *_line_and_number(claim.unit)) for claim in claims]
        found = map(unit_of, self.table.get_many(places))
        return {(unit.key, unit.name): unit for unit in found}

    def undecided(self, tenant: str, after: str | None, limit: int) -> Page[Claim]:
        """Whoever waits for a word, the oldest first; `after` is a place of this list.

        Raises ValueError for what is no place of it.
        """
        page = todo_page(self.table, keys.claims_room(tenant), tenant, after, limit)
        claims = map(claim_of, page.items)
        return Page(tuple(claim for claim in claims if claim.undecided), page.next)

    # -- writing --------------------------------------------------------------------------------

    def open_claim(self, claim: Claim) -> Claim:
        """Put the claim, if there is none on this card. Returns what is kept: this, or the first."""
        try:
            self.table.write(Put(_record(claim), ClaimRecord.pk.does_not_exist()))
        except ConditionFailed as failed:
            return claim_of(failed.old) if failed.old else claim
        return claim

    def decide(self, seen: Claim, after: Claim, actor: Actor) -> Claim | None:
        """Move a claim on, provided that nobody did since; an undecided one stays in the to-do list.

        Returns it as it is now, or None when somebody else decided.
        """
        moved = replace(after, ver=seen.ver + 1, at=actor.now, by=actor.by, why=actor.why, rid=actor.rid)
        same = (ClaimRecord.st == seen.state.value) & (ClaimRecord.ver == seen.ver)
        try:
            self.table.write(Change(keys.claim(seen.key, seen.id), _actions(moved), same))
        except ConditionFailed as failed:
            if is_mine(failed.old, actor) and failed.old and claim_of(failed.old).state is after.state:
                return claim_of(failed.old)
            return None
        return moved


def _record(claim: Claim) -> ClaimRecord:
    pk, sk = keys.claim(claim.key, claim.id)
    return ClaimRecord(
        pk,
        sk,
        **order_names(claim.key, "claim"),
        unit=claim.unit,
        gen=claim.gen,
        card=claim.card,
        batch=claim.batch,
        sku=claim.sku,
        l4=claim.last4 or None,
        reason=claim.reason,
        note=claim.note or None,
        st=claim.state.value,
        ver=claim.ver,
        shown_at=claim.shown_at,
        opened_at=claim.opened_at,
        opened_by=claim.opened_by,
        at=claim.at,
        by=claim.by,
        why=claim.why or None,
        rid=claim.rid,
        d=keys.claims_room(claim.key.tenant),
        due=claim.opened_at,
    )


def _actions(claim: Claim) -> list[Action]:
    record = ClaimRecord
    actions: list[Action] = [
        record.st.set(claim.state.value),
        record.ver.set(claim.ver),
        record.at.set(claim.at),
        record.by.set(claim.by),
        record.why.set(claim.why),
        record.rid.set(claim.rid),
        record.reason.set(claim.reason),
        record.outcome.set(claim.outcome) if claim.outcome else record.outcome.remove(),
        record.bundle.set(claim.supplier_claim) if claim.supplier_claim else record.bundle.remove(),
    ]
    if claim.undecided:
        return [*actions, record.d.set(keys.claims_room(claim.key.tenant)), record.due.set(claim.opened_at)]
    return [*actions, record.d.remove(), record.due.remove()]


def claim_of(item: Item) -> Claim:
    record = ClaimRecord.from_raw_data(item)
    return Claim(
        key=keys.order_of(record.pk),
        unit=record.unit,
        gen=int(record.gen),
        card=record.card,
        batch=record.batch,
        sku=record.sku,
        last4=record.l4 or "",
        reason=record.reason,
        note=record.note or "",
        state=ClaimState(record.st),
        ver=int(record.ver or 1),
        shown_at=int(record.shown_at),
        opened_at=int(record.opened_at),
        opened_by=record.opened_by,
        at=int(record.at or 0),
        by=record.by or "",
        why=record.why or "",
        rid=record.rid or "",
        outcome=record.outcome or "",
        supplier_claim=record.bundle or "",
    )


def _line_and_number(unit: str) -> tuple[str, int]:
    line, _, number = unit.rpartition("#")
    return line, int(number)
