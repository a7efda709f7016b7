"""A beacon in two tables, by which a main table that was restored alone is recognised.

thing    table      pk       sk        holds
beacon   main       C#-      BEACON    at: when it was lit last
beacon   journal    SEAL#-   BEACON    at: the same or earlier
"""

from dataclasses import dataclass

from cardcourier.adapters.tables import keys
from cardcourier.adapters.tables.keys import Key
from cardcourier.adapters.tables.records import Record
from cardcourier.adapters.tables.writes import Change, ConditionFailed, Table

MAIN: Key = (keys.catalogue("-"), "BEACON")
JOURNAL: Key = ("SEAL#-", "BEACON")


@dataclass(frozen=True, slots=True)
class Beacon:
    """Lit in main first, then in the journal: so main is never behind, unless it was set back."""

    main: Table
    journal: Table

    def main_is_behind(self) -> bool:
        """Whether main knows less than the journal does."""
        journal, main = _read(self.journal, JOURNAL), _read(self.main, MAIN)
        return main < journal

    def light(self, now: int) -> None:
        """Say that both were seen together at `now` (epoch ms); a later one stays."""
        _light(self.main, MAIN, now)
        _light(self.journal, JOURNAL, now)


def _read(table: Table, key: Key) -> int:
    item = table.get(key)
    return int(item["at"]["N"]) if item else 0


def _light(table: Table, key: Key, now: int) -> None:
    try:
        table.write(Change(key, [Record.at.set(now)], Record.at.does_not_exist() | (Record.at < now)))
    except ConditionFailed:
        return
