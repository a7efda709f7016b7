"""An order's link and pick-up code: derived, never stored, found again by their hashes."""

from collections.abc import Callable, Iterable
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

    def keep(self, headers: Iterable[Header], expires_at: int) -> None:
        """Make the links and codes of these orders findable until `expires_at` (epoch ms), in one write."""
        self.tokens.put(
            [
                (self.token_of(header), self._hashes(header), Token(header.key, header.seq, expires_at))
                for header in headers
            ]
        )

    def link_of(self, header: Header) -> str:
        """The address of the order's page."""
        return f"{self.base_url()}/r/{self.token_of(header)}"

    def _hashes(self, header: Header) -> list[str]:
        """What else leads to the order: its code, and its number with the buyer's address."""
        hashes = [self.links.code_hash(self.code_of(header))]
        if self.contacts is None or header.contact is None:
            return hashes
        email = self.contacts.open(header.key.tenant, header.contact, header.key.order).get("email")
        numbers = [number for number in (header.number, header.key.order) if number and email]
        # `#2048` and `2048` are one number to a buyer and so one row, which a batch takes only once.
        return hashes + list(dict.fromkeys(self.links.mail_hash(number, str(email)) for number in numbers))

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
