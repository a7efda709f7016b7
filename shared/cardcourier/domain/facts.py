"""Facts about an order in the form in which they are written."""

from dataclasses import dataclass

from cardcourier.domain.orders import EVERYTHING, OrderKey, OrderLine


@dataclass(frozen=True, slots=True)
class Paid:
    """One payment; `amount` in minor units."""

    id: str
    amount: int
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstPayment:
    """All that is known of an order when it is paid. `contact` is sealed.

    `search` holds keyed hashes, `kinds` a letter for each (`domain/contact_keys.py`).
    """

    key: OrderKey
    number: str
    payments: tuple[Paid, ...]
    paid_at: int
    created_at: int
    total: int
    currency: str
    lines: tuple[OrderLine, ...]
    contact: bytes | None
    search: tuple[str, ...]
    kinds: str = ""
    language: str = ""
    test: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A further payment, refund, cancel, chargeback, or the outcome of its dispute.

    Its kind and id make it happen once.
    `stops` are pieces that end (`*` for all), `owed` counts pieces of a line of which any may end.
    `amount` is positive, in minor units, or None where no money moved. `disputed`: the merchant disputes
    it, so that cards which were shown are kept until that is decided.
    """

    key: OrderKey
    kind: str
    id: str
    at: int
    amount: int | None = None
    currency: str | None = None
    payment: str | None = None
    reason: str = ""
    stops: frozenset[str] = frozenset()
    owed: tuple[tuple[str, int], ...] = ()
    disputed: bool = False

    @property
    def name(self) -> str:
        """`<kind>/<id>`, unique in its order."""
        return f"{self.kind}/{self.id}"

    @property
    def asks(self) -> bool:
        """Whether money was given back and nobody said for which pieces."""
        return self.kind in TAKEN_BACK and not self.ends_units and bool(self.amount)

    @property
    def ends_units(self) -> bool:
        return bool(self.stops or self.owed)


ALL = frozenset({EVERYTHING})
TAKEN_BACK = frozenset({"refund", "chargeback"})
"""Kinds of facts whose amount went back to the buyer."""
