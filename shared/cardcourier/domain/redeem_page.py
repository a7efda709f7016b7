"""What the buyer's pages show. The door fills these in, `pages` turns them into HTML or JSON.

Times are epoch milliseconds. Nothing here is stored, and no secret shows in a `repr`.
"""

from dataclasses import dataclass, field
from typing import Literal

BlockState = Literal[
    "ready", "waiting", "scheduled", "on_hold", "paused", "revealed", "closed", "replaced", "ended"
]
"""`ready`: delivered, not seen yet · `revealed`: seen at least once · `closed`: seen, and not to be seen
again (by this browser) · `waiting`: no stock yet · `scheduled`: presale · `on_hold`: a person must look ·
`paused`: the shop stopped it for now · `replaced`: another card took its place ·
`ended`: cancelled, refunded or expired."""

WITH_CARD: frozenset[str] = frozenset({"ready", "revealed"})
"""States in which a card can be shown."""

MOST_ON_A_PAGE = 20
"""Cards that a page shows one by one; more are summed up, and handed out as a file."""

PROBLEMS = ("invalid", "used", "region", "mistyped", "other")
"""What a buyer can report about a card: the values of the field `reason`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardBlock:
    """One card, or the place of one that is still to come.

    `ref` names the unit inside its order. `code` and `number` are plaintext and filled only in the
    answer to a reveal. `head` and `last4` are what may be seen before, empty while there is no card.
    `covered` asks the page to cover the code until it is tapped. `release_at` belongs to a presale,
    `expires_at` to the card. `steps` and `redeem_url` tell how and where to redeem. `claim` is how the
    buyer's report on the card stands (`open`, `waiting_supplier`, `replaced`, `refunded`, `rejected`), empty
    without one.
    """

    ref: str
    product_name: str
    last4: str
    state: BlockState
    code: str | None = field(default=None, repr=False)
    number: str | None = field(default=None, repr=False)
    head: str = ""
    covered: bool = False
    release_at: int | None = None
    expires_at: int | None = None
    redeem_url: str | None = None
    steps: tuple[str, ...] = ()
    claim: str = ""

    @property
    def plain(self) -> bool:
        """Whether plaintext is on board."""
        return self.code is not None or self.number is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPage:
    """The page behind a link.

    `total` and `delivered` count cards. `proof_needed` asks for the pick-up code; `proof_failed` says
    the one just sent was wrong, `tries_left` how many are left, `locked_until` when asking is allowed
    again. `views_left` is how often the cards can still be shown, `None` without a limit. `once_minutes`
    warns that some cards can be seen only once, and for how long this browser may look again.
    `opens_itself` has the page ask for the cards without a tap. `order_number` is told with the cards.
    `mark` names a browser without a cookie when it sends the form.
    `time_zone` is an IANA name. `page_url` is this page's own absolute address, for the QR code.
    Plaintext is refused unless `revealed_now`, so that no GET can ever carry it.
    """

    token: str = field(repr=False)
    tenant_name: str
    support: str
    order_number_masked: str
    blocks: tuple[CardBlock, ...]
    total: int
    delivered: int
    proof_needed: bool = False
    proof_failed: bool = False
    tries_left: int | None = None
    locked_until: int | None = None
    views_left: int | None = None
    once_minutes: int | None = None
    opens_itself: bool = False
    order_number: str = field(default="", repr=False)
    mark: str = field(default="", repr=False)
    revealed_now: bool = False
    problem_sent: bool = False
    time_zone: str = "Asia/Shanghai"
    page_url: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if not self.revealed_now and any(block.plain for block in self.blocks):
            raise ValueError("plaintext belongs only in the answer to a reveal")

    @property
    def large(self) -> bool:
        """Whether there are too many cards to show one by one."""
        return len(self.blocks) > MOST_ON_A_PAGE

    @property
    def can_reveal(self) -> bool:
        """Whether asking for the plaintext makes sense now."""
        return (
            not self.revealed_now
            and self.locked_until is None
            and any(block.state in WITH_CARD for block in self.blocks)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NotFoundPage:
    """The one answer for links that are unknown, expired or withdrawn."""

    support: str = ""


LookupKind = Literal["", "sent", "wrong", "limited"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupPage:
    """The form that finds an order. `order_number` is what was typed, to be shown again."""

    message_kind: LookupKind = ""
    support: str = ""
    order_number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedPage:
    """Too many tries. `until` says when to come back, if that is known."""

    support: str = ""
    until: int | None = None
    time_zone: str = "Asia/Shanghai"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnavailablePage:
    """Something behind the page does not answer. Nothing was shown."""

    support: str = ""


Page = OrderPage | NotFoundPage | LookupPage | LockedPage | UnavailablePage
