"""A mail to a buyer, and what may go wrong on its way."""

from dataclasses import dataclass
from typing import Any, Protocol

from cardcourier.errors import Refused, Unavailable


@dataclass(frozen=True, slots=True)
class Message:
    """A finished mail. It holds a link and a pick-up code, never a card."""

    subject: str
    text: str
    html: str


class NotifierRefused(Refused):
    """This message will never be taken: do not send it again."""

    def __init__(self, detail: str, **evidence: Any) -> None:
        super().__init__("notifier_refused", detail, **evidence)


class NotifierUnavailable(Unavailable):
    """Not now; sending again later may help. It may also have been sent: a second copy does no harm."""

    def __init__(self, detail: str, **evidence: Any) -> None:
        super().__init__("notifier_unavailable", detail, **evidence)


class Notifier(Protocol):
    """Hands a message to somebody who delivers it."""

    def send(self, to: str, message: Message, reply_to: str | None, message_id_hint: str) -> str:
        """Send to one address and return the provider's id of the message.

        `message_id_hint` is our own id of this sending: the same for a retry, so that mail programs
        can fold copies into one. Raises `NotifierRefused` (final) or `NotifierUnavailable` (retry).
        """
        ...
