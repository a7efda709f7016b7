"""A model of DynamoDB's capacity and conflicts, and of the SDK in front of it.

A transaction looks at its items when it arrives: each costs two units per kilobyte on its own partition, also
when the transaction fails. An item that another transaction has under way is a conflict. Then conditions
are judged, and the items stay locked until the commit. What is stored lies with the caller (`Part.holds`,
`Part.commit`): the model decides only whether and when.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from bench.scale.latencies import CPU, Latencies
from bench.scale.partitions import Partitions
from bench.scale.timeline import Timeline
from cardcourier.errors import Unavailable

ARRIVES, COMMITS = 0.4, 0.75
"""Shares of a call's time after which it reaches its items, and after which it is done there."""

ATTEMPTS = 3
QUOTA, RETRY_COSTS = 500, 5
"""The SDK's standard mode: so many attempts, and a budget of retries for each client."""

NONE, THROTTLED, CONFLICT, FAILED = "None", "ThrottlingError", "TransactionConflict", "ConditionalCheckFailed"


@dataclass(slots=True)
class Part:
    """One item that is written. `index` names the places in the due index that the write touches."""

    pk: str
    item: Hashable
    holds: Callable[[], bool]
    commit: Callable[[], Any]
    units: float = 1
    index: tuple[str, ...] = ()


@dataclass
class Database:
    """The main table with its index `due`; the other tables never hold anybody up here."""

    timeline: Timeline
    random: Random
    main: Partitions
    due: Partitions
    latencies: Latencies = field(init=False)
    locked: set[Hashable] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.latencies = Latencies(self.random)

    def admits(self, part: Part, times: int) -> bool:
        """Whether the partitions take a write; an index that is full holds its table up."""
        now = self.timeline.now
        taken = self.main.write(part.pk, part.units * times, now)
        for key in part.index:
            taken = self.due.write(key, 1, now) and taken
        self.counts["throttled writes"] += not taken
        return taken

    def load(self, pk: str, units: float, index: Sequence[str] = ()) -> None:
        """What others write beside the calls that are followed one by one."""
        if not self.main.write(pk, units, self.timeline.now):
            self.counts["other writes throttled"] += 1
        for key in index:
            self.due.write(key, 1, self.timeline.now)


class Client:
    """The SDK in one environment: its processor, its attempts, its budget of retries."""

    def __init__(self, database: Database, random: Random) -> None:
        self._db, self._random = database, random
        self._free_at, self._quota = 0.0, QUOTA

    def transact(self, *parts: Part) -> list[str]:
        """Write all or none; empty when it was done, else a reason for each part."""
        took = self._begin("TransactWriteItems")
        db, timeline = self._db, self._db.timeline
        reasons = [NONE if db.admits(part, 2) else THROTTLED for part in parts]
        if not any(reason is THROTTLED for reason in reasons):
            reasons = [self._judge(part) for part in parts]
        if any(reason is not NONE for reason in reasons):
            db.counts[next(reason for reason in reasons if reason is not NONE)] += 1
            timeline.sleep(took * (1 - ARRIVES))
            return reasons
        db.locked.update(part.item for part in parts)
        timeline.sleep(took * (COMMITS - ARRIVES))
        for part in parts:
            part.commit()
            db.locked.discard(part.item)
        timeline.sleep(took * (1 - COMMITS))
        return []

    def _judge(self, part: Part) -> str:
        if part.item in self._db.locked:
            return CONFLICT
        return NONE if part.holds() else FAILED

    def write(self, call: str, part: Part) -> bool:
        """One conditional write; whether its condition held. The SDK retries what was throttled."""

        def send() -> bool:
            held = part.holds() and part.item not in self._db.locked
            if held:
                part.commit()
            return held

        return bool(self._ask(call, lambda: self._db.admits(part, 1), send))

    def read(self, call: str, pk: str, units: float, look: Callable[[], Any]) -> Any:
        """One read; `look` is what is there when it arrives."""
        now = self._db.timeline
        return self._ask(call, lambda: self._db.main.read(pk, units, now.now), look)

    def read_index(self, key: str, units: float, look: Callable[[], Any]) -> Any:
        now = self._db.timeline
        return self._ask("Query", lambda: self._db.due.read(key, units, now.now), look)

    def work(self, milliseconds: float) -> None:
        """Use the processor for something else than a call."""
        db = self._db
        self._free_at = max(db.timeline.now, self._free_at) + milliseconds
        db.timeline.sleep(self._free_at - db.timeline.now)

    def elsewhere(self, call: str) -> None:
        """A call to another table or a queue, which takes its time and is never refused."""
        self._ask(call, lambda: True, lambda: None)

    def _ask(self, call: str, admitted: Callable[[], bool], act: Callable[[], Any]) -> Any:
        timeline = self._db.timeline
        for attempt in range(ATTEMPTS):
            took = self._begin(call)
            if admitted():
                answer = act()
                timeline.sleep(took * (1 - ARRIVES))
                self._quota = min(QUOTA, self._quota + (RETRY_COSTS if attempt else 1))
                return answer
            self._db.counts["throttled calls"] += 1
            timeline.sleep(took * (1 - ARRIVES))
            if attempt + 1 == ATTEMPTS or self._quota < RETRY_COSTS:
                break
            self._quota -= RETRY_COSTS
            timeline.sleep(self._random.random() * 2**attempt * 1000)
        raise Unavailable("table_unavailable", "The table is busy.")

    def _begin(self, call: str) -> float:
        """Use the processor, and travel; returns how long the whole call takes."""
        db = self._db
        db.counts[call] += 1
        took = db.latencies.draw(call)
        ready = max(db.timeline.now, self._free_at) + CPU
        self._free_at = ready
        db.timeline.sleep(ready - db.timeline.now + took * ARRIVES)
        return took
