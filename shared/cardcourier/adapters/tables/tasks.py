"""Tasks: rows of the to-do list in `views`, and in `main` what people said to them."""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pynamodb.attributes import BooleanAttribute, JSONAttribute, NumberAttribute, UnicodeAttribute

from cardcourier.adapters.tables import keys
from cardcourier.adapters.tables.records import Dated, Record
from cardcourier.adapters.tables.writes import Change, ConditionFailed, Item, Table
from cardcourier.domain.marks import Mark
from cardcourier.domain.orders import OrderKey
from cardcourier.domain.protocol import Actor
from cardcourier.domain.todo import Task, TaskId

LANES = 4
"""A mapping that is missing in a peak makes thousands of tasks; so many keys share them."""

PAGE = 100
KEEP_DAYS = 400
"""For how long a mark stays that goes with no order."""


class TaskRecord(Record):
    kind_of_task = UnicodeAttribute(attr_name="k")
    shop = UnicodeAttribute()
    order = UnicodeAttribute()
    ref = UnicodeAttribute(null=True)
    since = NumberAttribute()
    about = UnicodeAttribute(null=True)
    detail = UnicodeAttribute(null=True)
    amount = NumberAttribute(null=True)
    currency = UnicodeAttribute(null=True)
    mark = JSONAttribute()


class MarkRecord(Dated):
    task = UnicodeAttribute(null=True)
    assignee = UnicodeAttribute(null=True)
    until = NumberAttribute(null=True)
    settled = BooleanAttribute(null=True)


@dataclass(frozen=True, slots=True)
class TasksView:
    """Rows of orders' tasks, oldest order first; they can be rebuilt, and no decision rests on them."""

    table: Table

    def replace(self, key: OrderKey, listed_at: int, tasks: Iterable[Task]) -> None:
        """Leave exactly these rows of an order."""
        pk = keys.tasks(key.tenant, key.spread(LANES))
        wanted = {task.place: task for task in tasks}
        own = (TaskRecord.pk == pk) & TaskRecord.sk.startswith(f"{listed_at:013d}#{key.shop}#{key.order}#")
        there = [item["sk"]["S"] for item in self.table.query(own, ConsistentRead=True)]
        self.table.put_many([_task_record(pk, task) for task in wanted.values()])
        self.table.delete_many((pk, place) for place in there if place not in wanted)

    def tasks(self, tenant: str, after: str) -> Iterator[Task]:
        """From behind the place `after` on."""

        def lane(part: int) -> Iterator[Task]:
            condition = TaskRecord.pk == keys.tasks(tenant, part)
            if after:
                condition = condition & (TaskRecord.sk > after)
            return map(_task, self.table.query(condition, Limit=PAGE))

        yield from heapq.merge(*map(lane, range(LANES)), key=lambda task: task.place)


@dataclass(frozen=True, slots=True)
class MarksTable:
    """What people said to tasks. A mark of an order's task lies with the order and goes to the journal."""

    table: Table

    def of_no_order(self, tenant: str) -> dict[tuple[str, str], Mark]:
        """Marks of tasks that belong to no order, by kind and what it is about."""
        own = (Record.pk == keys.catalogue(tenant)) & Record.sk.startswith("TASK#")
        return dict(map(named_mark, self.table.query(own, ConsistentRead=True)))

    def change(self, tenant: str, task: TaskId, seen: Mark, after: Mark, actor: Actor) -> bool:
        """Say something new to a task. False when somebody did since `seen` was read."""
        record = MarkRecord
        key = keys.mark(tenant, task)
        actions = [
            record.kind.set("task"),
            record.t.set(tenant),
            record.task.set(task.kind),
            record.assignee.set(after.assignee),
            record.until.set(after.until),
            record.settled.set(after.settled),
            record.ver.set(after.ver),
            record.at.set(actor.now),
            record.by.set(actor.by),
            record.why.set(after.why),
            record.rid.set(actor.rid),
        ]
        if task.order:
            actions += [record.shop.set(task.shop), record.order.set(task.order)]
        else:
            actions.append(record.ttl.set(actor.now // 1000 + KEEP_DAYS * 86_400))
        same = record.ver == seen.ver if seen.ver else record.ver.does_not_exist()
        try:
            self.table.write(Change(key, actions, same))
        except ConditionFailed as failed:
            old = failed.old or {}
            return old.get("rid", {}).get("S") == actor.rid and mark_of(old) == after
        return True


def named_mark(item: Item) -> tuple[tuple[str, str], Mark]:
    """A mark with the kind of its task and what the task is about."""
    _, kind, ref = item["sk"]["S"].split("#", 2)
    return (kind, ref), mark_of(item)


def mark_of(item: Item) -> Mark:
    record = MarkRecord.from_raw_data(item)
    return Mark(
        assignee=record.assignee or "",
        until=int(record.until or 0),
        settled=bool(record.settled),
        why=record.why or "",
        ver=int(record.ver or 0),
    )


def _task_record(pk: str, task: Task) -> TaskRecord:
    mark = task.mark
    return TaskRecord(
        pk,
        task.place,
        kind_of_task=task.id.kind,
        shop=task.id.shop,
        order=task.id.order,
        ref=task.id.ref or None,
        since=task.since,
        about=task.about or None,
        detail=task.detail or None,
        amount=task.amount,
        currency=task.currency or None,
        mark={"assignee": mark.assignee, "until": mark.until, "why": mark.why, "ver": mark.ver},
    )


def _task(item: Item) -> Task:
    record = TaskRecord.from_raw_data(item)
    return Task(
        id=TaskId(record.kind_of_task, record.shop, record.order, record.ref or ""),
        since=int(record.since),
        about=record.about or "",
        detail=record.detail or "",
        amount=None if record.amount is None else int(record.amount),
        currency=record.currency or "",
        mark=Mark(**record.mark),
        place=record.sk,
    )
