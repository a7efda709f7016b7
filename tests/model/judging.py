"""Whether a state may be: as it stands, and after everybody died and the sweeper ran alone."""

from tests.model.checks import RESTLESS, broken, unfinished
from tests.model.moving import Moving
from tests.model.sweeping import Restless, sweep

Verdict = tuple[str, tuple[str, ...]] | None
"""The kind of a violation and what led to it beyond the state itself; None of a state that may be."""

ALONE, AGAIN = "everybody dies, the sweeper runs alone", "the sweeper runs again"


class Judge:
    """Judges stores with the requests under way, each once."""

    def __init__(self, moving: Moving) -> None:
        self.world = moving.world
        self.moving = moving
        self.unfinished: dict[tuple[int, int], Verdict] = {}
        self._broken: dict[int, str | None] = {}
        self._swept: dict[tuple[int, bool], int] = {}

    def verdict(self, store: int, under_way: int) -> Verdict:
        if store not in self._broken:
            self._broken[store] = broken(self.world, self.moving.stores.things[store])
        kind = self._broken[store]
        return (kind, ()) if kind else self._alone(store, under_way)

    def _alone(self, store: int, under_way: int) -> Verdict:
        key = (store, under_way)
        if key not in self.unfinished:
            self.unfinished[key] = self._run_alone(store, under_way)
        return self.unfinished[key]

    def _run_alone(self, store: int, under_way: int) -> Verdict:
        """The sweeper runs until nothing is left to do; and again after each request that lands late."""
        try:
            rest = self.swept(store, late=True)
        except Restless:
            return RESTLESS, (ALONE,)
        things = self.moving.stores.things[rest]
        kind = broken(self.world, things) or unfinished(self.world, things)
        if kind:
            return kind, (ALONE,)
        for landing in self.moving.landings(rest, under_way):
            found = self._alone(landing.store, landing.under_way)
            if found:
                return found[0], (ALONE, landing.what, *(AGAIN if one == ALONE else one for one in found[1]))
        return None

    def swept(self, store: int, *, late: bool) -> int:
        """The store after the sweeper ran to its end."""
        key = (store, late)
        if key not in self._swept:
            after = sweep(self.world, self.moving.stores.things[store], late=late)
            self._swept[key] = self.moving.stores.of(after)
        return self._swept[key]
