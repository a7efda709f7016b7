"""Those who carry a message to a buyer: one module per provider, chosen by the name of the transport."""

from collections.abc import Callable
from typing import Any

from cardcourier.adapters.notifiers.nobody import NobodyNotifier
from cardcourier.adapters.notifiers.ses import SesNotifier
from cardcourier.adapters.notifiers.smtp import Login, SmtpNotifier
from cardcourier.domain.mail import Notifier
from cardcourier.errors import Refused

__all__ = ["Login", "NobodyNotifier", "SesNotifier", "SmtpNotifier", "make_notifier"]


def make_notifier(
    transport: str,
    sender: str,
    *,
    ses_client: Callable[[], Any],
    smtp_host: str = "",
    smtp_port: int = 587,
    smtp_login: Callable[[], Login | None] = lambda: None,
) -> Notifier:
    """The notifier for MAIL_TRANSPORT: `ses`, `smtp` or `none`.

    `sender` is the From address, with or without a name. The client of SES v2 and the login are asked
    for only if they are needed. Raises `Refused` when the deployment's settings do not fit together.
    """
    if transport == "none":
        return NobodyNotifier()
    if not sender:
        raise Refused(
            "bad_mail_settings", f"MAIL_TRANSPORT is {transport}: set MAIL_FROM to a sender address."
        )
    if transport == "ses":
        return SesNotifier(ses_client(), sender)
    if transport == "smtp":
        if not smtp_host:
            raise Refused("bad_mail_settings", "MAIL_TRANSPORT is smtp: set SMTP_HOST to the mail server.")
        return SmtpNotifier(smtp_host, smtp_port, sender, smtp_login())
    raise Refused("bad_mail_settings", f"MAIL_TRANSPORT is {transport!r}: it must be ses, smtp or none.")
