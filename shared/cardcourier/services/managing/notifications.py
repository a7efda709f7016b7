"""Notifications as people handle them: look at them, have one tried again, take one off the to-do list."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from cardcourier.domain.kept import Page
from cardcourier.domain.notification import Notification, Status
from cardcourier.domain.orders import OrderKey
from cardcourier.domain.protocol import Actor
from cardcourier.errors import Conflict, NotFound


class Log(Protocol):
    def change(self, seen: Notification, after: Notification, actor: Actor) -> bool: ...
    def read(self, key: OrderKey, note_id: str) -> Notification | None: ...
    def of_order(self, key: OrderKey) -> list[Notification]: ...
    def unnoticed(self, tenant: str, after: str | None, limit: int) -> Page[Notification]: ...


class Deliveries(Protocol):
    def notify(self, wanted: Sequence[tuple[OrderKey, str]]) -> None: ...


@dataclass(frozen=True, slots=True)
class NotificationsDesk:
    """The send log of one tenant at a time."""

    log: Log
    deliveries: Deliveries
    clock: Callable[[], int]

    def try_again(self, key: OrderKey, note_id: str, by: str, rid: str) -> Notification:
        """Have it sent anew, from the first try on. Raises NotFound, Conflict when it went out already."""
        note = self._need(key, note_id)
        if note.status in (Status.SENT, Status.OVER):
            raise Conflict("already_told", "This went out, or there is nothing left to tell of; use resend.")
        now = self.clock()
        # While a worker is at it, its outcome must not be lost.
        if not (note.open and note.claim and now < note.until):
            wanted = note.again(now)
            if not self.log.change(note, wanted, Actor(by, now, rid)):
                raise _changed()
            note = wanted
        self.deliveries.notify([(key, note_id)])
        return note

    def notice(self, key: OrderKey, note_id: str, by: str, rid: str) -> Notification:
        """Take it off the to-do list. Raises NotFound, Conflict."""
        note = self._need(key, note_id)
        if note.noticed:
            return note
        noticed = replace(note, ver=note.ver + 1, noticed=True)
        if not self.log.change(note, noticed, Actor(by, self.clock(), rid)):
            raise _changed()
        return noticed

    def _need(self, key: OrderKey, note_id: str) -> Notification:
        note = self.log.read(key, note_id)
        if note is None:
            raise NotFound("not_found", "There is no such notification.")
        return note


def _changed() -> Conflict:
    return Conflict("changed_meanwhile", "It changed meanwhile; read it again.")
