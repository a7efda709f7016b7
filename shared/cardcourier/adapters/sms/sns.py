"""Amazon SNS: Publish to a telephone number. The whole text is ours; the country decides what else is needed.

SNS knows no id of ours, so a retry after an unknown outcome may send a second copy. Error names are those
of the service model `sns`.
"""

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from cardcourier.domain.sms import SmsMessage, SmsRefused, SmsUnavailable

_FINAL = {
    "AuthorizationError": "SNS may not send for this account: allow SMS, or leave its sandbox.",
    "AuthorizationErrorException": "SNS may not send for this account: allow SMS, or leave its sandbox.",
    "InvalidParameter": "SNS does not take this number or text.",
    "InvalidParameterException": "SNS does not take this number or text.",
    "InvalidParameterValue": "SNS does not take this number or text.",
    "InvalidParameterValueException": "SNS does not take this number or text.",
    "OptedOut": "The buyer does not wish to get messages from us.",
    "OptedOutException": "The buyer does not wish to get messages from us.",
    "ValidationException": "SNS does not take this number or text.",
}


class SnsSender:
    """Sends through SNS, by a boto3 client of `sns`; `sender_id` and `max_price` (US$) may be empty."""

    def __init__(self, client: Any, sender_id: str = "", max_price: str = "") -> None:
        self._client = client
        self._sender_id = sender_id
        self._max_price = max_price

    def send(self, phone: str, message: SmsMessage, message_id: str) -> str:
        """Send and return the MessageId of SNS. Errors as in `SmsSender`; none quotes the number."""
        attributes = {"AWS.SNS.SMS.SMSType": _text("Transactional")}
        if self._sender_id:
            attributes["AWS.SNS.SMS.SenderID"] = _text(self._sender_id)
        if self._max_price:
            price = {"DataType": "Number", "StringValue": self._max_price}
            attributes["AWS.SNS.SMS.MaxPrice"] = price
        try:
            answer = self._client.publish(
                PhoneNumber=phone, Message=message.text, MessageAttributes=attributes
            )
        except ClientError as error:
            # `from None`: what SNS answers quotes the number, and a traceback ends in the log.
            code = str(error.response.get("Error", {}).get("Code", "unknown"))
            if code in _FINAL:
                raise SmsRefused(_FINAL[code], reason=code) from None
            raise SmsUnavailable(f"SNS cannot send now: {code}.", reason=code) from None
        except BotoCoreError as error:
            name = type(error).__name__
            raise SmsUnavailable(f"SNS did not answer: {name}.", reason=name) from None
        return str(answer["MessageId"])


def _text(value: str) -> dict[str, str]:
    return {"DataType": "String", "StringValue": value}
