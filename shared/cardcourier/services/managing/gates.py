"""Close sales and open them again: of a shop, a product, a tenant, or everywhere.

Nothing is lost behind a closed gate: orders are recorded, and their units wait. What was allocated before
goes on to its buyer; `in_flight` tells when that is over. Who is parked by a worker that has not heard of a
resume yet is found by the sweeper.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Protocol, TypeVar

from cardcourier.domain.catalogue import Product, Shop, Tenant
from cardcourier.domain.gates import EVERYWHERE, MOST_AGE, WHOLE_TENANT, Gate, product_ref, shop_ref
from cardcourier.domain.kept import Kept
from cardcourier.domain.orders import OrderKey, Unit
from cardcourier.domain.states import Room, State
from cardcourier.errors import Conflict

TRIES = 5
MOST_LOOKED_AT = 1_000

Thing = TypeVar("Thing", Shop, Product, Tenant)


class Merchants(Protocol):
    def tenant(self, tenant: str) -> Kept[Tenant]: ...
    def change_tenant(self, tenant: Tenant, seen_ver: int, now: int, by: str) -> None: ...
    def shop(self, tenant: str, shop: str) -> Kept[Shop]: ...
    def change_shop(self, shop: Shop, seen_ver: int, now: int, by: str) -> None: ...
    def product(self, tenant: str, sku: str) -> Kept[Product]: ...
    def change_product(self, product: Product, seen_ver: int, now: int, by: str) -> None: ...


class Everywhere(Protocol):
    """The deployment's own gate, and whom it concerns."""

    def put_gate(self, gate: Gate, now: int, by: str) -> None: ...
    def tenants(self) -> list[Tenant]: ...


class Opener(Protocol):
    def open(self, tenant: str, room: Room, ref: str) -> bool: ...


class Waiting(Protocol):
    def in_flight(self, tenant: str) -> Iterator[OrderKey]: ...


class Orders(Protocol):
    def units(self, key: OrderKey) -> list[Unit]: ...


@dataclass(frozen=True, slots=True)
class InFlight:
    """How many orders are on their way to a delivery; `more` when there were too many to count."""

    orders: int
    more: bool


@dataclass(frozen=True, slots=True)
class GatesDesk:
    """Pauses and resumes what belongs to one tenant. Every call may be repeated."""

    merchants: Merchants
    opener: Opener
    waiting: Waiting
    orders: Orders
    clock: Callable[[], int]

    def pause_shop(self, tenant: str, shop: str, reason: str, by: str) -> Shop:
        """Raises NotFound, and Conflict when the shop keeps being changed."""
        return self._change(
            lambda: self.merchants.shop(tenant, shop), self.merchants.change_shop, by, **self._closed(reason)
        )

    def resume_shop(self, tenant: str, shop: str, by: str) -> Shop:
        opened = self._change(
            lambda: self.merchants.shop(tenant, shop), self.merchants.change_shop, by, **_OPEN
        )
        self.opener.open(tenant, Room.PAUSE, shop_ref(shop))
        return opened

    def pause_product(
        self, tenant: str, sku: str, reason: str, by: str, *, stop_reveals: bool = False
    ) -> Product:
        """With `stop_reveals` cards that were handed over are not shown either. Raises as `pause_shop`."""
        return self._change(
            lambda: self.merchants.product(tenant, sku),
            self.merchants.change_product,
            by,
            **self._closed(reason),
            stop_reveals=stop_reveals,
        )

    def resume_product(self, tenant: str, sku: str, by: str) -> Product:
        opened = self._change(
            lambda: self.merchants.product(tenant, sku),
            self.merchants.change_product,
            by,
            **_OPEN,
            stop_reveals=False,
        )
        self.opener.open(tenant, Room.PAUSE, product_ref(sku))
        for room in (Room.BACK, Room.PRE):
            self.opener.open(tenant, room, sku)
        return opened

    def pause_tenant(self, tenant: str, reason: str, by: str) -> Tenant:
        return self._change(
            lambda: self.merchants.tenant(tenant), self.merchants.change_tenant, by, **self._closed(reason)
        )

    def resume_tenant(self, tenant: str, by: str) -> Tenant:
        opened = self._change(
            lambda: self.merchants.tenant(tenant), self.merchants.change_tenant, by, **_OPEN
        )
        self.opener.open(tenant, Room.PAUSE, WHOLE_TENANT)
        return opened

    def in_flight(self, tenant: str, *, shop: str = "", sku: str = "") -> InFlight:
        """Orders that still have a timer of their own: paid, and not all handed over or waiting.

        Zero after `effective_at` means that nothing of what was paused will go out any more. An order of
        which nothing is written yet may be for any product, so it counts.
        """
        mine = (key for key in self.waiting.in_flight(tenant) if shop in ("", key.shop))
        found = list(islice(mine, MOST_LOOKED_AT + 1))
        looked_at = found[:MOST_LOOKED_AT]
        counted = [key for key in looked_at if self._moves(key, sku)] if sku else looked_at
        return InFlight(len(counted), len(found) > MOST_LOOKED_AT)

    def _moves(self, key: OrderKey, sku: str) -> bool:
        units = self.orders.units(key)
        return not units or any(unit.sku == sku and unit.state is State.ALLOCATED for unit in units)

    def _closed(self, reason: str) -> dict[str, Any]:
        return {"paused": reason, "paused_at": self.clock()}

    def _change(
        self,
        read: Callable[[], Kept[Thing]],
        write: Callable[[Thing, int, int, str], None],
        by: str,
        **changes: Any,
    ) -> Thing:
        """Read, change, write, again when somebody was faster: a gate must not wait for an editor."""
        for left in reversed(range(TRIES)):
            kept = read()
            changed = replace(kept.thing, **changes)
            try:
                write(changed, kept.ver, self.clock(), by)
            except Conflict:
                if not left:
                    raise
                continue
            return changed
        raise AssertionError("unreachable")


@dataclass(frozen=True, slots=True)
class DeploymentGate:
    """Closes and opens the whole deployment; an operator's matter, for instance after a restore."""

    everywhere: Everywhere
    opener: Opener
    clock: Callable[[], int]

    def close(self, reason: str, by: str, *, stop_reveals: bool = False) -> Gate:
        gate = Gate(paused=reason, paused_at=self.clock(), stop_reveals=stop_reveals)
        self.everywhere.put_gate(gate, self.clock(), by)
        return gate

    def open(self, by: str) -> None:
        """Serve everybody who waited, of every tenant."""
        self.everywhere.put_gate(Gate(), self.clock(), by)
        for tenant in self.everywhere.tenants():
            self.opener.open(tenant.id, Room.PAUSE, EVERYWHERE)


def effective_at(paused_at: int | None) -> int | None:
    """From when a pause holds everywhere (epoch ms): until then a worker may act on what it read before."""
    return None if paused_at is None else paused_at + MOST_AGE


_OPEN: dict[str, Any] = {"paused": "", "paused_at": None}
