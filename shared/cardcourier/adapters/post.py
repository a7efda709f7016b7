"""Writes to buyers: opens their contact, words the mail in their language, and sends it."""

from collections.abc import Callable
from dataclasses import dataclass

from cardcourier.adapters.keyring import Contacts
from cardcourier.domain.catalogue import Product
from cardcourier.domain.language import DEFAULT, known_language
from cardcourier.domain.mail import Notifier, mail_address
from cardcourier.domain.notice import Notice
from cardcourier.domain.notification import MAIL, Plan
from cardcourier.domain.orders import Header
from cardcourier.messages.render import (
    Item,
    OrderNotice,
    render_delivery,
    render_link_again,
    render_replacement,
)

WORDINGS = {"delivered": render_delivery, "replaced": render_replacement, "again": render_link_again}


@dataclass(frozen=True, slots=True)
class BuyersPost:
    """Mail with a link and a pick-up code. Without an address the link on the order page must do."""

    contacts: Contacts
    notifier: Callable[[], Notifier]
    product: Callable[[str, str], Product | None]

    def plan(self, header: Header) -> Plan:
        """Mail, if the shop gave an address."""
        return Plan((MAIL,)) if self._contact(header).get("email") else Plan()

    def send(self, channel: str, notice: Notice, message_id: str) -> str:
        """Returns the provider's id. Raises NotifierRefused, NotifierUnavailable."""
        address = self._contact(notice.header).get("email", "")
        language = known_language(notice.header.language) or known_language(notice.tenant.language) or DEFAULT
        letter = WORDINGS[notice.kind](self._worded(notice, english=language == "en"), language)
        return self.notifier().send(address, letter, mail_address(notice.tenant.support), message_id)

    def _contact(self, header: Header) -> dict[str, str]:
        key, sealed = header.key, header.contact
        return self.contacts.open(key.tenant, sealed, key.order) if sealed else {}

    def _worded(self, notice: Notice, *, english: bool) -> OrderNotice:
        return OrderNotice(
            tenant_name=notice.tenant.name,
            support=notice.tenant.support,
            order_number=notice.header.number or notice.header.key.order,
            link=notice.link,
            pickup_code=notice.code,
            items=tuple(
                Item(self._name(notice.tenant.id, sku, english), count) for sku, count in notice.items.items()
            ),
            delivered=notice.delivered,
            total=notice.total,
            expires_at=notice.expires_at,
            time_zone=notice.tenant.time_zone,
        )

    def _name(self, tenant: str, sku: str, english: bool) -> str:
        product = self.product(tenant, sku)
        if product is None:
            return sku
        return product.name_en if english and product.name_en else product.name
