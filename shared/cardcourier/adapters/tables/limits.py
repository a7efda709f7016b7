"""Counters of requests, for the minute they belong to."""

from dataclasses import dataclass

from pynamodb.attributes import NumberAttribute

from cardcourier.adapters.tables.records import Record
from cardcourier.adapters.tables.writes import Change, ConditionFailed, Table

ROUNDS = 3


class CounterRecord(Record):
    used = NumberAttribute(null=True)


@dataclass(frozen=True, slots=True)
class LimitsTable:
    table: Table

    def take(self, name: str, wanted: int, most: int, until: int) -> tuple[int, int]:
        """Take up to `wanted` of what is left of `most`: how many were got, and how many are used by all.

        An answer that is lost costs its share, for nobody uses it. `until` in epoch ms.
        """
        key = (f"R#rate#{name}", "USED")
        wanted = min(wanted, most)
        used = 0
        for _ in range(ROUNDS):
            actions = [
                CounterRecord.used.set((CounterRecord.used | 0) + wanted),
                CounterRecord.ttl.set(until // 1000 + 60),
            ]
            enough = CounterRecord.used.does_not_exist() | (CounterRecord.used <= most - wanted)
            try:
                changed = self.table.write(Change(key, actions, enough, "UPDATED_NEW"))
                return wanted, int(changed["used"]["N"])
            except ConditionFailed as failed:
                used = int((failed.old or {})["used"]["N"])
                wanted = min(wanted, most - used)
            if wanted <= 0:
                break
        return 0, used
