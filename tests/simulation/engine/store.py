"""Everything the engine holds, and the one way in which it changes."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from tests.simulation.engine.items import Stored
from tests.simulation.engine.schema import Key, TableShape
from tests.simulation.engine.streams import StreamRecord
from tests.simulation.engine.tables import Table
from tests.simulation.engine.weather import Weather


@dataclass(frozen=True, slots=True)
class Change:
    """One item before and after a commit; None while there is no item."""

    table: str
    key: Key
    old: Stored | None
    new: Stored | None


Observer = Callable[[tuple[Change, ...]], None]


class Store:
    """Tables by name, their streams, who looks on, and which items a prepared transaction holds."""

    def __init__(self, shapes: Iterable[TableShape], weather: Weather) -> None:
        self.weather = weather
        self.tables = {shape.name: Table(shape, weather) for shape in shapes}
        self.records: dict[str, list[StreamRecord]] = {
            name: [] for name, table in self.tables.items() if table.shape.streams
        }
        self.observers: list[Observer] = []
        self.held: dict[tuple[str, Key], object] = {}

    def commit(self, parts: Iterable[tuple[Table, Key, Stored | None, Stored | None]]) -> None:
        """Make changes, all at one moment. What changes nothing leaves no trace."""
        changes = []
        for table, key, old, new in parts:
            if old == new:
                continue
            table.change(key, old, new)
            changes.append(Change(table.name, key, old, new))
            if table.shape.streams:
                records = self.records[table.name]
                at = self.weather.now()
                records.append(StreamRecord(table.shape, len(records) + 1, at, key, old, new))
        if changes:
            told = tuple(changes)
            for observer in self.observers:
                observer(told)

    def snapshot(self) -> Any:
        if self.held:
            raise NotImplementedError("a snapshot while transactions are prepared")
        tables = {name: table.snapshot() for name, table in self.tables.items()}
        return tables, {name: len(records) for name, records in self.records.items()}

    def restore(self, state: Any) -> None:
        tables, lengths = state
        for name, table in self.tables.items():
            table.restore(tables[name])
        for name, length in lengths.items():
            del self.records[name][length:]
        self.held.clear()
