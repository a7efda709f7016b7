"""Amazon SES, API v2: SendEmail with simple content.

SES knows no idempotency token, so a retry after an unknown outcome may send a second copy. Error names
are those of the service model `sesv2`.
"""

from email.utils import formataddr
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from cardcourier.adapters.notifiers.letter import head
from cardcourier.domain.mail import Message, NotifierRefused, NotifierUnavailable

_FINAL = frozenset(
    {
        "AccountSuspendedException",
        "BadRequestException",
        "MailFromDomainNotVerifiedException",
        "MessageRejected",
        "NotFoundException",
    }
)
_UTF8 = "UTF-8"


class SesNotifier:
    """Sends through SES. `client` is a boto3 client of `sesv2`, `sender` a verified From address."""

    def __init__(self, client: Any, sender: str) -> None:
        self._client = client
        self._sender = sender

    def send(self, to: str, message: Message, reply_to: str | None, message_id_hint: str) -> str:
        """Send and return the MessageId of SES. Errors as in `Notifier`; none quotes an address."""
        letter = head(self._sender, to, message, reply_to)
        sender, buyer = letter["From"].addresses[0], letter["To"].addresses[0]
        request: dict[str, Any] = {
            "FromEmailAddress": formataddr((sender.display_name, sender.addr_spec)),
            "Destination": {"ToAddresses": [buyer.addr_spec]},
            "Content": {"Simple": _content(message)},
        }
        if reply_to:
            request["ReplyToAddresses"] = [letter["Reply-To"].addresses[0].addr_spec]
        return self._send(request)

    def _send(self, request: dict[str, Any]) -> str:
        # `from None` below: what SES answers quotes addresses, and a traceback ends in the log.
        try:
            return str(self._client.send_email(**request)["MessageId"])
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", "unknown"))
            if code in _FINAL:
                raise NotifierRefused(f"SES does not take this mail: {code}.", reason=code) from None
            raise NotifierUnavailable(f"SES cannot send now: {code}.", reason=code) from None
        except BotoCoreError as error:
            name = type(error).__name__
            raise NotifierUnavailable(f"SES did not answer: {name}.", reason=name) from None


def _content(message: Message) -> dict[str, Any]:
    return {
        "Subject": {"Data": message.subject, "Charset": _UTF8},
        "Body": {
            "Text": {"Data": message.text, "Charset": _UTF8},
            "Html": {"Data": message.html, "Charset": _UTF8},
        },
    }
