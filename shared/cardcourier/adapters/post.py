"""Writes to buyers: opens their contact, words the mail in their language, and sends it."""

from collections.abc import Callable
from dataclasses import dataclass

from cardcourier.adapters.keyring import Contacts
from cardcourier.domain.catalogue import Product
from cardcourier.domain.language import DEFAULT, known_language
from cardcourier.domain.mail import Notifier, mail_address
from cardcourier.domain.notice import Notice
from cardcourier.messages.render import (
    Item,
    OrderNotice,
    render_delivery,
    render_link_again,
    render_replacement,
)

WORDINGS = {"delivered": render_delivery, "replaced": render_replacement, "again": render_link_again}
BY_LINK = "link"


@dataclass(frozen=True, slots=True)
class MailPost:
    """Mail with a link and a pick-up code. Without an address the link on the order page must do."""

    contacts: Contacts
    notifier: Callable[[], Notifier]
    product: Callable[[str, str], Product | None]

    def send(self, notice: Notice) -> str:
        """Returns `mail:<provider's id>`, or `link`. Raises NotifierRefused, NotifierUnavailable."""
        key = notice.header.key
        sealed = notice.header.contact
        contact = self.contacts.open(key.tenant, sealed, key.order) if sealed else {}
        address = contact.get("email")
        if not address:
            return BY_LINK
        language = known_language(notice.header.language) or known_language(notice.tenant.language) or DEFAULT
        letter = WORDINGS[notice.kind](self._worded(notice, english=language == "en"), language)
        # One id per occasion: mail programs fold away what has the id of an earlier mail.
        hint = f"{key.shop}.{key.order}.{notice.kind}.{notice.header.seq}.{notice.round}"
        sent = self.notifier().send(address, letter, mail_address(notice.tenant.support), hint)
        return f"mail:{sent}" if sent else BY_LINK

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
