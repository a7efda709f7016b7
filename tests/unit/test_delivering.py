"""Handing over: what the buyer is told, what is committed, and in which order."""

from dataclasses import dataclass, field, replace

import pytest

from cardcourier.adapters.buyer_links import BuyerLinks
from cardcourier.domain.orders import Header, OrderKey, OrderLine, Owed, Part, Step, Unit, promised
from cardcourier.domain.protocol import Lost
from cardcourier.domain.states import Room, State
from cardcourier.services.delivering import LONGEST_STEP, Deliverer, Handed, complete
from cardcourier.services.notifying import Occasion, Told, Trouble

KEY = OrderKey("acme", "main", "1001")
PLAN = (Part("A", 1),)
NOW = 1_790_000_000_000


def a_header(*quantities, **options):
    lines = tuple(OrderLine(str(n), "", "", "A", count, 2500) for n, count in enumerate(quantities or [1], 1))
    return Header(key=KEY, ver=3, number="#1001", paid_at=NOW, lines=lines, **options)


def a_unit(n=1, state=State.ALLOCATED, line="1", plan=PLAN, **options):
    card = f"c{line}{n}" if state in (State.ALLOCATED, State.DELIVERED, State.REVEALED) else ""
    first = {"plan": plan} if n == 1 else {}
    return Unit(key=KEY, line=line, n=n, piece=n, state=state, sku="A", card=card, **first, **options)


@dataclass
class Orders:
    events: list
    lost: Lost | None = None

    def hand_over(self, seen, unit, actor):
        self.events.append(("handed over", unit.name, unit.delivered_by))
        return self.lost or unit

    def clear_timer(self, key, ver):
        self.events.append(("timer", ver))
        return True


class Links:
    def keep(self, headers, expires_at):
        raise AssertionError("kept when the order is looked up")


@dataclass
class Telling:
    """Tells of everything at once, or of what it is let."""

    events: list
    of: set | None = None
    settled: bool = True
    troubles: tuple = ()

    def tell(self, header, units, occasion, rid, until=None):
        self.events.append(("told", occasion))
        about = frozenset(occasion.about) & (self.of or frozenset(occasion.about))
        self.of = None
        return Told("mail:1", about, self.settled, self.troubles)


@dataclass
class World:
    events: list = field(default_factory=list)
    lost: Lost | None = None
    telling: dict = field(default_factory=dict)

    def deliverer(self):
        telling = Telling(self.events, **self.telling)
        return Deliverer(Orders(self.events, self.lost), Links(), telling, lambda: NOW)

    def deliver(self, header, *units):
        return self.deliverer().deliver(header, list(units), "rid")

    @property
    def told(self):
        return [what for name, what, *_ in self.events if name == "told"]


def test_the_buyer_is_told_before_it_is_committed_that_he_was():
    world = World()
    assert world.deliver(a_header(), a_unit()) == Handed(1, since_paid=(0,))
    assert [event[0] for event in world.events] == ["told", "handed over", "timer"]
    assert world.events[1:] == [("handed over", "1#0001", "mail:1"), ("timer", 3)]


def test_while_another_worker_tells_nothing_is_committed():
    world = World(telling={"settled": False})
    assert world.deliver(a_header(), a_unit()) == Handed(0)
    assert [event[0] for event in world.events] == ["told"]


def test_what_an_earlier_message_did_not_tell_of_has_one_of_its_own():
    """The first message told of one card; meanwhile another one came."""
    world = World(telling={"of": {"1#0001/0"}})
    assert world.deliver(a_header(2), a_unit(1), a_unit(2)) == Handed(2, since_paid=(0, 0))
    assert [occasion.id for occasion in world.told] == ["1.0001.0", "1.0002.0"]
    assert world.told[1].about == ("1#0002/0",)


def test_the_card_that_names_the_occasion_is_handed_over_last():
    world = World()
    world.deliver(a_header(3), a_unit(1), a_unit(2), a_unit(3))
    names = [name for what, name, *_ in world.events if what == "handed over"]
    assert (sorted(names[:2]), names[2:]) == (["1#0002", "1#0003"], ["1#0001"])


