"""Bugs that are planted into the product, one at a time, to see whether the simulator bites.

python -m tests.simulation --mutation NAME      plants it and searches its seeds until it is found
"""

from tests.simulation.mutating import Mutation

_ORDERS = "cardcourier.adapters.tables.orders"
_ALLOCATING = "cardcourier.services.allocating"

MUTATIONS = (
    Mutation(
        "marker-without-condition",
        "allocation deletes a marker that may be gone already",
        _ORDERS,
        """                (self.table, Delete(key, MarkerRecord.pk.exists())),
                (self.table, write),""",
        """                (self.table, Delete(key)),
                (self.table, write),""",
        breaks=("I1", "I3"),
    ),
    Mutation(
        "exposed-card-returned",
        "a refund gives back into stock what a buyer has seen",
        _ALLOCATING,
        """        if unit.exposed:
            return orders.burn(unit, self._gone(unit, State.REFUNDED, why), self.actor)
""",
        "",
        breaks=("I4",),
    ),
)
BY_NAME = {mutation.name: mutation for mutation in MUTATIONS}
