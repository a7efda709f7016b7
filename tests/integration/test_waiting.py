"""What waits: for stock, for its release, for a message that was lost. The oldest payment goes first."""

import itertools
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from cardcourier import wiring
from cardcourier.adapters.tables import keys
from cardcourier.clock import now_ms
from cardcourier.domain.states import Room
from cardcourier.domain.waiting import STALE
from cardcourier.services import draining
from tests.integration.shop import (
    Log,
    acting,
    change_item,
    forget_messages,
    merchant_of,
    overdue,
    raw_item,
    raw_items,
    rfc3339,
    still,
    wait_until,
)

SECOND, MINUTE, DAY = 1000, 60_000, 86_400_000


@pytest.fixture(scope="module")
def open_cloud(cloud):
    with acting(cloud):
        yield cloud


@pytest.fixture
def merchant(open_cloud):
    with merchant_of(open_cloud) as merchant:
        yield merchant


def pay_in_turn(merchant, sku, *orders, pieces=1, since=MINUTE):
    """Paid one second after the other, told in any order."""
    start = now_ms() - since
    paid_at = {order: rfc3339(start + at * SECOND) for at, order in enumerate(orders)}
    told = sorted(orders, key=lambda order: order[::-1], reverse=True)
    answers = [merchant.pay(order, (sku, pieces), paid_at=paid_at[order]) for order in told]
    assert {answer.status for answer in answers} == {200}


def served(merchant, *orders):
    """The orders that got all their cards."""
    return [order for order in orders if set(merchant.states(order).values()) == {"DELIVERED"}]


def sweep(merchant):
    merchant.cloud.run_schedule("release")
    merchant.cloud.wait_idle()


def room_key(merchant, room, ref):
    return keys.room(merchant.id, room, ref)


def room(merchant, room, ref):
    return raw_item(keys.room(merchant.id, room, ref))


# ---------------------------------------------------------------- stock


def test_new_stock_goes_to_the_oldest_payments_exactly(merchant):
    merchant.sell("MONTH")
    orders = [f"A-{letter}" for letter in "ebdacfg"]
    pay_in_turn(merchant, "MONTH", *orders)
    merchant.cloud.wait_idle()
    assert {state for order in orders for state in merchant.states(order).values()} == {"BACKORDER"}
    for cards, so_far in ((3, 3), (1, 4), (2, 6)):
        merchant.restock("MONTH", cards)
        merchant.cloud.wait_idle()
        assert served(merchant, *orders) == orders[:so_far]
    assert merchant.pool("MONTH") == 0
    assert max(merchant.owners(*orders).values()) == 1


def test_an_order_of_several_is_filled_before_a_younger_one(merchant):
    merchant.sell("MONTH")
    pay_in_turn(merchant, "MONTH", "A-1", "A-2", pieces=3)
    merchant.cloud.wait_idle()
    merchant.restock("MONTH", 2)
    merchant.cloud.wait_idle()
    assert merchant.counts("A-1") == {"DELIVERED": 2, "BACKORDER": 1}
    assert merchant.counts("A-2") == {"BACKORDER": 3}
    merchant.restock("MONTH", 2)
    merchant.cloud.wait_idle()
    assert merchant.counts("A-1") == {"DELIVERED": 3}
    assert merchant.counts("A-2") == {"DELIVERED": 1, "BACKORDER": 2}


def test_plenty_of_stock_serves_a_whole_room(merchant):
    merchant.sell("MONTH")
    orders = [f"A-{n}" for n in range(20)]
    pay_in_turn(merchant, "MONTH", *orders)
    merchant.cloud.wait_idle()
    merchant.restock("MONTH", 100)
    merchant.cloud.wait_idle()
    assert served(merchant, *orders) == orders
    assert (merchant.pool("MONTH"), max(merchant.owners(*orders).values())) == (80, 1)


