"""Where a card stands in one look: where it came from, who holds it, if it was shown, used, replaced."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from cardcourier.domain.catalogue import Batch
from cardcourier.domain.claims import Claim, Evidence, evidence_of
from cardcourier.domain.orders import OrderKey, Unit
from cardcourier.domain.redemptions import Redemption
from cardcourier.domain.states import State


@dataclass(frozen=True, slots=True)
class Label:
    """What the vault says of a card without opening it: row `row` of its batch's file, taken in at `at`."""

    batch: str
    sku: str
    row: int
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """A card that is never sold again.

    `unit` is `<shop>/<order>/<line>#<nnnn>`, empty for one never handed over.
    """

    unit: str
    batch: str
    sku: str
    at: int
    by: str
    why: str
    replaces: str
    replaced_by: str

    def place(self, tenant: str) -> tuple[OrderKey, str] | None:
        """The order and the unit that held it."""
        shop, _, rest = self.unit.partition("/")
        order, _, name = rest.rpartition("/")
        return (OrderKey(tenant, shop, order), name) if shop and order and name else None


class CardState(StrEnum):
    """What people call it. `burnt`: shown, and then paid back; `invalid`: claimed, and not yet decided."""

    AVAILABLE = "available"
    RESERVED = "reserved"
    DELIVERED = "delivered"
    REVEALED = "revealed"
    REDEEMED = "redeemed"
    INVALID = "invalid"
    REPLACED = "replaced"
    BURNT = "burnt"
    EXPIRED = "expired"
    VOID = "void"


_OF_UNIT = {
    State.RESERVED: CardState.RESERVED,
    State.ALLOCATED: CardState.DELIVERED,
    State.DELIVERED: CardState.DELIVERED,
    State.REVEALED: CardState.REVEALED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CardStatus:
    """One card. `units` hold it now: one, or several of a shared card. `claims` are on this very card."""

    card: str
    label: Label | None
    batch: Batch | None
    units: Sequence[Unit]
    spent: Spent | None
    redemption: Redemption | None
    claims: Sequence[Claim]
    now: int

    @property
    def state(self) -> CardState:
        """What has happened to it last. A card in the vault that nobody holds or held can be sold."""
        if self.spent is not None:
            if not self.spent.unit:
                return CardState.VOID
            return CardState.REPLACED if self.spent.replaced_by else CardState.BURNT
        if self.redemption is not None:
            return CardState.REDEEMED
        if any(claim.undecided for claim in self.claims):
            return CardState.INVALID
        if self.units:
            return _OF_UNIT[self.units[0].state]
        ends = self.batch.last_expiry if self.batch else None
        return CardState.EXPIRED if ends is not None and ends <= self.now else CardState.AVAILABLE

    @property
    def last4(self) -> str:
        return next((one.last4 for one in self.units), next((one.last4 for one in self.claims), ""))

    @property
    def first_shown_at(self) -> int | None:
        """When a buyer saw it first, as far as its unit or a claim still knows."""
        shown = [unit.exposed_at for unit in self.units if unit.exposed_at is not None]
        shown += [claim.shown_at for claim in self.claims]
        return min(shown, default=None)

    @property
    def evidence(self) -> Evidence:
        return evidence_of(self.first_shown_at, self.redemption.redeemed_at if self.redemption else None)
