"""Hand over what is allocated: keep the link, tell the buyer, then commit that it was done.

A crash in between repeats the mail with the same link, never the card.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from cardcourier.domain.catalogue import Tenant
from cardcourier.domain.notice import Notice
from cardcourier.domain.orders import EVERYTHING, Header, OrderKey, Unit, slots
from cardcourier.domain.protocol import Actor, Lost
from cardcourier.domain.states import HANDED_OVER, State
from cardcourier.errors import Refused

DAY = 86_400_000
LINK_DAYS = 30
LONGEST_STEP = 5_000
"""Milliseconds between two cards of one pass, beyond which it is taken for dead."""


class Orders(Protocol):
    def snapshots(self, wanted: Sequence[OrderKey]) -> Mapping[OrderKey, tuple[Header, list[Unit]]]: ...
    def hand_over(self, seen: Unit, unit: Unit, actor: Actor) -> Unit | Lost: ...
    def clear_timer(self, key: OrderKey, ver: int) -> bool: ...


class Links(Protocol):
    """Orders' links and pick-up codes: derived, so that asked again they are the same."""

    def keep(self, headers: Iterable[Header], expires_at: int) -> None: ...
    def link_of(self, header: Header) -> str: ...
    def code_of(self, header: Header) -> str: ...


class Post(Protocol):
    """Carries a message to the buyer."""

    def send(self, notice: Notice) -> str:
        """Returns how it went out, for the record. Raises Refused when it never will."""
        ...


class Catalogue(Protocol):
    def tenant(self, tenant: str) -> Tenant: ...


@dataclass(frozen=True, slots=True)
class Handed:
    """What a hand-over did; `refused` says why the buyer could not be told."""

    units: int
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Deliverer:
    """Delivers orders."""

    orders: Orders
    links: Links
    post: Post
    catalogue: Catalogue
    clock: Callable[[], int]

    def look_up(self, wanted: Sequence[OrderKey]) -> Mapping[OrderKey, tuple[Header, list[Unit]]]:
        """Read several orders at once, for a batch of messages; the links of those with cards are kept."""
        found = self.orders.snapshots(wanted)
        with_cards = [header for header, units in found.values() if any(u.holds_card for u in units)]
        self.links.keep(with_cards, self.clock() + LINK_DAYS * DAY)
        return found

    def deliver(self, header: Header, units: list[Unit], rid: str) -> Handed:
        """Hand over one order as it was just read. Raises Unavailable to be asked again.

        While a pass still takes cards for it nothing is done: its last card asks again, for one mail.
        """
        if not header.paid or under_way(header, units, self.clock()):
            return Handed(0)
        actor = Actor("delivery", self.clock(), rid)
        ready = [
            unit
            for unit in units
            if unit.state is State.ALLOCATED and not header.stopped(unit.line, unit.piece)
        ]
        refused = ""
        if ready:
            via, refused = self._tell(header, units, ready)
            units = [self._hand_over(unit, via, actor) if unit in ready else unit for unit in units]
        if complete(header, units):
            self.orders.clear_timer(header.key, header.ver)
        return Handed(len(ready), refused)

    def tell_again(self, header: Header, units: list[Unit]) -> Handed:
        """Send the link once more; nothing changes."""
        held = [unit for unit in units if unit.holds_card]
        if not held:
            return Handed(0)
        try:
            self.post.send(self._notice("again", header, units, held))
        except Refused as refused:
            return Handed(0, refused.detail)
        return Handed(len(held))

    def _tell(self, header: Header, units: list[Unit], ready: list[Unit]) -> tuple[str, str]:
        """Returns how the buyer was told, and why not if a mail was refused for good."""
        kind = "replaced" if any(unit.gen for unit in ready) else "delivered"
        notice = self._notice(kind, header, units, ready)
        try:
            return self.post.send(notice), ""
        except Refused as refused:
            return "link", refused.detail

    def _notice(self, kind: str, header: Header, units: Sequence[Unit], about: Sequence[Unit]) -> Notice:
        """What to tell the buyer; the link was kept before."""
        live = [unit for unit in units if not unit.ended]
        return Notice(
            kind=kind,
            header=header,
            tenant=self.catalogue.tenant(header.key.tenant),
            link=self.links.link_of(header),
            code=self.links.code_of(header),
            items=Counter(unit.sku for unit in about),
            delivered=sum(unit.holds_card for unit in live),
            total=promised(header, units),
            expires_at=self.clock() + LINK_DAYS * DAY,
            round=self.clock() if kind == "again" else sum(unit.gen for unit in live) * 1000 + len(about),
        )

    def _hand_over(self, seen: Unit, via: str, actor: Actor) -> Unit:
        done = replace(
            seen, state=State.DELIVERED, why="handed over", delivered_by=via, due=None, at=actor.now
        )
        outcome = self.orders.hand_over(seen, done, actor)
        return (outcome.old or seen) if isinstance(outcome, Lost) else outcome


def under_way(header: Header, units: Sequence[Unit], now: int) -> bool:
    """Whether a pass is just taking this order's cards, and has not come to one that waits or ended."""
    if not units or any(unit.waiting or unit.ended for unit in units):
        return False
    return len(units) < promised(header, units) and now - max(unit.at for unit in units) < LONGEST_STEP


def promised(header: Header, units: Sequence[Unit]) -> int:
    """How many cards the order gets in the end, written yet or not; what was stopped does not count."""
    firsts = {unit.line: unit for unit in units if unit.n == 1}
    total = 0
    for line in header.lines:
        plan = firsts[line.id].plan if line.id in firsts else None
        cards = 1 if plan is None else sum(part.quantity for part in plan)
        stopped = sum(stop.rpartition("/")[0] == line.id for stop in header.stops)
        total += max(0, line.quantity - stopped) * cards
    return 0 if EVERYTHING in header.stops else total


def complete(header: Header, units: Sequence[Unit]) -> bool:
    """Whether nothing is left to be driven by the header's timer: no unit missing, waiting or stopped."""
    if header.owed:
        return False
    by_name = {unit.name: unit for unit in units}
    for line in header.lines:
        first = by_name.get(f"{line.id}#0001")
        if first is None:
            return False
        for slot in slots(line.id, line.quantity, first.plan or ()):
            unit = by_name.get(f"{slot.line}#{slot.n:04d}")
            if unit is None or not (unit.ended or unit.state in HANDED_OVER):
                return False
            if header.stopped(slot.line, slot.piece) and not unit.ended:
                return False
        if first.waiting:
            return False
    return True
