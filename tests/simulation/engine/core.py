"""The engine as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from local.template import Template
from tests.simulation.engine.calls import Hook, straight
from tests.simulation.engine.client import Client
from tests.simulation.engine.items import Stored
from tests.simulation.engine.operations import SERVED
from tests.simulation.engine.schema import Key, TableShape, tables_of
from tests.simulation.engine.store import Observer, Store
from tests.simulation.engine.streams import StreamRecord
from tests.simulation.engine.transactions import OPERATION, Prepared, Transactions
from tests.simulation.engine.transport import carry
from tests.simulation.engine.weather import Weather


class Engine:
    """Tables in memory. All time and chance come from `weather`, so a run can be repeated."""

    def __init__(self, shapes: Iterable[TableShape], weather: Weather | None = None) -> None:
        self.store = Store(shapes, weather or Weather())
        self.transactions = Transactions(self.store)
        self._clients = 0

    @classmethod
    def of_template(cls, template: Template, weather: Weather | None = None) -> Engine:
        """The template's tables, named by their logical ids."""
        return cls(tables_of(template), weather)

    # -- asking -------------------------------------------------------------------------------------------

    def client(self, hook: Hook = straight, *, tokens: bool = True) -> Client:
        """What stands for boto3's client; without `tokens` the SDK would send none with a transaction."""
        self._clients += 1
        return Client(self, hook, f"client-{self._clients}" if tokens else "")

    def carry(self, client: Any, hook: Hook = straight) -> None:
        """Have a real client of boto3 talk to this engine instead of a network; `hook` is below the SDK."""
        carry(self, client, hook)

    def serve(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a request, or raise what boto3 raises."""
        if operation != OPERATION and operation not in SERVED:
            raise NotImplementedError(operation)
        try:
            if operation == OPERATION:
                return self.transactions.prepare(request).commit()
            return SERVED[operation](self.store, request)
        except ClientError as error:
            error.operation_name = operation
            raise

    def prepare(self, request: Mapping[str, Any]) -> Prepared:
        """The first phase of a transaction: its items are held until it commits or aborts."""
        return self.transactions.prepare(request)

    # -- looking ------------------------------------------------------------------------------------------

    @property
    def observers(self) -> list[Observer]:
        """Told of every commit that changed something, with all its changes."""
        return self.store.observers

    def items(self, table: str) -> Mapping[Key, Stored]:
        """Everything that is committed. Not to be changed."""
        return self.store.tables[table].items

    def records(self, table: str) -> list[StreamRecord]:
        """The table's stream from its beginning; the list grows."""
        return self.store.records[table]

    def snapshot(self) -> Any:
        """All that is held now, at the cost of its keys. Not while a transaction is prepared."""
        return self.store.snapshot(), self.transactions.snapshot()

    def restore(self, state: Any) -> None:
        """Be again as at a snapshot; observers stay."""
        store, transactions = state
        self.store.restore(store)
        self.transactions.restore(transactions)
