"""Writes to buyers: opens their contact, words the message in their language, and sends it."""

from collections.abc import Callable
from dataclasses import dataclass

from cardcourier.adapters.keyring import Contacts
from cardcourier.adapters.sms.phones import e164
from cardcourier.domain.catalogue import Product, Tenant
from cardcourier.domain.language import DEFAULT, Language, known_language
from cardcourier.domain.mail import Message, Notifier, mail_address
from cardcourier.domain.notice import Notice
from cardcourier.domain.notification import MAIL, SMS, Plan
from cardcourier.domain.orders import Header
from cardcourier.domain.sms import SmsMessage, SmsRefused, SmsSender, SmsSettings
from cardcourier.domain.wording import Wording
from cardcourier.messages.render import (
    Item,
    OrderNotice,
    render_delivery,
    render_link_again,
    render_replacement,
)
from cardcourier.messages.sms import word_sms

RENDER = {"delivered": render_delivery, "replaced": render_replacement, "again": render_link_again}
Names = list[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class BuyersPost:
    """Messages with a link, or the look-up page, and a pick-up code. Settings and wordings may be old by
    half a minute. `site` is where the pages live, without a slash at its end.
    """

    contacts: Contacts
    notifier: Callable[[], Notifier]
    sms_sender: Callable[[SmsSettings], SmsSender]
    product: Callable[[str, str], Product | None]
    settings: Callable[[str], SmsSettings]
    wording: Callable[[str, str, str, str], Wording | None]
    site: Callable[[], str]

    def plan(self, header: Header) -> Plan:
        """By which channels this buyer is told, as the tenant wishes and the shop gave addresses."""
        contact, settings = self._contact(header), self.settings(header.key.tenant)
        return settings.plan(mail=bool(contact.get("email")), phone=bool(contact.get("phone")))

    def send(self, channel: str, notice: Notice, message_id: str) -> str:
        """Returns the provider's id. Raises Refused (it will never go out), Unavailable (try again)."""
        contact = self._contact(notice.header)
        language = known_language(notice.header.language) or known_language(notice.tenant.language) or DEFAULT
        if channel == SMS:
            message = self._sms(notice, language)
            return self.send_sms(notice.tenant.id, contact.get("phone", ""), message, message_id)
        letter = self._mail(notice, language)
        return self.send_mail(notice.tenant, contact.get("email", ""), letter, message_id)

    def send_mail(self, tenant: Tenant, address: str, letter: Message, message_id: str) -> str:
        return self.notifier().send(address, letter, mail_address(tenant.support), message_id)

    def send_sms(self, tenant: str, phone: str, message: SmsMessage, message_id: str) -> str:
        settings = self.settings(tenant)
        number = e164(phone, settings.default_region)
        if number is None:
            raise SmsRefused("This is no number that can get an SMS.", reason="bad_number")
        return self.sms_sender(settings).send(number, message, message_id)

    def _mail(self, notice: Notice, language: Language) -> Message:
        kind = notice.kind
        partly = kind == "delivered" and notice.delivered < notice.total
        worded = OrderNotice(
            tenant_name=notice.tenant.name,
            support=notice.tenant.support,
            order_number=notice.header.number or notice.header.key.order,
            link=notice.link,
            pickup_code=notice.code,
            items=tuple(Item(name, count) for name, count in self._names(notice, language)),
            delivered=notice.delivered,
            total=notice.total,
            expires_at=notice.expires_at,
            time_zone=notice.tenant.time_zone,
            own=self._own(notice, MAIL, "partly" if partly else kind, language),
        )
        return RENDER[kind](worded, language)

    def _sms(self, notice: Notice, language: Language) -> SmsMessage:
        return word_sms(
            notice.kind,
            language,
            self._names(notice, language),
            shop=notice.tenant.name,
            code=notice.code,
            site=f"{self.site()}/q",
            own=self._own(notice, SMS, notice.kind, language).get("text", ""),
        )

    def _own(self, notice: Notice, channel: str, kind: str, language: str) -> dict[str, str]:
        wording = self.wording(notice.tenant.id, channel, kind, language)
        return dict(wording.parts) if wording else {}

    def _names(self, notice: Notice, language: Language) -> Names:
        return [
            (self._name(notice.tenant.id, sku, english=language == "en"), count)
            for sku, count in notice.items.items()
        ]

    def _name(self, tenant: str, sku: str, *, english: bool) -> str:
        product = self.product(tenant, sku)
        if product is None:
            return sku
        return product.name_en if english and product.name_en else product.name

    def _contact(self, header: Header) -> dict[str, str]:
        key, sealed = header.key, header.contact
        return self.contacts.open(key.tenant, sealed, key.order) if sealed else {}
