"""The sweeper finds what is due, moves its timer first, and sends it on its way once."""

from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import count

import pytest

from cardcourier.domain.orders import OrderKey
from cardcourier.domain.states import Room
from cardcourier.domain.waiting import Pushed, RoomTimer, Timer
from cardcourier.errors import Unavailable
from cardcourier.services.sweeping import AGAIN, LOOK_AHEAD, MUCH_LATER, Sweeper, Swept

NOW = 1_790_000_000_000


@dataclass
class World:
    """A due index of two parts in memory; it forgets nothing and lags behind when told to."""

    timers: dict = field(default_factory=dict)
    rooms: dict = field(default_factory=dict)
    tries: dict = field(default_factory=dict)
    releases: dict = field(default_factory=dict)
    sent: list = field(default_factory=list)
    stale: list = field(default_factory=list)
    away: bool = False

    def add(self, kind, name, due, room=None):
        self.timers[name] = (kind, Timer(f"O#t#s#{name}", "H", due))
        if room:
            self.rooms[f"O#t#s#{name}"] = room

    # -- the due index

    def due_timers(self, kind, part, until, limit):
        mine = [timer for k, timer in self.timers.values() if k == kind and hash(timer.pk) % 2 == part]
        shown = [*mine, *self.stale] if kind == "ORDER" else mine
        return sorted((t for t in shown if t.due <= until), key=lambda t: t.due)[:limit]

    def push(self, timer, due):
        for name, (kind, kept) in self.timers.items():
            if kept == timer:
                self.timers[name] = (kind, replace(timer, due=due))
                self.tries[name] = self.tries.get(name, 0) + 1
                return Pushed(self.timers[name][1], self.tries[name], NOW - 90_000)
        return None

    def order_of(self, timer):
        return OrderKey(*timer.pk.split("#")[1:])

    def room_of(self, timer):
        room, ref = self.rooms[timer.pk]
        return RoomTimer("t", room, ref, timer.due)

    def release_at(self, tenant, sku):
        return self.releases.get(sku)

    # -- queues

    def orders(self, wanted):
        if self.away:
            raise Unavailable("queue_unavailable", "away")
        self.sent += [("pass", key.order) for key in wanted]

    def room(self, tenant, room, ref, delay):
        self.sent.append(("room", str(room), ref, delay))

    def deliver(self, wanted):
        self.sent += [("deliver", key.order) for key in wanted]

    def note_of(self, timer):
        return timer.sk

    def notify(self, wanted):
        self.sent += [("notify", key.order, note) for key, note in wanted]

    def message_of(self, timer):
        return timer.pk

    def events(self, wanted):
        self.sent += [("event", pk.rpartition("#")[2]) for pk in wanted]

    def sweep(self, now=NOW):
        return Sweeper(self, self, self, self, self, lambda: now, 2).sweep()

    def due(self, name):
        return self.timers[name][1].due


def test_what_is_due_is_sent_and_what_is_not_is_left():
    world = World()
    world.add("ORDER", "late", NOW - 1)
    world.add("ORDER", "early", NOW + 1)
    world.add("DELIV", "card", NOW)
    assert world.sweep() == Swept(orders=1, units=1, rooms=0, oldest=90_000)
    assert world.sent == [("pass", "late"), ("deliver", "late"), ("deliver", "card")]
    assert (world.due("late"), world.due("early"), world.due("card")) == (NOW + AGAIN, NOW + 1, NOW + AGAIN)


@pytest.mark.fault("clocks: twice")
def test_a_second_sweep_finds_it_moved():
    world = World()
    world.add("ORDER", "late", NOW - 1)
    world.sweep()
    world.sent.clear()
    assert world.sweep() == Swept(0, 0, 0, 0)
    assert world.sent == []


@pytest.mark.fault("clocks: twice")
def test_what_the_index_still_shows_is_not_sent_twice():
    world = World()
    world.add("ORDER", "late", NOW - 1)
    world.stale = [world.timers["late"][1]]
    world.sweep()
    assert world.sent.count(("pass", "late")) == 1


def test_what_keeps_failing_is_tried_less_often():
    world = World()
    world.add("ORDER", "late", NOW)
    for minute in range(6):
        world.sweep(NOW + minute * AGAIN)
    assert world.due("late") == NOW + 5 * AGAIN + MUCH_LATER
    assert world.sent.count(("pass", "late")) == 6


def test_nothing_is_forgotten_when_the_queue_is_away():
    world = World(away=True)
    world.add("ORDER", "late", NOW - 1)
    with pytest.raises(Unavailable):
        world.sweep()
    world.away = False
    world.sweep(NOW + AGAIN)
    assert ("pass", "late") in world.sent


def test_a_room_is_opened_when_its_time_has_come():
    world = World()
    world.add("ROOM", "back", NOW, (Room.BACK, "MONTH"))
    world.add("ROOM", "map", NOW + 1, (Room.MAP, "shop/item/"))
    assert world.sweep().rooms == 1
    assert world.sent == [("room", "BACK", "MONTH", 0)]
    assert (world.due("back"), world.due("map")) == (NOW + AGAIN, NOW + 1)


@pytest.mark.parametrize(
    ("opens", "delay"),
    [(NOW - 5000, 0), (NOW, 0), (NOW + 1, 1), (NOW + 1000, 1), (NOW + 1001, 2), (NOW + LOOK_AHEAD, 120)],
)
def test_a_release_is_sent_ahead_and_arrives_to_the_second(opens, delay):
    world = World(releases={"FILM": opens})
    world.add("ROOM", "film", opens, (Room.PRE, "FILM"))
    assert world.sweep().rooms == 1
    assert world.sent == [("room", "PRE", "FILM", delay)]
    assert opens <= NOW + delay * 1000 < max(opens, NOW) + 1000
    assert world.due("film") == max(opens, NOW) + AGAIN