def test_a_crowd_is_served_by_several_and_the_last_cards_go_to_the_oldest(merchant, monkeypatch):
    """Twelve of thirty are sure of a card and shared out; the four cards kept back go by time of payment."""
    monkeypatch.setattr(draining, "CROWD", 8)
    monkeypatch.setattr(draining, "PLENTY", 4)
    monkeypatch.setattr(draining, "BEGINNING", 1_000)
    merchant.sell("MONTH")
    orders = [f"A-{n:02d}" for n in range(30)]
    pay_in_turn(merchant, "MONTH", *orders)
    merchant.cloud.wait_idle()
    merchant.stock("MONTH", 16)
    assert wiring.drainer().drain(merchant.id, Room.BACK, "MONTH", "test", now_ms() + MINUTE) == 0
    wait_until(lambda: len(served(merchant, *orders)) == 16)
    merchant.cloud.wait_idle()
    assert served(merchant, *orders) == orders[:16]
    assert (merchant.pool("MONTH"), max(merchant.owners(*orders).values())) == (0, 1)
    assert "split_until" in room(merchant, Room.BACK, "MONTH")


def test_a_card_that_comes_back_goes_to_the_oldest_that_waits(merchant):
    merchant.sell("MONTH", cards=1)
    merchant.pay("A-0", ("MONTH", 1))
    merchant.cloud.wait_idle()
    pay_in_turn(merchant, "MONTH", "A-1", "A-2")
    merchant.cloud.wait_idle()
    merchant.refund("A-0")
    merchant.cloud.wait_idle()
    assert [merchant.counts(order) for order in ("A-0", "A-1", "A-2")] == [
        {"RETURNED": 1},
        {"DELIVERED": 1},
        {"BACKORDER": 1},
    ]


def test_who_was_refunded_while_waiting_is_passed_over(merchant):
    merchant.sell("MONTH")
    pay_in_turn(merchant, "MONTH", "A-1", "A-2")
    merchant.cloud.wait_idle()
    merchant.refund("A-1")
    merchant.cloud.wait_idle()
    merchant.restock("MONTH", 1)
    merchant.cloud.wait_idle()
    assert (merchant.counts("A-1"), merchant.counts("A-2")) == ({"CANCELLED": 1}, {"DELIVERED": 1})


def test_more_buyers_than_cards_at_once_sell_each_card_once(merchant):
    merchant.sell("MONTH", cards=10)
    orders = [f"A-{n}" for n in range(24)]
    with ThreadPoolExecutor(8) as pool:
        assert {a.status for a in pool.map(lambda order: merchant.pay(order, ("MONTH", 1)), orders)} == {200}
    merchant.cloud.wait_idle()
    assert len(served(merchant, *orders)) == 10
    assert (merchant.pool("MONTH"), max(merchant.owners(*orders).values())) == (0, 1)


# ---------------------------------------------------------------- what was lost


def test_a_lost_message_is_found_by_the_sweeper(merchant):
    merchant.sell("MONTH", cards=2)
    with still(merchant.cloud):
        assert merchant.pay("A-1", ("MONTH", 2)).status == 200
        forget_messages(merchant.cloud)
    merchant.cloud.wait_idle()
    assert merchant.states("A-1") == {}
    overdue(merchant, "A-1")
    log = Log(merchant.cloud)
    sweep(merchant)
    assert merchant.counts("A-1") == {"DELIVERED": 2}
    assert (log.metric("OverdueOrders"), log.metric("OldestOverdueSeconds")) >= (1, 0)
    assert merchant.order("A-1")[0].due is None


def test_a_lost_refund_is_found_by_the_sweeper(merchant):
    merchant.sell("MONTH", cards=1)
    merchant.pay("A-1", ("MONTH", 1))
    merchant.cloud.wait_idle()
    with still(merchant.cloud):
        assert merchant.refund("A-1").status == 200
        forget_messages(merchant.cloud)
    overdue(merchant, "A-1")
    sweep(merchant)
    assert (merchant.counts("A-1"), merchant.pool("MONTH")) == ({"RETURNED": 1}, 1)


@pytest.mark.fault("clocks: twice")
def test_pushing_a_timer_is_no_work_and_is_done_once(merchant):
    with still(merchant.cloud):
        merchant.pay("A-1", ("MONTH", 1))
        forget_messages(merchant.cloud)
        overdue(merchant, "A-1")
        before = merchant.order("A-1")[0]
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda _: merchant.cloud.run_schedule("release"), range(2)))
        after = merchant.order("A-1")[0]
        queued = merchant.cloud.client("sqs").receive_message(
            QueueUrl=merchant.cloud.resource("OrdersQueue"), MaxNumberOfMessages=10
        )
        bodies = [message["Body"] for message in queued.get("Messages", [])]
    assert after.ver == before.ver
    assert 30_000 < after.due - now_ms() <= MINUTE
    assert sum(merchant.id in body for body in bodies) == 1


