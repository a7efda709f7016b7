"""Showing cards: who is shown what, in which order it is committed, and what a failure leaves."""

from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import pytest

from cardcourier.domain.cards import Card
from cardcourier.domain.catalogue import Product, Tenant
from cardcourier.domain.gates import Gate
from cardcourier.domain.orders import Header, OrderKey, OrderLine, Part, Unit
from cardcourier.domain.protocol import Lost
from cardcourier.domain.states import Room, State
from cardcourier.domain.tokens import Token
from cardcourier.errors import NotFound, Unavailable
from cardcourier.services.redeeming import DAY, Redeem, TooMany, masked_number
from cardcourier.services.showing import Showing, Visitor

NOW = 1_790_000_000_000
KEY = OrderKey("acme", "main", "1001")
CODE = "ABCD-1234"
HEADER = Header(key=KEY, ver=1, number="#1001", paid_at=NOW, lines=(OrderLine("1", "", "", "A", 2, 100),))
TOKEN = Token(KEY, 0, NOW + 2 * DAY)
PRODUCT = Product(tenant="acme", sku="A", name="芒果TV月卡", name_en="Mango TV")
HOLDING = (State.ALLOCATED, State.DELIVERED, State.REVEALED)


@dataclass
class World:
    """Everything the page needs, in memory; `events` says what happened in which order."""

    units: dict = field(default_factory=dict)
    claims: dict = field(default_factory=dict)
    header: Header = HEADER
    token: Token | None = TOKEN
    product: Product | None = PRODUCT
    gate: Gate | None = None
    misses: int = 0
    locked: int | None = None
    allowed: dict = field(default_factory=dict)
    events: list = field(default_factory=list)
    now: int = NOW
    race: object = None
    vault_error: Exception | None = None

    # -- tokens and codes

    def find(self, token, now):
        return self.token if token == "link" and self.token and self.token.expires_at > now else None

    def locked_until(self, subject, now):
        return self.locked if self.locked and self.locked > now else None

    def miss(self, subject, now):
        self.misses += 1
        if self.misses == 5:
            self.locked = now + 900_000
        return max(0, 5 - self.misses)

    def allow(self, action, who, most, window, now):
        self.allowed[action, who] = self.allowed.get((action, who), 0) + 1
        return self.allowed[action, who] <= most

    def code_of(self, header):
        return CODE

    def token_of(self, header):
        return f"link-{header.seq}"

    def network_mark(self, header, network):
        return f"mark of {network}"

    def find_code(self, code, now):
        return [self.token] if code == CODE else []

    def find_mail(self, number, email, now):
        return [self.token] if (number, email) == ("1001", "b@x.example") else []

    # -- orders

    def order(self, key):
        return (self.header if key == KEY else None), list(self.units.values()), list(self.claims.values())

    def open_claim(self, claim):
        return self.claims.setdefault(claim.id, claim)

    def decide(self, seen, after, actor):
        self.claims[seen.id] = after
        return after

    def unit(self, key, line, n):
        return self.units[f"{line}#{n:04d}"]

    def expose(self, seen, unit, actor):
        if self.race:
            race, self.race = self.race, None
            race()
        now = self.units[unit.name]
        if now.state not in (State.ALLOCATED, State.DELIVERED) or (now.card, now.gen) != (
            seen.card,
            seen.gen,
        ):
            return Lost(now)
        self.events.append(("committed", unit.name))
        self.units[unit.name] = unit
        return unit

    def view_again(self, seen, unit, actor):
        now = self.units[unit.name]
        if now.state is not State.REVEALED or now.views != seen.views or now.card != seen.card:
            return Lost(now)
        self.events.append(("counted", unit.views))
        self.units[unit.name] = unit
        return unit

    # -- the rest

    def put(self, key, text, about, actor):
        self.events.append(("note", text, about, actor.why))

    def again(self, key, ask):
        self.events.append(("mail", key))

    def open_all(self, tenant, card_ids):
        for card_id in card_ids:
            self.events.append(("opened", card_id))
        if self.vault_error:
            raise self.vault_error
        return {card_id: Card(number="", code=f"plain {card_id}") for card_id in card_ids}

    def tenant(self, tenant):
        return Tenant(id=tenant, name="Acme", support="help")

    @property
    def redeem(self):
        catalogue = SimpleNamespace(
            tenant=self.tenant, product=lambda *_: self.product, gate=lambda: self.gate
        )
        showing = Showing(self, self, catalogue, lambda: self.now)
        return Redeem(self, self, self, self, showing, self, catalogue, lambda: self.now)


