"""I4 and I7 of an order as a whole: facts are never forgotten, new work always sets the timer, and the
timer goes only when nothing is left that it alone would drive.
"""

from dataclasses import dataclass

from tests.simulation.invariants.reading import has, maps, number, stopped, strings, text
from tests.simulation.invariants.units import ENDED, WAITING
from tests.simulation.violations import must

DRIVEN = {"PRE", "BACK", "MAP", "PAUSE"}
WORK = ("paid_at", "stops", "owed", "asked", "outcome", "approved", "seq")
FACTS = ("paid_at", "payment", "payments", "amount", "total", "lines", "currency")


@dataclass
class Headers:
    items: object
    units: object
    of_order: object

    def of_header(self, change) -> None:
        old, new = change.old, change.new
        must(new is not None, "I7", change.key, "a header was removed")
        if has(old, "paid_at"):
            same = all(old.get(name) == new.get(name) for name in FACTS)
            must(same, "I7", change.key, "what was paid was changed")
        must(strings(old, "stops") <= strings(new, "stops"), "I7", change.key, "a stop was taken back")
        must(not has(old, "approved") or has(new, "approved"), "I7", change.key, "an approval was taken back")
        work = any((old or {}).get(name) != new.get(name) for name in WORK)
        rose = number(new, "ver") - number(old, "ver")
        must(rose == 1 if work else rose in (0, 1), "I7", change.key, f"ver rose by {rose}")
        must(not rose or has(new, "d"), "I4", change.key, "new work without a timer")
        if has(old, "d") and not has(new, "d"):
            self._rests(change.key[0], new)

    def of_room(self, change) -> None:
        """A room goes only when nobody waits there but those whose order is still driven."""
        if change.new is not None:
            return
        tenant, ref = change.key[0].split("#", 2)[1:]
        room = change.key[1].removeprefix("ROOM#")
        for pk, sk in self.units.rooms.get((tenant, room, ref), ()):
            must(
                has(self.items().get((pk, "H")), "d"),
                "I4",
                (pk, sk),
                "its room was removed, and it has no timer",
            )

    def _rests(self, pk: str, header) -> None:
        """Everything of this order has ended, is handed over, waits in a room, or has a timer of its own."""
        if not has(header, "paid_at"):
            return
        must(not maps(header, "owed"), "I4", pk, "the timer went while pieces are owed")
        units = self.of_order(pk)
        lines = {line["id"]: line for line in maps(header, "lines")}
        for unit in units.values():
            self._unit_rests(pk, header, unit, lines)
        for line in lines.values():
            missing = self.missing(header, line, units)
            must(not missing, "I4", pk, f"the timer went, and there is no unit {', '.join(missing)}")
            if all(stopped(header, line["id"], piece) for piece in range(1, line["qty"] + 1)):
                self.units.finished.add((pk, line["id"], 0))

    def _unit_rests(self, pk, header, unit, lines) -> None:
        state, line, piece = text(unit, "st"), text(unit, "line"), number(unit, "piece")
        name = pk, text(unit, "sk")
        must_end = stopped(header, line, piece) and not self.stands_for_a_line(header, unit, lines[line])
        must(not must_end or state in ENDED, "I4", name, f"the timer went, it is stopped, and it is {state}")
        if must_end:
            self.units.finished.add((pk, line, piece))
        if state in WAITING and text(unit, "room") in DRIVEN:
            tenant = pk.split("#")[1]
            there = (f"W#{tenant}#{text(unit, 'ref')}", f"ROOM#{text(unit, 'room')}") in self.items()
            must(there, "I4", name, "the timer went, it waits, and its room has no timer")
        if state == "ALLOCATED":
            must(has(unit, "d"), "I4", name, "the timer went, and nobody will hand it over")

    def stands_for_a_line(self, header, unit, line) -> bool:
        """A held unit without a plan stays while any piece of its line is owed to the buyer."""
        whole = all(stopped(header, line["id"], piece) for piece in range(1, line["qty"] + 1))
        return text(unit, "st") == "HELD" and number(unit, "n") == 1 and not has(unit, "plan") and not whole

    def missing(self, header, line, units) -> list[str]:
        """Which units of a line nobody wrote, and nobody will without a timer."""
        first = units.get(f"U#{line['id']}#0001")
        if first is None:
            return [f"{line['id']}#0001"]
        if not has(first, "plan"):
            return []
        size = sum(part["n"] for part in maps(first, "plan"))
        wanted = range(1, line["qty"] * size + 1)
        names = {n: f"U#{line['id']}#{n:04d}" for n in wanted}
        held = any(text(units.get(name), "st") == "HELD" for name in names.values())
        return [
            name
            for n, name in names.items()
            if name not in units and not (held and not stopped(header, line["id"], (n - 1) // size + 1))
        ]