def test_a_message_that_did_not_go_out_does_not_hold_the_cards_up():
    trouble = Trouble("mail", "busy", False)
    world = World(telling={"troubles": (trouble,)})
    assert world.deliver(a_header(), a_unit()) == Handed(1, (trouble,), (0,))
    assert world.events[-1] == ("timer", 3)


@pytest.mark.parametrize(
    "header",
    [a_header(stops=frozenset("*")), a_header(stops=frozenset(["1/1"])), replace(a_header(), paid_at=None)],
    ids=["all", "one", "unpaid"],
)
def test_what_was_stopped_or_never_paid_is_not_handed_over(header):
    world = World()
    assert world.deliver(header, a_unit()) == Handed(0)
    assert world.events == []


def test_a_second_hand_over_finds_nothing_to_do():
    world = World()
    assert world.deliver(a_header(2), a_unit(1, State.DELIVERED), a_unit(2, State.REVEALED)) == Handed(0)
    assert world.events == [("timer", 3)]


@pytest.mark.parametrize(
    ("header", "units", "mails"),
    [
        (a_header(3), [a_unit(at=NOW - 40_000), a_unit(2, at=NOW - LONGEST_STEP + 1)], 0),
        (a_header(1, 1), [a_unit(at=NOW)], 0),
        (a_header(3), [a_unit(at=NOW), a_unit(2, at=NOW), a_unit(3, at=NOW)], 1),
        (a_header(3), [a_unit(at=NOW - 40_000), a_unit(2, at=NOW - LONGEST_STEP)], 1),
        (a_header(3), [a_unit(at=NOW), a_unit(2, State.BACKORDER, at=NOW)], 1),
        (a_header(3, stops=frozenset(["1/2"])), [a_unit(at=NOW), a_unit(2, State.CANCELLED, at=NOW)], 1),
        (a_header(2, 1), [a_unit(at=NOW), a_unit(state=State.HELD, line="2", plan=None, at=NOW)], 1),
    ],
    ids=["cards to come", "line to come", "all there", "dead", "no stock", "stopped", "held"],
)
def test_an_order_whose_cards_are_just_taken_is_told_of_them_at_once(header, units, mails):
    world = World()
    world.deliver(header, *units)
    assert len(world.told) == mails
    assert bool(mails) == bool(world.events)


def test_a_unit_that_changed_meanwhile_keeps_the_timer():
    world = World(lost=Lost(a_unit(state=State.ALLOCATED, gen=1)))
    world.deliver(a_header(), a_unit())
    assert [event[0] for event in world.events] == ["told", "handed over"]


@pytest.mark.parametrize(
    ("header", "units"),
    [
        (a_header(2), [a_unit()]),
        (a_header(2), [a_unit(), a_unit(2, State.BACKORDER, room=Room.BACK)]),
        (a_header(1, 1), [a_unit()]),
        (a_header(owed=(Owed("1", 1, "r-1"),)), [a_unit()]),
        (a_header(2, stops=frozenset(["1/2"])), [a_unit(), a_unit(2, State.REVEALED)]),
    ],
    ids=["missing", "waiting", "line missing", "owed", "stopped"],
)
def test_the_timer_stays_while_something_is_left_to_be_driven(header, units):
    world = World()
    world.deliver(header, *units)
    assert "timer" not in [event[0] for event in world.events]


def test_ended_units_leave_nothing_to_drive():
    ended = [a_unit(2, State.CANCELLED), a_unit(3, State.RETURNED)]
    assert complete(a_header(3, stops=frozenset(["1/2", "1/3"])), [a_unit(1, State.DELIVERED), *ended])