def a_world(*states, **options):
    world = World(**options)
    for n, state in enumerate(states or [State.DELIVERED], 1):
        plan = (Part("A", 1),) if n == 1 else None
        unit = Unit(key=KEY, line="1", n=n, piece=n, state=state, sku="A", plan=plan)
        if state in HOLDING:
            unit = replace(unit, card=f"c{n}", last4="0042")
        if state is State.REVEALED:
            unit = replace(unit, exposed_at=NOW - 1, views=1, viewers=("first",), view_rid="old")
        world.units[unit.name] = unit
    return world


def a_visitor(viewer="me", rid="r1", ip="192.0.2.1"):
    return Visitor(ip, viewer, rid, "https://cards.example")


def codes(page):
    return [block.code for block in page.blocks if block.code]


def test_a_page_is_masked_and_changes_nothing():
    world = a_world()
    page = world.redeem.page("link", a_visitor(viewer=""))
    assert (codes(page), page.blocks[0].last4, world.events) == ([], "0042", [])


def test_every_showing_is_committed_before_any_card_is_opened():
    world = a_world(State.DELIVERED, State.ALLOCATED)
    page = world.redeem.reveal("link", a_visitor(), "")
    assert codes(page) == ["plain c1", "plain c2"]
    assert sorted(world.events[:2]) == [("committed", "1#0001"), ("committed", "1#0002")]
    assert world.events[2:] == [("opened", "c1"), ("opened", "c2")]


@pytest.mark.parametrize(
    "state",
    [State.HELD, State.SCHEDULED, State.BACKORDER, State.CANCELLED, State.RETURNED, State.REFUNDED],
)
def test_only_a_unit_that_holds_a_card_is_opened(state):
    world = a_world(state)
    assert codes(world.redeem.reveal("link", a_visitor(), "")) == []
    assert world.events == []


def test_a_stopped_piece_is_not_shown_even_before_its_card_was_taken_back():
    world = a_world(State.DELIVERED, State.DELIVERED)
    world.header = replace(world.header, stops=frozenset(["1/1"]))
    page = world.redeem.reveal("link", a_visitor(), "")
    assert codes(page) == ["plain c2"]
    assert [block.state for block in page.blocks] == ["ended", "revealed"]


@pytest.mark.parametrize("everywhere", [False, True], ids=["product", "deployment"])
def test_while_showings_are_stopped_nothing_is_committed_or_opened(everywhere):
    world = a_world(State.DELIVERED)
    if everywhere:
        world.gate = Gate(paused="restored", stop_reveals=True)
    else:
        world.product = replace(PRODUCT, paused="checking", stop_reveals=True)

    page = world.redeem.reveal("link", a_visitor(), "")

    assert ([block.state for block in page.blocks], page.can_reveal, page.revealed_now) == (
        ["paused"],
        False,
        False,
    )
    assert world.events == []


def test_a_pause_alone_stops_no_showing():
    world = a_world(State.DELIVERED)
    world.product, world.gate = replace(PRODUCT, paused="checking"), Gate(paused="restored")

    assert world.redeem.reveal("link", a_visitor(), "").revealed_now


def test_a_unit_behind_a_gate_says_so():
    world = a_world(State.SCHEDULED)
    world.units["1#0001"] = replace(world.units["1#0001"], room=Room.PAUSE, ref="sku/A")

    assert [block.state for block in world.redeem.page("link", a_visitor(viewer="")).blocks] == ["paused"]


def test_a_second_browser_is_asked_for_the_code():
    world = a_world(State.REVEALED)
    page = world.redeem.reveal("link", a_visitor(), "")
    assert (codes(page), page.proof_needed, page.tries_left, world.misses) == ([], True, None, 0)
    wrong = world.redeem.reveal("link", a_visitor(), "0000-0000")
    assert (codes(wrong), wrong.proof_failed, wrong.tries_left) == ([], True, 4)
    assert codes(world.redeem.reveal("link", a_visitor(), "abcd i234")) == ["plain c1"]
    assert world.units["1#0001"].viewers == ("first", "me")


