"""Every write of the order protocol on a real engine: its condition, its effect, its repeats, its races.

A write's own class says what it changes and what stops it. Then other workers do the same at once; what a
network that loses answers does to each of them stands in `test_write_faults.py`.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest

from cardcourier.domain.facts import ALL
from cardcourier.domain.orders import OrderKey, OrderLine, Owed, Unit
from cardcourier.domain.protocol import Actor, Lost, MarkerLost
from cardcourier.domain.states import Room, State
from cardcourier.errors import Unavailable
from tests.integration.write_ground import (
    KEY,
    ME,
    NOON,
    PIECE,
    PLAN,
    POOL,
    SECOND_PAYMENT,
    YOU,
    gone,
    holding,
    marker,
    new_ground,
    new_unit,
    payment,
    refund,
)
from tests.integration.write_table import WRITES, reopen


@pytest.fixture(scope="module")
def two_grounds(engine_endpoint, real_template):
    return [new_ground(engine_endpoint, real_template) for _ in range(2)]


@pytest.fixture
def ground(two_grounds):
    two_grounds[0].clear()
    return two_grounds[0]


# -- W1 to W5, W18: headers -----------------------------------------------------------------------------


class TestW1FirstPayment:
    def test_it_tells_all_of_the_order_and_sets_the_timer(self, ground):
        assert ground.record_payment(payment(), ME) is None

        header = ground.header(KEY)
        assert (header.ver, header.due, header.paid_at, header.payment) == (1, NOON + 60_000, NOON, "p1")
        assert (header.amount, header.total, header.currency, header.contact) == (200, 200, "CNY", b"sealed")
        assert header.lines == (OrderLine("l1", "item", "", "", 2, 100),)
        assert (header.search, header.language, header.number) == (("digest",), "en", "#1001")

    def test_another_payment_was_first(self, ground):
        ground.paid()
        assert ground.unchanged_by(lambda: ground.record_payment(payment("p2"), ME)).payment == "p1"

    def test_the_same_payment_told_again_is_shown_what_is_there(self, ground):
        ground.paid()
        assert ground.unchanged_by(lambda: ground.record_payment(payment(), ME)).payment == "p1"

    def test_it_does_not_wipe_out_a_stop(self, ground):
        ground.record_stop(refund(), YOU)
        ground.record_payment(payment(), ME)
        header = ground.header(KEY)
        assert (header.stops, header.ver, header.paid) == (ALL, 2, True)

    def test_two_first_payments_of_one_request_are_two_payments(self, ground):
        assert ground.record_payment(payment("p1"), ME) is None
        assert ground.record_payment(payment("p2"), ME).payment == "p1"


class TestW2SecondPayment:
    fact = SECOND_PAYMENT

    def test_it_is_a_line_of_money_and_touches_nothing_else(self, ground):
        ground.paid()
        before = ground.items()
        assert ground.record_fact(self.fact, ME)
        after = ground.items()
        assert after.keys() - before.keys() == {("O#acme#main#1001", "F#pay#p2")}
        assert {key: after[key] for key in before} == before

    def test_it_is_there_already(self, ground):
        ground.record_fact(self.fact, YOU)
        assert ground.unchanged_by(lambda: ground.record_fact(self.fact, ME)) is False


class TestW3Stop:
    def test_fact_stop_timer_and_ver_come_together(self, ground):
        ver = ground.paid().ver
        assert ground.record_stop(refund(), ME)
        header = ground.header(KEY)
        assert (header.stops, header.ver, header.due) == (ALL, ver + 1, NOON + 60_000)
        assert ("O#acme#main#1001", "F#refund#f1") in ground.items()

    def test_it_makes_the_header_when_there_is_none(self, ground):
        assert ground.record_stop(refund(), ME)
        header = ground.header(KEY)
        assert (header.ver, header.paid, header.due) == (1, False, NOON + 60_000)

    def test_a_number_of_pieces_is_owed(self, ground):
        ground.paid()
        ground.record_stop(refund("f1", owed=(("l1", 1),)), ME)
        ground.record_stop(refund("f2", owed=(("l1", 1),)), ME)
        assert ground.header(KEY).owed == (Owed("l1", 1, "f1"), Owed("l1", 1, "f2"))

    def test_one_named_piece_is_added_to_the_stops(self, ground):
        ground.paid()
        ground.record_stop(refund("f1", stops=frozenset({"l1/2"})), ME)
        ground.record_stop(refund("f2", stops=frozenset({"l1/1"})), ME)
        assert ground.header(KEY).stops == {"l1/1", "l1/2"}

    def test_the_fact_is_there_and_so_is_the_stop(self, ground):
        ground.paid()
        ground.record_stop(refund(owed=(("l1", 1),)), YOU)
        assert ground.unchanged_by(lambda: ground.record_stop(refund(owed=(("l1", 1),)), ME)) is False


class TestW4Choose:
    def owed(self, ground):
        ground.paid()
        ground.record_stop(refund(owed=(("l1", 1),)), YOU)
        return ground.header(KEY)

    def test_the_choice_is_a_stop_and_nothing_is_owed_any_more(self, ground):
        header = self.owed(ground)
        assert ground.choose(header, frozenset({"l1/2"}), ME)
        now = ground.header(KEY)
        assert (now.stops, now.owed, now.ver, now.due) == ({"l1/2"}, (), header.ver + 1, NOON + 60_000)

    def test_where_all_are_stopped_nothing_is_added(self, ground):
        assert ground.choose(self.owed(ground), frozenset(), ME)
        now = ground.header(KEY)
        assert (now.stops, now.owed) == (frozenset(), ())

    def test_the_header_changed(self, ground):
        header = self.owed(ground)
        ground.record_stop(refund("f2", owed=(("l1", 1),)), YOU)
        assert ground.unchanged_by(lambda: ground.choose(header, frozenset({"l1/2"}), ME)) is False


class TestW5Approve:
    def test_it_sets_the_timer(self, ground):
        ver = ground.paid().ver
        ground.clear_timer(KEY, ver)
        assert ground.approve(KEY, ME)
        header = ground.header(KEY)
        assert (header.approved, header.ver, header.due) == (True, ver + 1, NOON + 60_000)

    def test_it_is_not_paid(self, ground):
        ground.record_stop(refund(), YOU)
        assert ground.unchanged_by(lambda: ground.approve(KEY, ME)) is False

    def test_it_is_unknown(self, ground):
        assert ground.unchanged_by(lambda: ground.approve(KEY, ME)) is False

    def test_it_was_approved(self, ground):
        ground.paid()
        ground.approve(KEY, YOU)
        assert ground.unchanged_by(lambda: ground.approve(KEY, ME)) is False


class TestW18RemoveTheHeadersTimer:
    def test_it_goes_and_ver_stays(self, ground):
        header = ground.paid()
        assert ground.clear_timer(KEY, header.ver)
        item = ground.items()["O#acme#main#1001", "H"]
        assert not {"d", "due", "tries"} & item.keys()
        assert ground.header(KEY).ver == header.ver

    def test_somebody_made_new_work(self, ground):
        header = ground.paid()
        ground.record_stop(refund(), YOU)
        assert ground.unchanged_by(lambda: ground.clear_timer(KEY, header.ver)) is False

    def test_it_makes_no_header(self, ground):
        assert ground.unchanged_by(lambda: ground.clear_timer(KEY, 0)) is False


# -- W6, W7, W9 to W12: taking and waiting --------------------------------------------------------------


class TestW6AllocateNew:
    def take(self, ground, found=None, actor=ME, n=1):
        found = found or marker()
        return ground.allocate_new(holding(new_unit(n), found), found, POOL, actor)

    def test_the_marker_becomes_the_units_card(self, ground):
        ground.stock()
        assert isinstance(self.take(ground), Unit)
        unit = ground.unit(KEY, "l1", 1)
        assert (unit.state, unit.card, unit.batch, unit.plan) == (State.ALLOCATED, "c1aaaa1", "b1", PLAN)
        assert (unit.bucket, unit.last4, unit.cost, unit.cost_currency) == ("9999", "1234", 50, "CNY")
        assert ground.raw()["c"] == {"S": "C#acme#c1aaaa1"}
        assert not {"d", "due"} & ground.raw().keys(), "it has no timer of its own"
        assert ground.markers() == set()

    def test_the_marker_is_gone(self, ground):
        assert ground.unchanged_by(lambda: self.take(ground)) == MarkerLost(gone=True)

    def test_the_unit_is_there(self, ground):
        ground.holds(1)
        ground.stock(2)
        lost = ground.unchanged_by(lambda: self.take(ground, marker(2)))
        assert (lost.old.state, lost.old.card) == (State.ALLOCATED, "c1aaaa1")

    def test_the_unit_has_this_very_card(self, ground):
        ground.holds(1)
        assert ground.unchanged_by(lambda: self.take(ground, marker(1))).card == "c1aaaa1"


class TestW7Park:
    @pytest.mark.parametrize(
        ("state", "room"),
        [
            (State.BACKORDER, Room.BACK),
            (State.SCHEDULED, Room.PRE),
            (State.HELD, Room.MAP),
            (State.HELD, Room.AMOUNT),
        ],
    )
    def test_the_unit_stands_in_its_room_by_time_of_payment(self, ground, state, room):
        unit = new_unit(1, state, room)
        assert ground.park(unit, NOON - 7, ME) == unit
        assert (ground.unit(KEY, "l1", 1).room, ground.unit(KEY, "l1", 1).due) == (room, NOON - 7)
        assert [(w.key, w.line, w.n, w.paid_at) for w in ground.waiting("acme", room, "A")] == [
            (KEY, "l1", 1, NOON - 7)
        ]

    def test_the_unit_is_there(self, ground):
        ground.holds()
        parked = new_unit(1, State.BACKORDER, Room.BACK)
        assert ground.unchanged_by(lambda: ground.park(parked, NOON, ME)).old.state is State.ALLOCATED


class TestW9AllocateWaiting:
    @pytest.mark.parametrize("state", [State.BACKORDER, State.SCHEDULED])
    def test_the_room_gives_way_to_a_timer_of_its_own(self, ground, state):
        seen = ground.waits(state, Room.BACK if state is State.BACKORDER else Room.PRE)
        found = ground.stock()
        assert isinstance(ground.allocate_waiting(seen, holding(seen, found), found, POOL, ME), Unit)
        unit = ground.unit(KEY, "l1", 1)
        assert (unit.state, unit.card, unit.room, unit.ref) == (State.ALLOCATED, "c1aaaa1", None, "")
        assert (unit.ver, unit.due) == (seen.ver + 1, NOON + 60_000)
        assert ground.raw()["d"]["S"].startswith("D#DELIV#")
        assert ground.waiting("acme", seen.room, "A") == []
        assert ground.markers() == set()

    def test_the_marker_is_gone(self, ground):
        seen = ground.waits()
        outcome = ground.unchanged_by(
            lambda: ground.allocate_waiting(seen, holding(seen, marker()), marker(), POOL, ME)
        )
        assert outcome == MarkerLost(gone=True)

    def test_the_unit_has_ended(self, ground):
        seen, found = ground.waits(), ground.stock()
        ground.end_waiting(seen, gone(seen, State.CANCELLED), YOU)
        lost = ground.unchanged_by(
            lambda: ground.allocate_waiting(seen, holding(seen, found), found, POOL, ME)
        )
        assert lost.old.state is State.CANCELLED

    def test_the_unit_changed_rooms(self, ground):
        header = ground.paid()
        seen, found = ground.waits(State.SCHEDULED, Room.PRE), ground.stock()
        moved = replace(seen, state=State.BACKORDER, room=Room.BACK)
        assert ground.change_room(seen, moved, header, YOU)
        lost = ground.unchanged_by(
            lambda: ground.allocate_waiting(seen, holding(seen, found), found, POOL, ME)
        )
        assert lost.old.state is State.BACKORDER


class TestW10ChangeRoom:
    def held(self, ground):
        header = ground.paid()
        ground.clear_timer(KEY, header.ver)
        return ground.waits(State.HELD, Room.MAP, ref="main/item/", sku="", plan=None), ground.header(KEY)

    def test_unit_and_header_change_together(self, ground):
        seen, header = self.held(ground)
        moved = replace(
            seen, state=State.BACKORDER, room=Room.BACK, ref="A", sku="A", plan=PLAN, why="released"
        )
        assert ground.change_room(seen, moved, header, ME)
        unit, now = ground.unit(KEY, "l1", 1), ground.header(KEY)
        assert (unit.state, unit.room, unit.ref, unit.sku, unit.plan) == (
            State.BACKORDER,
            Room.BACK,
            "A",
            "A",
            PLAN,
        )
        assert (unit.ver, unit.due) == (seen.ver + 1, header.paid_at)
        assert (now.ver, now.due) == (header.ver + 1, NOON + 60_000)
        assert [w.n for w in ground.waiting("acme", Room.BACK, "A")] == [1]
        assert ground.waiting("acme", Room.MAP, "main/item/") == []

    def test_the_header_changed(self, ground):
        seen, header = self.held(ground)
        ground.record_stop(refund(), YOU)
        moved = replace(seen, state=State.BACKORDER, room=Room.BACK, ref="A")
        assert ground.unchanged_by(lambda: ground.change_room(seen, moved, header, ME)) is False

    def test_the_unit_changed(self, ground):
        seen, header = self.held(ground)
        ground.end_waiting(seen, gone(seen, State.CANCELLED), YOU)
        moved = replace(seen, state=State.BACKORDER, room=Room.BACK, ref="A")
        assert ground.unchanged_by(lambda: ground.change_room(seen, moved, header, ME)) is False


class TestW11Tombstone:
    def test_nobody_can_create_the_unit_any_more(self, ground):
        ended = new_unit(1, State.CANCELLED, why="stopped")
        assert ground.tombstone(ended, ME) == ended
        found = ground.stock()
        lost = ground.unchanged_by(lambda: ground.allocate_new(holding(new_unit(), found), found, POOL, YOU))
        assert lost.old.state is State.CANCELLED

    def test_an_empty_plan_is_kept_and_is_not_none(self, ground):
        ground.tombstone(new_unit(1, State.CANCELLED, plan=()), ME)
        ground.tombstone(new_unit(2, State.CANCELLED, plan=None), ME)
        assert [unit.plan for unit in ground.units(KEY)] == [(), None]

    def test_the_unit_is_there(self, ground):
        ground.holds()
        lost = ground.unchanged_by(lambda: ground.tombstone(new_unit(1, State.CANCELLED), ME))
        assert lost.old.state is State.ALLOCATED


class TestW12EndWaiting:
    def test_the_unit_leaves_its_room(self, ground):
        seen = ground.waits()
        assert isinstance(ground.end_waiting(seen, gone(seen, State.CANCELLED), ME), Unit)
        unit = ground.unit(KEY, "l1", 1)
        assert (unit.state, unit.room, unit.ref, unit.due, unit.ver) == (State.CANCELLED, None, "", None, 2)
        assert "d" not in ground.raw()
        assert ground.waiting("acme", Room.BACK, "A") == []

    def test_it_keeps_the_plan_or_closes_the_line(self, ground):
        seen = ground.waits(State.HELD, Room.MAP, plan=None)
        ground.end_waiting(seen, replace(gone(seen, State.CANCELLED), plan=()), ME)
        assert ground.unit(KEY, "l1", 1).plan == ()

    def test_it_was_allocated_meanwhile(self, ground):
        seen, found = ground.waits(), ground.stock()
        ground.allocate_waiting(seen, holding(seen, found), found, POOL, YOU)
        lost = ground.unchanged_by(lambda: ground.end_waiting(seen, gone(seen, State.CANCELLED), ME))
        assert lost.old.state is State.ALLOCATED


# -- W13 to W17: cards that come back, burn, are shown, replaced, handed over -------------------------------


class TestW13Return:
    def give_back(self, ground, seen, actor=ME):
        back = replace(marker(), shard=0)
        return ground.return_card(seen, gone(seen, State.RETURNED), back, POOL, actor)

    @pytest.mark.parametrize("state", ["holds", "delivered"])
    def test_the_card_can_be_sold_again(self, ground, state):
        seen = getattr(ground, state)()
        assert isinstance(self.give_back(ground, seen), Unit)
        unit = ground.unit(KEY, "l1", 1)
        assert (unit.state, unit.card, unit.gen, unit.due) == (State.RETURNED, "", 1, None)
        assert not {"c", "d"} & ground.raw().keys()
        assert ground.dump().markers == [("A", marker())]

    def test_it_drops_a_timer_of_the_units_own(self, ground):
        seen, found = ground.waits(), ground.stock()
        ground.allocate_waiting(seen, holding(seen, found), found, POOL, YOU)
        self.give_back(ground, ground.unit(KEY, "l1", 1))
        assert not {"d", "due"} & ground.raw().keys()

    @pytest.mark.parametrize("state", [State.REVEALED, State.ALLOCATED])
    def test_it_was_shown_meanwhile(self, ground, state):
        seen = ground.holds()
        ground.expose(seen, replace(seen, state=state, views=1), YOU)
        lost = ground.unchanged_by(lambda: self.give_back(ground, seen))
        assert lost.old.exposed

    def test_it_holds_another_card_meanwhile(self, ground):
        seen = ground.shown()
        found = ground.stock(2)
        new = holding(replace(seen, gen=1, exposed_at=None), found)
        assert isinstance(ground.replace(seen, new, found, POOL, YOU), Unit)
        lost = ground.unchanged_by(lambda: self.give_back(ground, seen))
        assert lost.old.card == "c1aaaa2"

    def test_two_homes_are_never_made(self, ground):
        seen = ground.holds()
        ground.stock()
        with pytest.raises(AssertionError, match="two homes"):
            ground.unchanged_by(lambda: self.give_back(ground, seen))


class TestW14Burn:
    def burn(self, ground, seen, actor=ME):
        return ground.burn(seen, gone(seen, State.REFUNDED), actor)

    def test_the_card_is_burnt_and_no_marker_comes_back(self, ground):
        seen = ground.shown()
        assert isinstance(self.burn(ground, seen), Unit)
        unit = ground.unit(KEY, "l1", 1)
        assert (unit.state, unit.card, unit.due, unit.exposed) == (State.REFUNDED, "", None, True)
        assert ground.dump().burnt == ["c1aaaa1"]
        assert ground.items()["X#acme#c1aaaa1", "X"]["unit"] == {"S": "main/1001/l1#0001"}
        assert ground.markers() == set()

    def test_it_was_never_shown(self, ground):
        seen = ground.holds()
        lost = ground.unchanged_by(lambda: self.burn(ground, seen))
        assert lost.old.card == "c1aaaa1"

    def test_it_was_burnt_before(self, ground):
        seen = ground.shown()
        self.burn(ground, seen, YOU)
        assert ground.unchanged_by(lambda: self.burn(ground, seen)).old.state is State.REFUNDED


class TestW15Expose:
    def show(self, ground, seen, actor=ME):
        return ground.expose(seen, replace(seen, state=State.REVEALED, views=1, viewers=("v",)), actor)

    @pytest.mark.parametrize("state", ["holds", "delivered"])
    def test_it_commits_that_the_card_is_shown(self, ground, state):
        assert isinstance(self.show(ground, getattr(ground, state)()), Unit)
        unit = ground.unit(KEY, "l1", 1)
        assert (unit.state, unit.exposed_at, unit.views, unit.viewers) == (State.REVEALED, NOON, 1, ("v",))
        assert unit.view_rid == "mine"

    def test_the_card_was_returned(self, ground):
        seen = ground.holds()
        ground.return_card(seen, gone(seen, State.RETURNED), marker(), POOL, YOU)
        assert ground.unchanged_by(lambda: self.show(ground, seen)).old.state is State.RETURNED

    def test_somebody_else_was_shown_it_first(self, ground):
        seen = ground.holds()
        self.show(ground, seen, YOU)
        lost = ground.unchanged_by(lambda: self.show(ground, seen))
        assert (lost.old.state, lost.old.view_rid) == (State.REVEALED, "yours")

    @pytest.mark.fault("reveals: old token")
    def test_the_link_is_older_than_the_card(self, ground):
        seen = ground.shown()
        found = ground.stock(2)
        ground.replace(seen, holding(replace(seen, gen=1), found), found, POOL, YOU)
        old_link = replace(ground.unit(KEY, "l1", 1), gen=0)
        assert isinstance(ground.unchanged_by(lambda: self.show(ground, old_link)), Lost)


class TestViewAgain:
    def again(self, ground, seen, actor=ME):
        return ground.view_again(seen, replace(seen, views=seen.views + 1), actor)

    def test_it_counts_one_view_and_no_move(self, ground):
        seen = ground.shown()
        assert self.again(ground, seen).views == 2
        unit = ground.unit(KEY, "l1", 1)
        assert (unit.views, unit.ver) == (2, seen.ver)

    def test_somebody_else_counted_meanwhile(self, ground):
        seen = ground.shown()
        self.again(ground, seen, YOU)
        assert ground.unchanged_by(lambda: self.again(ground, seen)).old.views == 2

    def test_it_was_opened_anew_and_looked_at_as_often_meanwhile(self, ground):
        seen = ground.shown()
        reopen(ground, seen, YOU)
        opened = ground.unit(KEY, "l1", 1)
        ground.view_again(opened, replace(opened, views=1, viewers=("new",), since=NOON + 9), YOU)
        assert ground.unit(KEY, "l1", 1).views == seen.views
        lost = ground.unchanged_by(lambda: self.again(ground, seen))
        assert lost.old.viewers == ("new",)


class TestFixedContent:
    """W6, W9, W13 and W16 of a piece that has no marker."""

    piece = PIECE

    def test_a_new_unit_gets_its_piece(self, ground):
        unit = ground.given()
        assert (unit.state, unit.card) == (State.ALLOCATED, "t1content.piece")
        assert ground.raw()["c"] == {"S": "C#acme#t1content.piece"}
        again = ground.unchanged_by(lambda: ground.given())
        assert again == unit, "its own earlier success"

    def test_a_unit_that_holds_something_else_keeps_it(self, ground):
        seen = ground.holds()
        lost = ground.unchanged_by(
            lambda: ground.allocate_new(holding(new_unit(), self.piece), self.piece, None, ME)
        )
        assert lost.old.card == seen.card

    def test_one_that_waits_gets_it_with_a_timer_of_its_own(self, ground):
        seen = ground.waits()
        assert isinstance(
            ground.allocate_waiting(seen, holding(seen, self.piece), self.piece, None, ME), Unit
        )
        assert ground.raw()["d"]["S"].startswith("D#DELIV#")

    def test_one_that_was_ended_meanwhile_gets_nothing(self, ground):
        seen = ground.waits()
        ground.end_waiting(seen, gone(seen, State.CANCELLED), YOU)
        taken = ground.unchanged_by(
            lambda: ground.allocate_waiting(seen, holding(seen, self.piece), self.piece, None, ME)
        )
        assert taken.old.state is State.CANCELLED

    def test_unseen_it_goes_nowhere_and_seen_it_does_not_go(self, ground):
        seen = ground.given()
        shown = replace(seen, state=State.REVEALED, views=1, viewers=("v",))
        ground.expose(seen, shown, YOU)
        lost = ground.unchanged_by(
            lambda: ground.return_card(seen, gone(seen, State.RETURNED), self.piece, None, ME)
        )
        assert lost.old.exposed
        ground.clear()
        seen = ground.given()
        assert isinstance(ground.return_card(seen, gone(seen, State.RETURNED), self.piece, None, ME), Unit)
        assert (ground.unit(KEY, "l1", 1).card, ground.dump().markers) == ("", [])

    def test_a_replacement_burns_the_old_piece(self, ground):
        seen = ground.given()
        ground.expose(seen, replace(seen, state=State.REVEALED, views=1, viewers=("v",)), YOU)
        seen = ground.unit(KEY, "l1", 1)
        newer = replace(self.piece, card="t1newer.piece")
        new = holding(replace(seen, gen=1, exposed_at=None, views=0, viewers=()), newer)
        assert isinstance(ground.replace(seen, new, newer, None, ME), Unit)
        assert ground.dump().burnt == ["t1content.piece"]
        lost = ground.unchanged_by(lambda: ground.replace(seen, new, replace(newer, card="t1x.y"), None, ME))
        assert lost.old.card == "t1newer.piece"


class TestReopen:
    def test_nobody_has_looked_and_days_begin_now(self, ground):
        seen = ground.shown()
        assert isinstance(reopen(ground, seen, ME), Unit)
        unit = ground.unit(KEY, "l1", 1)
        assert (unit.state, unit.views, unit.viewers, unit.since) == (State.REVEALED, 0, (), ME.now)
        assert (unit.ver, unit.exposed_at, unit.log[-1].why) == (seen.ver + 1, seen.exposed_at, "opened anew")

    def test_a_card_nobody_saw_stays_as_it_is(self, ground):
        seen = ground.holds()
        assert isinstance(ground.unchanged_by(lambda: reopen(ground, seen, ME)), Lost)

    def test_it_was_replaced_meanwhile(self, ground):
        seen, found = ground.shown(), ground.stock(2)
        ground.replace(seen, holding(replace(seen, gen=1), found), found, POOL, YOU)
        assert ground.unchanged_by(lambda: reopen(ground, seen, ME)).old.card == "c1aaaa2"


class TestW16Replace:
    def swap(self, ground, seen, found=None, actor=ME):
        found = found or marker(2)
        new = holding(replace(seen, gen=seen.gen + 1, exposed_at=None, views=0, viewers=()), found)
        return ground.replace(seen, new, found, POOL, actor)

    def test_a_new_card_comes_and_the_old_one_is_burnt(self, ground):
        seen = ground.shown()
        ground.stock(2)
        assert isinstance(self.swap(ground, seen), Unit)
        unit = ground.unit(KEY, "l1", 1)
        assert (unit.state, unit.card, unit.gen, unit.exposed, unit.views) == (
            State.ALLOCATED,
            "c1aaaa2",
            1,
            False,
            0,
        )
        assert unit.due == NOON + 60_000
        assert ground.raw()["d"]["S"].startswith("D#DELIV#")
        assert ground.raw()["c"] == {"S": "C#acme#c1aaaa2"}
        dump = ground.dump()
        assert (dump.markers, dump.burnt) == ([], ["c1aaaa1"])

    def test_the_new_card_is_gone(self, ground):
        seen = ground.shown()
        assert ground.unchanged_by(lambda: self.swap(ground, seen)) == MarkerLost(gone=True)

    def test_the_old_card_was_never_shown(self, ground):
        seen = ground.holds()
        ground.stock(2)
        assert ground.unchanged_by(lambda: self.swap(ground, seen)).old.card == "c1aaaa1"

    def test_it_was_refunded_meanwhile(self, ground):
        seen = ground.shown()
        ground.stock(2)
        ground.burn(seen, gone(seen, State.REFUNDED), YOU)
        assert ground.unchanged_by(lambda: self.swap(ground, seen)).old.state is State.REFUNDED

    def test_it_was_replaced_meanwhile(self, ground):
        seen = ground.shown()
        ground.stock(2)
        self.swap(ground, seen, actor=YOU)
        ground.stock(3)
        assert ground.unchanged_by(lambda: self.swap(ground, seen, marker(3))).old.card == "c1aaaa2"


class TestW17HandOver:
    def hand(self, ground, seen, actor=ME):
        return ground.hand_over(seen, replace(seen, state=State.DELIVERED, delivered_by="mail"), actor)

    def test_it_drops_a_timer_of_the_units_own(self, ground):
        seen, found = ground.waits(), ground.stock()
        ground.allocate_waiting(seen, holding(seen, found), found, POOL, YOU)
        assert isinstance(self.hand(ground, ground.unit(KEY, "l1", 1)), Unit)
        unit = ground.unit(KEY, "l1", 1)
        assert (unit.state, unit.due, unit.delivered_by) == (State.DELIVERED, None, "mail")
        assert "d" not in ground.raw()

    def test_the_buyer_saw_it_before(self, ground):
        seen = ground.holds()
        ground.expose(seen, replace(seen, state=State.REVEALED, views=1), YOU)
        assert ground.unchanged_by(lambda: self.hand(ground, seen)).old.state is State.REVEALED

    def test_it_was_returned(self, ground):
        seen = ground.holds()
        ground.return_card(seen, gone(seen, State.RETURNED), marker(), POOL, YOU)
        assert ground.unchanged_by(lambda: self.hand(ground, seen)).old.state is State.RETURNED


# -- W8, W19: rooms -----------------------------------------------------------------------------------------


class TestW8Touch:
    def touch(self, ground, at):
        ground.touch_room("acme", Room.BACK, "A", at, at + 60_000)

    def test_it_makes_a_room_that_carries_a_timer(self, ground):
        self.touch(ground, NOON)
        assert ground.room("acme", Room.BACK, "A") == NOON
        item = ground.items()["W#acme#A", "ROOM#BACK"]
        assert item["d"]["S"].startswith("D#ROOM#")
        assert item["due"] == {"N": str(NOON + 60_000)}

    def test_it_goes_forward(self, ground):
        self.touch(ground, NOON)
        self.touch(ground, NOON + 1)
        assert ground.room("acme", Room.BACK, "A") == NOON + 1

    @pytest.mark.parametrize("earlier", [0, 1])
    def test_it_never_goes_back(self, ground, earlier):
        self.touch(ground, NOON)
        ground.unchanged_by(lambda: self.touch(ground, NOON - earlier))

    def test_rooms_of_one_product_are_apart(self, ground):
        self.touch(ground, NOON)
        assert ground.room("acme", Room.PRE, "A") is None


class TestW19RemoveRoom:
    def test_it_goes(self, ground):
        ground.touch_room("acme", Room.BACK, "A", NOON, NOON)
        assert ground.remove_room("acme", Room.BACK, "A", NOON)
        assert ground.items() == {}

    def test_somebody_touched_it(self, ground):
        ground.touch_room("acme", Room.BACK, "A", NOON, NOON)
        ground.touch_room("acme", Room.BACK, "A", NOON + 1, NOON)
        assert ground.unchanged_by(lambda: ground.remove_room("acme", Room.BACK, "A", NOON)) is False

    def test_it_is_gone(self, ground):
        assert ground.unchanged_by(lambda: ground.remove_room("acme", Room.BACK, "A", NOON)) is False


# -- all of them: races ---------------------------------------------------------------------------------


@pytest.fixture
def twin(two_grounds):
    two_grounds[1].clear()
    return two_grounds[1]


@pytest.mark.fault("conflicts: unit", "conflicts: both")
@pytest.mark.parametrize("write", WRITES, ids=lambda write: write.name)
def test_of_eight_workers_at_once_one_wins(write, ground, twin):
    write.make(twin, write.prepare(twin), ME)
    seen = write.prepare(ground)
    together = Barrier(8)

    def worker(number):
        together.wait()
        while True:
            try:
                return write.make(ground, seen, Actor(f"w{number}", NOON, f"r{number}"), number)
            except Unavailable:
                continue

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(worker, range(1, 9)))

    wins = sum(write.won(outcome) for outcome in outcomes)
    assert wins == 8 if write.again else wins == 1
    assert ground.items().keys() == twin.items().keys() or write.name in ("W6", "W9", "W16")
    dump = ground.dump()
    cards = [found.card for _, found in dump.markers] + [u.card for u in dump.units if u.card] + dump.burnt
    assert len(cards) == len(set(cards)), "every card has one home"
    assert {unit.name: unit.ver for unit in dump.units} == {u.name: u.ver for u in twin.dump().units}
    assert {k: h.ver for k, h in dump.headers.items()} == {k: h.ver for k, h in twin.dump().headers.items()}


@pytest.mark.fault("last card: 100")
def test_of_a_hundred_orders_that_reach_for_one_card_one_gets_it(ground):
    ground.stock()
    orders = [OrderKey("acme", "main", f"o{number}") for number in range(100)]

    def worker(key):
        return ground.allocate_new(
            holding(new_unit(key=key), marker()), marker(), POOL, Actor("w", NOON, key.order)
        )

    with ThreadPoolExecutor(32) as pool:
        outcomes = list(pool.map(worker, orders))

    assert sum(isinstance(outcome, Unit) for outcome in outcomes) == 1
    assert sum(outcome == MarkerLost(gone=True) for outcome in outcomes) == 99
    assert len(ground.dump().units) == 1
