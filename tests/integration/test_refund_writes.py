"""The protocol's writes about money given back, on a real engine: what each changes and what stops it.

Lost answers, repeats and many workers at once stand in `test_write_faults.py` and `test_protocol_writes.py`.
"""

from dataclasses import replace

import pytest

from cardcourier.domain.facts import Fact
from cardcourier.domain.orders import Owed
from cardcourier.domain.protocol import Lost
from cardcourier.domain.refunds import NOTHING, Answer, credit_for
from cardcourier.domain.states import State
from tests.integration.write_ground import KEY, ME, NOON, YOU, gone, new_ground, refund
from tests.integration.write_table import BY_AMOUNT, CANCEL, LOST_DISPUTE, ONE_ENDS, disputed, kept

ORDER = "O#acme#main#1001"


@pytest.fixture(scope="module")
def shared_ground(engine_endpoint, real_template):
    return new_ground(engine_endpoint, real_template)


@pytest.fixture
def ground(shared_ground):
    shared_ground.clear()
    return shared_ground


def by_amount(name="f1"):
    return refund(name, **BY_AMOUNT)


class TestW32Ask:
    @pytest.mark.parametrize("paid", [True, False])
    def test_fact_question_and_timer_come_together(self, ground, paid):
        if paid:
            ground.paid()
        assert ground.refunds.ask(by_amount(), ME)
        header = ground.header(KEY)
        assert (header.asked, header.ver, header.due) == (("refund/f1",), 1 + paid, NOON + 60_000)
        assert (ORDER, "F#refund#f1") in ground.items()

    def test_several_are_asked_in_turn_and_none_twice(self, ground):
        assert ground.refunds.ask(by_amount("f1"), YOU) and ground.refunds.ask(by_amount("f2"), YOU)
        assert ground.unchanged_by(lambda: ground.refunds.ask(by_amount("f1"), ME)) is False
        assert ground.header(KEY).asked == ("refund/f1", "refund/f2")


class TestW33Answer:
    def asked(self, ground):
        ground.paid()
        ground.refunds.ask(by_amount("f1"), YOU)
        ground.refunds.ask(by_amount("f2"), YOU)
        return ground.header(KEY)

    def test_the_question_goes_and_what_ends_comes_in_one_write(self, ground):
        seen = self.asked(ground)
        assert ground.refunds.answer(seen, "refund/f1", ONE_ENDS, ME)
        header = ground.header(KEY)
        assert (header.asked, header.stops, header.ver) == (("refund/f2",), {"l1/2"}, seen.ver + 1)
        assert header.due == NOON + 60_000

    def test_the_last_answer_may_owe_pieces_or_end_none(self, ground):
        assert ground.refunds.answer(self.asked(ground), "refund/f1", Answer(owed=(("l1", 1),)), ME)
        assert ground.refunds.answer(ground.header(KEY), "refund/f2", NOTHING, YOU)
        header = ground.header(KEY)
        assert (header.asked, header.owed, header.stops) == ((), (Owed("l1", 1, "f1"),), frozenset())

    def test_an_order_that_changed_is_shown_again(self, ground):
        seen = self.asked(ground)
        ground.record_stop(refund("f3"), YOU)
        assert ground.unchanged_by(lambda: ground.refunds.answer(seen, "refund/f1", ONE_ENDS, ME)) is False


class TestW34CancelPieces:
    def test_fact_stop_and_credit_come_together(self, ground):
        seen = ground.paid()
        assert ground.refunds.cancel_pieces(seen, CANCEL, credit_for(seen, CANCEL.stops), ME)
        header = ground.header(KEY)
        assert (header.stops, header.credit, header.ver) == ({"l1/2"}, {"l1": 1}, seen.ver + 1)

    def test_what_was_stopped_before_gives_no_credit(self, ground):
        ground.paid()
        ground.record_stop(refund(stops=CANCEL.stops), YOU)
        seen = ground.header(KEY)
        assert ground.refunds.cancel_pieces(seen, CANCEL, credit_for(seen, CANCEL.stops), ME)
        assert ground.header(KEY).credit == {}

    def test_told_before_or_read_too_early(self, ground):
        seen = ground.paid()
        ground.refunds.cancel_pieces(seen, CANCEL, {"l1": 1}, YOU)
        again, other = CANCEL, replace(CANCEL, id="api-2")
        told = ground.unchanged_by(lambda: ground.refunds.cancel_pieces(seen, again, {"l1": 1}, ME))
        stale = ground.unchanged_by(lambda: ground.refunds.cancel_pieces(seen, other, {"l1": 1}, ME))
        assert (told, stale) == (False, None)

    def test_the_choice_spends_the_credit(self, ground):
        ground.refunds.cancel_pieces(ground.paid(), CANCEL, {"l1": 2}, ME)
        ground.record_stop(refund(owed=(("l1", 1),)), YOU)
        assert ground.choose(ground.header(KEY), CANCEL.stops, ME, {"l1": 1})
        assert ground.header(KEY).credit == {"l1": 1}
        ground.record_stop(refund("f2", owed=(("l1", 1),)), YOU)
        assert ground.choose(ground.header(KEY), CANCEL.stops, YOU, {})
        assert (ground.header(KEY).credit, ground.header(KEY).owed) == ({}, ())


class TestDisputes:
    def test_w3_says_that_a_chargeback_is_disputed(self, ground):
        ground.record_stop(replace(refund(), kind="chargeback", disputed=True), ME)
        assert ground.header(KEY).dispute == "open"

    def test_w35_keeps_the_card_and_drops_the_timer(self, ground):
        unit = disputed(ground)
        assert (unit.state, unit.card, unit.due, unit.ended, unit.holds_card) == (
            State.DISPUTED,
            "c1aaaa1",
            None,
            True,
            False,
        )
        assert ground.raw()["c"] == {"S": "C#acme#c1aaaa1"}

    def test_w35_an_unseen_or_replaced_card_is_not_disputed(self, ground):
        seen = ground.holds()
        outcome = ground.unchanged_by(lambda: ground.refunds.dispute(seen, kept(seen), ME))
        assert isinstance(outcome, Lost) and outcome.old.state is State.ALLOCATED

    def test_w37_burns_it_once_the_dispute_is_lost(self, ground):
        seen = disputed(ground)
        assert ground.refunds.lose(seen, gone(seen, State.REFUNDED), ME).state is State.REFUNDED
        assert ground.dump().burnt == ["c1aaaa1"] and "c" not in ground.raw()
        again = ground.unchanged_by(lambda: ground.refunds.lose(seen, gone(seen, State.REFUNDED), YOU))
        assert again.old.state is State.REFUNDED

    def test_w36_once_lost_it_stays_lost(self, ground):
        won = Fact(key=KEY, kind="won", id="d2", at=NOON, amount=200, currency="CNY")
        ground.paid()
        assert ground.refunds.decide(won, "won", ME)
        assert ground.refunds.decide(LOST_DISPUTE, "lost", ME)
        assert ground.refunds.decide(replace(won, id="d3"), "won", YOU)
        assert ground.header(KEY).outcome == "lost"
        assert {(ORDER, f"F#{name}") for name in ("won#d2", "lost#d1", "won#d3")} <= ground.items().keys()
        assert ground.unchanged_by(lambda: ground.refunds.decide(won, "won", YOU)) is False