def test_whoever_loses_the_race_of_two_first_browsers_is_the_second():
    world = a_world()
    world.race = lambda: world.redeem.reveal("link", a_visitor("other", "r2"), "")
    page = world.redeem.reveal("link", a_visitor(), "")
    assert (codes(page), page.proof_needed) == ([], True)
    assert world.units["1#0001"].viewers == ("other",)


def test_whoever_loses_the_race_with_the_code_in_hand_is_shown_the_card():
    world = a_world()
    world.race = lambda: world.redeem.reveal("link", a_visitor("other", "r2"), "")
    assert codes(world.redeem.reveal("link", a_visitor(), CODE)) == ["plain c1"]
    assert world.units["1#0001"].views == 2


@pytest.mark.fault("races: replaced")
def test_a_card_replaced_meanwhile_is_shown_in_its_new_form():
    world = a_world()
    world.race = lambda: world.units.update(
        {"1#0001": replace(world.units["1#0001"], card="c9", gen=1, state=State.ALLOCATED)}
    )
    assert codes(world.redeem.reveal("link", a_visitor(), "")) == ["plain c9"]


@pytest.mark.fault("races: refunded")
def test_a_card_refunded_meanwhile_is_not_shown():
    world = a_world()
    gone = replace(world.units["1#0001"], card="", state=State.RETURNED)
    world.race = lambda: world.units.update({"1#0001": gone})
    assert codes(world.redeem.reveal("link", a_visitor(), "")) == []


def test_five_wrong_codes_lock_out_the_right_one():
    world = a_world(State.REVEALED)
    left = [world.redeem.reveal("link", a_visitor(), "0000-0000").tries_left for _ in range(5)]
    locked = world.redeem.reveal("link", a_visitor(), CODE)
    assert (left, codes(locked), locked.locked_until) == ([4, 3, 2, 1, 0], [], NOW + 900_000)
    world.now += 900_000
    assert codes(world.redeem.reveal("link", a_visitor(), CODE)) == ["plain c1"]


def test_views_and_days_run_out():
    world = a_world(State.REVEALED, product=replace(PRODUCT, max_views=2, view_days=1))
    assert codes(world.redeem.reveal("link", a_visitor("first"), "")) == ["plain c1"]
    spent = world.redeem.reveal("link", a_visitor("first", "r2"), "")
    assert (codes(spent), spent.views_left) == ([], 0)
    late = a_world(State.REVEALED, product=replace(PRODUCT, view_days=1), now=NOW + DAY)
    assert codes(late.redeem.reveal("link", a_visitor("first"), "")) == []


# -- shown once ---------------------------------------------------------------------------------------

ONCE = replace(PRODUCT, policy="once", grace_minutes=10)


def test_a_card_shown_once_may_be_looked_at_again_in_its_browser_within_the_grace():
    world = a_world(product=ONCE)
    assert world.redeem.page("link", a_visitor()).once_minutes == 10
    assert codes(world.redeem.reveal("link", a_visitor(), "")) == ["plain c1"]
    world.now += 600_000
    assert codes(world.redeem.reveal("link", a_visitor(rid="r2"), "")) == ["plain c1"]
    world.now += 1
    late = world.redeem.reveal("link", a_visitor(rid="r3"), CODE)
    assert (codes(late), late.blocks[0].state, late.can_reveal, late.proof_needed) == (
        [],
        "closed",
        False,
        False,
    )


def test_a_card_shown_once_is_closed_to_every_other_browser_even_with_the_code():
    world = a_world(product=ONCE)
    world.redeem.reveal("link", a_visitor(), "")
    page = world.redeem.page("link", a_visitor("other"))
    assert (page.can_reveal, page.proof_needed, page.views_left) == (False, False, 0)
    assert codes(world.redeem.reveal("link", a_visitor("other", "r2"), CODE)) == []
    assert world.units["1#0001"].viewers == ("me",)


def test_of_two_browsers_that_open_a_card_at_once_one_sees_it():
    world = a_world(product=ONCE)
    world.race = lambda: world.redeem.reveal("link", a_visitor("other", "r2"), "")
    assert codes(world.redeem.reveal("link", a_visitor(), CODE)) == []
    assert world.units["1#0001"].viewers == ("other",)


