"""The door for shops: whom it lets in, what it records, and that a true fact is never refused."""

from dataclasses import dataclass, field, replace

import pytest

from cardcourier.domain.catalogue import Shop, Tenant
from cardcourier.domain.contact_keys import Named
from cardcourier.domain.disputes import BURN, DISPUTE
from cardcourier.domain.order_events import (
    Contact,
    DisputeDecided,
    Ignored,
    Line,
    NotUnderstood,
    OrderPaid,
    OrderStopped,
    Payment,
)
from cardcourier.domain.orders import EVERYTHING, Header, OrderKey
from cardcourier.errors import Denied, Refused, Unavailable
from cardcourier.services.intake import MOST_BYTES, Intake, Received

NOW = 1_790_000_000_000
KEY = OrderKey("acme", "main", "1001")
SHOP = Shop(id="main", tenant="acme", channel="own", name="Main", secrets=(b"sealed",), domain="d", test=True)
LINE = Line(id="1", item="i", sku="A", quantity=2, unit_price=2500)
PAID = OrderPaid(
    order="1001",
    number="#1001",
    currency="CNY",
    total=5000,
    payments=(Payment(id="pay-123456", amount=5000, at=NOW),),
    lines=(LINE,),
    contact=Contact(email="b@x.example", phone="13800138000", language="en"),
    created_at=NOW,
    paid_at=NOW,
)
STOPPED = OrderStopped(
    order="1001", kind="refund", fact_id="r-1", at=NOW, everything=True, reason="to b@x.example"
)


@dataclass
class World:
    """A channel that says what it is told, and tables in memory."""

    says: tuple = ()
    genuine: bool = True
    before: Header | None = None
    known_facts: set = field(default_factory=set)
    events: list = field(default_factory=list)
    verified: list = field(default_factory=list)
    queue_away: bool = False
    policy: str = BURN

    # -- the channel

    def verify(self, secrets, headers, body, now_ms, shop_meta):
        self.verified.append((tuple(secrets), dict(shop_meta)))
        return self.genuine

    def parse(self, headers, body, shop_meta):
        return self.says

    def event_id(self, headers):
        return "event-1"

    # -- the rest

    def find_shop(self, shop):
        return SHOP if shop == "main" else None

    def open(self, shop):
        return ["secret"]

    def record_payment(self, payment, actor):
        self.events.append(("payment", payment, actor))
        return self.before

    def record_fact(self, fact, actor):
        self.events.append(("fact", fact))
        return fact.id not in self.known_facts

    def record_stop(self, fact, actor):
        self.events.append(("stop", fact))
        return fact.id not in self.known_facts

    def find_tenant(self, tenant):
        return Tenant(id=tenant, name="Acme", chargebacks=self.policy)

    def ask(self, fact, actor):
        self.events.append(("question", fact))
        return fact.id not in self.known_facts

    def decide(self, fact, outcome, actor):
        self.events.append((outcome, fact))
        return fact.id not in self.known_facts

    def order(self, key):
        if self.queue_away:
            raise Unavailable("queue_unavailable", "away")
        self.events.append(("asked", key))

    def seal(self, tenant, contact, order):
        return repr(sorted(contact.items())).encode()

    def named(self, tenant, wanted):
        return Named(tuple(f"<{key.value}>" for key in wanted), "".join(key.kind.value for key in wanted))

    def keep(self, shop, event_id, reason, body, rid):
        self.events.append(("kept", event_id, reason, body))

    def receive(self, *, channel="own", shop="main", body=b"{}"):
        intake = Intake({"own": self, "other": self}, *[self] * 8, lambda: NOW)
        return intake.receive(channel, shop, {}, body, "rid")

    def names(self):
        return [event[0] for event in self.events]

    def one(self, name):
        [found] = [event[1] for event in self.events if event[0] == name]
        return found


# -- who is let in --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "genuine"),
    [({}, False), ({"shop": "nobody"}, True), ({"channel": "other"}, True), ({"channel": "none"}, True)],
    ids=["forged", "unknown shop", "other channel", "unknown channel"],
)
def test_every_wrong_call_is_denied_alike_after_the_same_work(options, genuine):
    world = World(says=(PAID,), genuine=genuine)
    with pytest.raises(Denied) as denied:
        world.receive(**options)
    assert denied.value.code == "bad_signature"
    assert (len(world.verified), world.events) == (1, [])
    assert ("secret" in str(world.verified)) == (options == {})


def test_the_shops_settings_reach_its_channel():
    world = World()
    world.receive()
    assert world.verified == [(("secret",), {"domain": "d", "test": True})]


def test_a_body_above_the_limit_is_refused_unread():
    world = World(says=(PAID,))
    with pytest.raises(Refused) as refused:
        world.receive(body=b"x" * (MOST_BYTES + 1))
    assert (refused.value.code, world.verified) == ("too_large", [])
    assert world.receive(body=b"x" * MOST_BYTES).facts == 1


# -- payments -------------------------------------------------------------------------------------------


def test_a_payment_is_recorded_and_then_a_pass_asked_for():
    world = World(says=(PAID,))
    assert world.receive() == Received("acme", 1)
    assert world.names() == ["payment", "asked"]
    first = world.one("payment")
    assert (first.key, first.total, first.currency, first.language) == (KEY, 5000, "CNY", "en")
    assert [(line.sku, line.quantity, line.price) for line in first.lines] == [("A", 2, 2500)]
    assert b"b@x.example" in first.contact
    assert first.search == ("<b@x.example>", "<8613800138000>", "<pay-123456>", "<#1001>")
    assert first.kinds == "epoo"
    assert world.events[0][2].by == "shop:main"


