"""An order's link and pick-up code: derived, never stored, found again by their hashes."""

from collections.abc import Callable
from dataclasses import dataclass

from cardcourier.adapters.keyring import Contacts, Links
from cardcourier.adapters.tables.tokens import TokensTable
from cardcourier.domain.orders import Header
from cardcourier.domain.tokens import Token


@dataclass(frozen=True, slots=True)
class BuyerLinks:
    """`base_url` is where the redeem pages live, without a slash at its end.

    Without `contacts` an order is not made findable by its number and e-mail address.
    """

    links: Links
    tokens: TokensTable
    base_url: Callable[[], str]
    contacts: Contacts | None = None

    def keep(self, header: Header, expires_at: int) -> tuple[str, str]:
        """The link and the code, findable until `expires_at` (epoch ms)."""
        token, code = self.token_of(header), self.code_of(header)
        hashes = [self.links.code_hash(code)]
        if self.contacts is not None and header.contact is not None:
            contact = self.contacts.open(header.key.tenant, header.contact, header.key.order)
            hashes += [
                self.links.mail_hash(number, contact["email"])
                for number in dict.fromkeys((header.number, header.key.order))
                if number and "email" in contact
            ]
        # `#2048` and `2048` are one number to a buyer, and so one row.
        self.tokens.put(token, list(dict.fromkeys(hashes)), Token(header.key, header.seq, expires_at))
        return f"{self.base_url()}/r/{token}", code

    def token_of(self, header: Header) -> str:
        key = header.key
        return self.links.token(key.tenant, key.shop, key.order, header.seq)

    def code_of(self, header: Header) -> str:
        key = header.key
        return self.links.code(key.tenant, key.shop, key.order, header.seq)

    def find_mail(self, number: str, email: str, now: int) -> list[Token]:
        """The orders with this number and this e-mail address."""
        return self.tokens.find_by_hash(self.links.mail_hash(number, email), now)

    def find_code(self, code: str, now: int) -> list[Token]:
        return self.tokens.find_by_hash(self.links.code_hash(code), now)
