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
        """Look at what is there already, and at every commit from now on."""
        engine = self.world.engine
        for table in ("VaultTable", "MainTable"):
            self.committed([Change(table, key, None, item) for key, item in engine.items(table).items()])
        engine.observers.insert(0, self.committed)

    def items(self):
        """The main table as it is committed."""
        return self.world.engine.items("MainTable")

    def units_of(self, pk: str) -> dict:
        """The units of an order by their sort keys."""
        return self._orders.get(pk, {})

    # -- as things happen -------------------------------------------------------------------------

    def committed(self, changes) -> None:
        author, now = self.world.calls.author, self.world.scheduler.now
        for change in changes:
            if change.table == "VaultTable":
                self.homes.of_vault(change)
                self.secrets.of_vault(change)
            elif (
                change.table == "MainTable"
                and change.key[1].startswith("U#")
                and change.key[0].startswith("O#")
            ):
                self._orders.setdefault(change.key[0], {})[change.key[1]] = change.new
        for change in changes:
            if change.table == "MainTable":
                self._changed(change, author, now)
        self.homes.check()

    def _changed(self, change, author, now: int) -> None:
        pk, sk = change.key
        match pk.partition("#")[0]:
            case "P":
                self.homes.of_marker(change, closed=self._closed(change))
            case "X":
                self.homes.of_burnt(change)
            case "W":
                self.headers.of_room(change)
            case "C" | "S":
                self.gates.of_document(change, now)
            case "O" if sk == "H":
                self.secrets.of_header(change)
                self.headers.of_header(change)
            case "O" if sk.startswith("U#"):
                self.homes.of_unit(change)
                self.units.of_unit(change, author, now)
                # What lands late was asked for when something else was served.
                if author is not None and author is self.world.scheduler.current:
                    self.units.in_turn(change, author.serving)

    def _closed(self, change) -> bool:
        """Whether a marker is put for a card whose import is being undone."""
        tenant, batch = change.key[0].split("#")[1], text(change.new, "batch")
        return (f"B#{tenant}#{batch}", "VOID") in self.items()

    def called(self, strand, call) -> None:
        isolation.check(strand, call)

    def shown_to_a_buyer(self, key, blocks, viewer: str, rid: str) -> None:
        """I10: plaintext leaves only once it is committed that this very viewer sees this very card."""
        pk = f"O#{key.tenant}#{key.shop}#{key.order}"
        for block in blocks:
            unit = pk, f"U#{block.ref}"
            committed = (unit, rid) in self.units.views
            must(committed, "I10", unit, "shown, and its showing was not committed")
            must(f"-{key.tenant.upper()}-" in block.code, "I11", unit, "a code of another tenant")

    # -- at rest ----------------------------------------------------------------------------------

    def rests(self, orders, swept_at: int) -> None:
        """Everything, once nothing moves any more."""
        engine = self.world.engine
        Rest(self, swept_at).check()
        check_meaning(self.items(), orders, shop_of)
        books.check(self.items(), engine.items("JournalTable"), self.homes.cost_of)
        self.homes.check_all(self.items())
        if self.world.seed % ASK_THE_PRODUCT == 0 and not self.world.chance.skewed:
            product.check(engine)
        tables = ("MainTable", "VaultTable", "JournalTable", "ViewsTable")
        self.secrets.check_all({table: engine.items(table) for table in tables})
