"""Erase the data of buyers whose orders are old enough, and leave evidence of it.

Each tenant's list of orders is looked through from where the run before ended, oldest first. What still has
to be delivered is left, and the next round begins there. A run that is cut off, or dies anywhere, is taken
up by the next: what is clear stays so, and of two runs at once one sees that the other moved on and stops.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from cardcourier.domain.audit import AuditLine
from cardcourier.domain.buyers import BuyersOrder
from cardcourier.domain.catalogue import Tenant
from cardcourier.domain.journal import DAY
from cardcourier.domain.orders import Header, OrderKey
from cardcourier.domain.protocol import Actor
from cardcourier.domain.retention import Progress, day_at, place_at
from cardcourier.domain.views import OrderRow
from cardcourier.services.buyers import to_deliver

PAGE = 100
BY = "retention"


class Rounds(Protocol):
    def read(self, tenant: str) -> Progress | None: ...
    def save(self, tenant: str, seen: Progress, after: Progress, actor: Actor) -> bool: ...


class Listed(Protocol):
    def oldest(self, tenant: str, after: str, until: int) -> Iterator[OrderRow]: ...


class Orders(Protocol):
    def headers(self, wanted: Iterable[OrderKey]) -> Mapping[OrderKey, Header]: ...


class Records(Protocol):
    """Opens and erases, as when a buyer asks for it."""

    def read(self, key: OrderKey) -> BuyersOrder | None: ...
    def erase(self, kept: BuyersOrder, actor: Actor) -> None: ...


class Trail(Protocol):
    def put(self, line: AuditLine) -> None: ...


@dataclass(frozen=True, slots=True)
class Retention:
    """`tenant` reads anew each time; `spread` runs one function over many things side by side."""

    tenant: Callable[[str], Tenant]
    rounds: Rounds
    listed: Listed
    orders: Orders
    records: Records
    trail: Trail
    spread: Callable[[Callable[[OrderKey], bool], Sequence[OrderKey]], Iterable[bool]]
    clock: Callable[[], int]

    def run(self, tenant: str, rid: str, left: Callable[[], bool]) -> Progress | None:
        """Go on with one tenant until the list, or the time that is `left`, ends.

        Returns what this run gives evidence of; None under a legal hold, and when another run is at work.
        """
        found = self.tenant(tenant)
        if found.legal_hold:
            return None
        now = self.clock()
        until = now - found.contact_days * DAY
        actor = Actor(BY, now, rid, why=f"kept for {found.contact_days} days")
        start = place_at(found.created_at)
        at = self.rounds.read(tenant) or Progress(place=start, since=start)
        rows, end = self.listed.oldest(tenant, at.place, until), None
        while end is None and left() and not self.tenant(tenant).legal_hold:
            page = list(islice(rows, PAGE))
            if page:
                after = at.past([row.place[1] for row in page], self._clear(page, at.reached, actor))
                if not self.rounds.save(tenant, at, after, actor):
                    return None
                at = after
            if len(page) < PAGE:
                end = max(at.place, place_at(until))
        if not self.rounds.save(tenant, at, at.told(end), actor):
            return None
        if at.looked_at:
            self.trail.put(_line(tenant, at, actor))
        return at

    def _clear(self, page: Sequence[OrderRow], reached: str, actor: Actor) -> list[bool]:
        """Whether each order holds nothing of its buyer now; in a later round most headers say so."""
        again = self.orders.headers(row.key for row in page if row.place[1] <= reached)
        done = {key for key, header in again.items() if not (header.contact or header.search)}
        todo = [row.key for row in page if row.key not in done]
        cleared = dict(zip(todo, self.spread(lambda key: self._forget(key, actor), todo), strict=True))
        return [cleared.get(row.key, True) for row in page]

    def _forget(self, key: OrderKey, actor: Actor) -> bool:
        kept = self.records.read(key)
        if kept is not None and to_deliver(kept.header, kept.units):
            return False
        if kept is not None:
            self.records.erase(kept, actor)
        return True


def _line(tenant: str, at: Progress, actor: Actor) -> AuditLine:
    return AuditLine(
        tenant=tenant,
        at=actor.now,
        by=actor.by,
        role="",
        action="erase_by_age",
        target=f"orders from {day_at(at.since)} to {day_at(at.place)}: {at.clear} clear, {at.kept} kept",
        fields=(),
        status=200,
        code="",
        rid=actor.rid,
        address="",
    )
