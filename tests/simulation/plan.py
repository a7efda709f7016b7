"""What happens in a run, by its seed: who buys what, what platforms tell and how often, what people do.

Facts of an order come at any time within the run, and so in any order.
"""

from dataclasses import dataclass, field
from functools import partial
from random import Random

from tests.simulation import platform
from tests.simulation.chance import MINUTE
from tests.simulation.ground import FIRST_CARDS, LISTINGS, NOON, PRICE, TENANTS, UNMAPPED, code_of
from tests.simulation.people import People

SPANS = (3_000, 20_000, 2 * MINUTE, 6 * MINUTE)
ITEMS = (*LISTINGS, UNMAPPED)
GATES = ("all", "tenant", "shop", "product")


@dataclass
class Bought:
    """One order as its platform knows it, with every fact that it tells."""

    order: tuple[str, str]
    items: list[tuple[str, int]]
    facts: list[platform.Told] = field(default_factory=list)
    cancelled_pieces: set[tuple[str, int]] = field(default_factory=set)
    approved: bool = False


class Plan:
    """Draws what happens and puts it on the calendar of a run."""

    def __init__(self, world) -> None:
        self.world, self.people = world, People(world)
        self.draw = Random(f"plan {world.seed}")
        self.span = self.draw.choice(SPANS)
        self.orders: list[Bought] = []
        self.mapped: dict[str, bool] = {}
        focus = self.draw.random() < 0.6
        self.skus = self.draw.sample(ITEMS, 2) if focus else ITEMS
        self.crowd = self.draw.choice(("scarce", "scarce", "none")) if self.draw.random() < 0.15 else ""

    def begin(self) -> None:
        draw = self.draw
        for number in range(4 if self.crowd else draw.choice((1, 1, 2, 2, 3))):
            self._order(number)
        acts = (self._gates, self._releases, self._mappings, self._stock, self._content, self._undo_sold)
        for act in acts:
            if draw.random() < 0.35:
                act()

    @property
    def ends(self) -> int:
        """When the last act was begun."""
        return NOON + self.span + 1_000

    def _at(self, act, late: float = 1.0) -> None:
        """Have it done at some time of the run, or in its later part."""
        begin = 0 if late == 1.0 else self.span * (1 - late)
        self.world.scheduler.after(int(begin + (self.span - begin) * self.draw.random()), act)

    # -- orders -----------------------------------------------------------------------------------

    def _order(self, number: int) -> None:
        if self.crowd:
            return self._one_of_many(("acme", f"N-{number}"))
        draw = self.draw
        tenant = TENANTS[draw.random() < 0.25]
        order = (tenant, f"N-{number}")
        items = [
            (draw.choice(self.skus), draw.choice((1, 1, 1, 2, 3, 5))) for _ in range(draw.choice((1, 1, 2)))
        ]
        bought = Bought(order, items)
        self.orders.append(bought)
        total = sum(PRICE * quantity for _, quantity in items)
        wrong = draw.random() < 0.15
        self._tell(bought, platform.paid(order, items, total - PRICE // 2 if wrong else None))
        if draw.random() < 0.15:
            self._tell(bought, platform.paid(order, items, payment="pay-2"))
        self._take_back(bought, total)
        self._handle(bought, wrong)
        for viewer in range(draw.choice((0, 1, 1, 2))):
            for _ in range(draw.choice((1, 1, 1, 2))):
                self._at(lambda viewer=viewer: self.people.reveal(order, f"viewer-{viewer}"), late=0.5)

    def _one_of_many(self, order: tuple[str, str]) -> None:
        """Several buyers want one piece each of what there is too little of, and most look at nothing yet."""
        bought = Bought(order, [(self.crowd, 1)])
        self.orders.append(bought)
        self._tell(bought, platform.paid(order, bought.items))
        if self.draw.random() < 0.2:
            self._take_back(bought, PRICE)
        if self.draw.random() < 0.2:
            self._at(lambda: self.people.reveal(order, "viewer"), late=0.5)

    def _tell(self, bought: Bought, told: platform.Told) -> None:
        bought.facts.append(told)
        for _ in range(self.draw.choice((1, 1, 1, 2))):
            copies = self.draw.choice((1, 1, 2))
            self._at(partial(platform.tell, self.world, told, copies))

    def _take_back(self, bought: Bought, total: int) -> None:
        draw, order = self.draw, bought.order
        if draw.random() < 0.12:
            self._tell(bought, platform.refunded(order, "all", {}, total))
        for number in range(draw.choice((0, 0, 0, 1, 1, 2))):
            line = draw.randrange(len(bought.items))
            pieces = draw.randint(1, bought.items[line][1])
            refund = platform.refunded(order, f"some-{number}", {str(line + 1): pieces}, PRICE * pieces)
            self._tell(bought, refund)
        if draw.random() < 0.1:
            self._tell(bought, platform.given_back(order, "money", 100))
        if draw.random() < 0.08:
            self._tell(bought, platform.cancelled(order))
        if draw.random() < 0.1:
            self._tell(bought, platform.charged_back(order, total))
            if draw.random() < 0.7:
                outcome = draw.choice(("lost", "lost", "won"))
                self._at(lambda: self.people.decide(order, outcome), late=0.5)

    def _handle(self, bought: Bought, wrong: bool) -> None:
        draw, order, people = self.draw, bought.order, self.people
        if draw.random() < (0.7 if wrong else 0.05):
            bought.approved = True
            self._at(lambda: people.approve(order))
        if draw.random() < 0.15:
            line = draw.randrange(len(bought.items))
            piece = draw.randint(1, bought.items[line][1])
            bought.cancelled_pieces.add((str(line + 1), piece))
            self._at(lambda: people.cancel_piece(order, str(line + 1), piece))
        for act, rate in (
            (people.retry, 0.1),
            (people.resend, 0.06),
            (people.withdraw_links, 0.06),
            (people.replace, 0.3),
            (people.reopen, 0.06),
        ):
            if draw.random() < rate:
                self._at(lambda act=act: act(order), late=0.5)

    # -- products and stock -----------------------------------------------------------------------

    def _gates(self) -> None:
        """Close one and open it again, or leave it to the end."""
        what, tenant, sku = self.draw.choice(GATES), self._tenant(), self._sku()
        self._at(lambda: self.people.pause(what, tenant, sku))
        if self.draw.random() < 0.6:
            self._at(lambda: self.people.resume(what, tenant, sku))

    def _releases(self) -> None:
        tenant, sku = self._tenant(), self.draw.choice(("PRE", "PRE", self._sku()))
        at = self.draw.choice((None, NOON - 1, NOON + self.span // 2, NOON + 2 * MINUTE, NOON + 20 * MINUTE))
        self._at(lambda: self.people.release_at(tenant, sku, at))

    def _mappings(self) -> None:
        tenant, item = self._tenant(), self.draw.choice((UNMAPPED, UNMAPPED, self.draw.choice(ITEMS)))
        parts = self.draw.choice(((("DENSE", 1),), (("SCARCE", 1),), (("DENSE", 1), ("NONE", 1)), ()))
        self.mapped[item] = True
        if self.draw.random() < 0.3:
            self._at(lambda: self.people.forget_listing(tenant, item))
        self._at(lambda: self.people.map_listing(tenant, item, *parts))

    def _stock(self) -> None:
        """Import something; perhaps a file with known cards, perhaps the same once more; perhaps undo one."""
        draw, people, tenant = self.draw, self.people, self._tenant()
        sku = draw.choice(("DENSE", "SCARCE", "NONE", "PRE", "SHARED"))
        codes = people.fresh_codes(tenant, sku, draw.randint(1, 3))
        if draw.random() < 0.4 and sku in FIRST_CARDS:
            codes.append(code_of(tenant, sku, 0))
        uses = draw.choice((1, 4, 7)) if sku == "SHARED" else None
        expires = draw.choice((None, None, NOON + MINUTE, NOON + 400 * 86_400_000))
        for _ in range(draw.choice((1, 1, 2))):
            self._at(lambda: people.bring_in(tenant, sku, codes, uses, expires))
        if draw.random() < 0.35:
            self._at(lambda: self._undo(tenant), late=0.6)

    def _undo(self, tenant: str) -> None:
        """Undo an import of this run, or one of the ground."""
        mine = [job for whose, job in self.people.imports if whose == tenant] + self.world.first_imports(
            tenant
        )
        self.people.undo(tenant, self.world.chance.random.choice(mine))

    def _undo_sold(self) -> None:
        """Undo an import whose cards are being sold; what is given back afterwards is void."""
        bought = self.draw.choice(self.orders)
        tenant, total = bought.order[0], sum(PRICE * quantity for _, quantity in bought.items)
        job = self.draw.choice(self.world.first_imports(tenant)[:2])
        self._at(lambda: self.people.undo(tenant, job))
        bought.facts.append(platform.refunded(bought.order, "late", {}, total))
        self._at(partial(platform.tell, self.world, bought.facts[-1], 1), late=0.3)

    def _content(self) -> None:
        tenant = self._tenant()
        for _ in range(self.draw.choice((1, 2))):
            self._at(lambda: self.people.set_content(tenant))

    def _tenant(self) -> str:
        return TENANTS[self.draw.random() < 0.2]

    def _sku(self) -> str:
        return self.draw.choice(("DENSE", "SCARCE", "NONE", "PRE", "SHARED", "FIXED"))