def test_a_card_opened_anew_is_seen_by_whoever_comes_first_with_a_grace_of_its_own():
    world = a_world(product=ONCE)
    world.redeem.reveal("link", a_visitor(), "")
    world.now += 2 * 3_600_000
    world.units["1#0001"] = replace(world.units["1#0001"], views=0, viewers=(), since=world.now)
    world.now += 3_600_000
    assert codes(world.redeem.reveal("link", a_visitor("other", "r2"), "")) == ["plain c1"]
    world.now += 600_000
    assert codes(world.redeem.reveal("link", a_visitor("other", "r3"), "")) == ["plain c1"]
    assert codes(world.redeem.reveal("link", a_visitor("me", "r4"), "")) == []


def test_a_card_that_is_closed_keeps_no_other_from_being_shown():
    world = a_world(State.REVEALED, State.DELIVERED, product=ONCE)
    page = world.redeem.page("link", a_visitor())
    assert ([block.state for block in page.blocks], page.can_reveal) == (["closed", "ready"], True)
    assert codes(world.redeem.reveal("link", a_visitor(), "")) == ["plain c2"]


# -- what may be seen before ----------------------------------------------------------------------------


def test_a_masked_card_shows_the_characters_the_product_names_and_no_others():
    world = a_world(product=replace(PRODUCT, display="masked", mask=(2, 1)))
    world.units["1#0001"] = replace(world.units["1#0001"], head="MG7K")
    block = world.redeem.page("link", a_visitor()).blocks[0]
    assert (block.head, block.last4) == ("MG", "2")
    world.product = PRODUCT
    block = world.redeem.page("link", a_visitor()).blocks[0]
    assert (block.head, block.last4) == ("", "0042")


def test_a_direct_page_opens_itself_only_while_nothing_stands_in_the_way():
    world = a_world(product=replace(PRODUCT, display="direct"))
    assert world.redeem.page("link", a_visitor()).opens_itself
    assert not world.redeem.reveal("link", a_visitor(), "").opens_itself
    assert world.redeem.page("link", a_visitor()).opens_itself
    assert not world.redeem.page("link", a_visitor("other")).opens_itself, "it has to prove itself"
    world.units["1#0001"] = replace(world.units["1#0001"], views=17)
    assert not world.redeem.page("link", a_visitor()).opens_itself, "the last three views are the buyer's"
    assert not a_world(State.BACKORDER, product=world.product).redeem.page("link", a_visitor()).opens_itself


# -- large orders ---------------------------------------------------------------------------------------


def test_more_than_twenty_cards_are_shown_only_as_a_file():
    world = a_world(*[State.DELIVERED] * 21)
    page = world.redeem.reveal("link", a_visitor(), "")
    assert (codes(page), page.large, world.events) == ([], True, [])
    file = world.redeem.reveal("link", a_visitor(), "", None)
    assert codes(file) == [f"plain c{n}" for n in range(1, 22)]
    first_opened = next(at for at, event in enumerate(world.events) if event[0] == "opened")
    assert first_opened == 21, "every showing is committed before any card is opened"


def test_a_file_that_broke_off_is_whole_the_next_time():
    world = a_world(*[State.DELIVERED] * 21, vault_error=Unavailable("key_service", "away"))
    with pytest.raises(Unavailable):
        world.redeem.reveal("link", a_visitor(), "", None)
    world.vault_error = None
    assert len(codes(world.redeem.reveal("link", a_visitor(rid="r2"), "", None))) == 21


def test_a_file_asks_for_proof_as_a_page_does():
    world = a_world(*[State.REVEALED] * 21)
    page = world.redeem.reveal("link", a_visitor(), "", None)
    assert (codes(page), page.proof_needed) == ([], True)
    assert len(codes(world.redeem.reveal("link", a_visitor(), CODE, None))) == 21


