"""Notice that tables were set back to an earlier second, and close all sales before a card is sold again."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from cardcourier.domain.gates import Gate

BY = "sealer"
REASON = "set back: run `cardcourier ops restore check`"


class Beacon(Protocol):
    def main_is_behind(self) -> bool: ...
    def light(self, now: int) -> None: ...


class Sales(Protocol):
    def close(self, reason: str, by: str, *, stop_reveals: bool = ...) -> Gate: ...


@dataclass(frozen=True, slots=True)
class Watch:
    """`overtaken` says of a tenant whether seals were published that the journal knows nothing of."""

    beacon: Beacon
    overtaken: Callable[[str], bool]
    gate: Callable[[], Gate | None]
    sales: Sales
    clock: Callable[[], int]

    def set_back(self, tenants: Iterable[str]) -> bool:
        """Whether a table was set back; if so, sales are closed now, and nothing may be sealed."""
        if not (self.beacon.main_is_behind() or any(self.overtaken(tenant) for tenant in tenants)):
            self.beacon.light(self.clock())
            return False
        gate = self.gate()
        if gate is None or not gate.paused:
            self.sales.close(REASON, BY, stop_reveals=True)
        return True
