"""Messages with made-up data, as a tenant sees what he wrote before a buyer does."""

from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cardcourier.adapters.post import RENDER, BuyersPost
from cardcourier.adapters.shop_secrets import ShopSecrets
from cardcourier.domain.catalogue import Tenant
from cardcourier.domain.language import DEFAULT, Language, known_language
from cardcourier.domain.mail import Message
from cardcourier.domain.notification import SMS
from cardcourier.domain.sms import SEALED_AS_TEST, SmsMessage, fits
from cardcourier.domain.wording import Wording
from cardcourier.messages.render import Item, OrderNotice
from cardcourier.messages.sms import word_sms

DAY = 86_400_000
ORDER, CODE = "A-1001", "ABCD-2345"
NAMES: Mapping[str, str] = {"zh-CN": "芒果TV会员月卡", "en": "Mango TV, one month"}


def sample_mail(
    tenant: Tenant, kind: str, language: Language, own: Mapping[str, str], site: str, now: int
) -> Message:
    """A mail of this kind with the tenant's texts in `own`; its link leads to the look-up page."""
    notice = OrderNotice(
        tenant_name=tenant.name,
        support=tenant.support,
        order_number=ORDER,
        link=f"{site}/q",
        pickup_code=CODE,
        items=(Item(NAMES[language], 2),),
        delivered=2,
        total=3 if kind == "partly" else 2,
        expires_at=now + 30 * DAY,
        time_zone=tenant.time_zone,
        own=own,
    )
    return RENDER["delivered" if kind == "partly" else kind](notice, language)


def sample_sms(
    tenant: Tenant, kind: str, language: Language, own: Mapping[str, str], site: str
) -> SmsMessage:
    names = [(NAMES[language], 2)]
    text = own.get("text", "")
    return word_sms(kind, language, names, shop=tenant.name, code=CODE, site=f"{site}/q", own=text)


def preview(
    tenant: Tenant,
    channel: str,
    kind: str,
    language: Language,
    own: Mapping[str, str],
    site: str,
    now: int,
) -> dict[str, Any]:
    """`text`, and of a mail `subject` and `html`; of an SMS whether it is `one_message`."""
    if channel == SMS:
        text = sample_sms(tenant, kind, language, own, site).text
        return {"text": text, "one_message": fits(text)}
    mail = sample_mail(tenant, kind, language, own, site, now)
    return {"subject": mail.subject, "text": mail.text, "html": mail.html}


@dataclass(frozen=True, slots=True)
class Samples:
    """Sends samples to an address of the tenant's choice."""

    post: BuyersPost
    secrets: ShopSecrets
    tenant: Callable[[str], Tenant]
    wording: Callable[[str, str, str, str], Wording | None]
    clock: Callable[[], int]

    def send(self, asked: Mapping[str, str], message_id: str) -> None:
        """`asked` is the body of the message. Raises Refused, Unavailable, KeyError (no such body)."""
        tenant = self.tenant(asked["tenant"])
        channel, kind = asked["channel"], asked["of"]
        language = known_language(asked["language"]) or DEFAULT
        wording = self.wording(tenant.id, channel, kind, language)
        own = wording.parts if wording else {}
        to = self.secrets.open_one(tenant.id, SEALED_AS_TEST, b64decode(asked["to"]))
        site = self.post.site()
        if channel == SMS:
            self.post.send_sms(tenant.id, to, sample_sms(tenant, kind, language, own, site), message_id)
        else:
            letter = sample_mail(tenant, kind, language, own, site, self.clock())
            self.post.send_mail(tenant, to, letter, message_id)
