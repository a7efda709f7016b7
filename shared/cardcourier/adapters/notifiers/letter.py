"""A message as RFC 5322 wants it. Line breaks in a header are refused here, before anything is sent."""

import re
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, parseaddr
from hashlib import sha256

from cardcourier.domain.mail import Message, NotifierRefused, mail_address


def compose(
    sender: str, to: str, message: Message, reply_to: str | None, message_id_hint: str
) -> EmailMessage:
    """Build the mail. Raises `NotifierRefused` for an address or a header that no mail may have."""
    letter = head(sender, to, message, reply_to)
    letter["Date"] = formatdate(usegmt=True)
    letter["Message-ID"] = message_id(message_id_hint, sender)
    letter["Auto-Submitted"] = "auto-generated"
    letter.set_content(message.text, cte="base64")
    letter.add_alternative(message.html, subtype="html", cte="base64")
    return letter


def head(sender: str, to: str, message: Message, reply_to: str | None) -> EmailMessage:
    """The headers that come from outside, checked; for a service that writes the mail itself."""
    letter = EmailMessage(policy=SMTP)
    try:
        letter["From"] = _from(sender)
        letter["To"] = Address(addr_spec=checked(to, "the buyer's address"))
        if reply_to:
            letter["Reply-To"] = Address(addr_spec=checked(reply_to, "the reply address"))
        letter["Subject"] = message.subject
    except (ValueError, MessageError):
        # `from None`: the original quotes the header, and with it an address.
        raise NotifierRefused("A header of the mail is not allowed.", reason="bad_header") from None
    return letter


def checked(address: str, what: str) -> str:
    """The address in ASCII, or `NotifierRefused` without quoting it."""
    found = mail_address(address)
    if found is None:
        raise NotifierRefused(f"This is not a mail address: {what}.", reason="bad_address")
    return found


def _from(sender: str) -> Address:
    name, address = parseaddr(sender)
    return Address(display_name=name, addr_spec=checked(address, "MAIL_FROM"))


def message_id(hint: str, sender: str) -> str:
    """A Message-ID that is the same for every try of one sending."""
    left = hint if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", hint) else sha256(hint.encode()).hexdigest()[:32]
    domain = parseaddr(sender)[1].rpartition("@")[2] or "localhost"
    return f"<{left}@{domain}>"
