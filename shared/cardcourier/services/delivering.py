"""Hand over what is allocated: keep the link, tell the buyer, then commit that it was done.

A crash in between is repeated from what the send log says: the same link, never another card, and no
second message where the first is known to be sent. A message that cannot be sent now is tried again by
its own timer; the hand-over does not wait for it, because the link works already.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Protocol

from cardcourier.domain.notification import mark, occasion_of
from cardcourier.domain.orders import Header, OrderKey, Unit, promised, slots
from cardcourier.domain.protocol import Actor, Lost
from cardcourier.domain.states import HANDED_OVER, WAITING, State
from cardcourier.services.notifying import DAY, LINK_DAYS, Occasion, Told, Trouble

AT_ONCE = 8
"""Units handed over side by side."""

LONGEST_STEP = 30_000
"""Milliseconds between two cards of one order, beyond which its passes are taken for dead.

Shorter than `DELIVERY_GRACE`, after which the sweeper asks for the delivery of what a dead pass left.
"""


class Orders(Protocol):
    def snapshots(self, wanted: Sequence[OrderKey]) -> Mapping[OrderKey, tuple[Header, list[Unit]]]: ...
    def hand_over(self, seen: Unit, unit: Unit, actor: Actor) -> Unit | Lost: ...
    def clear_timer(self, key: OrderKey, ver: int) -> bool: ...


class Links(Protocol):
    """Orders' links and pick-up codes: derived, so that asked again they are the same."""

    def keep(self, headers: Iterable[Header], expires_at: int) -> None: ...


class Telling(Protocol):
    """Tells buyers, each occasion once."""

    def tell(
        self, header: Header, units: Sequence[Unit], occasion: Occasion, rid: str, until: int | None = None
    ) -> Told: ...
    def try_again(self, header: Header, units: Sequence[Unit], note_id: str, rid: str) -> Told: ...


@dataclass(frozen=True, slots=True)
class Handed:
    """What a hand-over did; `troubles` are the tries to tell the buyer that came to nothing.

    `since_paid` is how long after its payment each unit was handed over (ms), for those that had nothing to
    wait for: no stock, release, gate or person. Where the shop told us late, it counts from then.
    """

    units: int
    troubles: tuple[Trouble, ...] = ()
    since_paid: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Deliverer:
    """Delivers orders."""

    orders: Orders
    links: Links
    telling: Telling
    clock: Callable[[], int]

    def look_up(self, wanted: Sequence[OrderKey]) -> Mapping[OrderKey, tuple[Header, list[Unit]]]:
        """Read several orders at once, for a batch of messages; the links of those with cards are kept."""
        found = self.orders.snapshots(wanted)
        with_cards = [header for header, units in found.values() if any(u.holds_card for u in units)]
        self.links.keep(with_cards, self.clock() + LINK_DAYS * DAY)
        return found

    def deliver(self, header: Header, units: list[Unit], rid: str, until: int | None = None) -> Handed:
        """Hand over one order as it was just read. Raises Unavailable to be asked again.

        While a pass still takes cards for it nothing is done: its last card asks again, for one mail.
        After `until` (epoch ms) messages are only written down; they go out by their own timers.
        """
        if not header.paid or under_way(header, units, self.clock()):
            return Handed(0)
        actor = Actor("delivery", self.clock(), rid)
        now_there = {unit.name: unit for unit in units}
        ready = [
            unit
            for unit in units
            if unit.state is State.ALLOCATED and not header.stopped(unit.line, unit.piece)
        ]
        handed, troubles, settled = 0, list[Trouble](), True
        times: list[int] = []
        while ready and settled:
            kind = "replaced" if any(unit.gen for unit in ready) else "delivered"
            about = tuple(mark(unit) for unit in ready)
            occasion = Occasion(occasion_of(ready), kind, about)
            told = self.telling.tell(header, units, occasion, rid, until)
            troubles += told.troubles
            settled = told.settled
            if settled:
                told_of = [unit for unit in ready if mark(unit) in told.about]
                for unit in self._hand_over_all(told_of, told.via, actor):
                    now_there[unit.name] = unit
                handed += len(told_of)
                times += [self._since_paid(header) for unit in told_of if went_straight(unit)]
                ready = [unit for unit in ready if unit not in told_of]
        # What was told of money may answer itself, which a pass does.
        if not header.asked and complete(header, list(now_there.values())):
            self.orders.clear_timer(header.key, header.ver)
        return Handed(handed, tuple(troubles), tuple(times))

    def tell_again(self, header: Header, units: list[Unit], ask: str, rid: str) -> Handed:
        """Send the link once more, once for each `ask`; nothing changes."""
        held = [unit for unit in units if unit.holds_card]
        if not held:
            return Handed(0)
        occasion = Occasion(f"again.{ask}", "again", tuple(mark(unit) for unit in held))
        told = self.telling.tell(header, units, occasion, rid)
        return Handed(len(held), told.troubles)

    def try_again(self, header: Header, units: list[Unit], note_id: str, rid: str) -> Handed:
        """Another try at a message that could not be sent before."""
        return Handed(0, self.telling.try_again(header, units, note_id, rid).troubles)

    def _hand_over_all(self, units: Sequence[Unit], via: str, actor: Actor) -> Iterator[Unit]:
        """The first names the occasion, so it goes last: after a crash the occasion is the same."""
        first, *rest = sorted(units, key=lambda unit: unit.name)
        with ThreadPoolExecutor(AT_ONCE) as threads:
            yield from threads.map(lambda unit: self._hand_over(unit, via, actor), rest)
        yield self._hand_over(first, via, actor)

    def _since_paid(self, header: Header) -> int:
        return max(0, self.clock() - max(header.paid_at or 0, header.listed_at))

    def _hand_over(self, seen: Unit, via: str, actor: Actor) -> Unit:
        done = replace(
            seen, state=State.DELIVERED, why="handed over", delivered_by=via, due=None, at=actor.now
        )
        outcome = self.orders.hand_over(seen, done, actor)
        return (outcome.old or seen) if isinstance(outcome, Lost) else outcome


def went_straight(unit: Unit) -> bool:
    """Whether a unit got its first card without ever having waited for anything but us."""
    return unit.gen == 0 and not any(step.state in WAITING for step in unit.log)


def under_way(header: Header, units: Sequence[Unit], now: int) -> bool:
    """Whether a pass is just taking this order's cards, and has not come to one that waits or ended."""
    if not units or any(unit.waiting or unit.ended for unit in units):
        return False
    return len(units) < promised(header, units) and now - max(unit.at for unit in units) < LONGEST_STEP


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
            if header.stopped(slot.line, slot.piece) and not header.settled(unit):
                return False
        if first.waiting:
            return False
    return True
