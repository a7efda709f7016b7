"""Any mail server by SMTP (RFC 5321): TLS from the start on port 465, STARTTLS where it is offered elsewhere.

A 4xx answer is temporary, a 5xx final, except where it is about our login and not about the message.
"""

import json
import re
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Self

from cardcourier.adapters.notifiers.letter import compose
from cardcourier.domain.mail import Message, NotifierRefused, NotifierUnavailable
from cardcourier.errors import Refused

_TLS_PORT = 465
_ABOUT_OUR_LOGIN = frozenset({530, 534, 535, 538})
_ENHANCED = re.compile(rb"\b[245]\.\d{1,3}\.\d{1,3}\b")


@dataclass(frozen=True, slots=True)
class Login:
    """Who we are to the mail server."""

    user: str
    password: str = field(repr=False)

    @classmethod
    def from_secret(cls, secret: str) -> Self:
        """Read a stored secret: a JSON object with `username` and `password`."""
        try:
            values = json.loads(secret)
            return cls(str(values["username"]), str(values["password"]))
        except (ValueError, KeyError, TypeError):
            raise Refused(
                "bad_mail_settings", 'The SMTP secret must be {"username": "…", "password": "…"}.'
            ) from None


class SmtpNotifier:
    """Sends by SMTP, one connection per message. `timeout` is in seconds, per step of the dialogue."""

    def __init__(
        self, host: str, port: int, sender: str, login: Login | None = None, timeout: float = 10.0
    ) -> None:
        self._host = host
        self._port = port
        self._sender = sender
        self._login = login
        self._timeout = timeout

    def send(self, to: str, message: Message, reply_to: str | None, message_id_hint: str) -> str:
        """Send and return the Message-ID. Errors as in `Notifier`; none quotes an address."""
        letter = compose(self._sender, to, message, reply_to, message_id_hint)
        with _named_errors():
            self._hand_over(letter)
        return str(letter["Message-ID"])

    def _hand_over(self, letter: EmailMessage) -> None:
        server = self._connect()
        try:
            self._secure(server)
            server.send_message(letter)
        except BaseException:
            server.close()
            raise
        # Taken is taken: a broken good-bye must not send the mail again.
        with suppress(smtplib.SMTPException, OSError):
            server.quit()

    def _connect(self) -> smtplib.SMTP:
        if self._port == _TLS_PORT:
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(self._host, self._port, timeout=self._timeout, context=context)
        return smtplib.SMTP(self._host, self._port, timeout=self._timeout)

    def _secure(self, server: smtplib.SMTP) -> None:
        server.ehlo_or_helo_if_needed()
        encrypted = self._port == _TLS_PORT
        if not encrypted and server.has_extn("starttls"):
            server.starttls(context=ssl.create_default_context())
            encrypted = True
        if self._login is None:
            return
        if not encrypted:
            raise NotifierUnavailable(
                "The mail server offers no TLS, so the password was not sent.", reason="no_tls"
            )
        server.login(self._login.user, self._login.password)


@contextmanager
def _named_errors() -> Iterator[None]:
    # `from None`: what servers answer quotes addresses, and a traceback ends in the log.
    try:
        yield
    except smtplib.SMTPRecipientsRefused as error:
        code, answer = max(error.recipients.values())
        raise _judge(code, answer) from None
    except (smtplib.SMTPConnectError, smtplib.SMTPHeloError) as error:
        raise NotifierUnavailable("The mail server turns us away.", reason=str(error.smtp_code)) from None
    except smtplib.SMTPResponseException as error:
        raise _judge(error.smtp_code, error.smtp_error) from None
    except (smtplib.SMTPException, OSError) as error:
        name = type(error).__name__
        raise NotifierUnavailable(f"The mail server did not take the mail: {name}.", reason=name) from None


def _judge(code: int, answer: bytes | str) -> NotifierRefused | NotifierUnavailable:
    text = answer if isinstance(answer, bytes) else answer.encode()
    enhanced = _ENHANCED.search(text)
    reason = f"{code} {enhanced.group().decode()}" if enhanced else str(code)
    if code in _ABOUT_OUR_LOGIN:
        return NotifierUnavailable(f"The mail server refuses our login: {reason}.", reason=reason)
    if code >= 500:
        return NotifierRefused(f"The mail server refuses this mail: {reason}.", reason=reason)
    return NotifierUnavailable(f"The mail server cannot take the mail now: {reason}.", reason=reason)
