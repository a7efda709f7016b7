"""Looks on: told of every commit, every call and every text that leaves; judges at once what can be
judged.
"""

from tests.simulation.engine import Change
from tests.simulation.ground import shop_of
from tests.simulation.invariants import books, isolation, product
from tests.simulation.invariants.gates import Gates
from tests.simulation.invariants.headers import Headers
from tests.simulation.invariants.homes import Homes
from tests.simulation.invariants.reading import text
from tests.simulation.invariants.rest import Rest, check_meaning
from tests.simulation.invariants.secrets import Secrets
from tests.simulation.invariants.units import Units
from tests.simulation.violations import must

ASK_THE_PRODUCT = 3
"""Every so many seeds the product judges itself, too. Its audit takes a day's lines by the clocks of
workers.
"""


class Watch:
    """All invariants over one world."""

    def __init__(self, world) -> None:
        self.world = world
        self.homes, self.gates, self.secrets = Homes(), Gates(), Secrets(world.tokens)
        self.units = Units(self.items, self.gates, world.seen)
        self.headers = Headers(self.items, self.units, self.units_of)
        self._orders: dict[str, dict[str, object]] = {}

    def begin(self) -> None:
