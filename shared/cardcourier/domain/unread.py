"""A notification that was signed but could not be read."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UnreadNotification:
    """What may be shown of it; the body stays sealed. `at` in epoch milliseconds."""

    id: str
    shop: str
    event: str
    reason: str
    at: int