@pytest.mark.parametrize(
    ("header", "units", "cards"),
    [
        (a_header(6), [a_unit()], 6),
        (a_header(6), [a_unit(), a_unit(2)], 6),
        (a_header(5, stops=frozenset(["1/4", "1/5", "11/1"])), [a_unit()], 3),
        (a_header(1, 2), [a_unit(plan=(Part("A", 1), Part("B", 2)))], 5),
        (a_header(1, 1), [a_unit(), a_unit(state=State.CANCELLED, line="2", plan=())], 1),
        (a_header(1, 2), [a_unit(), a_unit(state=State.HELD, line="2", plan=None)], 3),
        (a_header(2, stops=frozenset("*")), [a_unit()], 0),
    ],
    ids=["pass under way", "two written", "stopped", "bundle", "not ours", "unmapped", "ended"],
)
def test_a_mail_counts_the_cards_of_the_whole_order(header, units, cards):
    assert promised(header, units) == cards


def test_a_new_card_for_a_bad_one_is_told_as_such():
    world = World()
    world.deliver(a_header(), a_unit(gen=1))
    world.deliver(a_header(), a_unit())
    assert [(told.kind, told.id) for told in world.told] == [
        ("replaced", "1.0001.1"),
        ("delivered", "1.0001.0"),
    ]


def test_asked_again_the_link_goes_out_and_nothing_changes():
    world = World()
    deliverer = world.deliverer()
    assert deliverer.tell_again(a_header(), [a_unit(state=State.REVEALED)], "ask-1", "rid") == Handed(1)
    assert deliverer.tell_again(a_header(), [a_unit(state=State.RETURNED)], "ask-2", "rid") == Handed(0)
    assert world.events == [("told", Occasion("again.ask-1", "again", ("1#0001/0",)))]


# -- links --------------------------------------------------------------------------------------------


class Hashes:
    """Links of a fake ring: what leads to an order, readable."""

    def version(self, heard_at):
        return "1"

    def token(self, version, *parts):
        return "token:" + "/".join(map(str, parts))

    def code(self, version, *parts):
        return "code:" + "/".join(map(str, parts))

    def code_hash(self, version, code):
        return f"hash of {code}"

    def mail_hash(self, version, number, email):
        return f"hash of {number.lstrip('#')} {email}"


class Contacts:
    def open(self, tenant, sealed, order):
        return {"email": sealed.decode()} if sealed != b"none" else {}


@pytest.mark.parametrize(
    ("number", "contact", "found_by"),
    [
        ("#1001", b"b@x.example", ["hash of 1001 b@x.example"]),
        ("A-7", b"b@x.example", ["hash of A-7 b@x.example", "hash of 1001 b@x.example"]),
        ("", b"b@x.example", ["hash of 1001 b@x.example"]),
        ("#1001", b"none", []),
        ("#1001", None, []),
    ],
)
def test_an_order_is_found_by_each_of_its_numbers_once(number, contact, found_by):
    rows = []

    class Tokens:
        def put(self, written):
            rows.extend(written)

    links = BuyerLinks(Hashes(), Tokens(), lambda: "https://cards.example", Contacts())
    header = replace(a_header(), number=number, contact=contact)
    links.keep([header], NOW)
    [(token, hashes, kept)] = rows
    assert token == "token:acme/main/1001/0"
    assert hashes == ["hash of code:acme/main/1001/0", *found_by]
    assert (kept.key, kept.seq, kept.expires_at) == (KEY, 0, NOW)
    assert links.link_of(header) == "https://cards.example/r/token:acme/main/1001/0"


@pytest.mark.parametrize(
    ("unit", "header", "since"),
    [
        ({}, {"paid_at": NOW - 700}, (700,)),
        ({}, {"paid_at": NOW - 90_000, "listed_at": NOW - 400}, (400,)),
        ({}, {"paid_at": NOW + 5_000}, (0,)),
        ({"log": (Step(NOW, State.BACKORDER, "allocation", "no stock", "r", ""),)}, {}, ()),
        ({"gen": 1}, {}, ()),
    ],
    ids=["straight", "told late", "a clock ahead", "waited for stock", "a replacement"],
)
def test_only_what_had_nothing_to_wait_for_is_timed(unit, header, since):
    handed = World().deliver(replace(a_header(), **header), replace(a_unit(), **unit))
    assert handed.since_paid == since
