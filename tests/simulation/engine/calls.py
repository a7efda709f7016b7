"""One request to the engine, for whoever stands between it and the engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.simulation.engine.transactions import OPERATION, Prepared

if TYPE_CHECKING:
    from tests.simulation.engine.core import Engine

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """`request` is in DynamoDB's own JSON, binary values as bytes."""

    engine: Engine
    operation: str
    request: Mapping[str, Any]

    def send(self) -> Answer:
        """Have it served now. Once more is a repeat as the SDK makes it, under the same token."""
        return self.engine.serve(self.operation, self.request)

    def prepare(self) -> Prepared:
        """The first phase of a transaction."""
        if self.operation != OPERATION:
            raise NotImplementedError(f"{self.operation} has one phase")
        return self.engine.prepare(self.request)


Hook = Callable[[Call], Answer]


def straight(call: Call) -> Answer:
    """The hook of an undisturbed network."""
    return call.send()
