"""The send log on a real engine: workers at once, lost answers, crashes between any two requests."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from threading import Lock

import pytest

from cardcourier.adapters.tables import keys
from cardcourier.adapters.tables.notifications import NotificationsTable
from cardcourier.adapters.tables.waiting import WaitingTable
from cardcourier.domain.catalogue import Tenant
from cardcourier.domain.notification import LEASE, Notification, Plan, Status
from cardcourier.domain.orders import Header, OrderKey, OrderLine, Part, Unit
from cardcourier.domain.protocol import Actor
from cardcourier.domain.states import State
from cardcourier.errors import Refused, Unavailable
from cardcourier.services.notifying import Occasion, Teller
from tests.integration.order_ground import answer_lost, main_table, network, never_sent, through

NOW = 1_790_000_000_000
NUMBERS = count(1)
OCCASION = Occasion("1.0001.0", "delivered", ("1#0001/0",))
ME = Actor("delivery", NOW, "me")


@pytest.fixture(scope="module")
def table(engine_endpoint, real_template):
    return main_table(engine_endpoint, real_template)


@dataclass
class World:
    """One order on the real table, and a post that counts."""

    table: object
    key: OrderKey = field(default_factory=lambda: OrderKey("acme", "main", f"A-{next(NUMBERS)}"))
    answer: Exception | None = None
    sent: list = field(default_factory=list)
    now: int = NOW
    lock: Lock = field(default_factory=Lock)

    @property
    def log(self):
        return NotificationsTable(self.table)

    def plan(self, header):
        return Plan(("mail",))

    def send(self, channel, notice, message_id):
        with self.lock:
            if self.answer:
                raise self.answer
            self.sent.append(message_id)
            return f"id-{len(self.sent)}"

    def link_of(self, header):
        return "https://cards.example/r/token"

    def code_of(self, header):
        return "ABCD-EFGH"

    def tenant(self, tenant):
        return Tenant(id=tenant, name="Acme")

    def tell(self, rid="me", **options):
        line = OrderLine("1", "", "", "A", 1, 2500)
        header = Header(key=self.key, ver=1, paid_at=NOW, lines=(line,))
        unit = Unit(
            key=self.key,
            line="1",
            n=1,
            piece=1,
            state=State.ALLOCATED,
            sku="A",
            card="c1",
            plan=(Part("A", 1),),
        )
        teller = Teller(self.log, self, self, self, lambda: self.now, lambda: 0.5)
        return teller.tell(header, [unit], OCCASION, rid, **options)

    @property
    def kept(self):
        [note] = self.log.of_order(self.key)
        return note


def test_sixteen_workers_send_once(table):
    for _ in range(5):
        world = World(table)
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda n, world=world: world.tell(f"worker-{n}"), range(16)))
        assert (len(world.sent), world.kept.status) == (1, Status.SENT)


def test_after_a_dead_worker_sixteen_send_once_more(table):
    for _ in range(5):
        world = World(table)
        dead = Notification(
            key=world.key,
            id="1.0001.0.mail",
            kind="delivered",
            channel="mail",
            about=OCCASION.about,
            claim="dead",
            until=NOW,
        )
        world.log.begin(dead, ME)
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda n, world=world: world.tell(f"worker-{n}"), range(16)))
        assert (len(world.sent), world.kept.status) == (1, Status.SENT)
        assert [attempt.outcome for attempt in world.kept.attempts] == ["unknown", "sent"]


@pytest.mark.parametrize("at", [0, 1])
def test_a_lost_answer_is_known_for_ones_own(table, at):
    """The SDK asks again; the condition fails on what the first request wrote."""
    world = World(table)
    with network(table.client, *[through] * at, answer_lost):
        told = world.tell()
    assert (told.settled, told.via) == (True, "mail:id-1")
    assert (len(world.sent), world.kept.status) == (1, Status.SENT)


@pytest.mark.parametrize("fault", [answer_lost, never_sent], ids=["answers lost", "not sent"])
@pytest.mark.parametrize("at", [0, 1])
def test_a_table_that_goes_away_is_asked_again(table, at, fault):
    world = World(table)
    # The SDK tries three times.
    with network(table.client, *[through] * at, *[fault] * 3), pytest.raises(Unavailable):
        world.tell()
    assert len(world.sent) == at
    world.now += LEASE + 1
    assert world.tell("later").settled
    assert world.kept.status is Status.SENT
    # Sent and never kept as sent: nobody knew, so it went again under the same id.
    repeated = at == 1 and fault is never_sent
    assert len(world.sent) == (2 if repeated else 1)
    assert len(set(world.sent)) == 1


def test_what_waits_stands_in_the_due_index_and_leaves_it(table):
    world, waiting = World(table), WaitingTable(table)
    part = int(keys.timer("NOTE", keys.order_pk(world.key)).rsplit("#", 1)[1])

    def timers():
        found = waiting.due_timers("NOTE", part, NOW + 10**9, 100)
        return [waiting.note_of(timer) for timer in found if waiting.order_of(timer) == world.key]

    world.answer = Unavailable("away", "busy")
    world.tell()
    assert timers() == ["1.0001.0.mail"]
    [timer] = [
        t for t in waiting.due_timers("NOTE", part, NOW + 10**9, 100) if t.pk.endswith(world.key.order)
    ]
    assert waiting.push(timer, timer.due + 60_000)
    world.answer, world.now = None, world.kept.not_before
    world.tell("later")
    assert (timers(), len(world.sent)) == ([], 1)


def test_one_that_is_sent_costs_no_place_in_an_index(table):
    world = World(table)
    world.tell()
    item = table.get(keys.notification(world.key, "1.0001.0.mail"))
    assert not {"d", "due", "claim", "until"} & item.keys()


def test_the_to_do_list_has_what_failed_and_only_that(table):
    world = World(table, key=OrderKey(f"t{next(NUMBERS)}", "main", "A-1"))
    world.answer = Refused("notifier_refused", "No such address.")
    world.tell()
    [found] = world.log.unnoticed(world.key.tenant, None, 50).items
    assert found == world.kept
    assert world.log.unnoticed("acme-of-nobody", None, 50).items == ()
    assert world.log.change(found, found.again(NOW), ME)
    assert world.log.unnoticed(world.key.tenant, None, 50).items == ()
    assert world.kept.due == NOW


def test_a_place_of_another_tenants_list_is_refused(table):
    with pytest.raises(ValueError, match="no place"):
        NotificationsTable(table).unnoticed("acme", "1|O#other#s#1|N#x", 50)


def test_an_older_version_writes_nothing(table):
    world = World(table)
    world.tell()
    kept = world.kept
    assert not world.log.change(
        Notification(**{name: getattr(kept, name) for name in kept.__slots__} | {"ver": 1}),
        kept.ended(None, Status.OVER),
        ME,
    )
    assert world.kept == kept
