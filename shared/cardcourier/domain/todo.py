"""What waits for a person: tasks, derived from what is kept of an order, and what a person said to them.

A task has no state of its own. It is there while its cause is, and goes with it: a held order that is
approved, a notification that is sent. Only what has no end by itself, such as money that came twice, ends by
a person's word. Who sees to a task, until when it sleeps and whether it is settled is its mark.
"""

import base64
import binascii
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from cardcourier.domain.changes import Changed, Image
from cardcourier.domain.disputes import OPEN
from cardcourier.domain.marks import UNMARKED, Mark
from cardcourier.domain.orders import Header, OrderKey, Unit, everything_stopped
from cardcourier.domain.states import HANDED_OVER, Room, State
from cardcourier.domain.timeline import CHARGEBACK, PAY, REFUND, KeptFact, OrderHistory

HELD = {
    Room.AMOUNT: "held_amount",
    Room.MAP: "held_mapping",
    Room.RISK: "held_risk",
}
"""What an order waits for in each room that a person empties."""

PAID_AGAIN, MONEY_OWED, NOT_TOLD, NOT_UNDERSTOOD = "paid_again", "money_owed", "not_told", "not_understood"
ASKED, DISPUTED = "refund_asked", "disputed"
KINDS: dict[str, str] = {
    "held_amount": "paid in another amount, currency or quantity than agreed: approve or cancel",
    "held_mapping": "nobody said what the shop's item is: map it, or say that it is not ours",
    "held_risk": "the rules stopped it: approve or reject",
    PAID_AGAIN: "a further payment came: pay back what is too much, then say so",
    MONEY_OWED: "everything was cancelled, and the money is still here: pay it back, then say so",
    ASKED: "money was given back, and nobody knows for which pieces: say which of them end, maybe none",
    DISPUTED: "a chargeback is disputed and cards are kept for it: say whether it was won or lost",
    NOT_TOLD: "the buyer could not be told: try again, or take it off the list",
    NOT_UNDERSTOOD: "a shop's signed notification could not be read: look at it, then say so",
}
"""Every kind of task, with what ends it."""

SETTLED_BY_WORD = frozenset({PAID_AGAIN, MONEY_OWED, NOT_UNDERSTOOD})
"""Kinds that end when a person says so; the others end with their cause."""


@dataclass(frozen=True, slots=True)
class TaskId:
    """Names a task: what kind, of which order (empty ids for none), and of what in it."""

    kind: str
    shop: str
    order: str
    ref: str = ""

    def order_of(self, tenant: str) -> OrderKey | None:
        return OrderKey(tenant, self.shop, self.order) if self.order else None

    def text(self) -> str:
        """As it travels: opaque, and harmless in an address."""
        told = json.dumps(
            [self.kind, self.shop, self.order, self.ref], ensure_ascii=False, separators=(",", ":")
        )
        return base64.urlsafe_b64encode(told.encode()).decode().rstrip("=")


def read_task_id(text: str) -> TaskId:
    """Raises ValueError for what names no task."""
    try:
        told = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error) as error:
        raise ValueError("no task") from error
    match told:
        case [str(kind), str(shop), str(order), str(ref)] if kind in KINDS and bool(shop) == bool(order):
            if not any("#" in word or "\x00" in word for word in (shop, order)):
                return TaskId(kind, shop, order, ref)
    raise ValueError("no task")


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One thing that waits for a person, since `since` (epoch ms).

    `about` names the product, listing or notification, `detail` says why; `amount` is the money it is about,
    in minor units of `currency`, None where it is about none. `place` sorts lists: the oldest order first.
    """

    id: TaskId
    since: int
    about: str = ""
    detail: str = ""
    amount: int | None = None
    currency: str = ""
    mark: Mark = UNMARKED
    place: str = ""

    def sleeps(self, now: int) -> bool:
        return self.mark.until > now


def tasks_of(history: OrderHistory) -> list[Task]:
    """Everything of an order that waits for a person, each with its mark; what is settled is left out."""
    tasks = [
        *_held(history.header, history.units),
        *_money(history),
        *_asked(history),
        *_disputed(history),
        *_untold(history),
    ]
    marked = (replace(task, mark=history.marks.get((task.id.kind, task.id.ref), UNMARKED)) for task in tasks)
    return [task for task in marked if not task.mark.settled]


def concerns_people(change: Changed) -> bool:
    """Whether a change of an order's item may begin or end a task, or change what people said to one."""
    return change.of_order and any(_concerns(image) for image in (change.before, change.after) if image)


