"""What stands in the place of boto3's low-level client: the methods the product calls, and no others."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import TYPE_CHECKING, Any

from tests.simulation.engine.calls import Answer, Call, Hook
from tests.simulation.engine.transactions import OPERATION

if TYPE_CHECKING:
    from tests.simulation.engine.core import Engine


class Client:
    """Every call passes its hook. `name` begins the tokens of its transactions, as the SDK adds one to each;
    without a name there are none."""

    def __init__(self, engine: Engine, hook: Hook, name: str) -> None:
        self.engine, self.hook, self._name = engine, hook, name
        self._numbers = count(1)

    def get_item(self, **request: Any) -> Answer:
        return self._call("GetItem", request)

    def put_item(self, **request: Any) -> Answer:
        return self._call("PutItem", request)

    def update_item(self, **request: Any) -> Answer:
        return self._call("UpdateItem", request)

    def delete_item(self, **request: Any) -> Answer:
        return self._call("DeleteItem", request)

    def query(self, **request: Any) -> Answer:
        return self._call("Query", request)

    def scan(self, **request: Any) -> Answer:
        return self._call("Scan", request)

    def batch_get_item(self, **request: Any) -> Answer:
        return self._call("BatchGetItem", request)

    def batch_write_item(self, **request: Any) -> Answer:
        return self._call("BatchWriteItem", request)

    def transact_write_items(self, **request: Any) -> Answer:
        if self._name:
            request.setdefault("ClientRequestToken", f"{self._name}-{next(self._numbers)}")
        else:
            request.pop("ClientRequestToken", None)
        return self._call(OPERATION, request)

    def get_paginator(self, operation: str) -> Pages:
        if operation not in ("query", "scan"):
            raise NotImplementedError(f"pages of {operation}")
        return Pages(self, operation)

    def close(self) -> None:
        """There is no connection."""

    def __getattr__(self, name: str) -> Any:
        raise NotImplementedError(f"the engine's client has no {name}")

    def _call(self, operation: str, request: dict[str, Any]) -> Answer:
        return self.hook(Call(self.engine, operation, request))


class Pages:
    """A paginator: each page is a call of its own."""

    def __init__(self, client: Client, operation: str) -> None:
        self._call = getattr(client, operation)

    def paginate(self, **request: Any) -> Iterator[Answer]:
        while True:
            page = self._call(**request)
            yield page
            if "LastEvaluatedKey" not in page:
                return
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]
