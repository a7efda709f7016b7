"""How we call a shop: its connection, what it is told of a listing, and what came of a call."""

from dataclasses import dataclass
from enum import Enum, StrEnum

MOST_WHY = 200


class Sale(StrEnum):
    """Whether a listing is for sale: at once, not at all, or with delivery later."""

    ON = "on"
    OFF = "off"
    PRESALE = "presale"


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """Where and by which token a shop is called. `token` is sealed; `at` is when it was set (epoch ms).

    `url` is the address of a merchant's own site, `domain` that of a shop at a platform. `location` chooses
    one of several places where a platform counts stock.
    """

    shop: str
    tenant: str
    channel: str
    token: bytes
    url: str = ""
    domain: str = ""
    location: str = ""
    at: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a shop is told of one of its listings. `available` pieces can be sold of it.

    `before` is what it was told last, None at first. `item_off` says that no listing of the item is for sale.
    `sequence` rises with every change: of two offers the one with the higher counts. `release_at` (epoch ms)
    is when a presale is delivered, None when nobody knows yet.
    """

    shop: str
    item: str
    variant: str
    available: int
    sale: Sale
    sequence: int
    before: Sale | None = None
    item_off: bool = False
    release_at: int | None = None


class Outcome(Enum):
    """What came of a call."""

    DONE = "done"
    LATER = "later"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Said:
    """What a shop's API said. `LATER` may work again, not before `asked` milliseconds; `REFUSED` is for a
    person. `why` is a code, with the platform's words where it has any.
    """

    outcome: Outcome
    why: str = ""
    asked: int = 0

    @property
    def done(self) -> bool:
        return self.outcome is Outcome.DONE


DONE = Said(Outcome.DONE)


def later(why: str, asked: int = 0) -> Said:
    return Said(Outcome.LATER, why[:MOST_WHY], asked)


def refused(why: str) -> Said:
    return Said(Outcome.REFUSED, why[:MOST_WHY])


def sealed_as(shop: str) -> str:
    """Under which name a shop's token is sealed, so that no other secret can stand for it."""
    return f"api/{shop}"
