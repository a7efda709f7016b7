"""Send a tenant's canary: judge the order placed before, tell what comes next through the front door.

What is to be told is claimed first, by a conditional write that names the slot: a clock that strikes twice
places one order and judges it once.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from cardcourier.domain.canary import PAID, Canary, Move, Stage, Verdict, event, judged, next_move, shop_of
from cardcourier.domain.catalogue import Shop
from cardcourier.domain.orders import Header, OrderKey, Unit
from cardcourier.errors import CardCourierError, Conflict, NotFound


class Canaries(Protocol):
    def canary(self, tenant: str) -> Canary: ...
    def change_canary(self, canary: Canary, now: int, by: str) -> None: ...
    def shop(self, shop: str) -> Shop | None: ...


class Orders(Protocol):
    def snapshots(self, wanted: Iterable[OrderKey]) -> Mapping[OrderKey, tuple[Header, list[Unit]]]: ...


class Secrets(Protocol):
    def open(self, shop: Shop) -> Sequence[str]: ...


class Door(Protocol):
    def tell(self, shop: str, secret: str, message_id: str, event: Mapping[str, Any]) -> str: ...


@dataclass(frozen=True, slots=True)
class Probe:
    """What one run saw of one tenant's canary; `order` is the one that was judged, if one was."""

    tenant: str
    order: str = ""
    verdicts: tuple[Verdict, ...] = ()

    @property
    def failures(self) -> tuple[Verdict, ...]:
        return tuple(verdict for verdict in self.verdicts if verdict.result == "failed")


@dataclass(frozen=True, slots=True)
class Prober:
    """Runs canaries."""

    canaries: Canaries
    orders: Orders
    secrets: Secrets
    door: Door
    clock: Callable[[], int]

    def probe(self, tenant: str, slot: int, rid: str) -> Probe | None:
        """None when this tenant has no canary. What keeps it from being judged is a failure of it as well."""
        try:
            seen = self.canaries.canary(tenant)
            return None if seen.idle else self._probe(seen, slot, rid)
        except Conflict:
            return Probe(tenant)
        except CardCourierError as error:
            return Probe(tenant, "", (Verdict("failed", f"not_judged: {error.code}"),))

    def _probe(self, seen: Canary, slot: int, rid: str) -> Probe:
        header, units = self._order(seen)
        move = next_move(seen, slot, self.clock(), header, units)
        if move is None:
            return Probe(seen.tenant)
        secret = self._secret(seen.tenant)
        by = f"canary:{rid}"
        self.canaries.change_canary(move.after, self.clock(), by)
        verdicts: tuple[Verdict, ...] = (move.verdict,) if move.verdict else ()
        if untold := self._tell(move, secret):
            stage: Stage = "unplaced" if move.tells == PAID else move.after.stage
            kept = replace(move.after, stage=stage, ver=seen.ver + 1)
            self.canaries.change_canary(judged(kept, untold, self.clock()), self.clock(), by)
            verdicts += (untold,)
        return Probe(seen.tenant, seen.order or move.after.order, verdicts)

    def _order(self, seen: Canary) -> tuple[Header | None, list[Unit]]:
        if not seen.order:
            return None, []
        key = OrderKey(seen.tenant, shop_of(seen.tenant), seen.order)
        return self.orders.snapshots([key]).get(key, (None, []))

    def _secret(self, tenant: str) -> str:
        """Opened before anything is claimed: without it nothing can be told."""
        shop = self.canaries.shop(shop_of(tenant))
        if shop is None:
            raise NotFound("no_shop", "The canary's shop is gone; switch it off and on.")
        return self.secrets.open(shop)[-1]

    def _tell(self, move: Move, secret: str) -> Verdict | None:
        """Tell through the front door; what kept it from being taken, if anything did."""
        if not move.tells:
            return None
        shop, told = shop_of(move.after.tenant), f"{move.tells.partition('.')[2]}-{move.after.order}"
        wrong = self.door.tell(shop, secret, told, event(move.tells, move.after))
        return Verdict("failed", wrong) if wrong else None
