"""Tell a buyer of an order, on each channel once, and keep what came of every try.

The intent is written before the first try, and whoever tries has claimed it: two workers never try at
once, and what is known to be sent is never sent again. A try whose outcome nobody knows (the worker died,
the answer was lost) is repeated under the same message id. What cannot be sent now has a timer of its own
and does not hold the order up.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from cardcourier.domain.catalogue import Tenant
from cardcourier.domain.notice import Notice
from cardcourier.domain.notification import LEASE, Attempt, Notification, Plan, Status, mark
from cardcourier.domain.orders import Header, OrderKey, Unit, promised
from cardcourier.domain.protocol import Actor
from cardcourier.errors import Refused, Unavailable

DAY = 86_400_000
LINK_DAYS = 30
BY_LINK = "link"


class Log(Protocol):
    """The send log."""

    def begin(self, note: Notification, actor: Actor) -> Notification: ...
    def change(self, seen: Notification, after: Notification, actor: Actor) -> bool: ...
    def read(self, key: OrderKey, note_id: str) -> Notification | None: ...


class Post(Protocol):
    """Carries messages to buyers."""

    def plan(self, header: Header) -> Plan:
        """The channels on which this buyer can be reached, as the tenant wishes."""
        ...

    def send(self, channel: str, notice: Notice, message_id: str) -> str:
        """Send, and return the provider's id. Raises Refused (never again), Unavailable (perhaps sent)."""
        ...


class Links(Protocol):
    def link_of(self, header: Header) -> str: ...
    def code_of(self, header: Header) -> str: ...


class Catalogue(Protocol):
    def tenant(self, tenant: str) -> Tenant: ...


@dataclass(frozen=True, slots=True)
class Occasion:
    """What there is to tell: `id` is the same whenever it is told, `about` the cards it is about."""

    id: str
    kind: str
    about: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trouble:
    """A try that came to nothing. `gave_up` when no other follows by itself."""

    channel: str
    reason: str
    gave_up: bool


@dataclass(frozen=True, slots=True)
class Told:
    """`via` is how the buyer was told, for the record. Not `settled`: another worker is just at it.

    `about` are the cards that were told of, now or before.
    """

    via: str
    about: frozenset[str]
    settled: bool = True
    troubles: tuple[Trouble, ...] = ()


