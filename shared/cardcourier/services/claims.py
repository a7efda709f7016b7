"""What a person does with claims: look at them with what speaks for whom, and decide, in one call.

Each decision is safe to repeat. A replacement burns the claimed card, so a claim is replaced once at most,
whoever asks and however often; a refund is named by its claim, so the piece is paid back once.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from cardcourier.domain.claims import Case, Claim, ClaimState, case_of, claim_on, settled_by_itself
from cardcourier.domain.free_text import without_cards
from cardcourier.domain.kept import Act, Page
from cardcourier.domain.orders import Header, OrderKey, Unit
from cardcourier.domain.protocol import Actor
from cardcourier.domain.redemptions import Redemption
from cardcourier.errors import CardCourierError, Conflict, NotFound, Refused, Unavailable
from cardcourier.services.handling_orders import Who

ROUNDS = 4
MOST_AT_ONCE = 100


class Claims(Protocol):
    def get(self, key: OrderKey, claim: str) -> Claim | None: ...
    def get_many(self, places: Iterable[tuple[OrderKey, str]]) -> list[Claim]: ...
    def units_of(self, claims: Sequence[Claim]) -> Mapping[tuple[OrderKey, str], Unit]: ...
    def undecided(self, tenant: str, after: str | None, limit: int) -> Page[Claim]: ...
    def open_claim(self, claim: Claim) -> Claim: ...
    def decide(self, seen: Claim, after: Claim, actor: Actor) -> Claim | None: ...


class Views(Protocol):
    def claims_of_batch(self, tenant: str, batch: str) -> Iterator[tuple[OrderKey, str]]: ...


class Orders(Protocol):
    def header(self, key: OrderKey) -> Header | None: ...
    def unit(self, key: OrderKey, line: str, n: int) -> Unit | None: ...


class Facts(Protocol):
    def get_many(self, tenant: str, cards: Iterable[str]) -> Mapping[str, Redemption]: ...


class Replacing(Protocol):
    def replace(
        self,
        key: OrderKey,
        line: str,
        n: int,
        reason: str,
        who: Who,
        *,
        override: bool = False,
        card: str = "",
    ) -> Unit: ...


class Refunding(Protocol):
    """Ends pieces, once for each `act`."""

    def cancel(
        self, key: OrderKey, pieces: Sequence[tuple[str, int]], reason: str, act: Act, who: Who
    ) -> bool: ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one claim of many: `code` is empty when it was decided."""

    claim: Claim
    code: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ClaimsDesk:
    """Decides claims."""

    claims: Claims
    views: Views
    orders: Orders
    facts: Facts
    replacements: Replacing
    refunds: Refunding
    clock: Callable[[], int]

    # -- looking --------------------------------------------------------------------------------

    def undecided(self, tenant: str, after: str | None, limit: int) -> Page[Case]:
        """Whoever waits for a word, the oldest first. Raises ValueError for no place of this list."""
        page = self.claims.undecided(tenant, after, limit)
        return Page(tuple(self.cases(tenant, page.items)), page.next)

    def of_batch(self, tenant: str, batch: str) -> list[Case]:
        """Every claim on cards of a batch, decided or not."""
        return self.cases(tenant, self.claims.get_many(self.views.claims_of_batch(tenant, batch)))

    def one(self, key: OrderKey, claim: str) -> Case:
        """Raises NotFound."""
        return self.cases(key.tenant, [self._need(key, claim)])[0]

    def cases(self, tenant: str, claims: Sequence[Claim]) -> list[Case]:
        """The claims with what is known of their cards."""
        units = self.claims.units_of(claims)
        facts = self.facts.get_many(tenant, [claim.card for claim in claims])
        return [case_of(claim, units.get((claim.key, claim.unit)), facts.get(claim.card)) for claim in claims]

    # -- deciding -------------------------------------------------------------------------------

    def open(self, key: OrderKey, unit_name: str, reason: str, note: str, who: Who) -> Claim:
        """A claim that a buyer made by other ways; one that was rejected or withdrawn is opened again.

        Raises NotFound, Refused for a card that was not shown, Conflict.
        """
        line, _, number = unit_name.rpartition("#")
        unit = self.orders.unit(key, line, int(number)) if number.isdigit() else None
        if unit is None:
            raise NotFound("not_found", "There is no such unit in this order.")
        if not unit.holds_card or not unit.exposed:
            raise Refused("not_shown", "Only a card that the buyer has seen can be claimed.")
        now = self.clock()
        found = self.claims.open_claim(claim_on(unit, reason, without_cards(note), now, who.by, who.rid))
        if not found.may_become(ClaimState.OPEN):
            return found
        again = replace(found, state=ClaimState.OPEN, reason=reason, outcome="")
        return self._decide(found, again, reason, who)

    def replace(self, key: OrderKey, claim: str, reason: str, who: Who, *, override: bool = False) -> Claim:
        """A new card for the claimed one. Raises what replacing raises, Conflict for a closed claim."""
        found = self._open_or(key, claim, ClaimState.REPLACED, who)
        if found.state is ClaimState.REPLACED:
            return found
        line, n = _place(found)
        unit = self.replacements.replace(key, line, n, reason, who, override=override, card=found.card)
        # Replacing closes the claim; here it is made sure of, should the table have been away then.
        after = replace(found, state=ClaimState.REPLACED, outcome=unit.card)
        return self._decide(found, after, reason, who)

    def refund(self, key: OrderKey, claim: str, reason: str, who: Who) -> Claim:
        """Have the piece paid back. Raises Conflict for a claim that is closed otherwise."""
        found = self._open_or(key, claim, ClaimState.REFUNDED, who)
        if found.state is ClaimState.REFUNDED:
            return found
        line, n = _place(found)
        unit = self.orders.unit(key, line, n)
        if unit is None:
            raise NotFound("not_found", "There is no such unit in this order.")
        act = Act(f"claim-{found.id}", found.opened_at)
        self.refunds.cancel(key, [(line, unit.piece)], reason, act, who)
        after = replace(found, state=ClaimState.REFUNDED, outcome=f"api-{act.id}")
        return self._decide(found, after, reason, who)

    def reject(self, key: OrderKey, claim: str, reason: str, who: Who) -> Claim:
        """The card was good. Raises Conflict for a claim that is closed otherwise."""
        return self._end(key, claim, ClaimState.REJECTED, reason, who)

    def withdraw(self, key: OrderKey, claim: str, reason: str, who: Who) -> Claim:
        """The buyer takes it back. Raises Conflict for a claim that is closed otherwise."""
        return self._end(key, claim, ClaimState.WITHDRAWN, reason, who)

    def wait(self, key: OrderKey, claim: str, reason: str, who: Who) -> Claim:
        """Its supplier is to be told first; the buyer waits. Raises Conflict for a claim that is closed."""
        return self._end(key, claim, ClaimState.WAITING_SUPPLIER, reason, who)

    def decide_batch(
        self, tenant: str, batch: str, action: str, reason: str, who: Who, *, override: bool = False
    ) -> list[Outcome]:
        """One decision on up to a hundred undecided claims on cards of a batch, the oldest first."""
        cases = [case for case in self.of_batch(tenant, batch) if case.claim.undecided]
        waiting = sorted((case.claim for case in cases), key=lambda claim: claim.opened_at)
        if action == "wait":
            waiting = [claim for claim in waiting if claim.state is ClaimState.OPEN]
        return [self._one(claim, action, reason, who, override) for claim in waiting[:MOST_AT_ONCE]]

    def _one(self, claim: Claim, action: str, reason: str, who: Who, override: bool) -> Outcome:
        try:
            match action:
                case "replace":
                    done = self.replace(claim.key, claim.id, reason, who, override=override)
                case "refund":
                    done = self.refund(claim.key, claim.id, reason, who)
                case "reject":
                    done = self.reject(claim.key, claim.id, reason, who)
                case "wait":
                    done = self.wait(claim.key, claim.id, reason, who)
                case _:
                    raise Refused("bad_action", "action must be replace, refund, reject or wait.")
        except Unavailable as away:
            if away.code != "daily_limit":
                raise
            return Outcome(claim, away.code, away.detail)
        except CardCourierError as refused:
            return Outcome(claim, refused.code, refused.detail)
        return Outcome(done)

    # -- how ------------------------------------------------------------------------------------

    def _end(self, key: OrderKey, claim: str, state: ClaimState, reason: str, who: Who) -> Claim:
        found = self._open_or(key, claim, state, who)
        return (
            found if found.state is state else self._decide(found, replace(found, state=state), reason, who)
        )

    def _open_or(self, key: OrderKey, claim: str, wanted: ClaimState, who: Who) -> Claim:
        """The claim while it can become what is wanted, or when it is that already. Raises Conflict."""
        found = self._need(key, claim)
        unit = self.claims.units_of([found]).get((key, found.unit))
        settled = settled_by_itself(found, unit) if found.undecided else None
        if settled is not None:
            after = replace(found, state=settled, outcome=unit.card if unit and unit.holds_card else "")
            found = self._decide(found, after, f"the card was {settled} meanwhile", who)
        if found.state is wanted or found.may_become(wanted):
            return found
        raise Conflict("claim_closed", f"This claim is {found.state}: {found.why}. Nothing was changed.")

    def _decide(self, found: Claim, after: Claim, reason: str, who: Who) -> Claim:
        """Write a decision; the same one by somebody else at this moment is as good. Raises Conflict."""
        for _ in range(ROUNDS):
            actor = Actor(who.by, self.clock(), who.rid, reason)
            decided = self.claims.decide(found, after, actor)
            if decided is not None:
                return decided
            newer = self._need(found.key, found.id)
            if newer.state is after.state:
                return newer
            if not newer.may_become(after.state):
                break
            after = replace(after, supplier_claim=newer.supplier_claim)
            found = newer
        raise Conflict("changed_meanwhile", "Somebody decides this claim now; look at it again.")

    def _need(self, key: OrderKey, claim: str) -> Claim:
        found = self.claims.get(key, claim)
        if found is None:
            raise NotFound("not_found", "There is no such claim.")
        return found


def _place(claim: Claim) -> tuple[str, int]:
    line, _, number = claim.unit.rpartition("#")
    return line, int(number)
