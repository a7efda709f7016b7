"""A card in the clear, and how cards are named.

    c1<26 letters>            a card: one row of the vault, sold once
    c1<26 letters>.<00001>    one use of a shared card: sold once itself, opened as the card
    t1<26 letters>            fixed content: one row of the vault, the same for every buyer
    t1<26 letters>.<piece>    what one unit holds of it, opened as the content

A card in the clear exists only between the vault and the answer that shows it.
"""

from base64 import b32encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256

CONTENT = "t1"
MOST_USES = 10_000
"""Of one shared card. Five digits keep its uses in order."""


def use_id(card: str, n: int) -> str:
    """The name of the n-th use, from 1."""
    return f"{card}.{n:05d}"


def uses_of(card: str, uses: int) -> Iterator[str]:
    return (use_id(card, n) for n in range(1, uses + 1))


def base_of(card: str) -> str:
    """The card that the vault knows, for a card or one of its uses."""
    return card.partition(".")[0]


def content_id(tenant: str, job: str) -> str:
    """The name of the content that a job brought: its repeats give the same."""
    return CONTENT + _letters(f"{tenant}/{job}")


def piece_id(content: str, unit: str) -> str:
    """What a unit holds of a content, by all that names the unit."""
    return f"{content}.{_letters(unit)}"


def is_content(card: str) -> bool:
    return card.startswith(CONTENT)


def _letters(text: str) -> str:
    return b32encode(sha256(text.encode()).digest()).decode().lower()[:26]


def is_use(card: str) -> bool:
    return "." in card


def number_of(use: str) -> int:
    """Which use of its card it is."""
    return int(use.partition(".")[2])


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What the buyer redeems. Never logged: `repr` shows nothing of it."""

    code: str = field(repr=False)
    number: str | None = field(default=None, repr=False)
