"""The to-do list: whatever waits for a person, oldest first."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import Field

from cardcourier import wiring
from cardcourier.api.idempotency import Repeat
from cardcourier.api.paging import Cursor, Limit, read_cursor, write_cursor
from cardcourier.api.routes import Routes
from cardcourier.api.schemas import GivenMoment, List, LongText, Moment, Money, Shape, Text, money
from cardcourier.clock import now_ms
from cardcourier.domain.protocol import Actor
from cardcourier.domain.todo import KINDS, Task
from cardcourier.services.todo import TaskFilter

routes = Routes("todo")
Reason = Annotated[LongText, Field(min_length=1)]
Id = Annotated[str, Field(min_length=1, max_length=1024, description="`id` of the task.")]


class TaskShape(Shape):
    """One thing that waits, and `ends`: what ends it. `shop` and `order` are empty where it is of no order.

    `about` names the product, listing or message. `reason` is what was last said to it.
    """

    id: str
    kind: str
    ends: str
    since: Moment
    shop: str
    order: str
    about: str
    detail: str
    amount: Money | None
    assignee: str
    asleep_until: Moment | None
    reason: str


class LoadShape(Shape):
    """So many tasks of a kind wait, the oldest `since`; `amounts` are the money they are about."""

    kind: str
    ends: str
    count: int
    since: Moment
    amounts: list[Money]


class LoadsShape(Shape):
    """`more` says that there are more than these."""

    kinds: list[LoadShape]
    more: bool


class Assignment(Shape):
    """`to` is `me`, a user (`user:<id>`), a key (`key:<id>`), or empty for nobody."""

    task: Id
    to: Text
    reason: LongText = ""


class Snooze(Shape):
    """At most 90 days; a time that is over wakes the task."""

    task: Id
    until: GivenMoment
    reason: Reason


class Settlement(Shape):
    """`reason` says what was done, such as how the money went back."""

    task: Id
    reason: Reason


@routes.on("GET", "/v1/todo", "What waits for a person, the oldest first", scope="orders:read")
def tasks(
    kind: Annotated[str, Query(max_length=40)] = "",
    assignee: Annotated[str, Query(max_length=80)] = "",
    asleep: bool = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> List[TaskShape]:
    """`assignee` may be `me`; `asleep` shows those that sleep too. A page may be short while it goes on.

    An order appears and goes a second or two after it was held or let go.
    """
    wanted = TaskFilter(kind, _whom(assignee), asleep)
    after = read_cursor("todo", cursor) or ""
    page = wiring.todo_desk().page(routes.caller.tenant, wanted, after, limit)
    return List(items=[_shape(task) for task in page.items], next_cursor=write_cursor("todo", page.next))


@routes.on("GET", "/v1/todo/load", "How much waits, by kind", scope="orders:read")
def load() -> LoadsShape:
    """Of the oldest 2,000; what sleeps does not count."""
    loads, more = wiring.todo_desk().load(routes.caller.tenant)
    kinds = [
        LoadShape(
            kind=kind,
            ends=KINDS[kind],
            count=loads[kind].count,
            since=loads[kind].oldest,
            amounts=[money(amount, currency) for currency, amount in sorted(loads[kind].amounts.items())],
        )
        for kind in KINDS
        if kind in loads
    ]
    return LoadsShape(kinds=kinds, more=more)


@routes.on("POST", "/v1/todo/assign", "Say who sees to a task", scope="orders:act", repeat=Repeat.ANSWER)
def assign(body: Assignment) -> TaskShape:
    desk, caller = wiring.todo_desk(), routes.caller
    return _shape(desk.assign(caller.tenant, body.task, _whom(body.to), _actor(body.reason)))


@routes.on("POST", "/v1/todo/snooze", "Let a task sleep", scope="orders:act", repeat=Repeat.ANSWER)
def snooze(body: Snooze) -> TaskShape:
    desk = wiring.todo_desk()
    return _shape(desk.snooze(routes.caller.tenant, body.task, body.until, _actor(body.reason)))


@routes.on("POST", "/v1/todo/settle", "Say that a task is done", scope="orders:act", repeat=Repeat.ANSWER)
def settle(body: Settlement) -> TaskShape:
    """For what has no end by itself; a held order is approved, cancelled or mapped instead."""
    return _shape(wiring.todo_desk().settle(routes.caller.tenant, body.task, _actor(body.reason)))


def _whom(name: str) -> str:
    return routes.caller.by if name == "me" else name


def _actor(why: str) -> Actor:
    return Actor(routes.caller.by, now_ms(), routes.rid, why)


def _shape(task: Task) -> TaskShape:
    return TaskShape(
        id=task.id.text(),
        kind=task.id.kind,
        ends=KINDS[task.id.kind],
        since=task.since,
        shop=task.id.shop,
        order=task.id.order,
        about=task.about,
        detail=task.detail,
        amount=None if task.amount is None else money(task.amount, task.currency),
        assignee=task.mark.assignee,
        asleep_until=task.mark.until or None,
        reason=task.mark.why,
    )