def test_a_short_payment_id_finds_no_order():
    """A platform without payment ids gives all its orders the same short word."""
    world = World(says=(replace(PAID, payments=(Payment(id="paid", amount=5000, at=NOW),), number="1001"),))
    world.receive()
    assert world.one("payment").search == ("<b@x.example>", "<8613800138000>")


def test_a_buyer_without_contact_is_no_reason_to_seal():
    world = World(says=(replace(PAID, contact=Contact()),))
    world.receive()
    assert world.one("payment").contact is None


def test_the_same_payment_again_changes_nothing():
    before = Header(key=KEY, ver=1, payment="pay-123456", payments=("pay-123456",))
    world = World(says=(PAID,), before=before)
    assert world.receive() == Received("acme", 0)
    assert world.names() == ["payment"]


def test_further_payments_are_facts_and_ask_for_no_pass():
    more = (*PAID.payments, Payment(id="pay-2", amount=5000, at=NOW), Payment(id="pay-3", amount=1, at=NOW))
    before = Header(key=KEY, ver=1, payment="pay-123456", payments=("pay-123456",))
    world = World(says=(replace(PAID, payments=more),), before=before, known_facts={"pay-3"})
    assert world.receive() == Received("acme", 1)
    facts = [event[1] for event in world.events if event[0] == "fact"]
    assert [(fact.kind, fact.id, fact.amount, fact.ends_units) for fact in facts] == [
        ("pay", "pay-2", 5000, False),
        ("pay", "pay-3", 1, False),
    ]
    assert "asked" not in world.names()


def test_a_queue_that_is_away_is_told_to_the_shop_after_the_fact_was_kept():
    world = World(says=(PAID,), queue_away=True)
    with pytest.raises(Unavailable):
        world.receive()
    assert world.names() == ["payment"]


# -- stops ----------------------------------------------------------------------------------------------


def test_a_stop_is_recorded_without_contacts_and_asks_for_a_pass():
    world = World(says=(STOPPED,))
    assert world.receive() == Received("acme", 1)
    fact = world.one("stop")
    assert (fact.kind, fact.id, fact.stops, fact.owed) == ("refund", "r-1", frozenset({EVERYTHING}), ())
    assert fact.reason == "to …"
    assert world.names() == ["stop", "asked"]


def test_a_repeated_stop_asks_for_nothing():
    world = World(says=(STOPPED,), known_facts={"r-1"})
    assert world.receive() == Received("acme", 0)
    assert world.names() == ["stop"]


def test_pieces_are_owed_until_a_pass_chooses_them():
    world = World(says=(replace(STOPPED, everything=False, pieces=(("1", 2),)),))
    world.receive()
    fact = world.one("stop")
    assert (fact.stops, fact.owed) == (frozenset(), (("1", 2),))


def test_money_alone_asks_what_ends_and_for_a_pass():
    world = World(says=(replace(STOPPED, everything=False, amount=500, currency="CNY"),))
    assert world.receive() == Received("acme", 1)
    assert world.names() == ["question", "asked"]


def test_a_refund_of_no_money_yet_is_a_fact_alone():
    world = World(says=(replace(STOPPED, everything=False, amount=0, currency="CNY"),))
    assert world.receive() == Received("acme", 1)
    assert world.names() == ["fact"]


@pytest.mark.parametrize(
    ("kind", "policy", "disputed"),
    [("chargeback", BURN, False), ("chargeback", DISPUTE, True), ("refund", DISPUTE, False)],
)
def test_a_chargeback_is_disputed_where_that_is_the_policy(kind, policy, disputed):
    world = World(says=(replace(STOPPED, kind=kind),), policy=policy)
    world.receive()
    assert world.one("stop").disputed is disputed


def test_the_outcome_of_a_dispute_is_a_fact_and_asks_for_a_pass():
    decided = DisputeDecided(order="1001", outcome="won", fact_id="d-1", at=NOW, amount=500, currency="CNY")
    world = World(says=(decided, decided), known_facts=set())
    assert world.receive() == Received("acme", 2)
    assert world.names() == ["won", "asked", "won", "asked"]
    fact = world.events[0][1]
    assert (fact.kind, fact.id, fact.amount, fact.currency) == ("won", "d-1", 500, "CNY")


# -- the rest -------------------------------------------------------------------------------------------


def test_what_is_not_understood_is_kept_whole_and_answered():
    world = World(says=(NotUnderstood("type is unknown"),))
    assert world.receive(body=b"odd") == Received("acme", 0, not_understood="type is unknown")
    assert world.events == [("kept", "event-1", "type is unknown", b"odd")]


def test_what_does_not_matter_is_passed_over():
    world = World(says=(Ignored("a test call"),))
    assert world.receive() == Received("acme", 0, ignored="a test call")
    assert world.events == []


def test_one_call_may_tell_several_things():
    world = World(says=(PAID, STOPPED, NotUnderstood("what")))
    assert world.receive() == Received("acme", 2, not_understood="what")
    assert world.names() == ["payment", "asked", "stop", "asked", "kept"]
