"""Tell a supplier of bad cards, and book what comes back.

A draft takes every claimed card of the supplier, or of one batch, of which no supplier was told yet. It marks
the claims first and is written then; whoever repeats a draft that was interrupted in between finishes it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from cardcourier.domain.catalogue import Batch
from cardcourier.domain.claims import Case, Claim, ClaimState
from cardcourier.domain.kept import Act, Kept, Page
from cardcourier.domain.money import currency_code
from cardcourier.domain.orders import OrderKey
from cardcourier.domain.protocol import Actor
from cardcourier.domain.supplier_claims import (
    MOST_CARDS,
    Stage,
    SupplierClaim,
    bad_card,
    is_bad,
)
from cardcourier.domain.suppliers import Supplier
from cardcourier.errors import Conflict, NotFound, Refused
from cardcourier.services.handling_orders import Who

PREFIX = "sup-"
MOST_BATCHES = 1_000


class Bundles(Protocol):
    def get(self, tenant: str, claim_id: str) -> SupplierClaim | None: ...
    def page(self, tenant: str, before: str | None, limit: int) -> Page[SupplierClaim]: ...
    def put(self, claim: SupplierClaim) -> SupplierClaim: ...
    def move(self, seen: SupplierClaim, after: SupplierClaim, actor: Actor) -> SupplierClaim | None: ...


class Claims(Protocol):
    def get_many(self, places: Iterable[tuple[OrderKey, str]]) -> list[Claim]: ...
    def decide(self, seen: Claim, after: Claim, actor: Actor) -> Claim | None: ...


class Cases(Protocol):
    def of_batch(self, tenant: str, batch: str) -> list[Case]: ...


class Merchant(Protocol):
    def supplier(self, tenant: str, supplier: str) -> Kept[Supplier]: ...
    def batch(self, tenant: str, batch: str) -> Kept[Batch]: ...
    def batches(self, tenant: str, before: str | None, limit: int) -> Page[Batch]: ...


@dataclass(frozen=True, slots=True)
class SupplierClaimsDesk:
    """Makes, sends and settles bundles of bad cards."""

    bundles: Bundles
    claims: Claims
    cases: Cases
    merchant: Merchant
    clock: Callable[[], int]

    def list(self, tenant: str, before: str | None, limit: int) -> Page[SupplierClaim]:
        return self.bundles.page(tenant, before, limit)

    def one(self, tenant: str, claim_id: str) -> SupplierClaim:
        """Raises NotFound."""
        found = self.bundles.get(tenant, claim_id)
        if found is None:
            raise NotFound("not_found", "There is no such supplier claim.")
        return found

    def draft(self, tenant: str, supplier: str, batch: str, note: str, act: Act, who: Who) -> SupplierClaim:
        """A new bundle; a repeat of `act` finds its own. Raises NotFound, Refused, Conflict for no card."""
        bought_from = self.merchant.supplier(tenant, supplier).thing
        claim_id = f"{PREFIX}{act.at:013d}-{act.id[:8]}"
        known = self.bundles.get(tenant, claim_id)
        if known is not None:
            return known
        actor = Actor(who.by, self.clock(), who.rid, note)
        cases = [
            case
            for name in self._batches(tenant, supplier, batch)
            for case in self.cases.of_batch(tenant, name)
            if is_bad(case) and self._free(tenant, case.claim, claim_id)
        ]
        cases.sort(key=lambda case: (case.claim.opened_at, case.claim.card))
        taken = [case for case in cases[:MOST_CARDS] if self._mark(case.claim, claim_id, actor)]
        if not taken:
            raise Conflict(
                "nothing_to_claim", "There is no claimed card of which this supplier was not told yet."
            )
        new = SupplierClaim(
            tenant=tenant,
            id=claim_id,
            supplier=supplier,
            of_batch=batch,
            stage=Stage.DRAFT,
            cards=tuple(map(bad_card, taken)),
            currency=bought_from.currency,
            created_at=act.at,
            at=actor.now,
            by=who.by,
            why=note,
            rid=who.rid,
        )
        return self.bundles.put(new)

    def drop(self, tenant: str, claim_id: str, reason: str, who: Who) -> SupplierClaim:
        """End a draft; its cards may be told in another one. Raises NotFound, Conflict."""
        return self._move(tenant, claim_id, Stage.DROPPED, reason, who)

    def sent(self, tenant: str, claim_id: str, reason: str, who: Who) -> SupplierClaim:
        """The supplier has it now. Raises NotFound, Conflict."""
        return self._move(tenant, claim_id, Stage.SENT, reason, who, sent_at=self.clock())

    def answered(self, tenant: str, claim_id: str, accepted: int, reason: str, who: Who) -> SupplierClaim:
        """How many cards the supplier takes the blame for. Raises NotFound, Refused, Conflict."""
        most = len(self.one(tenant, claim_id).cards)
        if not 0 <= accepted <= most:
            raise Refused("bad_count", f"accepted must be 0 to {most}, the cards of this claim.")
        stage = Stage.ACCEPTED if accepted == most else Stage.PARTLY if accepted else Stage.REJECTED
        return self._move(tenant, claim_id, stage, reason, who, accepted=accepted)

    def credited(
        self, tenant: str, claim_id: str, amount: int, currency: str, reason: str, who: Who
    ) -> SupplierClaim:
        """Money came back: it is booked with this move, once. Raises NotFound, Refused, Conflict."""
        if amount <= 0:
            raise Refused("bad_amount", "amount must be more than nothing.")
        code = currency_code(currency)
        found = self.one(tenant, claim_id)
        if found.stage is Stage.CREDITED and (found.credit, found.currency) != (amount, code):
            raise Conflict(
                "already_credited", "Another credit of this claim is booked; book the difference apart."
            )
        return self._move(tenant, claim_id, Stage.CREDITED, reason, who, credit=amount, currency=code)

    # -- how ------------------------------------------------------------------------------------

    def _batches(self, tenant: str, supplier: str, batch: str) -> Sequence[str]:
        if batch:
            if self.merchant.batch(tenant, batch).thing.supplier != supplier:
                raise Refused("bad_batch", f"Batch {batch} was not bought from {supplier}.")
            return [batch]
        found: list[str] = []
        after: str | None = None
        while len(found) < MOST_BATCHES:
            page = self.merchant.batches(tenant, after, 100)
            found += [one.id for one in page.items if one.supplier == supplier]
            if page.next is None:
                break
            after = page.next
        return found

    def _free(self, tenant: str, claim: Claim, claim_id: str) -> bool:
        """Whether no other bundle holds the card: one that was dropped, or never came to be, does not."""
        if claim.supplier_claim in ("", claim_id):
            return True
        other = self.bundles.get(tenant, claim.supplier_claim)
        return other is None or other.stage is Stage.DROPPED

    def _mark(self, claim: Claim, claim_id: str, actor: Actor) -> bool:
        """Whether the card is this bundle's now; whoever still waits for a word waits for the supplier."""
        if claim.supplier_claim == claim_id:
            return True
        state = ClaimState.WAITING_SUPPLIER if claim.state is ClaimState.OPEN else claim.state
        marked = replace(claim, state=state, supplier_claim=claim_id)
        return (
            self.claims.decide(claim, marked, replace(actor, why=f"told to the supplier: {claim_id}"))
            is not None
        )

    def _move(
        self,
        tenant: str,
        claim_id: str,
        stage: Stage,
        reason: str,
        who: Who,
        *,
        sent_at: int | None = None,
        accepted: int | None = None,
        credit: int | None = None,
        currency: str = "",
    ) -> SupplierClaim:
        found = self.one(tenant, claim_id)
        if found.stage is stage:
            return found
        if not found.may_become(stage):
            raise Conflict("wrong_stage", f"This supplier claim is {found.stage}; it cannot become {stage}.")
        after = replace(
            found,
            stage=stage,
            sent_at=found.sent_at if sent_at is None else sent_at,
            accepted=found.accepted if accepted is None else accepted,
            credit=found.credit if credit is None else credit,
            currency=currency or found.currency,
        )
        moved = self.bundles.move(found, after, Actor(who.by, self.clock(), who.rid, reason))
        if moved is None:
            raise Conflict("changed_meanwhile", "Somebody changed this meanwhile; look at it again.")
        return moved
