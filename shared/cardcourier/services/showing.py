"""Show cards to a buyer: who may see which, that it was committed first, and only then the plain text.

However many cards an order has, each showing is committed; the cards are opened once all are. If the
table, the vault or a key fails in between, nothing is shown, and asking again shows everything.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Protocol

from cardcourier.domain.cards import Card
from cardcourier.domain.catalogue import Product
from cardcourier.domain.devices import device_of
from cardcourier.domain.gates import Gate, reveals_stopped
from cardcourier.domain.orders import Unit
from cardcourier.domain.protocol import Actor, Lost
from cardcourier.domain.states import State
from cardcourier.errors import NotFound, Unavailable

MINUTE = 60_000
DAY = 86_400_000
ROUNDS = 4
MOST_VIEWERS = 5
AT_ONCE = 16
"""Showings committed side by side; the client keeps 32 connections."""


class Orders(Protocol):
    def expose(self, seen: Unit, unit: Unit, actor: Actor) -> Unit | Lost: ...
    def view_again(self, seen: Unit, unit: Unit, actor: Actor) -> Unit | Lost: ...


class Vault(Protocol):
    def open_all(self, tenant: str, card_ids: Iterable[str]) -> Mapping[str, Card]: ...


class Catalogue(Protocol):
    def gate(self) -> Gate | None: ...
    def product(self, tenant: str, sku: str) -> Product | None: ...


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks. `viewer` is the random mark of the browser's cookie, empty on a first visit.

    `agent` is what the browser calls itself, `network` the keyed mark under which its network is kept.
    """

    ip: str
    viewer: str
    rid: str
    base_url: str
    language: str = "zh-CN"
    agent: str = ""
    network: str = ""

    @property
    def who(self) -> str:
        return sha256(self.ip.encode()).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class Showing:
    """The rules of the reveal policies, and the writes that keep them."""

    orders: Orders
    vault: Vault
    catalogue: Catalogue
    clock: Callable[[], int]

    # -- who may see what -------------------------------------------------------------------------

    def product_of(self, unit: Unit) -> Product | None:
        return self.catalogue.product(unit.key.tenant, unit.sku) if unit.sku else None

    def withheld(self, unit: Unit) -> bool:
        """Whether the shop has stopped showings of this card's product."""
        return reveals_stopped(self.catalogue.gate(), self.product_of(unit))

    def views_left(self, unit: Unit) -> int:
        """How often a shown card may be looked at again, whoever asks."""
        product = self.product_of(unit)
        if product is None or unit.exposed_at is None:
            return 0
        if self.clock() > (unit.since or unit.exposed_at) + product.view_days * DAY:
            return 0
        return max(0, product.max_views - unit.views)

    def open_for(self, unit: Unit, viewer: str) -> bool:
        """Whether this browser can still be shown the card, with or without proof.

        A card shown `once` is open to the browser that came first, until its grace is over; to nobody else.
        """
        if unit.state is not State.REVEALED:
            return unit.holds_card
        product = self.product_of(unit)
        if product is None or not self.views_left(unit):
            return False
        if product.policy != "once" or not unit.viewers:
            return True
        until = (unit.since or unit.exposed_at or 0) + product.grace_minutes * MINUTE
        return viewer in unit.viewers and self.clock() <= until

    def proof_needed(self, units: Iterable[Unit], viewer: str) -> bool:
        """A second browser, or any browser where the product asks for it, proves itself."""
        for unit in units:
            product = self.product_of(unit)
            if not self.open_for(unit, viewer) or (viewer and viewer in unit.viewers):
                continue
            policy = product.policy if product else "repeat"
            if policy == "proof" or (unit.exposed and policy != "once"):
                return True
        return False

    # -- showing ----------------------------------------------------------------------------------

    def show(
        self, units: Sequence[Unit], visitor: Visitor, *, proven: bool
    ) -> tuple[dict[str, Unit], dict[str, Card]]:
        """Commit each showing, then open the cards: the units as they are now, and the cards by unit.

        What this visitor may not be shown is missing among the cards. Raises Unavailable.
        """
        with ThreadPoolExecutor(max(1, min(AT_ONCE, len(units)))) as threads:
            now = list(threads.map(lambda unit: self._commit(unit, visitor, proven=proven), units))
        allowed = [unit for unit in now if visitor.viewer in unit.viewers and unit.view_rid == visitor.rid]
        cards = self._open(allowed)
        return {unit.name: unit for unit in now}, {unit.name: cards[unit.card] for unit in allowed}

    def _open(self, units: Sequence[Unit]) -> Mapping[str, Card]:
        """A card that is gone, or its key, is our fault and not a wrong link."""
        if not units:
            return {}
        try:
            return self.vault.open_all(units[0].key.tenant, [unit.card for unit in units])
        except NotFound as missing:
            raise Unavailable(missing.code, missing.detail) from missing

    def _commit(self, unit: Unit, visitor: Visitor, *, proven: bool) -> Unit:
        """Commit one showing; returns the unit as it is now, with our mark only if it was allowed.

        Who finds that another browser was faster is a second browser, and needs proof.
        """
        for _ in range(ROUNDS):
            actor = Actor("buyer", self.clock(), visitor.rid)
            if unit.state in (State.ALLOCATED, State.DELIVERED):
                wanted = replace(
                    unit,
                    state=State.REVEALED,
                    why="shown to the buyer",
                    exposed_at=actor.now,
                    views=1,
                    viewers=(visitor.viewer,),
                    view_rid=visitor.rid,
                    seen_from=visitor.network,
                    seen_on=device_of(visitor.agent),
                )
                outcome = self.orders.expose(unit, wanted, actor)
            elif self._may_view_again(unit, visitor, proven=proven):
                outcome = self.orders.view_again(unit, _viewed(unit, visitor, actor.now), actor)
            else:
                return replace(unit, view_rid="")
            if not isinstance(outcome, Lost):
                return outcome
            if outcome.old is None:
                return replace(unit, view_rid="")
            unit = outcome.old
        raise Unavailable("unit_busy", "The page is opened in many places at once; try again in a moment.")

    def _may_view_again(self, unit: Unit, visitor: Visitor, *, proven: bool) -> bool:
        if unit.state is not State.REVEALED or not self.open_for(unit, visitor.viewer):
            return False
        product = self.product_of(unit)
        first = product is not None and product.policy == "once" and not unit.viewers
        return proven or first or visitor.viewer in unit.viewers


def _viewed(unit: Unit, visitor: Visitor, now: int) -> Unit:
    """The unit after a further view; who comes first to a card that was opened anew starts its grace."""
    return replace(
        unit,
        views=unit.views + 1,
        viewers=tuple(dict.fromkeys((*unit.viewers, visitor.viewer)))[-MOST_VIEWERS:],
        view_rid=visitor.rid,
        since=unit.since if unit.viewers else now,
    )
