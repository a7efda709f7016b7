"""Find a card by what people have at hand, and say where it stands. Nothing is changed, nothing opened."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from cardcourier.domain.canary import is_canary
from cardcourier.domain.card_files import identity
from cardcourier.domain.card_status import CardStatus, Label, Spent
from cardcourier.domain.cards import base_of
from cardcourier.domain.catalogue import Batch
from cardcourier.domain.claims import Claim
from cardcourier.domain.orders import OrderKey, Unit
from cardcourier.domain.redemptions import Redemption
from cardcourier.errors import NotFound, Refused

MOST = 20
"""Cards that one look shows."""

_ID = re.compile(r"(c1|t1)[a-z2-7]{26}(\.[a-z0-9]{1,26})?")
_BETWEEN = re.compile(r"\s*(?:-{3,}|[\s,|])\s*")


class Labels(Protocol):
    def find(self, tenant: str, card: str) -> Label | None: ...


class Homes(Protocol):
    def units(self, tenant: str, card: str) -> list[Unit]: ...
    def spent(self, tenant: str, card: str) -> Spent | None: ...


class Orders(Protocol):
    def units(self, key: OrderKey) -> list[Unit]: ...


class Claims(Protocol):
    def of_order(self, key: OrderKey) -> list[Claim]: ...


class Facts(Protocol):
    def get_many(self, tenant: str, cards: Iterable[str]) -> Mapping[str, Redemption]: ...


class Views(Protocol):
    def by_last4(self, tenant: str, last4: str, limit: int) -> list[OrderKey]: ...


class Merchant(Protocol):
    def issuers(self, tenant: str) -> set[tuple[str, bool]]: ...
    def find_batch(self, tenant: str, batch: str) -> Batch | None: ...


class Fingerprints(Protocol):
    def card_ids(self, tenant: str, issuer: str, identity: str) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class CardFinder:
    """Looks at cards of one tenant."""

    labels: Labels
    homes: Homes
    orders: Orders
    claims: Claims
    facts: Facts
    views: Views
    merchant: Merchant
    fingerprints: Fingerprints
    clock: Callable[[], int]

    def by_id(self, tenant: str, card: str) -> CardStatus:
        """Raises NotFound for a card we never had."""
        if not _ID.fullmatch(card):
            raise NotFound("not_found", "There is no such card.")
        return self._status(tenant, card)

    def by_code(self, tenant: str, code: str) -> list[CardStatus]:
        """By the whole card, `code` or `number code`, compared by its fingerprint alone."""
        return [self._status(tenant, card) for card in self.ids_of(tenant, code)]

    def by_last4(self, tenant: str, last4: str) -> list[CardStatus]:
        """Cards with these last characters that were handed to an order, the newest orders first."""
        if not 1 <= len(last4) <= 4:
            raise Refused("bad_query", "last4 must have 1 to 4 characters.")
        cards = [
            unit.card
            for key in self.views.by_last4(tenant, last4, MOST)
            if not is_canary(tenant, key.shop)
            for unit in self.orders.units(key)
            if unit.holds_card and unit.last4 == last4
        ]
        return [self._status(tenant, card) for card in dict.fromkeys(cards)][:MOST]

    def by_piece(self, key: OrderKey, unit_name: str) -> list[CardStatus]:
        """The card that a unit holds, and those it held before; or those of every unit of the order."""
        units = [unit for unit in self.orders.units(key) if unit_name in ("", unit.name)]
        cards = [card for unit in units if unit.card for card in self._chain(unit)]
        cards += [claim.card for claim in self.claims.of_order(key) if unit_name in ("", claim.unit)]
        return [self._status(key.tenant, card) for card in list(dict.fromkeys(cards))[:MOST]]

    def ids_of(self, tenant: str, code: str) -> list[str]:
        """The ids under which a whole card is kept, of those that we have."""
        names: list[tuple[str | None, str]] = [(None, code)]
        match _BETWEEN.split(code):
            case [number, secret]:
                names.append((number, secret))
        found = (
            card
            for issuer, fold in sorted(self.merchant.issuers(tenant))
            for number, secret in names
            for card in self.fingerprints.card_ids(tenant, issuer, identity(number, secret, fold=fold))
        )
        return [card for card in dict.fromkeys(found) if self.labels.find(tenant, card) is not None]

    def _chain(self, unit: Unit) -> Iterator[str]:
        """The card that a unit holds, then the one it replaced, and so on to the first."""
        card = unit.card
        yield card
        before = unit.replaces
        for _ in range(MOST):
            if not before:
                return
            yield before
            spent = self.homes.spent(unit.key.tenant, before)
            before = spent.replaces if spent else ""

    def _status(self, tenant: str, card: str) -> CardStatus:
        label = self.labels.find(tenant, card)
        units = [unit for unit in self.homes.units(tenant, card) if not is_canary(tenant, unit.key.shop)]
        spent = self.homes.spent(tenant, card)
        if label is None and not units and spent is None:
            raise NotFound("not_found", "There is no such card.")
        batch = label.batch if label else spent.batch if spent else units[0].batch
        place = spent.place(tenant) if spent else None
        orders = dict.fromkeys([unit.key for unit in units] + ([place[0]] if place else []))
        return CardStatus(
            card=card,
            label=label,
            batch=self.merchant.find_batch(tenant, batch),
            units=units,
            spent=spent,
            redemption=self.facts.get_many(tenant, [base_of(card)]).get(base_of(card)),
            claims=[
                one
                for key in orders
                for one in self.claims.of_order(key)
                if card in (one.card, base_of(one.card))
            ],
            now=self.clock(),
        )
