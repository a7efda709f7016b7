"""One box for every kind of number: order, payment, contact, pick-up code, card, last four characters."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

from cardcourier.domain.canary import is_canary
from cardcourier.domain.card_files import identity
from cardcourier.domain.catalogue import Shop
from cardcourier.domain.contact_keys import address_of
from cardcourier.domain.order_events import key_text
from cardcourier.domain.orders import Header, OrderKey
from cardcourier.domain.tokens import Token, read_code
from cardcourier.errors import Refused

MOST = 25
MOST_OF_A_BUYER = 501
_BETWEEN = re.compile(r"\s*(?:-{3,}|[\s,|])\s*")
LONGEST = 2_200
"""Characters of the longest card, its number and something between them."""


class Merchant(Protocol):
    def every_shop(self, tenant: str) -> list[Shop]: ...
    def issuers(self, tenant: str) -> set[tuple[str, bool]]: ...


class Orders(Protocol):
    def headers(self, wanted: Iterable[OrderKey]) -> Mapping[OrderKey, Header]: ...


class Views(Protocol):
    def search(self, tenant: str, digest: str, limit: int) -> list[OrderKey]: ...
    def by_last4(self, tenant: str, last4: str, limit: int) -> list[OrderKey]: ...


class Fingerprints(Protocol):
    def searches(self, tenant: str, text: str) -> list[str]: ...
    def every_search(self, tenant: str, text: str) -> list[str]: ...
    def card_ids(self, tenant: str, issuer: str, identity: str) -> tuple[str, ...]: ...


class Codes(Protocol):
    def find_code(self, code: str, now: int) -> list[Token]: ...


class Cards(Protocol):
    def orders_of_card(self, tenant: str, card: str, most: int) -> list[OrderKey]: ...


@dataclass(frozen=True, slots=True)
class Hit:
    """An order, and by which kind of number it was found."""

    header: Header
    by: str


@dataclass(frozen=True, slots=True)
class Finder:
    """Searches within one tenant."""

    merchant: Merchant
    orders: Orders
    views: Views
    fingerprints: Fingerprints
    codes: Codes
    cards: Cards
    clock: Callable[[], int]

    def find(self, tenant: str, text: str) -> list[Hit]:
        """The orders that fit, each once, the surest kind of number first. Raises Refused."""
        text = text.strip()
        if not 1 <= len(text) <= LONGEST:
            raise Refused("bad_query", f"q must have 1 to {LONGEST} characters.")
        found: dict[OrderKey, str] = {}
        for key, by in self._candidates(tenant, text):
            if key.tenant == tenant and not is_canary(tenant, key.shop):
                found.setdefault(key, by)
        headers = self.orders.headers(found)
        return [
            Hit(headers[key], _exactly(headers[key], text, by)) for key, by in found.items() if key in headers
        ][:MOST]

    def orders_of(self, tenant: str, text: str) -> list[Header]:
        """Every order of a buyer, by e-mail address, telephone or order number. Raises Refused."""
        text = text.strip()
        if not 3 <= len(text) <= LONGEST:
            raise Refused("bad_query", f"A buyer is named by 3 to {LONGEST} characters.")
        digests = self.fingerprints.every_search(tenant, text)
        found = dict.fromkeys(key for key, _ in self._by_order(tenant, text))
        for digest in digests:
            found |= dict.fromkeys(self.views.search(tenant, digest, MOST_OF_A_BUYER))
        headers = self.orders.headers(key for key in found if key.tenant == tenant)
        return [
            header
            for key, header in headers.items()
            if key.order == text or not set(digests).isdisjoint(header.search)
        ]

    def _candidates(self, tenant: str, text: str) -> Iterator[tuple[OrderKey, str]]:
        yield from self._by_order(tenant, text)
        spellings = filter(None, (text, text.lstrip("#"), f"#{text}"))
        digests = (self.fingerprints.searches(tenant, spelling) for spelling in spellings)
        for digest in dict.fromkeys(chain.from_iterable(digests)):
            yield from ((key, "contact") for key in self.views.search(tenant, digest, MOST))
        yield from self._by_code(text)
        yield from self._by_card(tenant, text)
        if len(text) == 4:
            yield from ((key, "last4") for key in self.views.by_last4(tenant, text, MOST))

    def _by_order(self, tenant: str, text: str) -> Iterator[tuple[OrderKey, str]]:
        try:
            name = key_text(text)
        except Refused:
            return
        for shop in self.merchant.every_shop(tenant):
            yield OrderKey(tenant, shop.id, name), "order"

    def _by_code(self, text: str) -> Iterator[tuple[OrderKey, str]]:
        code = read_code(text)
        if code is None:
            return
        tokens = self.codes.find_code(code, self.clock())
        headers = self.orders.headers(token.key for token in tokens)
        for token in tokens:
            if token.key in headers and headers[token.key].seq == token.seq:
                yield token.key, "pick_up_code"

    def _by_card(self, tenant: str, text: str) -> Iterator[tuple[OrderKey, str]]:
        """By the whole code, alone or behind its number."""
        names: list[tuple[str | None, str]] = [(None, text)]
        match _BETWEEN.split(text):
            case [number, code]:
                names.append((number, code))
        for issuer, fold in self.merchant.issuers(tenant):
            for number, code in names:
                name = identity(number, code, fold=fold)
                for card in self.fingerprints.card_ids(tenant, issuer, name):
                    yield from ((key, "card") for key in self.cards.orders_of_card(tenant, card, MOST))


def _exactly(header: Header, text: str, by: str) -> str:
    """Which of the numbers that share one index it was."""
    if by != "contact":
        return by
    folded = "".join(text.split()).casefold().lstrip("#")
    if folded == "".join(header.number.split()).casefold().lstrip("#"):
        return "order_number"
    if any(folded == payment.casefold() for payment in header.payments):
        return "payment"
    if address_of(text):
        return "network"
    return "email" if "@" in text else "phone"
