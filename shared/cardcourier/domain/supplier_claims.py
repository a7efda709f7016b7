"""Bad cards told to their supplier together, with what speaks for it, and what the supplier made of it.

    draft ──► sent ──► accepted | partly ──► credited
      └─► dropped  └─► rejected

A card is in one bundle that was not dropped. A bundle names cards by id and last characters, never by code.
"""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from cardcourier.domain.claims import Case, ClaimState, Evidence
from cardcourier.domain.orders import OrderKey

MOST_CARDS = 500
"""Cards of one bundle; it is one item of a table."""


class Stage(StrEnum):
    """Where a bundle stands."""

    DRAFT = "draft"
    DROPPED = "dropped"
    SENT = "sent"
    ACCEPTED = "accepted"
    PARTLY = "partly"
    REJECTED = "rejected"
    CREDITED = "credited"


MOVES: Mapping[Stage, frozenset[Stage]] = {
    Stage.DRAFT: frozenset({Stage.SENT, Stage.DROPPED}),
    Stage.SENT: frozenset({Stage.ACCEPTED, Stage.PARTLY, Stage.REJECTED}),
    Stage.ACCEPTED: frozenset({Stage.CREDITED}),
    Stage.PARTLY: frozenset({Stage.CREDITED}),
    Stage.DROPPED: frozenset(),
    Stage.REJECTED: frozenset(),
    Stage.CREDITED: frozenset(),
}
"""Every move a bundle may make. A credit is booked with the last one, so it is booked once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BadCard:
    """One card of a bundle with its evidence. Times in epoch ms; `shop`, `order` and `claim` stay with us."""

    card: str
    batch: str
    sku: str
    last4: str
    reason: str
    claimed_at: int
    shown_at: int
    redeemed_at: int | None = None
    place: str = ""
    evidence: str = Evidence.NONE.value
    shop: str
    order: str
    claim: str

    def key(self, tenant: str) -> OrderKey:
        return OrderKey(tenant, self.shop, self.order)


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplierClaim:
    """A bundle. `of_batch` is empty where it is of all batches of the supplier; `credit` in minor units."""

    tenant: str
    id: str
    supplier: str
    of_batch: str
    stage: Stage
    cards: tuple[BadCard, ...]
    currency: str
    created_at: int
    sent_at: int | None = None
    accepted: int = 0
    credit: int = 0
    ver: int = 1
    at: int
    by: str
    why: str = ""
    rid: str = ""

    @property
    def sku(self) -> str:
        """The product of all its cards, empty for several."""
        skus = {card.sku for card in self.cards}
        return skus.pop() if len(skus) == 1 else ""

    def may_become(self, stage: Stage) -> bool:
        return stage in MOVES[self.stage]


def is_bad(case: Case) -> bool:
    """Whether a supplier is to be told of a card: not of a buyer's own mistake, nor of what was rejected."""
    claim = case.claim
    return claim.reason != "mistyped" and claim.state not in (ClaimState.REJECTED, ClaimState.WITHDRAWN)


def bad_card(case: Case) -> BadCard:
    """A claimed card as it is told to its supplier."""
    claim, fact = case.claim, case.redemption
    return BadCard(
        card=claim.card,
        batch=claim.batch,
        sku=claim.sku,
        last4=claim.last4,
        reason=claim.reason,
        claimed_at=claim.opened_at,
        shown_at=claim.shown_at,
        redeemed_at=fact.redeemed_at if fact else None,
        place=fact.place if fact else "",
        evidence=case.evidence.value,
        shop=claim.key.shop,
        order=claim.key.order,
        claim=claim.id,
    )


COLUMNS = (
    "card",
    "last4",
    "batch",
    "product",
    "reason",
    "claimed_at",
    "first_shown_at",
    "redeemed_at",
    "redeemed_where",
    "evidence",
)


def as_csv(cards: Iterable[BadCard]) -> str:
    """What a supplier gets: no code, no order, no buyer. What a table program would run is made text."""
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(COLUMNS)
    for one in cards:
        row = (
            one.card,
            one.last4,
            one.batch,
            one.sku,
            one.reason,
            _utc(one.claimed_at),
            _utc(one.shown_at),
            _utc(one.redeemed_at),
            one.place,
            one.evidence,
        )
        table.writerow([_harmless(cell) for cell in row])
    return text.getvalue()


def _utc(at: int | None) -> str:
    return "" if at is None else f"{datetime.fromtimestamp(at // 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell[:1] in "=+-@\t\r" and cell else cell
