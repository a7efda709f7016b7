"""Tencent Cloud SMS (version 2021-01-11): SendSms, signed with TC3-HMAC-SHA256.

An answer of 200 holds a code for each number, or an error for the whole request. The text stands in the
template that Tencent approved: {1} is the product, {2} the code. `SessionContext` is our id, echoed.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from hmac import digest
from typing import Any

from cardcourier.adapters.sms.http import Http
from cardcourier.domain.sms import SmsMessage, SmsRefused, SmsUnavailable

BASE = "https://sms.tencentcloudapi.com"
USUAL_REGION = "ap-guangzhou"
JSON = "application/json; charset=utf-8"
HOUR = 3_600_000
_BAD_NUMBER = "This is no number that can get an SMS."
_FINAL = {
    "InvalidParameterValue.IncorrectPhoneNumber": _BAD_NUMBER,
    "FailedOperation.PhoneNumberInBlacklist": "The buyer does not wish to get messages.",
    "FailedOperation.InsufficientBalanceInSmsPackage": "The SMS package at Tencent is used up: buy another.",
    "FailedOperation.SignatureIncorrectOrUnapproved": "The sign name is unknown or not approved.",
    "FailedOperation.TemplateIncorrectOrUnapproved": "The template is unknown or not approved.",
    "FailedOperation.TemplateParamSetNotMatchApprovedTemplate": "The template has not two variables.",
    "InvalidParameterValue.TemplateParameterFormatError": "Tencent does not take what stands in a variable.",
    "InvalidParameterValue.TemplateParameterLengthLimit": "A variable is too long.",
    "InvalidParameterValue.ProhibitedUseUrlInTemplateParameter": "A variable holds what looks like a link.",
    "FailedOperation.ContainSensitiveWord": "The text holds a word that operators forbid.",
    "InvalidParameterValue.SdkAppIdNotExist": "There is no such SmsSdkAppId.",
    "UnauthorizedOperation.SmsSdkAppIdVerifyFail": "The SmsSdkAppId belongs to another account.",
    "UnauthorizedOperation.ServiceSuspendDueToArrears": "SMS at Tencent is stopped: pay what is open.",
    "UnauthorizedOperation.RequestPermissionDeny": "This account may not send SMS.",
    "UnsupportedOperation.ChineseMainlandTemplateToGlobalPhone": "The template is for mainland numbers.",
    "AuthFailure.SecretIdNotFound": "There is no such secret id.",
    "AuthFailure.SignatureFailure": "The secret key is wrong.",
    "AuthFailure.UnauthorizedOperation": "This secret id may not send SMS.",
    "UnauthorizedOperation": "This secret id may not send SMS.",
    "InvalidParameter": "Tencent does not take a parameter.",
    "MissingParameter": "Tencent misses a parameter.",
}


@dataclass(frozen=True, slots=True)
class TencentSender:
    """Sends through Tencent. `templates` maps `<kind>/<language>` to a template's number."""

    http: Http
    secret_id: str
    secret_key: str = field(repr=False)
    app_id: str = ""
    sign_name: str = ""
    region: str = USUAL_REGION
    templates: Mapping[str, str] = field(default_factory=dict)
    now: Callable[[], float] = time.time

    def send(self, phone: str, message: SmsMessage, message_id: str) -> str:
        """Send and return Tencent's SerialNo. Errors as in `SmsSender`; none quotes the number."""
        template = self.templates.get(f"{message.kind}/{message.language}")
        if not template:
            raise SmsRefused("There is no template for this kind and language.", reason="no_template")
        answer = self._call(
            "SendSms",
            {
                "PhoneNumberSet": [phone],
                "SmsSdkAppId": self.app_id,
                "SignName": self.sign_name,
                "TemplateId": template,
                "TemplateParamSet": [message.product, message.code],
                "SessionContext": message_id,
            },
        )
        code, serial = _outcome(answer)
        if code == "Ok":
            return serial
        if code in _FINAL:
            raise SmsRefused(_FINAL[code], reason=code)
        wait = HOUR if code.startswith("LimitExceeded.") else 0
        raise SmsUnavailable(f"Tencent cannot send now: {code}.", reason=code, wait=wait)

    def _call(self, action: str, request: Mapping[str, Any]) -> dict[str, Any]:
        body = json.dumps(request, ensure_ascii=False).encode()
        at = int(self.now())
        headers = {"content-type": JSON, "host": self.http.host}
        sent = {
            "Authorization": authorization(self.secret_id, self.secret_key, "sms", at, headers, body),
            "Content-Type": JSON,
            "Host": self.http.host,
            "X-TC-Action": action,
            "X-TC-Version": "2021-01-11",
            "X-TC-Timestamp": str(at),
            "X-TC-Region": self.region or USUAL_REGION,
        }
        return self.http.post("/", sent, body)


def _outcome(answer: Mapping[str, Any]) -> tuple[str, str]:
    """The code of the one number, or of the whole request, and the serial number."""
    response = answer.get("Response")
    if not isinstance(response, dict):
        return "unknown", ""
    if error := response.get("Error"):
        return str(error.get("Code", "unknown")), ""
    for status in response.get("SendStatusSet") or ():
        return str(status.get("Code", "unknown")), str(status.get("SerialNo", ""))
    return "unknown", ""


def authorization(
    secret_id: str, secret_key: str, service: str, at: int, headers: Mapping[str, str], body: bytes
) -> str:
    """The header of TC3-HMAC-SHA256 over `headers` (names in lower case); `at` in epoch seconds."""
    signed = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    request = f"POST\n/\n\n{lines}\n{signed}\n{sha256(body).hexdigest()}"
    day = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")
    scope = f"{day}/{service}/tc3_request"
    text = f"TC3-HMAC-SHA256\n{at}\n{scope}\n{sha256(request.encode()).hexdigest()}"
    key = f"TC3{secret_key}".encode()
    for part in (day, service, "tc3_request"):
        key = digest(key, part.encode(), sha256)
    signature = digest(key, text.encode(), sha256).hex()
    return f"TC3-HMAC-SHA256 Credential={secret_id}/{scope}, SignedHeaders={signed}, Signature={signature}"
