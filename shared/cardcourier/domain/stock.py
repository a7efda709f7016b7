"""Markers: one for each card that can be sold, and none for any other."""

from dataclasses import dataclass
from datetime import UTC, datetime

NEVER = "9999"
FIRST = "0"
"""Sorts before every bucket. A key is never compared with an empty text: the table refuses that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """Stands for one sellable card. `bucket` is its month of expiry, `9999` when it never expires.

    The earliest bucket is sold first. `cost` is what the card cost, in minor units of `currency`.
    `head` and `last4` are what of its code may be known everywhere.
    """

    card: str
    bucket: str
    shard: int
    batch: str
    last4: str = ""
    head: str = ""
    cost: int = 0
    currency: str = ""
    expires_at: int | None = None

    def sellable(self, now: int) -> bool:
        """An expired card is never sold."""
        return self.expires_at is None or self.expires_at > now


def bucket_of(expires_at: int | None) -> str:
    """The month (`YYMM`, UTC) in which a card's validity ends."""
    if expires_at is None:
        return NEVER
    return datetime.fromtimestamp(expires_at / 1000, UTC).strftime("%y%m")
