"""Merchants and buyers: each act of theirs is one request, which may be refused, and is asked again if it
failed.
"""

from collections.abc import Callable
from dataclasses import replace

from cardcourier.domain.kept import Act
from cardcourier.domain.orders import OrderKey
from cardcourier.domain.protocol import Actor
from cardcourier.domain.states import State
from cardcourier.errors import CardCourierError, Unavailable
from cardcourier.services.handling_orders import Who
from cardcourier.services.importing_jobs import Order
from cardcourier.services.managing.listings import ListedPart
from cardcourier.services.showing import Visitor
from tests.simulation.ground import COST, PLAIN, shop_of
from tests.simulation.parts import SITE
from tests.simulation.scheduler import Killed

TRIES = 5
OWNER = "owner"


class People:
    """Acts on one run. Each method is an act for the plan: it begins a request and returns at once."""

    def __init__(self, world) -> None:
        self.world = world
        self.imports: list[tuple[str, str]] = []
        self.new_codes = 0

    def ask(
        self, function: str, name: str, work: Callable, *, tenant: str = "", left: int = TRIES, then=None
    ) -> None:
        """Have `work(parts, rid)` done; what failed without a word is asked again after a while."""
        world = self.world

        def ended(strand) -> None:
            error = strand.error
            if error is None:
                world.seen["act", name] += 1
                if then is not None:
                    then(strand.answer)
                return
            if isinstance(error, Exception) and not isinstance(error, CardCourierError):
                world.failed(error)
            if isinstance(error, Unavailable | Killed) and left > 1:
                world.scheduler.after(
                    world.chance.random.choice((300, 3_000, 60_000)),
                    lambda: self.ask(function, name, work, tenant=tenant, left=left - 1, then=then),
                )
            elif isinstance(error, CardCourierError):
                world.seen["refused", f"{name}: {error.code}"] += 1

        world.start(function, work, ended, tenant=tenant)

    # -- what a merchant does with an order -------------------------------------------------------

    def approve(self, order) -> None:
        self._on_order("approve", order, lambda desk, key, rid: desk.approve(key, "fine", _who(rid)))

    def cancel_piece(self, order, line: str, piece: int) -> None:
        act = Act(f"{order[1]}-{line}-{piece}", self.world.scheduler.now)
        self._on_order(
            "cancel a piece",
            order,
            lambda desk, key, rid: desk.cancel(key, [(line, piece)], "asked", act, _who(rid)),
        )

    def retry(self, order) -> None:
        self._on_order("retry", order, lambda desk, key, rid: desk.retry(key))

    def resend(self, order) -> None:
        self._on_order("resend", order, lambda desk, key, rid: desk.resend(key, _who(rid)))

    def withdraw_links(self, order) -> None:
        self._on_order(
            "withdraw links", order, lambda desk, key, rid: desk.withdraw_links(key, "leaked", _who(rid))
        )

    def replace(self, order) -> None:
        """A new card for the first that was shown."""

        def work(desk, key, rid):
            for unit in desk.orders.units(key):
                if unit.state is State.REVEALED:
                    return desk.replace(key, unit.line, unit.n, "does not work", _who(rid))
            return None

        self._on_order("replace", order, work)

    def reopen(self, order) -> None:
        def work(desk, key, rid):
            for unit in desk.orders.units(key):
                if unit.state is State.REVEALED:
                    return desk.reopen(key, unit.line, unit.n, "asked", _who(rid))
            return None

        self._on_order("reopen", order, work)

    def decide(self, order, outcome: str) -> None:
        """How the dispute of a chargeback came out."""
        act = Act(f"{order[1]}-{outcome}", self.world.scheduler.now)
        key = key_of(order)

        def work(parts, rid):
            return parts.refund_answers.decide(
                key, outcome, act, Actor(OWNER, parts.clock(), rid, "the bank")
            )

        self.ask("api", "decide a dispute", work, tenant=order[0])

    def _on_order(self, name, order, work) -> None:
        key = key_of(order)
        self.ask("api", name, lambda parts, rid: work(parts.order_actions, key, rid), tenant=order[0])

    # -- what a buyer does ------------------------------------------------------------------------

    def reveal(self, order, viewer: str) -> None:
        """Get the link from the merchant, open the page, and ask for the cards with the pick-up code."""
        key = key_of(order)

        def show(link) -> None:
            token = link.url.rsplit("/", 1)[1]
            visitor = Visitor(f"ip-{viewer}", viewer, "", SITE)
            self.world.tokens.add(token)
            self.ask(
                "redeem", "look at", lambda parts, rid: parts.redeem.page(token, visitor), tenant=order[0]
            )
            self.ask(
                "redeem",
                "reveal",
                lambda parts, rid: self._reveal(parts, rid, token, viewer, link.code, key),
                tenant=order[0],
            )

        self.ask(
            "api",
            "get the link",
            lambda parts, rid: parts.order_actions.link(key, parts.mailed_links),
            tenant=order[0],
            then=show,
        )

    def _reveal(self, parts, rid, token, viewer, code, key):
        page = parts.redeem.reveal(token, Visitor(f"ip-{viewer}", viewer, rid, SITE), code)
        self.world.watch.shown_to_a_buyer(key, [block for block in page.blocks if block.code], viewer, rid)
        return page

    # -- what a merchant does with products and stock ----------------------------------------------

    def map_listing(self, tenant: str, item: str, *parts: tuple[str, int]) -> None:
        shop = shop_of(tenant)

        def work(at, rid):
            old = at.listings.rows(tenant, shop, item, "")
            wanted = [ListedPart(sku, quantity) for sku, quantity in parts]
            return at.listings.map(tenant, shop, item, "", wanted, old, OWNER)

        self.ask("api", "map a listing", work, tenant=tenant)

    def forget_listing(self, tenant: str, item: str) -> None:
        shop = shop_of(tenant)

        def work(at, rid):
            return at.listings.forget(tenant, shop, at.listings.rows(tenant, shop, item, ""), OWNER)

        self.ask("api", "forget a listing", work, tenant=tenant)

    def pause(self, what: str, tenant: str, sku: str) -> None:
        def work(at, rid):
            if what == "all":
                return at.deployment_gate.close("checking", OWNER)
            if what == "tenant":
                return at.gates.pause_tenant(tenant, "checking", OWNER)
            if what == "shop":
                return at.gates.pause_shop(tenant, shop_of(tenant), "checking", OWNER)
            return at.gates.pause_product(tenant, sku, "checking", OWNER)

        self.ask("api", f"pause {what}", work, tenant="" if what == "all" else tenant)

    def resume(self, what: str, tenant: str, sku: str) -> None:
        def work(at, rid):
            if what == "all":
                return at.deployment_gate.open(OWNER)
            if what == "tenant":
                return at.gates.resume_tenant(tenant, OWNER)
            if what == "shop":
                return at.gates.resume_shop(tenant, shop_of(tenant), OWNER)
            return at.gates.resume_product(tenant, sku, OWNER)

        self.ask("api", f"resume {what}", work, tenant="" if what == "all" else tenant)

    def release_at(self, tenant: str, sku: str, at_ms: int | None) -> None:
        def work(at, rid):
            kept = at.merchants.product(tenant, sku)
            return at.products.change(kept.thing, replace(kept.thing, release_at=at_ms), kept.ver, OWNER)

        self.ask("api", "change a release", work, tenant=tenant)

    def fresh_codes(self, tenant: str, sku: str, count: int) -> list[str]:
        codes = []
        for _ in range(count):
            self.new_codes += 1
            codes.append(f"{PLAIN}-{tenant}-{sku}-N{self.new_codes:03d}".upper())
        self.world.know(codes)
        return codes

    def bring_in(
        self, tenant: str, sku: str, codes: list[str], uses: int | None = None, expires_at=None
    ) -> None:
        """Import these codes as one file."""
        act = Act(f"i{len(self.imports):07d}", self.world.scheduler.now)
        order = Order(
            sku=sku,
            file_name="cards.txt",
            cost=COST,
            currency="CNY",
            uses=uses,
            expires_at=expires_at,
            straight=True,
            text="\n".join(codes),
        )

        def work(at, rid):
            job = at.imports.create(tenant, order, act, OWNER).job
            at.imports.preview(tenant, job.id)
            return job

        self.imports.append((tenant, f"imp-{act.at:013d}-{act.id[:8]}"))
        self.ask("api", "import", work, tenant=tenant)

    def undo(self, tenant: str, job: str) -> None:
        self.ask(
            "api", "undo", lambda at, rid: at.imports.undo(tenant, job, "wrong file", OWNER), tenant=tenant
        )

    def set_content(self, tenant: str) -> None:
        [code] = self.fresh_codes(tenant, "FIXED", 1)
        act = Act(f"c{self.new_codes:07d}", self.world.scheduler.now)
        self.ask(
            "api",
            "set content",
            lambda at, rid: at.content.set(tenant, "FIXED", code, act, OWNER),
            tenant=tenant,
        )


def key_of(order) -> OrderKey:
    tenant, number = order
    return OrderKey(tenant, shop_of(tenant), number)


def _who(rid: str) -> Who:
    return Who(OWNER, "owner", rid)
