"""I4 at rest: the sweeper alone has driven everything, and whatever still waits has a reason that holds now.

I6 with it: the facts decide what an order came to, in whatever order and how often they were told.
"""

from collections import Counter

from tests.simulation.invariants.headers import DRIVEN
from tests.simulation.invariants.reading import has, maps, number, stopped, strings, text
from tests.simulation.invariants.units import ENDED, WAITING
from tests.simulation.violations import must

HANDED_OVER = {"DELIVERED", "REVEALED"}


class Rest:
    """Judges a world that is at rest."""

    def __init__(self, watch, now: int) -> None:
        self.main = watch.items()
        self.watch, self.now = watch, now
        self.on_sale = Counter(
            tuple(pk.split("#")[1:3])
            for (pk, _), item in self.main.items()
            if pk.startswith("P#") and (not has(item, "exp") or number(item, "exp") > now)
        )

    def check(self) -> None:
        told = {
            (pk, mark["S"])
            for (pk, sk), item in self.main.items()
            if sk.startswith("N#")
            for mark in item["about"]["L"]
        }
        for key, item in self.main.items():
            kind = text(item, "kind")
            if kind == "order":
                self._check_order(key[0], item)
            elif kind == "unit":
                must(not has(item, "d") or text(item, "st") in WAITING, "I4", key, "its timer never ends")
                if text(item, "st") == "DELIVERED" and has(self.main[key[0], "H"], "contact"):
                    mark = key[0], f"{key[1].removeprefix('U#')}/{number(item, 'gen')}"
                    must(mark in told, "I4", key, "handed over, and its buyer was never told")
            elif key[1].startswith("N#"):
                must(not text(item, "d").startswith("D#"), "I4", key, "its message is never sent")
        self._check_rooms()

    def _check_order(self, pk: str, header) -> None:
        must(not has(header, "d"), "I4", pk, "its timer never ends")
        units = self.watch.units_of(pk)
        if not has(header, "paid_at"):
            must(not units, "I4", pk, "units of an unpaid order")
            return
        for line in maps(header, "lines"):
            missing = self.watch.headers.missing(header, line, units)
            must(not missing, "I4", pk, f"nobody wrote the unit {', '.join(missing)}")
            for unit in units.values():
                if text(unit, "line") == line["id"]:
                    self._check_unit(pk, header, line, unit)

    def _check_unit(self, pk, header, line, unit) -> None:
        state, name = text(unit, "st"), (pk, text(unit, "sk"))
        wanted = stopped(header, line["id"], number(unit, "piece"))
        if wanted and not self.watch.headers.stands_for_a_line(header, unit, line):
            must(state in ENDED, "I4", name, f"it was stopped, and is {state}")
        elif state in WAITING:
            reason = self._waits_for(pk, header, unit, line)
            must(not reason, "I4", name, f"{state} in the room {text(unit, 'room')}: {reason}")
        else:
            must(state in HANDED_OVER or state in ENDED, "I4", name, f"it was paid for, and is {state}")

    def _waits_for(self, pk, header, unit, line) -> str:
        """Why it should wait no longer; empty when it has to."""
        _, tenant, shop, _ = pk.split("#")
        sku, room, ref = text(unit, "sku"), text(unit, "room"), text(unit, "ref")
        gates = self.watch.gates
        closed, early = gates.closed_now(tenant, shop, sku), gates.early_now(tenant, sku, self.now)
        if room == "AMOUNT":
            return "it was approved" if has(header, "approved") else ""
        if room == "REFUND":
            return "" if has(header, "asked") else "nobody is asked"
        if room == "MAP":
            return "its listing is mapped" if self._mapped(tenant, shop, line["item"]) else ""
        if room == "PAUSE":
            return "" if closed == ref else f"the gate that is closed is {closed}"
        if closed is not None:
            # Whoever serves its room leaves it alone until the gate opens.
            return ""
        if room == "PRE":
            return "" if early else "its release is over"
        stock = self.on_sale[tenant, sku] or (f"C#{tenant}", f"CONTENT#{sku}") in self.main
        return "" if early or not stock else "there is stock"

    def _mapped(self, tenant, shop, item) -> bool:
        return any(pk == f"L#{tenant}#{shop}" and sk.startswith(f"{item}#") for pk, sk in self.main)

    def _check_rooms(self) -> None:
        rooms = {
            (pk.split("#")[1], sk.removeprefix("ROOM#"), pk.split("#", 2)[2])
            for pk, sk in self.main
            if pk[:2] == "W#"
        }
        occupied = {room for room, there in self.watch.units.rooms.items() if there and room[1] in DRIVEN}
        forgotten, empty = occupied - rooms, rooms - occupied
        must(not forgotten, "I4", sorted(forgotten), "somebody waits in a room that has no timer")
        for tenant, room, ref in empty:
            # Nobody serves a room behind a closed gate or before a release, and so nobody removes it.
            must(self._is_shut(tenant, ref), "I4", (tenant, room, ref), "nobody waits there, and it stays")

    def _is_shut(self, tenant: str, ref: str) -> bool:
        gates, sku = self.watch.gates, ref.removeprefix("sku/")
        shop = ref.removeprefix("shop/")
        return gates.closed_now(tenant, shop, sku) is not None or gates.early_now(tenant, sku, self.now)


def check_meaning(main, orders, shop_of) -> None:
    """I6: each fact that was taken is there, and as many pieces ended as the facts say."""
    for bought in orders:
        tenant, number_ = bought.order
        pk = f"O#{tenant}#{shop_of(tenant)}#{number_}"
        header = main.get((pk, "H"))
        known = {sk.split("#", 2)[2] for its, sk in main if its == pk and sk.startswith("F#")}
        for told in bought.facts:
            if told.answered:
                there = told.id in known or text(header, "payment") == told.id
                must(there, "I6", pk, f"{told.kind} {told.id} was answered and is not there")
        if not has(header, "paid_at"):
            continue
        facts = [told for told in bought.facts if told.id in known]
        back = sum(told.amount for told in facts if told.kind in ("order.refunded", "order.chargeback"))
        came = number(header, "amount") + sum(
            told.amount for told in facts if told.kind == "order.paid" and text(header, "payment") != told.id
        )
        alone = any(
            told.kind == "order.refunded" and not told.everything and not told.pieces for told in facts
        )
        everything = any(told.everything for told in facts)
        if alone and back >= came:
            continue
        must(
            ("*" in strings(header, "stops")) == everything, "I6", pk, "the whole order ended, or should have"
        )
        if everything:
            continue
        for line in maps(header, "lines"):
            given_back = sum(told.pieces.get(line["id"], 0) for told in facts)
            named = {
                piece
                for name, piece in bought.cancelled_pieces
                if name == line["id"] and f"api-{number_}-{name}-{piece}" in known
            }
            ended = sum(stopped(header, line["id"], piece) for piece in range(1, line["qty"] + 1))
            least, most = max(given_back, len(named)), given_back + len(named)
            right = min(least, line["qty"]) <= ended <= min(most, line["qty"])
            must(right, "I6", (pk, line["id"]), f"{ended} pieces ended, for {given_back} and {sorted(named)}")
