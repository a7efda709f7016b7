"""What people still do once all is at rest: open what is closed, and bring one card for several who wait."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.simulation.invariants.reading import number, text
from tests.simulation.violations import must


@dataclass
class Amnesty:
    """In every other run all gates are opened in the end, so that nobody may wait behind one."""

    world: object
    people: object

    def open(self) -> bool:
        if self.world.seed % 2:
            return False
        closed = [what for what, versions in self.world.watch.gates.history.items() if versions[-1][1]]
        for what in closed:
            self._open(*what)
        return bool(closed)

    def _open(self, what: str, name: str = "", sku: str = "") -> None:
        if what == "gate":
            self.people.resume("all", "", "")
        elif what == "shop":
            self.people.resume("shop", name.removesuffix("-own"), "")
        else:
            self.people.resume(what, name, sku)


@dataclass
class LastCard:
    """One card comes for several who wait for it: whoever paid first gets it, and nobody else."""

    world: object
    people: object

    @contextmanager
    def of_a_room(self) -> Iterator[bool]:
        """Import one card for a room of several orders, if there is one; judge once all is at rest again."""
        watch = self.world.watch
        for (tenant, room, sku), there in sorted(watch.units.rooms.items()):
            dues = {key: number(watch.items()[key], "due") for key in there}
            if (
                room == "BACK"
                and sku != "FIXED"
                and len(set(dues.values())) > 1
                and self._is_open(tenant, dues, sku)
            ):
                self.world.seen["act", "a last card"] += 1
                uses = 1 if sku == "SHARED" else None
                self.people.bring_in(tenant, sku, self.people.fresh_codes(tenant, sku, 1), uses)
                yield True
                return self._judge(dues)
        yield False

    def _is_open(self, tenant: str, dues, sku: str) -> bool:
        gates, now = self.world.watch.gates, self.world.scheduler.now
        return all(gates.open_now(tenant, key[0].split("#")[2], sku, now) for key in dues)

    def _judge(self, dues) -> None:
        items = self.world.watch.items()
        served = [key for key in dues if text(items[key], "card")]
        must(len(served) == 1, "I4", sorted(dues), f"one card came, and {len(served)} got one")
        first = min(dues.values())
        must(dues[served[0]] == first, "I4", served[0], "served before somebody who had paid earlier")
