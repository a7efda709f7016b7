"""What people still do once all is at rest: open what is closed, and bring one card for several who wait."""

from dataclasses import dataclass

from tests.simulation import platform
from tests.simulation.ground import shop_of
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
    """One card comes for several who wait for it: whoever paid first gets it at once, and nobody else.

    It is imported, or comes back from a refund. The clock does not strike: the event alone has to do.
    """

    world: object
    people: object
    plan: object

    def comes(self) -> bool:
        """Whether there was such a room."""
        watch = self.world.watch
        for (tenant, room, sku), there in sorted(watch.units.rooms.items()):
            dues = {key: number(watch.items()[key], "due") for key in there}
            if room == "BACK" and sku != "FIXED" and dues and self._is_ready(tenant, sku, dues, there):
                self._bring(tenant, sku)
                self.world.run()
                self._judge(dues)
                return True
        return False

    def _is_ready(self, tenant: str, sku: str, dues, there) -> bool:
        """Open to all, and nobody waits for something else as well: a pass serves all units of an order."""
        watch, now = self.world.watch, self.world.scheduler.now
        opened = all(watch.gates.open_now(tenant, key[0].split("#")[2], sku, now) for key in dues)
        others = [room for room in watch.units.rooms.values() if room is not there]
        orders = {pk for pk, _ in there}
        return opened and not any(pk in orders for room in others for pk, _ in room)

    def _bring(self, tenant: str, sku: str) -> None:
        given_back = self._unseen(tenant, sku)
        if given_back is not None:
            self.world.seen["act", "a last card is given back"] += 1
            told = platform.cancelled(given_back.order)
            given_back.facts.append(told)
            return platform.tell(self.world, told, 1)
        self.world.seen["act", "a last card is imported"] += 1
        codes = self.people.fresh_codes(tenant, sku, 1)
        return self.people.bring_in(tenant, sku, codes, 1 if sku == "SHARED" else None)

    def _unseen(self, tenant: str, sku: str):
        """An order with one card that nobody has looked at, of this product."""
        for bought in self.plan.orders:
            pk = f"O#{tenant}#{shop_of(tenant)}#{bought.order[1]}"
            units = list(self.world.watch.units_of(pk).values())
            mine = bought.order[0] == tenant and not any(told.everything for told in bought.facts)
            if not mine or len(units) != 1:
                continue
            if text(units[0], "sku") == sku and text(units[0], "st") == "DELIVERED":
                closed = (f"B#{tenant}#{text(units[0], 'batch')}", "VOID") in self.world.watch.items()
                return None if closed else bought
        return None

    def _judge(self, dues) -> None:
        items = self.world.watch.items()
        served = [key for key in dues if text(items[key], "card")]
        must(len(served) == 1, "I4", sorted(dues), f"one card came, and {len(served)} got one")
        first = min(dues.values())
        must(dues[served[0]] == first, "I4", served[0], "served before somebody who had paid earlier")