@dataclass(frozen=True, slots=True)
class Telling:
    """One order about which a buyer is told, as it was just read, and who tells."""

    header: Header
    units: Sequence[Unit]
    plan: Plan
    rid: str
    troubles: list[Trouble] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Teller:
    """Tells buyers. `chance` gives numbers from 0 to below 1."""

    log: Log
    post: Post
    links: Links
    catalogue: Catalogue
    clock: Callable[[], int]
    chance: Callable[[], float]

    def tell(
        self, header: Header, units: Sequence[Unit], occasion: Occasion, rid: str, until: int | None = None
    ) -> Told:
        """Tell of an occasion, unless that was done. After `until` (epoch ms) nothing more is tried now.

        Raises Unavailable when the log or the keys are away.
        """
        telling = Telling(header, units, self.post.plan(header), rid)
        notes = [self._on(channel, occasion, telling, until) for channel in telling.plan.first]
        if not notes:
            return Told(BY_LINK, frozenset(occasion.about))
        about = frozenset(occasion.about).intersection(*(note.about for note in notes))
        settled = all(note.settled for note in notes)
        return Told(_via(notes), about, settled, tuple(telling.troubles))

    def try_again(self, header: Header, units: Sequence[Unit], note_id: str, rid: str) -> Told:
        """Another try at what is kept, if its time has come and nobody else is at it."""
        telling = Telling(header, units, self.post.plan(header), rid)
        note = self.log.read(header.key, note_id)
        if note is not None:
            self._resume(note, telling)
        return Told(BY_LINK, frozenset(), True, tuple(telling.troubles))

    def _on(self, channel: str, occasion: Occasion, telling: Telling, until: int | None) -> Notification:
        now = self.clock()
        note = Notification(
            key=telling.header.key,
            id=f"{occasion.id}.{channel}",
            kind=occasion.kind,
            channel=channel,
            about=occasion.about,
            claim=telling.rid,
            until=now + LEASE,
            created_at=now,
        )
        if until is not None and now >= until:
            note = replace(note, claim="", until=0, due=now)
            return self.log.begin(note, self._actor(telling))
        kept = self.log.begin(note, self._actor(telling))
        return self._try(note, telling) if kept == note else self._resume(kept, telling)

    def _resume(self, note: Notification, telling: Telling) -> Notification:
        """Go on with a notification that was begun before, if it is free."""
        now = self.clock()
        if not note.free(now):
            return note
        mine = note.claimed(telling.rid, now)
        if mine.exhausted:
            trouble = Trouble(note.channel, "no_answer", True)
            return self._keep(note, note.given_up(now), telling, trouble)
        if not self.log.change(note, mine, self._actor(telling)):
            return self.log.read(note.key, note.id) or note
        return self._try(mine, telling)

    def _try(self, note: Notification, telling: Telling) -> Notification:
        """Send what was claimed, and keep how it went."""
        held = [unit for unit in telling.units if unit.holds_card and mark(unit) in note.about]
        if not held:
            return self._keep(note, note.ended(None, Status.OVER), telling)
        notice = self._notice(note.kind, telling, held)
        began = self.clock()
        try:
            sent = self.post.send(note.channel, notice, note.message_id(telling.header.seq))
        except Refused as refused:
            return self._refused(note, refused, began, telling)
        except Unavailable as away:
            reason = _reason(away)
            attempt = Attempt(began, "unavailable", reason, self.clock() - began, telling.rid)
            asked = int(away.evidence.get("wait") or 0)
            after = note.unavailable(attempt, away.detail, jitter=self.chance(), asked=asked)
            return self._keep(note, after, telling, Trouble(note.channel, reason, not after.open))
        attempt = Attempt(began, "sent", "", self.clock() - began, telling.rid)
        return self._keep(note, note.ended(attempt, Status.SENT, provider_id=sent), telling)

    def _refused(self, note: Notification, refused: Refused, began: int, telling: Telling) -> Notification:
        """Final. The other channel is begun first, so that a crash in between loses neither."""
        took = self.clock() - began
        if telling.plan.fallback and note.channel in telling.plan.first:
            occasion = Occasion(note.id.removesuffix(f".{note.channel}"), note.kind, note.about)
            self._on(telling.plan.fallback, occasion, telling, None)
        reason = _reason(refused)
        attempt = Attempt(began, "refused", reason, took, telling.rid)
        after = note.ended(attempt, Status.REFUSED, reason=refused.detail)
        return self._keep(note, after, telling, Trouble(note.channel, reason, True))

    def _keep(
        self, seen: Notification, after: Notification, telling: Telling, trouble: Trouble | None = None
    ) -> Notification:
        if not self.log.change(seen, after, self._actor(telling)):
            # The lease ran out and somebody else went on: what they find counts.
            return self.log.read(seen.key, seen.id) or after
        if trouble is not None:
            telling.troubles.append(trouble)
        return after

    def _notice(self, kind: str, telling: Telling, about: Sequence[Unit]) -> Notice:
        """What to tell; the link was kept before."""
        header = telling.header
        live = [unit for unit in telling.units if not unit.ended]
        return Notice(
            kind=kind,
            header=header,
            tenant=self.catalogue.tenant(header.key.tenant),
            link=self.links.link_of(header),
            code=self.links.code_of(header),
            items=Counter(unit.sku for unit in about),
            delivered=sum(unit.holds_card for unit in live),
            total=promised(header, telling.units),
            expires_at=self.clock() + LINK_DAYS * DAY,
        )

    def _actor(self, telling: Telling) -> Actor:
        return Actor("delivery", self.clock(), telling.rid)


def _via(notes: Sequence[Notification]) -> str:
    """`mail:<provider's id>`, `mail` while it is to be tried again, `link` when there is nothing else."""
    sent = [f"{note.channel}:{note.provider_id}" for note in notes if note.status is Status.SENT]
    waiting = [note.channel for note in notes if note.open]
    return " ".join(sent or waiting) or BY_LINK


def _reason(error: Refused | Unavailable) -> str:
    """The class of an error, for statistics; never what the other side wrote."""
    return str(error.evidence.get("reason") or error.code)
