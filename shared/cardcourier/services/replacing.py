"""Give a buyer a new card for one that was shown and does not work; the old one is burnt."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from cardcourier.domain.cards import base_of
from cardcourier.domain.catalogue import Content, Product, Shop, Tenant
from cardcourier.domain.gates import Gate
from cardcourier.domain.orders import Header, OrderKey, Unit
from cardcourier.domain.protocol import Actor, Lost, MarkerLost, Pool
from cardcourier.domain.stock import Marker
from cardcourier.errors import Conflict, NotFound, Refused, Unavailable
from cardcourier.services.gates import closed_for
from cardcourier.services.picking import Picker, SoldOut
from cardcourier.services.settling.cards import piece_of, pool_of, with_card


class Orders(Protocol):
    def header(self, key: OrderKey) -> Header | None: ...
    def unit(self, key: OrderKey, line: str, n: int) -> Unit | None: ...
    def replace(
        self, seen: Unit, unit: Unit, marker: Marker, pool: Pool | None, actor: Actor
    ) -> Unit | MarkerLost | Lost: ...


class Catalogue(Protocol):
    def product(self, tenant: str, sku: str) -> Product | None: ...
    def content(self, tenant: str, sku: str) -> Content | None: ...
    def gate(self) -> Gate | None: ...
    def find_tenant(self, tenant: str) -> Tenant | None: ...
    def find_shop(self, shop: str) -> Shop | None: ...


class Claims(Protocol):
    """Keeps what is claimed of cards."""

    def replaced(self, seen: Unit, now: Unit, actor: Actor) -> None: ...


@dataclass(frozen=True, slots=True)
class Replacer:
    """Replaces cards."""

    orders: Orders
    catalogue: Catalogue
    picker: Picker
    claims: Claims
    clock: Callable[[], int]

    def replace(self, key: OrderKey, line: str, n: int, by: str, why: str, rid: str, card: str = "") -> Unit:
        """Mark the unit's card invalid and take a new one in the same write; with `card`, only that one.

        Raises NotFound, Refused when the card was never shown or the piece was refunded,
        Conflict when the unit changed meanwhile, there is no stock, or its sales are paused.
        """
        header, seen = self.orders.header(key), self.orders.unit(key, line, n)
        if header is None or seen is None:
            raise NotFound("not_found", "There is no such unit in this order.")
        if header.stopped(line, seen.piece):
            raise Refused("refunded", "This piece was cancelled or refunded; nothing is owed for it.")
        if not seen.holds_card or not seen.exposed:
            raise Refused(
                "not_shown", "Only a card that the buyer has seen can be invalid; this one was not shown."
            )
        if card not in ("", seen.card):
            raise Conflict(
                "changed_meanwhile", "The unit holds another card by now; look at the order again."
            )
        product = self.catalogue.product(key.tenant, seen.sku)
        if product is None:
            raise NotFound("not_found", f"Product {seen.sku} is not in the catalogue.")
        closed = closed_for(self.catalogue, key.tenant, key.shop, product)
        if closed is not None:
            raise Conflict("paused", f"Sales are paused: {closed.reason}. Resume them, then replace again.")
        actor = Actor(by, self.clock(), rid, why)
        unit = self._take(seen, product, actor)
        self.claims.replaced(seen, unit, actor)
        return unit

    def _take(self, seen: Unit, product: Product, actor: Actor) -> Unit:
        fresh = replace(
            seen,
            gen=seen.gen + 1,
            replaces=seen.card,
            exposed_at=None,
            since=None,
            views=0,
            viewers=(),
            why=actor.why,
        )

        pool = None if product.kind == "fixed" else pool_of(product)

        def offer(marker: Marker) -> Unit | MarkerLost | Lost:
            unit = replace(with_card(fresh, marker, actor.now), due=actor.now)
            try:
                return self.orders.replace(seen, unit, marker, pool, actor)
            except Unavailable:
                now = self.orders.unit(seen.key, seen.line, seen.n)
                return (
                    Lost(now)
                    if now is not None and now.card != seen.card
                    else MarkerLost(gone=False, busy=True)
                )

        try:
            if pool is None:
                outcome = self._offer_content(product, fresh, offer)
            else:
                outcome = self.picker.pick(pool, offer, instead_of=base_of(seen.card))
        except SoldOut as sold_out:
            raise Conflict(
                "no_stock", f"There is no other card of {product.sku} left; import some, then replace again."
            ) from sold_out
        if isinstance(outcome, Lost):
            if outcome.old is not None and outcome.old.gen == fresh.gen:
                return outcome.old
            raise Conflict("changed_meanwhile", "The unit changed meanwhile; look at the order again.")
        return outcome

    def _offer_content(
        self, product: Product, fresh: Unit, offer: Callable[[Marker], Unit | MarkerLost | Lost]
    ) -> Unit | Lost:
        """The content as it is by now, even if that is what did not work."""
        content = self.catalogue.content(product.tenant, product.sku)
        if content is None:
            raise SoldOut
        outcome = offer(piece_of(content, fresh))
        if isinstance(outcome, MarkerLost):
            raise Unavailable("table_unavailable", "The table did not answer for sure; try again.")
        return outcome
