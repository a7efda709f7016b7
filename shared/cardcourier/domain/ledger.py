"""The money ledger's entries: what kinds there are, and which sign each may have."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class LegKind(StrEnum):
    """The kinds of ledger entries, seen from the merchant: plus is good for the merchant."""

    SALE = "sale"
    DISCOUNT_MERCHANT = "discount_merchant"
    DISCOUNT_PLATFORM = "discount_platform"
    SUBSIDY_PLATFORM = "subsidy_platform"
    COMMISSION = "commission"
    AFFILIATE = "affiliate"
    PAYMENT_FEE = "payment_fee"
    FEE_RETURN = "fee_return"
    CARD_COST = "card_cost"
    REPLACEMENT_COST = "replacement_cost"
    COST_RECOVERY = "cost_recovery"
    REFUND = "refund"
    ADJUSTMENT = "adjustment"


# 0 = either sign: a subsidy can be taken back, an adjustment goes both ways.
SIGNS: Mapping[LegKind, int] = {
    LegKind.SALE: 1,
    LegKind.DISCOUNT_MERCHANT: -1,
    LegKind.DISCOUNT_PLATFORM: -1,
    LegKind.SUBSIDY_PLATFORM: 0,
    LegKind.COMMISSION: -1,
    LegKind.AFFILIATE: -1,
    LegKind.PAYMENT_FEE: -1,
    LegKind.FEE_RETURN: 1,
    LegKind.CARD_COST: -1,
    LegKind.REPLACEMENT_COST: -1,
    LegKind.COST_RECOVERY: 1,
    LegKind.REFUND: -1,
    LegKind.ADJUSTMENT: 0,
}


@dataclass(frozen=True, slots=True)
class Leg:
    """One signed amount in minor units of `currency`; `line` is empty for what concerns the whole order.

    `units` counts pieces: sold by a sale, handed over or taken back by a cost.
    A sign that the kind does not allow raises ValueError.
    """

    kind: LegKind
    amount: int
    currency: str
    line: str = ""
    sku: str = ""
    units: int = 0

    def __post_init__(self) -> None:
        if self.amount * SIGNS[self.kind] < 0:
            raise ValueError(f"a {self.kind} leg of {self.amount} has the wrong sign")
