"""Aliyun SMS (`dysmsapi`, version 2017-05-25): SendSms, signed with ACS3-HMAC-SHA256.

The text stands in the template that Aliyun approved; we fill `product` and `code`. `OutId` is our id,
echoed in receipts; it does not stop a second copy.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from hmac import new as hmac
from secrets import token_hex
from urllib.parse import quote

from cardcourier.adapters.sms.http import Http
from cardcourier.domain.sms import SmsMessage, SmsRefused, SmsUnavailable

BASE = "https://dysmsapi.aliyuncs.com"
MINUTE = 60_000
_FINAL = {
    "isv.MOBILE_NUMBER_ILLEGAL": "This is no number that can get an SMS.",
    "isv.AMOUNT_NOT_ENOUGH": "The balance at Aliyun is used up: top it up.",
    "isv.OUT_OF_SERVICE": "The SMS service at Aliyun is stopped: pay what is open.",
    "isv.PRODUCT_UN_SUBSCRIPT": "SMS is not activated in this Aliyun account.",
    "isv.PRODUCT_UNSUBSCRIBE": "SMS is not activated in this Aliyun account.",
    "isv.ACCOUNT_NOT_EXISTS": "There is no such Aliyun account.",
    "isv.ACCOUNT_ABNORMAL": "The Aliyun account is locked.",
    "isv.SMS_TEMPLATE_ILLEGAL": "The template is unknown or not approved.",
    "isv.SMS_SIGNATURE_ILLEGAL": "The sign name is unknown or not approved.",
    "isv.SMS_SIGN_ILLEGAL": "The sign name is unknown or not approved.",
    "isv.SIGN_NAME_ILLEGAL": "The sign name is unknown or not approved.",
    "isv.TEMPLATE_MISSING_PARAMETERS": "The template has other variables than ${product} and ${code}.",
    "isv.TEMPLATE_PARAMS_ILLEGAL": "Aliyun does not take what stands in a variable.",
    "isv.PARAM_LENGTH_LIMIT": "A variable is too long.",
    "isv.PARAM_NOT_SUPPORT_URL": "A variable holds what looks like a link.",
    "isv.BLACK_KEY_CONTROL_LIMIT": "A variable holds a word that operators forbid.",
    "isv.INVALID_PARAMETERS": "Aliyun does not take a parameter.",
    "isv.INVALID_JSON_PARAM": "Aliyun does not take a parameter.",
    "isv.MOBILE_COUNT_OVER_LIMIT": "Aliyun does not take so many numbers.",
    "isp.RAM_PERMISSION_DENY": "This access key may not send SMS.",
    "Forbidden.RAM": "This access key may not send SMS.",
    "NoPermission": "This access key may not send SMS.",
    "InvalidAccessKeyId.NotFound": "There is no such access key.",
    "InvalidAccessKeyId.Inactive": "The access key is switched off.",
    "SignatureDoesNotMatch": "The access key's secret is wrong.",
    "IncompleteSignature": "The access key's secret is wrong.",
}
# Per number: about one a minute, five an hour, ten a day.
_LIMITS = {"isv.BUSINESS_LIMIT_CONTROL": 15 * MINUTE, "isv.DAY_LIMIT_CONTROL": 360 * MINUTE}


@dataclass(frozen=True, slots=True)
class AliyunSender:
    """Sends through Aliyun. `templates` maps `<kind>/<language>` to a template's code (`SMS_…`)."""

    http: Http
    key_id: str
    secret: str = field(repr=False)
    sign_name: str = ""
    templates: Mapping[str, str] = field(default_factory=dict)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    nonce: Callable[[], str] = lambda: token_hex(16)

    def send(self, phone: str, message: SmsMessage, message_id: str) -> str:
        """Send and return Aliyun's BizId. Errors as in `SmsSender`; none quotes the number."""
        template = self.templates.get(f"{message.kind}/{message.language}")
        if not template:
            raise SmsRefused("There is no template for this kind and language.", reason="no_template")
        query = {
            "PhoneNumbers": phone.removeprefix("+86") if phone.startswith("+86") else phone.removeprefix("+"),
            "SignName": self.sign_name,
            "TemplateCode": template,
            "TemplateParam": json.dumps(
                {"product": message.product, "code": message.code}, ensure_ascii=False
            ),
            "OutId": message_id,
        }
        answer = self._call("SendSms", query)
        code = str(answer.get("Code", "unknown"))
        if code == "OK":
            return str(answer.get("BizId", ""))
        if code in _FINAL:
            raise SmsRefused(_FINAL[code], reason=code)
        raise SmsUnavailable(f"Aliyun cannot send now: {code}.", reason=code, wait=_LIMITS.get(code, 0))

    def _call(self, action: str, query: Mapping[str, str]) -> dict[str, object]:
        headers = {
            "host": self.http.host,
            "x-acs-action": action,
            "x-acs-content-sha256": sha256(b"").hexdigest(),
            "x-acs-date": self.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
            "x-acs-signature-nonce": self.nonce(),
            "x-acs-version": "2017-05-25",
        }
        headers["Authorization"] = authorization(self.key_id, self.secret, "POST", query, headers)
        return self.http.post(f"/?{canonical_query(query)}", headers, b"")


def authorization(
    key_id: str, secret: str, method: str, query: Mapping[str, str], headers: Mapping[str, str]
) -> str:
    """The header of ACS3-HMAC-SHA256 over all `headers`, whose `x-acs-content-sha256` stands for the body."""
    signed = sorted(headers)
    request = "\n".join(
        (
            method,
            "/",
            canonical_query(query),
            *(f"{name}:{headers[name].strip()}" for name in signed),
            "",
            ";".join(signed),
            headers["x-acs-content-sha256"],
        )
    )
    text = f"ACS3-HMAC-SHA256\n{sha256(request.encode()).hexdigest()}"
    signature = hmac(secret.encode(), text.encode(), sha256).hexdigest()
    return f"ACS3-HMAC-SHA256 Credential={key_id},SignedHeaders={';'.join(signed)},Signature={signature}"


def canonical_query(query: Mapping[str, str]) -> str:
    """Sorted and percent-encoded as RFC 3986 says."""
    return "&".join(f"{_encoded(name)}={_encoded(query[name])}" for name in sorted(query))


def _encoded(text: str) -> str:
    return quote(text, safe="~")
