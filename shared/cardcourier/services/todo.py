"""The to-do list: everything that waits for a person, who sees to it, and what was said to it."""

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from cardcourier.domain.kept import Page
from cardcourier.domain.marks import UNMARKED, Mark
from cardcourier.domain.orders import OrderKey
from cardcourier.domain.protocol import Actor
from cardcourier.domain.timeline import OrderHistory
from cardcourier.domain.todo import KINDS, SETTLED_BY_WORD, Task, TaskId, read_task_id, tasks_of
from cardcourier.errors import Conflict, NotFound, Refused

DAY = 86_400_000
MOST_DAYS_ASLEEP = 90
MOST_LOOKED_AT = 2_000


class History(Protocol):
    def read(self, key: OrderKey) -> OrderHistory | None: ...


class Rows(Protocol):
    def replace(self, key: OrderKey, listed_at: int, tasks: Iterable[Task]) -> None: ...
    def tasks(self, tenant: str, after: str) -> Iterator[Task]: ...


class Marks(Protocol):
    def of_no_order(self, tenant: str) -> dict[tuple[str, str], Mark]: ...
    def change(self, tenant: str, task: TaskId, seen: Mark, after: Mark, actor: Actor) -> bool: ...


class Source(Protocol):
    """Tasks that belong to no order; few, and listed whole."""

    def tasks(self, tenant: str) -> Iterable[Task]: ...


class People(Protocol):
    def knows(self, tenant: str, name: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class TaskLister:
    """Writes the rows of orders' tasks anew from what is kept of them."""

    history: History
    rows: Rows

    def refresh(self, wanted: Iterable[OrderKey]) -> None:
        for key in wanted:
            history = self.history.read(key)
            if history is not None:
                self.rows.replace(key, history.header.listed_at, tasks_of(history))


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """`asleep` takes those that sleep as well; an empty `kind` or `assignee` takes all."""

    kind: str = ""
    assignee: str = ""
    asleep: bool = False

    def takes(self, task: Task, now: int) -> bool:
        if self.kind not in ("", task.id.kind) or self.assignee not in ("", task.mark.assignee):
            return False
        return self.asleep or not task.sleeps(now)


@dataclass(frozen=True, slots=True)
class Load:
    """How many tasks of a kind wait, since when the oldest (epoch ms), and the money by currency."""

    count: int
    oldest: int
    amounts: dict[str, int]


@dataclass(frozen=True, slots=True)
class TodoDesk:
    """The to-do list of one tenant at a time."""

    history: History
    rows: Rows
    sources: Sequence[Source]
    marks: Marks
    people: People
    clock: Callable[[], int]

    def page(self, tenant: str, wanted: TaskFilter, after: str, limit: int) -> Page[Task]:
        """Tasks that fit, the oldest first. A page may be short, or empty, and yet go on.

        Raises Refused for a kind that there is not.
        """
        self._check_kind(wanted.kind)
        now, found, place = self.clock(), list[Task](), after
        for looked_at, task in enumerate(self._all(tenant, after), start=1):
            place = task.place
            if wanted.takes(task, now):
                found.append(task)
            if len(found) == limit or looked_at == MOST_LOOKED_AT:
                return Page(tuple(found), place)
        return Page(tuple(found))

    def load(self, tenant: str) -> tuple[dict[str, Load], bool]:
        """What waits now by kind, and whether there is more than was looked at."""
        now, loads = self.clock(), dict[str, Load]()
        for looked_at, task in enumerate(self._all(tenant, "")):
            if looked_at == MOST_LOOKED_AT:
                return loads, True
            if not task.sleeps(now):
                loads[task.id.kind] = _with(loads.get(task.id.kind), task)
        return loads, False

    def assign(self, tenant: str, task_id: str, to: str, actor: Actor) -> Task:
        """Say who sees to it; nobody when `to` is empty. Raises NotFound, Refused, Conflict."""
        if to and not self.people.knows(tenant, to):
            raise Refused("no_such_user", f"Nobody called {to} may sign in here; see the list of users.")
        task = self._open(tenant, task_id)
        return self._say(tenant, task, replace(task.mark, assignee=to, why=actor.why), actor)

    def snooze(self, tenant: str, task_id: str, until: int, actor: Actor) -> Task:
        """Let it sleep until then (epoch ms); a time that is over wakes it. Raises as `assign`."""
        if until > self.clock() + MOST_DAYS_ASLEEP * DAY:
            raise Refused("too_long", f"A task sleeps {MOST_DAYS_ASLEEP} days at most.")
        task = self._open(tenant, task_id)
        return self._say(tenant, task, replace(task.mark, until=until, why=actor.why), actor)

    def settle(self, tenant: str, task_id: str, actor: Actor) -> Task:
        """Say that it is done, and how. Raises as `assign`; Conflict where its cause must end it."""
        task = self._open(tenant, task_id)
        kind = task.id.kind
        if kind not in SETTLED_BY_WORD:
            raise Conflict("cause_remains", f"This ends with its cause only ({KINDS[kind]}).")
        return self._say(tenant, task, replace(task.mark, settled=True, why=actor.why), actor)

    def _say(self, tenant: str, task: Task, after: Mark, actor: Actor) -> Task:
        said = replace(after, ver=task.mark.ver + 1)
        if not self.marks.change(tenant, task.id, task.mark, said, actor):
            raise Conflict("changed_meanwhile", "Somebody else dealt with this task meanwhile; look again.")
        return replace(task, mark=said)

    def _open(self, tenant: str, text: str) -> Task:
        """The task as it is now, out of what is kept, for its row may lag behind."""
        try:
            task_id = read_task_id(text)
        except ValueError as error:
            raise NotFound("not_found", "There is no such task.") from error
        key = task_id.order_of(tenant)
        history = self.history.read(key) if key else None
        tasks = tasks_of(history) if history else () if key else self._of_no_order(tenant)
        found = next((task for task in tasks if task.id == task_id), None)
        if found is None:
            raise NotFound("not_found", "There is no such task, or it is done.")
        return found

    def _all(self, tenant: str, after: str) -> Iterator[Task]:
        others = (task for task in self._of_no_order(tenant) if task.place > after)
        return heapq.merge(self.rows.tasks(tenant, after), others, key=lambda task: task.place)

    def _of_no_order(self, tenant: str) -> list[Task]:
        tasks = [task for source in self.sources for task in source.tasks(tenant)]
        marks = self.marks.of_no_order(tenant) if tasks else {}
        marked = (replace(task, mark=marks.get((task.id.kind, task.id.ref), UNMARKED)) for task in tasks)
        return sorted((task for task in marked if not task.mark.settled), key=lambda task: task.place)

    def _check_kind(self, kind: str) -> None:
        if kind and kind not in KINDS:
            raise Refused("bad_kind", f"kind must be one of {', '.join(KINDS)}.")


def _with(load: Load | None, task: Task) -> Load:
    before = load or Load(0, task.since, {})
    amounts = dict(before.amounts)
    if task.amount is not None:
        amounts[task.currency] = amounts.get(task.currency, 0) + task.amount
    return Load(before.count + 1, min(before.oldest, task.since), amounts)