def test_a_paused_room_is_asked_for_again_and_again_so_that_a_lost_resume_is_found():
    world = World()
    world.add("ROOM", "paused", NOW, (Room.PAUSE, "sku/MONTH"))
    world.sweep()
    world.sweep(NOW + AGAIN)
    assert world.sent == [("room", "PAUSE", "sku/MONTH", 0)] * 2


@pytest.mark.parametrize("far", [LOOK_AHEAD + 1, 3 * MUCH_LATER])
def test_a_far_release_is_looked_at_again_in_time(far):
    world = World(releases={"FILM": NOW + far})
    world.add("ROOM", "film", NOW, (Room.PRE, "FILM"))
    assert (world.sweep().rooms, world.sent) == (0, [])
    assert world.due("film") == NOW + min(far, MUCH_LATER)


def test_a_presale_that_is_none_any_more_is_opened():
    world = World()
    world.add("ROOM", "film", NOW - 1, (Room.PRE, "FILM"))
    world.sweep()
    assert world.sent == [("room", "PRE", "FILM", 0)]


def test_an_order_and_its_unit_are_delivered_once():
    world = World()
    world.add("ORDER", "same", NOW - 1)
    world.timers["unit"] = ("DELIV", replace(world.timers["same"][1], sk="U#1#0001"))
    world.sweep()
    assert world.sent.count(("deliver", "same")) == 1


def test_an_event_is_asked_for_after_everything_that_a_buyer_waits_for():
    world = World()
    world.add("HOOK", "event", NOW - 1)
    world.add("ORDER", "late", NOW - 1)
    world.add("DELIV", "unit", NOW - 1)
    world.sweep()

    assert world.sent[-1] == ("event", "event") and len(world.sent) > 2


def test_products_that_somebody_waits_for_are_counted():
    world = World()
    world.add("ROOM", "back", NOW, (Room.BACK, "MONTH"))
    world.add("ROOM", "map", NOW, (Room.MAP, "shop/item/"))
    world.add("ROOM", "later", NOW + 1, (Room.BACK, "YEAR"))
    swept = world.sweep()
    assert (swept.rooms, swept.sold_out) == (2, 1)


# -- ends, pauses and clocks that are ahead ---------------------------------------------------------------


class Killed(BaseException):
    """The sweeper is no more."""


class Dying:
    """The world, until its n-th call: it dies before that call, or after it was served."""

    def __init__(self, world, end, how):
        self.world, self.left, self.how = world, end, how

    def __getattr__(self, name):
        def call(*arguments):
            self.left -= 1
            if self.left == 0 and self.how == "before":
                raise Killed
            answer = getattr(self.world, name)(*arguments)
            if self.left == 0:
                raise Killed
            return answer

        return call


def full_of_work():
    world = World()
    for kind, name in [("ORDER", "a"), ("ORDER", "b"), ("DELIV", "c"), ("NOTE", "d"), ("HOOK", "e")]:
        world.add(kind, name, NOW - 1)
    world.add("ROOM", "f", NOW - 1, room=(Room.BACK, "A"))
    world.add("ROOM", "g", NOW - 1, room=(Room.PRE, "B"))
    world.releases["B"] = NOW - 1
    return world


@pytest.mark.fault("kills: sweep")
@pytest.mark.parametrize("how", ["before", "after"])
def test_what_a_sweeper_that_died_at_any_call_left_is_sent_by_the_next(how):
    whole = full_of_work()
    whole.sweep()
    for end in count(1):
        world = full_of_work()
        dying = Dying(world, end, how)
        with suppress(Killed):
            Sweeper(dying, dying, dying, dying, dying, lambda: NOW, 2).sweep()
        if dying.left > 0:
            break
        world.sweep(NOW + AGAIN + 1)
        assert set(whole.sent) <= set(world.sent)


@pytest.mark.fault("clocks: hour")
def test_after_an_hour_without_a_sweeper_everything_is_sent_at_once():
    world = full_of_work()
    world.sweep(NOW + 3_600_000)
    whole = full_of_work()
    whole.sweep()
    assert (world.sent, len(world.sent)) == (whole.sent, 9)


@pytest.mark.fault("clocks: ahead 2", "clocks: ahead 10")
@pytest.mark.parametrize("ahead", [120_000, 600_000])
def test_a_sweeper_that_is_ahead_asks_early_and_still_asks_when_it_is_time(ahead):
    """Whoever is asked too early looks at its own clock and leaves the presale closed."""
    world, opens = World(), NOW + 300_000
    world.add("ROOM", "r", opens, room=(Room.PRE, "A"))
    world.releases["A"] = opens
    asked = []
    for now in range(NOW, opens + 2 * AGAIN, AGAIN):
        world.sent = []
        world.sweep(now + ahead)
        asked += [now + 1000 * sent[-1] for sent in world.sent]
    assert any(opens <= at <= opens + AGAIN for at in asked)


@pytest.mark.fault("clocks: ahead 2", "clocks: ahead 10")
@pytest.mark.parametrize("ahead", [120_000, 600_000])
def test_a_sweeper_that_is_ahead_sends_early_and_not_more_often(ahead):
    world = World()
    world.add("ORDER", "a", NOW + ahead)
    world.sweep(NOW + ahead)
    world.sweep(NOW + ahead)
    assert world.sent == [("pass", "a"), ("deliver", "a")]
    assert world.due("a") == NOW + ahead + AGAIN, "and it is tried again a minute after that"