@pytest.mark.parametrize(
    "options",
    [
        {"token": None},
        {"token": Token(KEY, 0, NOW)},
        {"token": Token(OrderKey("acme", "main", "other"), 0, NOW + DAY)},
        {"header": replace(HEADER, seq=1)},
    ],
    ids=["unknown", "expired", "order gone", "withdrawn"],
)
def test_links_that_do_not_work_are_all_alike(options):
    world = a_world(**options)
    said = set()
    for ask in (
        lambda: world.redeem.page("link", a_visitor()),
        lambda: world.redeem.reveal("link", a_visitor(), CODE),
        lambda: world.redeem.report_problem("link", a_visitor(), "", "used", ""),
    ):
        with pytest.raises(NotFound) as refused:
            ask()
        said.add(str(refused.value))
    assert len(said) == 1
    assert world.events == []


@pytest.mark.parametrize("error", [NotFound("card_missing", "gone"), Unavailable("key_service", "away")])
def test_a_card_that_cannot_be_opened_is_no_wrong_link(error):
    world = a_world(vault_error=error)
    with pytest.raises(Unavailable) as failed:
        world.redeem.reveal("link", a_visitor(), "")
    assert failed.value.code == error.code
    assert world.events == [("committed", "1#0001"), ("opened", "c1")]


def test_the_eleventh_reveal_of_a_minute_is_refused_before_anything_is_read():
    world = a_world(State.REVEALED)
    for _ in range(10):
        world.redeem.reveal("link", a_visitor("first"), "")
    before = list(world.events)
    with pytest.raises(TooMany):
        world.redeem.reveal("link", a_visitor("first"), "")
    with pytest.raises(TooMany):
        world.redeem.reveal("nobody", a_visitor("first"), "")
    assert world.events == before
    assert codes(world.redeem.reveal("link", a_visitor("first", ip="192.0.2.2"), ""))


@pytest.mark.parametrize(
    ("number", "code", "link"),
    [
        ("1001", CODE, "link-0"),
        (" #1001 ", "abcd1234", "link-0"),
        ("1002", CODE, None),
        ("1001", "ABCD-1235", None),
        ("1001", "", None),
    ],
)
def test_number_and_code_lead_to_the_link(number, code, link):
    assert a_world().redeem.look_up(a_visitor(), number, code) == link


def test_a_withdrawn_code_leads_nowhere():
    world = a_world(header=replace(HEADER, seq=1))
    assert world.redeem.look_up(a_visitor(), "1001", CODE) is None


def test_asking_in_vain_takes_the_same_steps():
    world = a_world()
    world.redeem.mail_again(a_visitor(), "1001", "b@x.example")
    right = dict(world.allowed)
    world.redeem.mail_again(a_visitor(), "1001", "thief@x.example")
    (_, mailed), (_, nobody) = world.events
    assert (mailed, nobody.tenant) == (KEY, "-")
    assert len(world.allowed) == len(right) + 1
    assert "thief" not in str(world.events) + str(world.allowed)


def test_an_order_is_mailed_again_five_times_a_day():
    world = a_world()
    for number in range(8):
        world.redeem.mail_again(a_visitor(ip=f"192.0.2.{number}"), "1001", "b@x.example")
    assert world.events == [("mail", KEY)] * 5


def test_a_problem_is_kept_short_and_with_its_unit():
    world = a_world()
    page = world.redeem.report_problem("link", a_visitor(), "1#0001", "used", "x y " * 300)
    world.redeem.report_problem("link", a_visitor(), "9#0009", "region", "")
    (_, text, about, why), (_, bare, unknown, _) = world.events
    assert (page.problem_sent, len(text), about, why) == (True, 500, "1#0001", "problem:used")
    assert (bare, unknown) == ("region", "")


def test_waiting_cards_are_counted_and_told_apart():
    world = a_world(State.DELIVERED, State.BACKORDER, State.SCHEDULED, State.HELD, State.RETURNED)
    world.product = replace(world.product, release_at=NOW + DAY)
    world.units["1#0002"] = replace(world.units["1#0002"], room=Room.BACK)
    page = world.redeem.page("link", a_visitor())
    assert [block.state for block in page.blocks] == ["ready", "waiting", "scheduled", "on_hold", "ended"]
    assert [block.release_at for block in page.blocks] == [None, None, NOW + DAY, None, None]
    assert (page.delivered, page.total) == (1, 4)


@pytest.mark.parametrize(
    ("number", "shown"),
    [("#1001", "•••• 1"), ("1", "•••• "), ("", "•••• "), ("202611010042", "•••• 0042")],
)
def test_an_order_number_is_masked(number, shown):
    assert masked_number(number) == shown
