"""What a person does with an order: let it go, cancel, replace, note, and see to its link."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Protocol

from cardcourier.domain.facts import ALL, Fact
from cardcourier.domain.kept import Act
from cardcourier.domain.orders import Header, OrderKey, Unit
from cardcourier.domain.protocol import Actor, Lost
from cardcourier.domain.refunds import check_pieces, credit_for, named
from cardcourier.domain.states import State
from cardcourier.errors import Conflict, NotFound, Refused, Unavailable

DAY = 86_400_000
LINK_DAYS = 30
RESENDS_A_DAY = 5
REOPENINGS_A_DAY = 20
ROUNDS = 8
CAPPED_ROLES = frozenset({"support"})


class Orders(Protocol):
    def header(self, key: OrderKey) -> Header | None: ...
    def units(self, key: OrderKey) -> list[Unit]: ...
    def unit(self, key: OrderKey, line: str, n: int) -> Unit | None: ...
    def approve(self, key: OrderKey, actor: Actor) -> bool: ...
    def reopen(self, seen: Unit, unit: Unit, actor: Actor) -> Unit | Lost: ...
    def record_stop(self, fact: Fact, actor: Actor) -> bool: ...
    def raise_seq(self, key: OrderKey, seq: int, actor: Actor) -> bool: ...


class Refunds(Protocol):
    def cancel_pieces(
        self, header: Header, fact: Fact, credit: Mapping[str, int], actor: Actor
    ) -> bool | None: ...


class Passes(Protocol):
    def order(self, key: OrderKey) -> None: ...


class Notes(Protocol):
    def put(self, key: OrderKey, text: str, about: str, actor: Actor) -> None: ...


class Limits(Protocol):
    def allow(self, action: str, who: str, most: int, window: int, now: int) -> bool: ...


class Replacing(Protocol):
    """Replaces cards within the shop's rules."""

    def replace(
        self, key: OrderKey, line: str, n: int, reason: str, who: "Who", *, override: bool = False
    ) -> Unit: ...


class Mailing(Protocol):
    """Has the buyer's mail sent again."""

    def again(self, key: OrderKey, ask: str) -> None: ...


class Links(Protocol):
    def keep(self, headers: Iterable[Header], expires_at: int) -> None: ...
    def link_of(self, header: Header) -> str: ...
    def code_of(self, header: Header) -> str: ...


class TooMany(Unavailable):
    """A daily limit is reached."""

    def __init__(self, detail: str) -> None:
        super().__init__("daily_limit", detail)


@dataclass(frozen=True, slots=True)
class Who:
    """Who acts, by `by`, in which request; `role` decides about daily limits."""

    by: str
    role: str
    rid: str


@dataclass(frozen=True, slots=True)
class BuyerLink:
    """What the merchant's own order page shows; `expires_at` in epoch milliseconds."""

    url: str = field(repr=False)
    code: str = field(repr=False)
    expires_at: int = 0
    units: Sequence[Unit] = ()