def test_what_keeps_failing_is_tried_less_often(merchant):
    with still(merchant.cloud):
        merchant.pay("A-1", ("MONTH", 1))
        for _ in range(6):
            overdue(merchant, "A-1")
            merchant.cloud.run_schedule("release")
        assert merchant.order("A-1")[0].due - now_ms() > 10 * MINUTE


def test_a_lost_restock_is_found_by_the_room_itself(merchant):
    merchant.sell("MONTH")
    pay_in_turn(merchant, "MONTH", "A-1", "A-2")
    merchant.cloud.wait_idle()
    merchant.stock("MONTH", 1)
    sweep(merchant)
    assert served(merchant, "A-1", "A-2") == []
    change_item(room_key(merchant, Room.BACK, "MONTH"), due={"N": str(now_ms() - 1)})
    sweep(merchant)
    assert served(merchant, "A-1", "A-2") == ["A-1"]


def test_a_held_order_is_left_to_a_person(merchant):
    merchant.sell("MONTH", cards=1)
    merchant.pay("A-1", ("MONTH", 1), payments=[{"id": "p", "amount": 1}])
    merchant.cloud.wait_idle()
    assert merchant.counts("A-1") == {"HELD": 1}
    assert raw_items(prefix=f"W#{merchant.id}#") == []
    sweep(merchant)
    assert merchant.counts("A-1") == {"HELD": 1}


# ---------------------------------------------------------------- rooms


def test_an_empty_room_goes_only_when_it_is_stale(merchant):
    merchant.sell("MONTH")
    merchant.pay("A-1", ("MONTH", 1))
    merchant.cloud.wait_idle()
    merchant.restock("MONTH", 1)
    merchant.cloud.wait_idle()
    assert merchant.counts("A-1") == {"DELIVERED": 1}
    look_again = {"due": {"N": str(now_ms() - 1)}}
    change_item(room_key(merchant, Room.BACK, "MONTH"), **look_again)
    sweep(merchant)
    kept = room(merchant, Room.BACK, "MONTH")
    assert kept is not None
    assert int(kept["due"]["N"]) > now_ms()
    old = {"touched_at": {"N": str(now_ms() - STALE - MINUTE)}}
    change_item(room_key(merchant, Room.BACK, "MONTH"), **look_again, **old)
    sweep(merchant)
    assert room(merchant, Room.BACK, "MONTH") is None


def test_a_room_in_which_somebody_waits_stays_however_old_it_is(merchant):
    merchant.sell("MONTH")
    merchant.pay("A-1", ("MONTH", 1))
    merchant.cloud.wait_idle()
    old = {"touched_at": {"N": str(now_ms() - 10 * STALE)}, "due": {"N": str(now_ms() - 1)}}
    change_item(room_key(merchant, Room.BACK, "MONTH"), **old)
    sweep(merchant)
    assert room(merchant, Room.BACK, "MONTH") is not None
    merchant.restock("MONTH", 1)
    merchant.cloud.wait_idle()
    assert merchant.counts("A-1") == {"DELIVERED": 1}


def test_a_stale_room_that_is_entered_again_is_touched(merchant):
    merchant.sell("MONTH")
    merchant.pay("A-1", ("MONTH", 1))
    merchant.cloud.wait_idle()
    change_item(room_key(merchant, Room.BACK, "MONTH"), touched_at={"N": str(now_ms() - STALE - MINUTE)})
    merchant.pay("A-2", ("MONTH", 1))
    merchant.cloud.wait_idle()
    assert int(room(merchant, Room.BACK, "MONTH")["touched_at"]["N"]) > now_ms() - MINUTE


# ---------------------------------------------------------------- presale


def allocated_at(merchant, *orders):
    """When each order's first card was taken (epoch ms)."""
    found = {}
    for order in orders:
        for unit in merchant.order(order)[1]:
            steps = [step.at for step in unit.log if step.state == "ALLOCATED"]
            if steps:
                found[order] = min(found.get(order, steps[0]), steps[0])
    return found


