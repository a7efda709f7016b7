"""What a shop's notification says, in our words, whatever the platform: the facts of orders.

A channel turns each signed notification into these; everything behind it reads nothing else. Facts hold
what the shop said, bounded and well-formed. Whether it is acceptable (amount, quantity, mapping, risk) is
decided later, so that nothing that was paid is dropped at the door.

Ids are kept as keys: printable text without `#`, at most 120 bytes of UTF-8, made by `key_text`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote

from cardcourier.domain.disputes import LOST, WON, Outcome
from cardcourier.domain.money import LARGEST, currency_code
from cardcourier.errors import Refused

MOST_KEY_BYTES = 120
MOST_LINES = 200
MOST_PAYMENTS = 20
MOST_PIECES = 10**9
MOST_TEXT = 120
_LAST_MOMENT = 253_402_300_799_999  # the end of the year 9999

StopKind = Literal["cancel", "refund", "chargeback"]


def key_text(text: str) -> str:
    """An outside id as a part of our keys: what could break a key is percent-encoded, the rest stays.

    Two different ids never give the same key. Raises Refused `bad_id` above 120 bytes.
    """
    if not text.isprintable() or "#" in text or "%" in text:
        text = "".join(c if c.isprintable() and c not in "#%" else _encoded(c) for c in text)
    if len(text.encode()) > MOST_KEY_BYTES:
        raise Refused("bad_id", f"an id is longer than {MOST_KEY_BYTES} bytes")
    return text


def plain_text(text: str, most: int = MOST_TEXT) -> str:
    """Outside text for people: control characters become spaces, ends trimmed, cut to `most` characters."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " for c in text)
    return text.strip()[:most].rstrip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One order line. `item` and `variant` name the shop's listing and may be empty, so may `sku`.

    `unit_price` is what one piece was paid, in minor units of the order's currency; None if not told.
    """

    id: str
    item: str = ""
    variant: str = ""
    sku: str = ""
    title: str = ""
    quantity: int
    unit_price: int | None = None

    def __post_init__(self) -> None:
        _key("line id", self.id)
        _key("line item", self.item, may_be_empty=True)
        _key("line variant", self.variant, may_be_empty=True)
        _text("line sku", self.sku)
        _text("line title", self.title)
        _whole("line quantity", self.quantity, MOST_PIECES)
        if self.unit_price is not None:
            _whole("line unit price", self.unit_price, LARGEST)


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """Money that came in: its id at the platform, minor units, and when (ms)."""

    id: str
    amount: int
    at: int

    def __post_init__(self) -> None:
        _key("payment id", self.id)
        _whole("payment amount", self.amount, LARGEST)
        _whole("payment time", self.at, _LAST_MOMENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """How to reach the buyer and what is known of the device. Never shown by `repr`.

    `buyer` and `device` are what the platform calls them.
    """

    email: str | None = field(default=None, repr=False)
    phone: str | None = field(default=None, repr=False)
    ip: str | None = field(default=None, repr=False)
    user_agent: str | None = field(default=None, repr=False)
    language: str | None = field(default=None, repr=False)
    name: str | None = field(default=None, repr=False)
    buyer: str | None = field(default=None, repr=False)
    device: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for name, most in CONTACT_LENGTHS.items():
            value = getattr(self, name)
            if value is not None:
                _text(f"contact {name}", value, most)


CONTACT_LENGTHS = {
    "email": 254,
    "phone": 40,
    "ip": 45,
    "user_agent": 200,
    "language": 35,
    "name": 120,
    "buyer": 120,
    "device": 200,
}
"""Longest contact fields, in characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPaid:
    """An order was paid. `total` is what the platform asks for it, `payments` what came in (minor units)."""

    order: str
    number: str
    currency: str
    total: int
    payments: tuple[Payment, ...]
    lines: tuple[Line, ...]
    contact: Contact = Contact()
    created_at: int
    paid_at: int
    test: bool = False

    def __post_init__(self) -> None:
        _key("order id", self.order)
        _text("order number", self.number)
        _currency(self.currency)
        _whole("order total", self.total, LARGEST)
        _several("payments", (payment.id for payment in self.payments), MOST_PAYMENTS)
        _several("lines", (line.id for line in self.lines), MOST_LINES)
        _whole("order created_at", self.created_at, _LAST_MOMENT)
        _whole("order paid_at", self.paid_at, _LAST_MOMENT)

    @property
    def paid(self) -> int:
        """All payments together, in minor units."""
        return sum(payment.amount for payment in self.payments)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderStopped:
    """Units of an order must end: all (`everything`), some (`pieces`: line id, how many), or none yet.

    None means that only money was told: unless its amount can mean one thing only, a person says what ends.
    `fact_id` is the platform's id of the cancellation, refund or chargeback: the same fact told again has
    the same id. `amount` is in minor units of `currency`.
    """

    order: str
    kind: StopKind
    fact_id: str
    at: int
    amount: int | None = None
    currency: str | None = None
    everything: bool = False
    pieces: tuple[tuple[str, int], ...] = ()
    payment_id: str | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        _key("order id", self.order)
        _key("fact id", self.fact_id)
        if self.kind not in ("cancel", "refund", "chargeback"):
            raise Refused("bad_event", "kind must be cancel, refund or chargeback")
        _whole("stop time", self.at, _LAST_MOMENT)
        if self.payment_id is not None:
            _key("payment id", self.payment_id)
        _text("reason", self.reason)
        self._check_money()
        self._check_pieces()

    def _check_money(self) -> None:
        if self.currency is not None:
            _currency(self.currency)
        if self.amount is not None:
            _whole("amount", self.amount, LARGEST)
            if self.currency is None:
                raise Refused("bad_event", "an amount needs its currency")

    def _check_pieces(self) -> None:
        if self.everything and self.pieces:
            raise Refused("bad_event", "either everything is stopped or the pieces named, not both")
        if self.pieces:
            _several("pieces", (line for line, _ in self.pieces), MOST_LINES)
        for _, quantity in self.pieces:
            _whole("quantity of a piece", quantity, MOST_PIECES, least=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeDecided:
    """A disputed chargeback is decided: `won` brings the `amount` back (minor units), `lost` does not."""

    order: str
    outcome: Outcome
    fact_id: str
    at: int
    amount: int | None = None
    currency: str | None = None

    def __post_init__(self) -> None:
        _key("order id", self.order)
        _key("fact id", self.fact_id)
        _whole("decision time", self.at, _LAST_MOMENT)
        if self.outcome not in (WON, LOST):
            raise Refused("bad_event", "outcome must be won or lost")
        if self.amount is not None:
            _whole("amount", self.amount, LARGEST)
            _currency(self.currency)


@dataclass(frozen=True, slots=True)
class Ignored:
    """Signed and understood, but nothing to do: a test call, an unpaid order."""

    reason: str


@dataclass(frozen=True, slots=True)
class NotUnderstood:
    """Signed, but it cannot be read or acted on; someone has to look. `reason` holds no buyer's data."""

    reason: str


OrderEvent = OrderPaid | OrderStopped | DisputeDecided | Ignored | NotUnderstood


def _encoded(character: str) -> str:
    return quote(character, safe="", errors="surrogatepass")


def _key(name: str, value: object, *, may_be_empty: bool = False) -> None:
    if not isinstance(value, str) or not (value or may_be_empty):
        raise Refused("bad_event", f"{name} must be text and not empty")
    if "#" in value or not value.isprintable() or len(value.encode()) > MOST_KEY_BYTES:
        raise Refused("bad_event", f"{name} must be printable, without '#', at most {MOST_KEY_BYTES} bytes")


def _text(name: str, value: object, most: int = MOST_TEXT) -> None:
    if not isinstance(value, str) or len(value) > most or not value.isprintable():
        raise Refused("bad_event", f"{name} must be printable text of at most {most} characters")


def _whole(name: str, value: object, most: int, *, least: int = 0) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise Refused("bad_event", f"{name} must be a whole number from {least} to {most}")


def _currency(value: object) -> None:
    if currency_code(value) != value:
        raise Refused("bad_currency", "currency must be written in capitals")


def _several(name: str, ids: Iterable[str], most: int) -> None:
    seen = list(ids)
    if not 1 <= len(seen) <= most:
        raise Refused("bad_event", f"{name}: there must be 1 to {most}, here are {len(seen)}")
    if len(set(seen)) != len(seen):
        raise Refused("bad_event", f"{name}: each must have an id of its own")
