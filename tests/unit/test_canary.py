"""What one run of the canary does with what the run before left."""

from dataclasses import replace

import pytest

from cardcourier.domain.canary import (
    ISSUER,
    Canary,
    Verdict,
    about_canary,
    is_canary,
    is_reserved,
    judge_delivery,
    judge_end,
    next_move,
    order_in,
)
from cardcourier.domain.catalogue import Job, Product
from cardcourier.domain.orders import Header, OrderKey, Step, Unit
from cardcourier.domain.states import Room, State

NOON = 1_790_000_000_000
SLOT = NOON // 300_000
KEY = OrderKey("acme", "canary-acme", "C-1")
PAID = Header(key=KEY, ver=1, paid_at=NOON)


def unit(state=State.DELIVERED, after=1_500, card="c1", **more):
    step = Step(NOON + after, State.DELIVERED, "delivery", "", "r", "")
    log = (step,) if state is State.DELIVERED else ()
    return Unit(key=KEY, line="1", n=1, piece=1, state=state, card=card, log=log, at=NOON + after, **more)


def canary(**changes):
    kept = Canary(tenant="acme", enabled=True, slot=SLOT, stage="placed", order="C-1", placed_at=NOON, ver=3)
    return replace(kept, **changes)


def move(seen, header=PAID, units=(), slot=SLOT + 1, now=NOON + 300_000):
    return next_move(seen, slot, now, header, units)


@pytest.mark.fault("clocks: fired twice")
def test_an_order_is_placed_once_for_each_slot():
    first = move(Canary(tenant="acme", enabled=True), slot=SLOT)
    assert (first.tells, first.after.stage, first.after.order) == ("order.paid", "placed", order_in(SLOT))
    assert move(first.after, slot=SLOT) is None
    assert move(first.after, slot=SLOT - 1) is None, "an old run that is tried again"
    assert order_in(SLOT) != order_in(SLOT + 1)


def test_what_was_never_on_or_has_ended_does_nothing():
    assert move(Canary(tenant="acme")) is None
    assert move(canary(enabled=False, stage="")) is None


def test_a_delivered_order_is_refunded_and_then_followed_by_the_next():
    judged = move(canary(failures=4), units=[unit()])
    assert (judged.tells, judged.verdict) == ("order.refunded", Verdict("ok", took=1_500))
    assert (judged.after.stage, judged.after.failures, judged.after.took) == ("refunded", 0, 1_500)
    following = move(judged.after, units=[unit(State.RETURNED, card="")], slot=SLOT + 2)
    assert (following.tells, following.verdict.result) == ("order.paid", "ok")
    assert following.after.order == order_in(SLOT + 2) and following.after.result == "ok"


def test_a_refund_that_did_not_end_the_order_is_told_again():
    again = move(canary(stage="refunded"), units=[unit()])
    assert (again.tells, again.after.stage, again.after.order) == ("order.refunded", "refunded", "C-1")
    assert (again.verdict.result, again.after.reason) == ("failed", "not_refunded: DELIVERED")
    assert again.after.failures == 1


def test_a_card_that_somebody_looked_at_ends_with_its_order():
    assert judge_end([unit(State.REFUNDED, card="")]).result == "ok"
    assert "burnt" in judge_end([unit(State.REFUNDED, card="")]).reason


def test_an_order_the_door_did_not_take_is_refunded_unjudged():
    after = move(canary(stage="unplaced", result="failed", failures=1), header=None)
    assert (after.tells, after.verdict, after.after.failures) == ("order.refunded", None, 1)


def test_switched_off_it_ends_what_is_under_way():
    assert move(canary(enabled=False), units=[unit()]).tells == "order.refunded"
    end = move(canary(enabled=False, stage="refunded"), units=[unit(State.RETURNED, card="")])
    assert end.tells == "" and end.after.idle


def test_an_order_has_its_minute_before_it_is_judged():
    waiting = unit(State.BACKORDER, card="", why="no stock")
    assert move(canary(), units=[waiting], now=NOON + 59_999) is None
    assert move(canary(), units=[waiting], now=NOON + 60_000).verdict.result == "failed"
    assert move(canary(), units=[unit()], now=NOON + 2_000).verdict.result == "ok"


@pytest.mark.parametrize(
    ("header", "units", "reason"),
    [
        (None, [], "not_recorded"),
        (Header(key=KEY, ver=1), [], "not_recorded"),
        (PAID, [], "not_allocated"),
        (PAID, [unit(State.BACKORDER, card="", why="no stock")], "not_delivered: BACKORDER no stock"),
        (PAID, [unit(State.ALLOCATED)], "not_delivered: ALLOCATED"),
        (PAID, [unit(), unit(State.SCHEDULED, card="", room=Room.PAUSE, ref="sku/CANARY")], "not_delivered"),
        (PAID, [unit(after=60_001)], "late: 60 s"),
    ],
)
def test_what_did_not_come_through_is_named(header, units, reason):
    verdict = judge_delivery(header, units, NOON)
    assert verdict.result == "failed" and verdict.reason.startswith(reason)


@pytest.mark.parametrize("ref", ["all", "tenant"])
def test_sales_closed_for_everybody_are_no_failure(ref):
    waits = unit(State.SCHEDULED, card="", room=Room.PAUSE, ref=ref, why="stocktaking")
    assert judge_delivery(PAID, [waits], NOON) == Verdict("paused", "stocktaking")


def test_a_clock_that_is_ahead_gives_no_negative_time():
    assert judge_delivery(PAID, [unit(after=-50)], NOON) == Verdict("ok", took=0)


def test_only_its_own_shop_and_product_are_the_canarys():
    assert is_canary("acme", "canary-acme")
    assert not is_canary("acme", "canary-bird") and not is_canary("acme", "acme")
    assert is_reserved("canary") and is_reserved("canary-x") and not is_reserved("canaryx")
    ours = Product(tenant="acme", sku="CANARY", name="", issuer=ISSUER)
    assert about_canary(ours) and not about_canary(replace(ours, issuer="")), "a merchant's bird of old"
    job = Job(tenant="acme", id="imp-0000000000001-canary", kind="import", state="", created_at=0, by="")
    assert about_canary(job) and not about_canary(replace(job, id="imp-0000000000001-0123abcd"))
