"""A card in the clear: it exists only between the vault and the answer that shows it."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What the buyer redeems. Never logged: `repr` shows nothing of it."""

    code: str = field(repr=False)
    number: str | None = field(default=None, repr=False)
