"""A mail to a buyer, and what may go wrong on its way."""

import re
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


_ADDRESS = re.compile(r"[^\s@<>()\[\]\\,;:\"\x00-\x20\x7f]{1,64}@[^\s@<>()\[\]\\,;:\"\x00-\x20\x7f]{1,255}")


def mail_address(text: str | None) -> str | None:
    """The text if it is exactly one plain mail address, else nothing. A domain outside ASCII becomes IDNA."""
    if not text or not _ADDRESS.fullmatch(text):
        return None
    local, _, domain = text.rpartition("@")
    try:
        address = f"{local}@{domain.encode('idna').decode('ascii')}"
    except UnicodeError:
        return None
    return address if address.isascii() and ".." not in address else None
