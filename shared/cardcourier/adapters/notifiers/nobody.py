"""For deployments without mail: the link reaches the buyer in another way."""

from cardcourier.domain.mail import Message, NotifierRefused


class NobodyNotifier:
    """Refuses every message, so that no order ever looks notified when nothing was sent."""

    def send(self, to: str, message: Message, reply_to: str | None, message_id_hint: str) -> str:
        """Always raises `NotifierRefused`."""
        raise NotifierRefused("Mail is switched off: set MAIL_TRANSPORT to ses or smtp.", reason="mail_off")
