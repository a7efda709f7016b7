"""An order's link and pick-up code: derived, never stored, found again by their hashes."""

from collections.abc import Callable
from dataclasses import dataclass

from cardcourier.adapters.keyring import Links
from cardcourier.adapters.tables.tokens import TokensTable
from cardcourier.domain.orders import Header
from cardcourier.domain.tokens import Token


@dataclass(frozen=True, slots=True)
class BuyerLinks:
    """`base_url` is where the redeem pages live, without a slash at its end."""

    links: Links
    tokens: TokensTable
    base_url: Callable[[], str]

    def keep(self, header: Header, expires_at: int) -> tuple[str, str]:
        """The link and the code, findable until `expires_at` (epoch ms)."""
        token, code = self.token_of(header), self.code_of(header)
        self.tokens.put(token, self.links.code_hash(code), Token(header.key, header.seq, expires_at))
        return f"{self.base_url()}/r/{token}", code

    def token_of(self, header: Header) -> str:
        key = header.key
        return self.links.token(key.tenant, key.shop, key.order, header.seq)

    def code_of(self, header: Header) -> str:
        key = header.key
        return self.links.code(key.tenant, key.shop, key.order, header.seq)

    def find_code(self, code: str, now: int) -> list[Token]:
        return self.tokens.find_code(self.links.code_hash(code), now)
