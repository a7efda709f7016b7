"""Bugs in what services and the domain decide, and in what they let out."""

from tests.simulation.mutating import Mutation

_ENDS = "cardcourier.services.settling.ends"
_ROOMS = "cardcourier.services.settling.rooms"
_UNITS = "cardcourier.services.settling.units"

OF_RULES = (
    Mutation(
        "exposed-card-returned",
        "a refund gives back into stock what a buyer has seen",
        _ENDS,
        """    if unit.exposed:
        return work.orders.burn(unit, _gone(unit, State.REFUNDED, why), work.actor)
""",
        "",
        breaks=("I4", "I8"),
    ),
    Mutation(
        "room-without-timer",
        "whoever parks a unit for stock leaves its room without a timer: a lost restock is lost for good",
        _ROOMS,
        "        if room not in DRIVEN:\n",
        "        if room not in DRIVEN or room is Room.BACK:\n",
        breaks=("I4",),
    ),
    Mutation(
        "tombstone-skipped",
        "a stopped unit that nobody wrote is not written",
        _ENDS,
        "return work.orders.tombstone(fresh, work.actor)",
        "return fresh",
        breaks=("I4",),
    ),
    Mutation(
        "gate-passed-by-who-waits",
        "a unit that waits gets a card behind a closed gate",
        _UNITS,
        """    if (closed := work.closed(product)) is not None:
        there =""",
        """    if (closed := work.closed(product)) is not None and seen.state is State.HELD:
        there =""",
        breaks=("I12",),
    ),
    Mutation(
        "expired-card-sold",
        "a card is sold after its end",
        "cardcourier.domain.stock",
        "return self.expires_at is None or self.expires_at > now",
        "return True",
        breaks=("I12",),
    ),
    Mutation(
        "handed-over-before-told",
        "a unit is handed over before the message to its buyer is kept",
        "cardcourier.services.delivering",
        """            told = self.telling.tell(header, units, occasion, rid, until)
""",
        """            for unit in self._hand_over_all(ready, "mail", actor):
                now_there[unit.name] = unit
            told = self.telling.tell(header, units, occasion, rid, until)
""",
        breaks=("I4",),
        first=177,
    ),
    Mutation(
        "shown-before-committed",
        "a card is shown whose showing was not committed",
        "cardcourier.services.showing",
        " and unit.view_rid == visitor.rid]",
        "]",
        breaks=("I10",),
        first=59,
    ),
    Mutation(
        "nonce-reused",
        "every seal has the same nonce",
        "cardcourier.adapters.sealing",
        "nonce = os.urandom(NONCE_BYTES)",
        "nonce = bytes(NONCE_BYTES)",
        breaks=("I10",),
    ),
    Mutation(
        "address-in-a-message",
        "a buyer's address travels in a queue",
        "cardcourier.services.intake",
        """        if before is None:
            self.passes.order(key)
""",
        """        if before is None:
            names = {"tenant": key.tenant, "shop": key.shop, "order": key.order}
            self.passes.queue.send({"kind": "order", **names, "to": event.contact.email})
""",
        breaks=("I10",),
    ),
)

IN_A_SALE = Mutation(
    "first-page-always",
    "everybody reaches for the first cards of a pool",
    "cardcourier.services.picking",
    """        start = f"{bucket}#c1" + "".join(ALPHABET[self.random.randrange(32)] for _ in range(4))
""",
    """        start = f"{bucket}#c1"
""",
    breaks=("transactions per card",),
)
"""Breaks no promise of a run: found by the simulated sale of `bench/scale`, in what a card costs."""
