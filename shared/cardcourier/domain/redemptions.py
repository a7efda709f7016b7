"""That an issuer redeemed a card: when, where, and who says so. It comes from outside and is kept once."""

from dataclasses import dataclass

MOST_WHERE = 120
MOST_ROWS = 500
"""Facts taken in one request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Redemption:
    """A card was redeemed at `redeemed_at` (epoch ms), `where` the issuer says, as `source` told us.

    `place` is free text of the issuer such as an account or region, without contacts. `told_at` is when we
    heard of it first.
    """

    tenant: str
    card: str
    batch: str
    sku: str
    redeemed_at: int
    place: str
    source: str
    told_at: int
    by: str

    def says_the_same(self, other: "Redemption") -> bool:
        return self.redeemed_at == other.redeemed_at