def _concerns(image: Image) -> bool:
    match image.get("kind"):
        case "unit":
            return image.get("st") == State.HELD
        case "order":
            stopped = bool(image.get("stops")) and image.get("paid_at") is not None
            return stopped or bool(image.get("asked"))
        case "notification":
            return image.get("noticed") is False
        case "fact" | "task":
            return True
    return False


def _held(header: Header, units: Iterable[Unit]) -> Iterator[Task]:
    rooms: dict[Room, list[Unit]] = {}
    for unit in units:
        if unit.state is State.HELD and unit.room in HELD:
            rooms.setdefault(unit.room, []).append(unit)
    for room, held in rooms.items():
        first = min(held, key=lambda unit: (unit.at, unit.name))
        yield _task(
            header,
            HELD[room],
            since=first.at,
            about=first.sku or first.ref,
            detail=first.why,
            amount=header.amount,
            currency=header.currency,
        )


def _money(history: OrderHistory) -> Iterator[Task]:
    header = history.header
    for fact in history.facts:
        if fact.kind == PAY:
            yield _task(
                header, PAID_AGAIN, ref=fact.id, since=fact.at, amount=fact.amount, currency=fact.currency
            )
    owed = header.amount - _given_back(history.facts, header.amount)
    untouched = not any(unit.state in HANDED_OVER for unit in history.units)
    if header.paid and everything_stopped(header) and untouched and owed > 0:
        since = max((fact.at for fact in history.facts if fact.kind != PAY), default=header.listed_at)
        yield _task(header, MONEY_OWED, since=since, amount=owed, currency=header.currency)


def _asked(history: OrderHistory) -> Iterator[Task]:
    header = history.header
    for fact in history.facts:
        if (name := f"{fact.kind}/{fact.id}") in header.asked:
            yield _task(
                header, ASKED, ref=name, since=fact.at, amount=fact.amount, currency=fact.currency or ""
            )


def _disputed(history: OrderHistory) -> Iterator[Task]:
    header = history.header
    kept = any(unit.state is State.DISPUTED for unit in history.units)
    if header.dispute == OPEN and kept:
        told = [fact for fact in history.facts if fact.kind == CHARGEBACK]
        since = min((fact.at for fact in told), default=header.listed_at)
        amount = sum(fact.amount or 0 for fact in told)
        yield _task(header, DISPUTED, since=since, amount=amount, currency=header.currency)


def _given_back(facts: Iterable[KeptFact], paid: int) -> int:
    """What refunds and chargebacks gave back; one that names no amount gave back everything."""
    back = [fact.amount for fact in facts if fact.kind in (REFUND, CHARGEBACK)]
    return paid if None in back else sum(amount or 0 for amount in back)


def _untold(history: OrderHistory) -> Iterator[Task]:
    for note in history.notifications:
        if not note.noticed:
            since = note.attempts[-1].at if note.attempts else note.created_at
            yield _task(
                history.header, NOT_TOLD, ref=note.id, since=since, about=note.channel, detail=note.reason
            )


def _task(
    header: Header,
    kind: str,
    *,
    since: int,
    ref: str = "",
    about: str = "",
    detail: str = "",
    amount: int | None = None,
    currency: str = "",
) -> Task:
    key = header.key
    return Task(
        id=TaskId(kind, key.shop, key.order, ref),
        since=since,
        about=about,
        detail=detail,
        amount=amount,
        currency=currency,
        place=f"{header.listed_at:013d}#{key.shop}#{key.order}#{kind}#{ref}",
    )
