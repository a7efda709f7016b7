"""A buyer's word that a card does not work, what the shop decides on it, and what speaks for whom.

    open ──► waiting_supplier ──► replaced | refunded | rejected | withdrawn
      └──────────────────────────────┘             rejected, withdrawn ──► open (a person opens it again)

There is one claim for each card that a unit held: whoever reports the same card again finds it there. The
card is named by the unit and its `gen`, so a replacement that fails too has a claim of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from cardcourier.domain.orders import OrderKey, Unit
from cardcourier.domain.redemptions import Redemption

REASONS = ("invalid", "used", "region", "mistyped", "other")
"""What is said to be wrong with a card."""

MOST_NOTE = 500


class ClaimState(StrEnum):
    """Where a claim stands. `waiting_supplier`: the card is told to its supplier, the buyer still waits."""

    OPEN = "open"
    WAITING_SUPPLIER = "waiting_supplier"
    REPLACED = "replaced"
    REFUNDED = "refunded"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


UNDECIDED = frozenset({ClaimState.OPEN, ClaimState.WAITING_SUPPLIER})
"""States in which the buyer waits for a word."""

CLOSED = frozenset(ClaimState) - UNDECIDED

MOVES: Mapping[ClaimState, frozenset[ClaimState]] = {
    ClaimState.OPEN: CLOSED | {ClaimState.WAITING_SUPPLIER},
    ClaimState.WAITING_SUPPLIER: CLOSED,
    ClaimState.REJECTED: frozenset({ClaimState.OPEN}),
    ClaimState.WITHDRAWN: frozenset({ClaimState.OPEN}),
    ClaimState.REPLACED: frozenset(),
    ClaimState.REFUNDED: frozenset(),
}
"""Every move a claim may make. A card that was replaced or paid back is burnt: its claim is over for good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One claim. Times in epoch ms; `unit` is `<line>#<nnnn>`, `shown_at` the card's first showing.

    `at`, `by` and `why` are of its last move. `outcome` names what closed it: the new card, or the refund.
    `supplier_claim` is the bundle in which its supplier was told of the card.
    """

    key: OrderKey
    unit: str
    gen: int
    card: str
    batch: str
    sku: str
    last4: str
    reason: str
    note: str = ""
    state: ClaimState = ClaimState.OPEN
    ver: int = 1
    shown_at: int
    opened_at: int
    opened_by: str
    at: int
    by: str
    why: str = ""
    rid: str = ""
    outcome: str = ""
    supplier_claim: str = ""

    @property
    def id(self) -> str:
        return claim_id(self.unit, self.gen)

    @property
    def undecided(self) -> bool:
        return self.state in UNDECIDED

    def may_become(self, state: ClaimState) -> bool:
        return state in MOVES[self.state]


def claim_id(unit: str, gen: int) -> str:
    """`<line>.<nnnn>.<gen>`: the card that the unit held as its `gen`-th."""
    line, _, number = unit.rpartition("#")
    return f"{line}.{number}.{gen}"


def claim_on(unit: Unit, reason: str, note: str, now: int, by: str, rid: str) -> Claim:
    """A claim on the card that the unit holds, which was shown. Raises ValueError for one that was not."""
    if unit.exposed_at is None or not unit.holds_card:
        raise ValueError("only a card that was shown can be claimed")
    return Claim(
        key=unit.key,
        unit=unit.name,
        gen=unit.gen,
        card=unit.card,
        batch=unit.batch,
        sku=unit.sku,
        last4=unit.last4,
        reason=reason,
        note=note[:MOST_NOTE],
        shown_at=unit.exposed_at,
        opened_at=now,
        opened_by=by,
        at=now,
        by=by,
        why=reason,
        rid=rid,
    )


class Evidence(StrEnum):
    """What a redemption fact says about a claim.

    `redeemed_before_shown`: somebody had used the card before this buyer saw it, and the card was bad.
    `redeemed_after_shown`: it was used after the buyer saw it. `redeemed`: there was no showing to compare.
    `none`: nobody knows of a redemption.
    """

    BEFORE = "redeemed_before_shown"
    AFTER = "redeemed_after_shown"
    REDEEMED = "redeemed"
    NONE = "none"


def evidence_of(shown_at: int | None, redeemed_at: int | None) -> Evidence:
    """What the time of a redemption says, against the time at which the card was first shown."""
    if redeemed_at is None:
        return Evidence.NONE
    if shown_at is None:
        return Evidence.REDEEMED
    return Evidence.BEFORE if redeemed_at < shown_at else Evidence.AFTER


class CardNow(StrEnum):
    """What became of a claimed card: its unit still holds it, or another one, or none."""

    HELD = "held"
    REPLACED = "replaced"
    GONE = "gone"


def card_now(claim: Claim, unit: Unit | None) -> CardNow:
    if unit is not None and unit.holds_card:
        return CardNow.HELD if unit.gen == claim.gen else CardNow.REPLACED
    return CardNow.GONE


def settled_by_itself(claim: Claim, unit: Unit | None) -> ClaimState | None:
    """How an undecided claim has ended without a decision on it: its card was replaced or paid back."""
    match card_now(claim, unit):
        case CardNow.HELD:
            return None
        case CardNow.REPLACED:
            return ClaimState.REPLACED
        case CardNow.GONE:
            return ClaimState.REFUNDED


@dataclass(frozen=True, slots=True)
class Case:
    """A claim with what speaks for whom: what became of its card, and who redeemed it when."""

    claim: Claim
    card_now: CardNow
    redemption: Redemption | None
    evidence: Evidence


def case_of(claim: Claim, unit: Unit | None, fact: Redemption | None) -> Case:
    """A claim beside its unit as it is now, and the redemption of its card if one is known."""
    evidence = evidence_of(claim.shown_at, fact.redeemed_at if fact else None)
    return Case(claim, card_now(claim, unit), fact, evidence)