@dataclass(frozen=True, slots=True)
class OrderActions:
    """Acts on orders."""

    orders: Orders
    refunds: Refunds
    passes: Passes
    notes: Notes
    limits: Limits
    replacing: Replacing
    mailing: Mailing
    clock: Callable[[], int]

    def approve(self, key: OrderKey, reason: str, who: Who) -> bool:
        """Let a held order go as it is. False when somebody approved it before. Raises Conflict."""
        header = self._paid(key)
        if header.approved:
            return False
        changed = self.orders.approve(key, self._actor(who, reason or "approved"))
        if changed:
            self._note(key, reason, "approved", who)
        self.passes.order(key)
        return changed

    def cancel(
        self, key: OrderKey, pieces: Sequence[tuple[str, int]], reason: str, act: Act, who: Who
    ) -> bool:
        """End pieces `(line, piece)`, or all when none are named; a repeat of `act` changes nothing.

        Cards nobody saw go back into stock, others are burnt. Pieces that are named leave a credit, which
        meets a later refund by number. Raises NotFound, Refused.
        """
        new = self._cancel(key, named(pieces), reason, act, self._actor(who, reason))
        self.passes.order(key)
        return new

    def _cancel(self, key: OrderKey, stops: frozenset[str], reason: str, act: Act, actor: Actor) -> bool:
        fact = Fact(key=key, kind="cancel", id=f"api-{act.id}", at=act.at, reason=reason, stops=stops or ALL)
        for _ in range(ROUNDS):
            header = self._header(key)
            check_pieces(header, stops)
            if not stops:
                return self.orders.record_stop(fact, actor)
            new = self.refunds.cancel_pieces(header, fact, credit_for(header, stops), actor)
            if new is not None:
                return new
        raise Unavailable("order_busy", "The order kept changing; try again.")

    def retry(self, key: OrderKey) -> None:
        """Have an order looked at once more, such as after a mapping. Raises NotFound."""
        self._header(key)
        self.passes.order(key)

    def note(self, key: OrderKey, text: str, unit: str, who: Who) -> None:
        """Raises NotFound when there is no such order or unit."""
        self._header(key)
        if unit and unit not in {known.name for known in self.orders.units(key)}:
            raise NotFound("not_found", "There is no such unit in this order.")
        self.notes.put(key, text, unit, self._actor(who, "note"))

    def replace(
        self, key: OrderKey, line: str, n: int, reason: str, who: Who, *, override: bool = False
    ) -> Unit:
        """A new card for one that does not work, within the daily cap of the role and the warranty."""
        return self.replacing.replace(key, line, n, reason, who, override=override)

    def reopen(self, key: OrderKey, line: str, n: int, reason: str, who: Who) -> Unit:
        """Let the buyer look at a shown card anew, as if nobody had yet; support has a daily limit.

        Raises NotFound, Refused when it was never shown or is refunded, Conflict, TooMany.
        """
        header, seen = self._header(key), self.orders.unit(key, line, n)
        if seen is None:
            raise NotFound("not_found", "There is no such unit in this order.")
        if header.stopped(line, seen.piece):
            raise Refused("refunded", "This piece was cancelled or refunded; nothing is shown for it.")
        if seen.state is not State.REVEALED:
            raise Refused("not_shown", "This card was not shown yet; the buyer's link opens it as it is.")
        if who.role in CAPPED_ROLES:
            self._within("reopen", f"{key.tenant}/{who.by}", REOPENINGS_A_DAY, "cards opened anew")
        why = f"opened anew: {reason}"
        actor = self._actor(who, why)
        opened = replace(seen, views=0, viewers=(), since=actor.now, why=why, ver=seen.ver + 1)
        outcome = self.orders.reopen(seen, opened, actor)
        if isinstance(outcome, Lost):
            raise Conflict("changed_meanwhile", "The unit changed meanwhile; look at the order again.")
        self.notes.put(key, reason, seen.name, self._actor(who, "opened anew"))
        return outcome

    def resend(self, key: OrderKey, who: Who) -> None:
        """Have the mail with the link sent once more. Raises NotFound, Conflict, TooMany."""
        header = self._paid(key)
        if not any(unit.holds_card for unit in self.orders.units(key)):
            raise Conflict("nothing_to_send", "No card of this order is ready; there is nothing to send yet.")
        if header.contact is None:
            raise Conflict("no_address", "The shop gave no address of the buyer; use the link instead.")
        self._within("resend", f"{key.tenant}/{key.shop}/{key.order}", RESENDS_A_DAY, "mails for this order")
        self._note(key, "", "sent again", who)
        self.mailing.again(key, who.rid)

    def withdraw_links(self, key: OrderKey, reason: str, who: Who) -> None:
        """Every link and pick-up code given out so far ends. Raises NotFound, Conflict."""
        header = self._header(key)
        if not self.orders.raise_seq(key, header.seq, self._actor(who, reason)):
            raise Conflict("changed_meanwhile", "The order changed meanwhile; try again.")
        self._note(key, reason, "links withdrawn", who)
        self.passes.order(key)

    def link(self, key: OrderKey, links: Links) -> BuyerLink:
        """The buyer's link and pick-up code, and the units as they stand. Raises NotFound, Conflict."""
        header = self._paid(key)
        expires_at = self.clock() + LINK_DAYS * DAY
        links.keep([header], expires_at)
        units = self.orders.units(key)
        return BuyerLink(links.link_of(header), links.code_of(header), expires_at, units)

    def _header(self, key: OrderKey) -> Header:
        header = self.orders.header(key)
        if header is None:
            raise NotFound("not_found", "There is no such order.")
        return header

    def _paid(self, key: OrderKey) -> Header:
        header = self._header(key)
        if not header.paid:
            raise Conflict("not_paid", "No payment of this order is known; nothing may be delivered.")
        return header

    def _within(self, action: str, who: str, most: int, things: str) -> None:
        name = sha256(who.encode()).hexdigest()[:24]
        if not self.limits.allow(action, name, most, DAY, self.clock()):
            raise TooMany(f"The limit of {most} {things} a day is reached; try again tomorrow (UTC).")

    def _note(self, key: OrderKey, text: str, what: str, who: Who) -> None:
        self.notes.put(key, text, "", self._actor(who, what))

    def _actor(self, who: Who, why: str) -> Actor:
        return Actor(who.by, self.clock(), who.rid, why)
