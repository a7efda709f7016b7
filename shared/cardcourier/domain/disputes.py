"""A chargeback that the merchant disputes: until it is decided the card is kept and shown to nobody."""

from typing import Literal

OPEN, WON, LOST = "open", "won", "lost"
"""Where a dispute stands. Once lost it stays lost, in whatever order its outcomes are told."""

Outcome = Literal["won", "lost"]

BURN, DISPUTE = "burn", "dispute"
POLICIES = (BURN, DISPUTE)
"""What a tenant does about a chargeback of a card that was shown: burn it at once, or dispute it first."""