def test_a_presale_opens_to_the_second_and_serves_the_oldest_first(merchant):
    """Scarce: three cards, five orders. One more order comes in the last second and gets nothing."""
    opens = now_ms() + 9 * SECOND
    merchant.sell("FILM", cards=3, release_at=opens)
    orders = [f"A-{letter}" for letter in "cadbe"]
    pay_in_turn(merchant, "FILM", *orders)
    merchant.cloud.run_schedule("release")
    wait_until(lambda: all(merchant.counts(order) == {"SCHEDULED": 1} for order in orders))
    assert merchant.pool("FILM") == 3
    time.sleep(max(0, (opens - 800 - now_ms()) / 1000))
    assert merchant.pool("FILM") == 3
    merchant.pay("A-late", ("FILM", 1))
    wait_until(lambda: served(merchant, *orders) == orders[:3], 30)
    merchant.cloud.wait_idle()
    taken = allocated_at(merchant, *orders)
    assert list(taken) == orders[:3]
    assert all(0 <= at - opens <= 2500 for at in taken.values()), [at - opens for at in taken.values()]
    assert [merchant.counts(order) for order in (*orders[3:], "A-late")] == [{"BACKORDER": 1}] * 3
    merchant.restock("FILM", 1)
    merchant.cloud.wait_idle()
    assert served(merchant, *orders, "A-late") == orders[:4]


def test_a_presale_opens_in_time_for_orders_of_its_last_seconds_alone(merchant):
    """No sweep falls between the first order and the release: the order itself must have rung the bell."""
    opens = now_ms() + 6 * SECOND
    merchant.sell("FILM", cards=5, release_at=opens)
    merchant.pay("A-1", ("FILM", 2))
    wait_until(lambda: merchant.counts("A-1") == {"DELIVERED": 2}, 20)
    assert 0 <= allocated_at(merchant, "A-1")["A-1"] - opens <= 2500
    merchant.pay("A-2", ("FILM", 1))
    merchant.cloud.wait_idle()
    assert merchant.counts("A-2") == {"DELIVERED": 1}


def test_many_orders_ring_for_one_release_a_few_times_at_most(merchant):
    merchant.sell("FILM", release_at=now_ms() + 100 * SECOND)
    pay_in_turn(merchant, "FILM", *(f"A-{n}" for n in range(12)))
    wait_until(lambda: all(merchant.states(f"A-{n}") for n in range(12)))
    merchant.sell("FILM", release_at=now_ms() + DAY)
    names = ["ApproximateNumberOfMessagesDelayed"]
    queue = merchant.cloud.resource("OrdersQueue")
    answer = merchant.cloud.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=names)
    assert 1 <= int(answer["Attributes"][names[0]]) <= 2


def test_a_far_release_waits_with_a_timer_of_its_own(merchant):
    opens = now_ms() + 3_600_000
    merchant.sell("FILM", cards=1, release_at=opens)
    merchant.pay("A-1", ("FILM", 1))
    merchant.cloud.wait_idle()
    assert (merchant.counts("A-1"), merchant.order("A-1")[0].due) == ({"SCHEDULED": 1}, None)
    change_item(room_key(merchant, Room.PRE, "FILM"), due={"N": str(now_ms() - 1)})
    sweep(merchant)
    assert (merchant.counts("A-1"), merchant.pool("FILM")) == ({"SCHEDULED": 1}, 1)
    assert now_ms() < int(room(merchant, Room.PRE, "FILM")["due"]["N"]) <= opens


def test_a_release_brought_forward_is_seen_by_the_sweeper(merchant):
    merchant.sell("FILM", cards=1, release_at=now_ms() + 3_600_000)
    merchant.pay("A-1", ("FILM", 1))
    merchant.cloud.wait_idle()
    merchant.sell("FILM", release_at=now_ms() - 1)
    change_item(room_key(merchant, Room.PRE, "FILM"), due={"N": str(now_ms() - 1)})
    sweep(merchant)
    assert merchant.counts("A-1") == {"DELIVERED": 1}


@pytest.mark.fault("tenants: indexes")
def test_waiting_rooms_of_merchants_are_apart(merchant):
    with merchant_of(merchant.cloud) as other:
        for one in (merchant, other):
            one.sell("MONTH")
            one.pay("A-1", ("MONTH", 1))
        merchant.cloud.wait_idle()
        other.restock("MONTH", 2)
        merchant.cloud.wait_idle()
        assert (merchant.counts("A-1"), other.counts("A-1")) == ({"BACKORDER": 1}, {"DELIVERED": 1})
    assert len(set(itertools.chain(merchant.codes, other.codes))) == 2
