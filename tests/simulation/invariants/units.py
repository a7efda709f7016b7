"""I7 and what a unit may never do: it moves along the edges, holds a card when its state says so, and gets
one only when it was paid for, not stopped to the end, not held, not early and not behind a closed gate.
"""

from dataclasses import dataclass, field

from tests.simulation.invariants.reading import has, maps, number, stopped, text
from tests.simulation.violations import must

WAITING = {"HELD", "SCHEDULED", "BACKORDER"}
HOLDING = {"ALLOCATED", "DELIVERED", "REVEALED"}
ENDED = {"CANCELLED", "RETURNED", "REFUNDED", "DISPUTED"}
EDGES = {
    "": WAITING | {"ALLOCATED", "CANCELLED"},
    "HELD": {"HELD", "SCHEDULED", "BACKORDER", "CANCELLED"},
    "SCHEDULED": {"SCHEDULED", "BACKORDER", "ALLOCATED", "CANCELLED", "HELD"},
    "BACKORDER": {"SCHEDULED", "ALLOCATED", "CANCELLED", "HELD"},
    "ALLOCATED": {"DELIVERED", "REVEALED", "RETURNED"},
    "DELIVERED": {"REVEALED", "RETURNED"},
    "REVEALED": {"REVEALED", "ALLOCATED", "REFUNDED", "DISPUTED"},
    "DISPUTED": {"REFUNDED"},
}
"""As `docs/protocol.md` has them. A card is shown by the write that makes its unit REVEALED."""

COUNTED = ("views", "view_rid", "viewers", "since")
TIMER = ("d", "due", "tries")


@dataclass
class Units:
    """`items()` is the main table, `gates` knows what was open when."""

    items: object
    gates: object
    seen: object
    views: set[tuple] = field(default_factory=set)
    finished: set[tuple] = field(default_factory=set)
    rooms: dict[tuple, set] = field(default_factory=dict)

    def of_unit(self, change, author, now: int) -> None:
        old, new = change.old, change.new
        must(new is not None, "I7", change.key, "a unit was removed")
        was, state = text(old, "st"), text(new, "st")
        self._edge(change, was, state)
        must(
            (state in {*HOLDING, "DISPUTED"}) == has(new, "card"),
            "I2",
            change.key,
            f"{state} with the wrong number of cards",
        )
        self._settle_in(change)
        if has(new, "view_rid"):
            self.views.add((change.key, text(new, "view_rid")))
        header = self.items().get((change.key[0], "H"))
        if state == "ALLOCATED" and text(old, "card") != text(new, "card"):
            self._allocated(change, header, author, now)
        if state in ENDED and was not in ENDED:
            wanted = stopped(header, text(new, "line"), number(new, "piece"))
            must(
                wanted or _nothing(new) or not _quantity(header, new),
                "I7",
                change.key,
                "ended, and nobody asked",
            )
        if state == "RETURNED":
            must(not has(old, "exposed_at"), "I8", change.key, "given back after it was shown")

    def in_turn(self, change, serving) -> None:
        """A room is served in order of payment: whoever gets a card paid after whoever got one before."""
        if serving.get("kind") != "room" or text(change.old, "st") not in WAITING:
            return
        if text(change.new, "st") == "ALLOCATED":
            paid = number(change.old, "due")
            must(paid >= serving.get("paid", 0), "I12", change.key, "a later payment was served first")
            serving["paid"] = paid

    def _edge(self, change, was: str, state: str) -> None:
        old, new = change.old, change.new
        self.seen["edge", f"{was or 'PENDING'} -> {state}"] += was != state
        quiet = {name for name in {*(old or ()), *new} if (old or {}).get(name) != new.get(name)}
        if old is not None and quiet <= {*COUNTED, *TIMER}:
            counted = number(new, "views") - number(old, "views")
            must(counted == ("view_rid" in quiet), "I10", change.key, f"one view more, counted as {counted}")
            return
        must(state in EDGES.get(was, ()), "I7", change.key, f"from {was or 'nothing'} to {state}")
        must(number(new, "ver") == number(old, "ver") + 1, "I7", change.key, "a gap in ver")
        must(number(new, "gen") >= number(old, "gen"), "I7", change.key, "an older generation")

    def _settle_in(self, change) -> None:
        """Who waits in which room."""
        for item, there in ((change.old, False), (change.new, True)):
            if text(item, "st") in WAITING:
                tenant = change.key[0].split("#")[1]
                room = self.rooms.setdefault((tenant, text(item, "room"), text(item, "ref")), set())
                room.add(change.key) if there else room.discard(change.key)
        if text(change.new, "st") in WAITING:
            must(has(change.new, "room") and has(change.new, "d"), "I4", change.key, "waits in no room")

    def _allocated(self, change, header, author, now: int) -> None:
        new, key = change.new, change.key
        line, piece = text(new, "line"), number(new, "piece")
        must(has(header, "paid_at"), "I9", key, "allocated unpaid")
        approved = has(header, "approved")
        right = number(header, "amount") == number(header, "total")
        must(approved or right, "I9", key, "allocated, and the amount was wrong")
        done = {(key[0], line, piece), (key[0], line, 0)} & self.finished
        must(not done, "I7", key, "allocated after its refund was complete")
        if has(change.old, "card"):
            must(has(change.old, "exposed_at"), "I7", key, "replaced a card that nobody saw")
        if author is None:
            return
        expires, asked = (
            number(new, "card_exp"),
            author.judged_at["product", key[0].split("#")[1], text(new, "sku")],
        )
        must(not expires or expires > asked[1] + author.process.skew, "I12", key, "an expired card was sold")
        self.gates.check(key, text(new, "sku"), author, now, first=not has(change.old, "card"))


def _nothing(unit) -> bool:
    """Whether it closes a line of which nothing is delivered."""
    return has(unit, "plan") and not maps(unit, "plan")


def _quantity(header, unit) -> int:
    lines = {line["id"]: line["qty"] for line in maps(header, "lines")}
    return lines.get(text(unit, "line"), 0)
