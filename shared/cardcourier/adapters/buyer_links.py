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
        self.tokens.put([self._row(header, expires_at) for header in headers])

    def link_of(self, header: Header) -> str:
        """The address of the order's page."""
        return f"{self.base_url()}/r/{self.token_of(header)}"

    def token_of(self, header: Header) -> str:
        return self._token(self._version(header), header)

    def code_of(self, header: Header) -> str:
        return self._code(self._version(header), header)

    def find(self, token: str, now: int) -> Token | None:
        """The order of a link; None for one that is unknown, expired, or made with a key that ended."""
        found = self.tokens.find(token, now)
        return found if found is not None and found.version in self.links.living() else None

    def find_mail(self, number: str, email: str, now: int) -> list[Token]:
        """The orders with this number and this e-mail address, whatever became of their links."""
        hashes = [self.links.mail_hash(version, number, email) for version in self.links.every()]
        found = [token for each in hashes for token in self.tokens.find_by_hash(each, now)]
        return list({token.key: token for token in found}.values())

    def find_code(self, code: str, now: int) -> list[Token]:
        hashes = [self.links.code_hash(version, code) for version in self.links.living()]
        return [token for each in hashes for token in self.tokens.find_by_hash(each, now)]

    def network_mark(self, header: Header, network: str) -> str:
        """What is kept of the network from which a card of the order was shown."""
        return self.links.network_mark(self._version(header), header.key.tenant, network)

    def _row(self, header: Header, expires_at: int) -> tuple[str, list[str], Token]:
        version = self._version(header)
        kept = Token(header.key, header.seq, expires_at, version)
        return self._token(version, header), self._hashes(version, header), kept

    def _hashes(self, version: str, header: Header) -> list[str]:
        """What else leads to the order: its code, and its number with the buyer's address."""
        hashes = [self.links.code_hash(version, self._code(version, header))]
        if self.contacts is None or header.contact is None:
            return hashes
        email = self.contacts.open(header.key.tenant, header.contact, header.key.order).get("email")
        numbers = [number for number in (header.number, header.key.order) if number and email]
        # `#2048` and `2048` are one number to a buyer and so one row, which a batch takes only once.
        return hashes + list(
            dict.fromkeys(self.links.mail_hash(version, number, str(email)) for number in numbers)
        )

    def _version(self, header: Header) -> str:
        return self.links.version(header.listed_at)

    def _token(self, version: str, header: Header) -> str:
        key = header.key
        return self.links.token(version, key.tenant, key.shop, key.order, header.seq)

    def _code(self, version: str, header: Header) -> str:
        key = header.key
        return self.links.code(version, key.tenant, key.shop, key.order, header.seq)
