"""Keep claims true to what became of their cards: a replacement closes its claim; every bad card has one."""

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol

from cardcourier.domain.claims import Claim, ClaimState, claim_id, claim_on
from cardcourier.domain.free_text import without_cards
from cardcourier.domain.orders import OrderKey, Unit
from cardcourier.domain.protocol import Actor
from cardcourier.errors import Unavailable

ROUNDS = 4


class Claims(Protocol):
    def get(self, key: OrderKey, claim: str) -> Claim | None: ...
    def open_claim(self, claim: Claim) -> Claim: ...
    def decide(self, seen: Claim, after: Claim, actor: Actor) -> Claim | None: ...


@dataclass(frozen=True, slots=True)
class ClaimKeeper:
    """Keeps the claims of replaced cards."""

    claims: Claims

    def replaced(self, seen: Unit, now: Unit, actor: Actor) -> None:
        """Close the claim on the card that `seen` held as replaced by that of `now`.

        Who replaced a card that nobody had claimed says so with it, so there is a claim of it from now on:
        suppliers are told of every bad card. A table that does not answer changes nothing: the replacement
        happened, and whoever looks at the claim sees what became of its card.
        """
        with suppress(Unavailable):
            found = self.claims.get(seen.key, claim_id(seen.name, seen.gen))
            if found is None:
                note = without_cards(actor.why)
                new = claim_on(seen, "invalid", note, actor.now, actor.by, actor.rid)
                closed = replace(new, state=ClaimState.REPLACED, outcome=now.card, why="replaced")
                found = self.claims.open_claim(closed)
            self._close(found, now, actor)

    def _close(self, found: Claim, now: Unit, actor: Actor) -> None:
        for _ in range(ROUNDS):
            if found.state is ClaimState.REPLACED:
                return
            # A claim that was rejected or withdrawn before is closed by what happened after all.
            after = replace(found, state=ClaimState.REPLACED, outcome=now.card)
            if self.claims.decide(found, after, replace(actor, why="replaced")) is not None:
                return
            newer = self.claims.get(found.key, found.id)
            if newer is None:
                return
            found = newer
