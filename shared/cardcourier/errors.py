"""Everything this product raises on purpose.

CardCourierError
├── Refused             as sent, this can never succeed
│   ├── NotFound        no such thing, or not yours: one answer for both
│   └── Denied          known, but not allowed
├── Conflict            someone got there first; asking again may help
└── Unavailable         an outside thing does not answer; try later

`code` is stable and in English, `detail` says what is wrong and what to do. Evidence goes on
`evidence`, never into the message: no plain card, no token, no address of a buyer.
"""

from typing import Any


class CardCourierError(Exception):
    """Base of all. `code` is for machines, `detail` for people, `evidence` for logs."""

    def __init__(self, code: str, detail: str, **evidence: Any) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.evidence = evidence


class Refused(CardCourierError):
    """As sent, this can never succeed."""


class NotFound(Refused):
    """There is no such thing, or it belongs to someone else."""


class Denied(Refused):
    """The caller is known but may not do this."""


class Conflict(CardCourierError):
    """Someone got there first."""


class Unavailable(CardCourierError):
    """Something outside does not answer now."""
