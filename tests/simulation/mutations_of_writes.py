"""Bugs in the writes: conditions that are missing, and what a write forgets to set."""

from tests.simulation.mutating import Mutation

_ORDERS = "cardcourier.adapters.tables.orders"
_TABLES = "cardcourier.adapters.tables"

OF_WRITES = (
    Mutation(
        "marker-without-condition",
        "allocation deletes a marker that may be gone already",
        _ORDERS,
        """                (self.table, Delete(key, MarkerRecord.pk.exists())),
                (self.table, write),""",
        """                (self.table, Delete(key)),
                (self.table, write),""",
        breaks=("I1", "I3"),
        first=0,
    ),
    Mutation(
        "unit-without-condition",
        "allocation puts a unit that may be there already",
        _ORDERS,
        "return self._take(unit, marker, pool, Put(record, UnitRecord.pk.does_not_exist()))",
        "return self._take(unit, marker, pool, Put(record))",
        breaks=("I1", "I2", "I7"),
    ),
    Mutation(
        "return-without-state",
        "a card goes back into stock, whatever its unit is by now",
        _ORDERS,
        """            UnitRecord.st.is_in(*UNSEEN)
            & (UnitRecord.card == seen.card)
            & UnitRecord.exposed_at.does_not_exist()
        )
        if pool is None:""",
        """            UnitRecord.card == seen.card
        )
        if pool is None:""",
        breaks=("I7", "I8"),
        first=381,
    ),
    Mutation(
        "back-into-a-closed-batch",
        "a refund gives a card back to an import that is being undone",
        _ORDERS,
        "Put(back, MarkerRecord.pk.does_not_exist()), actor, is_open)",
        "Put(back, MarkerRecord.pk.does_not_exist()), actor)",
        breaks=("I8",),
        first=163,
    ),
    Mutation(
        "own-timer-forgotten",
        "a unit that waited and got its card has no timer of its own",
        _ORDERS,
        """            *own_timer(unit.key, actor.now),
            UnitRecord.room.remove(),""",
        """            UnitRecord.d.remove(),
            UnitRecord.due.remove(),
            UnitRecord.room.remove(),""",
        breaks=("I4",),
        first=26,
    ),
    Mutation(
        "refund-counted-twice",
        "a refund whose answer was lost is counted again",
        _ORDERS,
        """                (self.table, Put(fact_record(fact, actor), FactRecord.pk.does_not_exist())),
                (self.table, Change(keys.header(fact.key), actions)),""",
        """                (self.table, Put(fact_record(fact, actor))),
                (self.table, Change(keys.header(fact.key), actions)),""",
        breaks=("I6",),
        first=24,
    ),
    Mutation(
        "refund-by-arrival",
        "a payment forgets the refund that came before it",
        _ORDERS,
        """            HeaderRecord.paid_at.set(payment.paid_at),
""",
        """            HeaderRecord.paid_at.set(payment.paid_at),
            HeaderRecord.stops.remove(),
            HeaderRecord.owed.remove(),
""",
        breaks=("I6", "I7"),
    ),
    Mutation(
        "views-by-read-then-write",
        "of two who look at once only one is counted",
        _ORDERS,
        """            & (UnitRecord.views == seen.views)
""",
        "",
        breaks=("I10",),
        first=899,
    ),
    Mutation(
        "timer-without-ver",
        "a header's timer goes, whatever was told since the pass began",
        _ORDERS,
        "return self._header_write(key, actions, HeaderRecord.ver == ver)",
        "return self._header_write(key, actions, HeaderRecord.ver >= ver)",
        breaks=("I4",),
    ),
    Mutation(
        "replacement-of-the-same-generation",
        "a replacement does not raise the generation",
        _ORDERS,
        """            UnitRecord.gen.set(unit.gen),
            UnitRecord.exposed_at.remove(),""",
        "            UnitRecord.exposed_at.remove(),",
        breaks=("I2",),
        first=33,
    ),
    Mutation(
        "sold-card-voided",
        "undoing an import voids what was sold a moment ago",
        f"{_TABLES}.stock_exit",
        """f"{marker.bucket}#{marker.card}"), on_sale)""",
        """f"{marker.bucket}#{marker.card}"))""",
        breaks=("I1", "no surprise"),
        first=241,
    ),
    Mutation(
        "replay-books-twice",
        "a line of the journal is named by when it is written",
        f"{_TABLES}.journal",
        "texts = {_home(line): encode(line) for line in lines}",
        'texts = {(_home(line)[0], f"{_home(line)[1]}#{now}"): encode(line) for line in lines}',
        breaks=("I9",),
    ),
    Mutation(
        "newest-payment-first",
        "a waiting room is served from its end",
        f"{_TABLES}.waiting",
        """IndexName=INDEX, Limit=PAGE
            )
            for part in range(first, keys.ROOM_PARTS, step)
        ]
        return heapq.merge(*(map(_waiting, part) for part in parts), key=lambda unit: unit.paid_at)""",
        """IndexName=INDEX, Limit=PAGE, ScanIndexForward=False
            )
            for part in range(first, keys.ROOM_PARTS, step)
        ]
        return heapq.merge(*(map(_waiting, part) for part in parts), key=lambda unit: -unit.paid_at)""",
        breaks=("I4", "I12"),
    ),
    Mutation(
        "cache-without-tenant",
        "products are remembered by SKU, whosever they are",
        f"{_TABLES}.catalogue",
        """("product", tenant, sku), lambda""",
        """("product", sku), lambda""",
        breaks=("I11",),
        first=30,
    ),
)
