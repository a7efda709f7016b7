"""What follows from a change in the main table: journal lines, list rows, deliveries."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from cardcourier.domain.changes import Changed
from cardcourier.domain.journal import JournalLine, lines_of
from cardcourier.domain.orders import Header, OrderKey, Unit
from cardcourier.domain.todo import concerns_people
from cardcourier.domain.views import OrderRow, order_row


class Journal(Protocol):
    def put_lines(self, lines: Iterable[JournalLine], *, now: int) -> None: ...


class Orders(Protocol):
    def snapshots(self, wanted: Iterable[OrderKey]) -> Mapping[OrderKey, tuple[Header, list[Unit]]]: ...


class Views(Protocol):
    def put_orders(self, rows: Iterable[OrderRow]) -> None: ...
    def put_last4(self, rows: Iterable[tuple[str, OrderKey, str, int]]) -> None: ...
    def put_outcomes(self, rows: Iterable[tuple[str, str, str, str]]) -> None: ...
    def put_claims(self, rows: Iterable[tuple[OrderKey, str, str, str]]) -> None: ...
    def put_sales(self, rows: Iterable[tuple[str, str, int]]) -> None: ...


class Announcements(Protocol):
    """Tells merchants' systems what happened."""

    def announce(
        self,
        told: Sequence[tuple[Changed, Sequence[JournalLine]]],
        orders: Mapping[OrderKey, tuple[Header, list[Unit]]],
    ) -> int: ...


class Tasks(Protocol):
    """Lists what of an order waits for a person."""

    def refresh(self, wanted: Iterable[OrderKey]) -> None: ...


class Deliveries(Protocol):
    def deliver(self, wanted: Sequence[OrderKey]) -> None: ...


@dataclass(frozen=True, slots=True)
class Projector:
    """Writes journal lines, list rows and events; the same changes again write the same again.

    Of a canary the journal lines are all: people see nothing of it.
    """

    journal: Journal
    orders: Orders
    views: Views
    announcements: Announcements
    tasks: Tasks
    clock: Callable[[], int]

    def project(self, changes: Sequence[Changed]) -> int:
        """Returns how many journal lines followed."""
        told = [(change, lines_of(change.before, change.after, change.key)) for change in changes]
        lines = [line for _, of_change in told for line in of_change]
        self.journal.put_lines(lines, now=self.clock())
        self._show([(change, of_change) for change, of_change in told if not change.of_canary])
        return len(lines)

    def _show(self, told: Sequence[tuple[Changed, Sequence[JournalLine]]]) -> None:
        changes = [change for change, _ in told]
        # A timer that went or was pushed shows in no list.
        touched = list(
            dict.fromkeys(change.order for change, of_change in told if of_change and change.of_order)
        )
        found = self.orders.snapshots(touched)
        self.views.put_orders([order_row(header, units) for header, units in found.values()])
        self.views.put_last4(
            [
                (str(c.after["l4"]), c.order, str(c.key["sk"]).removeprefix("U#"), int(c.after["at"]))
                for c in changes
                if c.newly_allocated and c.after and c.after.get("l4")
            ]
        )
        self.views.put_outcomes(list(_outcomes(changes)))
        self.views.put_claims(list(_claims(changes)))
        self.views.put_sales(
            [
                (c.order.tenant, str(c.after["sku"]), int(c.after["at"]))
                for c in changes
                if c.newly_allocated and c.after
            ]
        )
        self.tasks.refresh(list(dict.fromkeys(c.order for c in changes if concerns_people(c))))
        self.announcements.announce(told, found)


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """Asks for the delivery of what was just allocated."""

    deliveries: Deliveries

    def dispatch(self, changes: Sequence[Changed]) -> int:
        """Returns how many orders were asked for."""
        wanted = list(dict.fromkeys(change.order for change in changes if change.newly_allocated))
        self.deliveries.deliver(wanted)
        return len(wanted)


def _outcomes(changes: Sequence[Changed]) -> Iterator[tuple[str, str, str, str]]:
    """`(tenant, batch, what, card)`: which cards came to a buyer, and which of them did not work."""
    for change in changes:
        before, after = change.before or {}, change.after or {}
        if change.handed_over and after.get("card"):
            yield change.order.tenant, str(after["batch"]), "D", str(after["card"])
        if change.replaced:
            yield change.order.tenant, str(before["batch"]), "I", str(before["card"])


def _claims(changes: Sequence[Changed]) -> Iterator[tuple[OrderKey, str, str, str]]:
    """`(order, batch, card, claim)` of every claim that was opened."""
    for change in changes:
        after = change.after or {}
        if after.get("kind") == "claim" and change.before is None:
            claim = str(change.key["sk"]).partition("#")[2]
            yield change.order, str(after["batch"]), str(after["card"]), claim
