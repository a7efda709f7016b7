"""An SMS to a buyer: who sends it for the tenant, what it says, and what may go wrong on its way.

Chinese operators allow no link inside a variable, variables of at most 12 characters, and none beside
another. So the link is fixed inside the template: the look-up page, where order number and pick-up code
lead to the cards.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from cardcourier.domain.notification import MAIL, SMS, Plan
from cardcourier.errors import Refused, Unavailable

PROVIDERS = ("none", "aliyun", "tencent", "sns")
SEALED_AS_SMS, SEALED_AS_TEST = "sms", "test"
"""Under which names a provider's secret and a test's address are sealed; no shop has such an id."""

RULES = ("mail", "sms", "mail_then_sms", "both")
LONGEST_VARIABLE = 12
LONGEST_UCS2, LONGEST_GSM = 70, 160
GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""GSM 03.38, basic: a text of these alone has 160 characters in one message, any other one 70."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsSettings:
    """How a tenant tells buyers. `secret` is sealed. `templates` maps `<kind>/<language>` to a template's id.

    `rule` says by which channels: `mail`, `sms`, `both`, or `mail_then_sms`, which is SMS when there is no
    mail address or it is refused. `default_region` is the country of numbers without one, as `CN`.
    """

    tenant: str
    provider: str = "none"
    rule: str = "mail"
    sign_name: str = ""
    templates: Mapping[str, str] = field(default_factory=dict)
    region: str = ""
    app_id: str = ""
    key_id: str = ""
    secret: bytes = field(default=b"", repr=False)
    default_region: str = "CN"
    ver: int = 0

    @property
    def on(self) -> bool:
        return self.provider != "none"

    def plan(self, *, mail: bool, phone: bool) -> Plan:
        """By which channels a buyer is told who gave these."""
        phone = phone and self.on
        match self.rule:
            case "sms":
                return Plan((SMS,)) if phone else Plan()
            case "both":
                return Plan((MAIL,) * mail + (SMS,) * phone)
            case "mail_then_sms" if phone:
                return Plan((MAIL,), SMS) if mail else Plan((SMS,))
        return Plan((MAIL,)) if mail else Plan()


@dataclass(frozen=True, slots=True)
class SmsMessage:
    """What is sent: the two variables of a provider's template, or the whole `text` where that is ours."""

    kind: str
    language: str
    product: str
    code: str = field(repr=False)
    text: str = field(repr=False)


class SmsRefused(Refused):
    """This message will never be taken: do not send it again. `detail` is for the tenant."""

    def __init__(self, detail: str, **evidence: Any) -> None:
        super().__init__("sms_refused", detail, **evidence)


class SmsUnavailable(Unavailable):
    """Not now; sending again later may help. It may also have been sent.

    `wait` in the evidence is how long to wait at least, in milliseconds.
    """

    def __init__(self, detail: str, **evidence: Any) -> None:
        super().__init__("sms_unavailable", detail, **evidence)


class SmsSender(Protocol):
    """Hands an SMS to somebody who delivers it."""

    def send(self, phone: str, message: SmsMessage, message_id: str) -> str:
        """Send to one number (E.164) and return the provider's id.

        `message_id` is ours, the same for every try. Raises SmsRefused (final), SmsUnavailable (retry).
        """
        ...


_BRACKETS = re.compile(r"[(\[{（【〔「『<《].*?[)\]}）】〕」』>》]")
_ODD = re.compile(r"[^\w\s+-]|_", re.UNICODE)


def short_name(name: str, limit: int = LONGEST_VARIABLE) -> str:
    """A product's name as operators let it pass: no sign that could make a link, at most `limit` characters.

    What stands in brackets goes first, for it is the least of a name.
    """
    plain = " ".join(_ODD.sub(" ", name).split())
    if len(plain) > limit:
        plain = " ".join(_ODD.sub(" ", _BRACKETS.sub(" ", name)).split()) or plain
    return plain[:limit].strip()


def product_variable(names: Sequence[tuple[str, int]], language: str, limit: int = LONGEST_VARIABLE) -> str:
    """What was bought, in one variable: the first name, and how many cards if there are several."""
    total = sum(count for _, count in names)
    more = f"等{total}件" if language == "zh-CN" else f" x{total}"
    ending = more if total > 1 else ""
    first = short_name(names[0][0] if names else "", limit - len(ending))
    return (first or ("商品" if language == "zh-CN" else "order")) + ending


def fits(text: str) -> bool:
    """Whether the text is one message."""
    return len(text) <= (LONGEST_GSM if set(text) <= GSM else LONGEST_UCS2)
