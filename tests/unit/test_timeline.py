"""What happened to an order, in order, and what of it deserves a look."""

from cardcourier.domain.orders import Header, OrderKey, Step, Unit
from cardcourier.domain.states import Room, State
from cardcourier.domain.timeline import LATE_AFTER, KeptFact, Note, OrderHistory, remarks, timeline

KEY = OrderKey("acme", "main", "1001")
NOON = 1_790_000_000_000


def header(**changes):
    kept = {
        "key": KEY,
        "ver": 1,
        "paid_at": NOON,
        "amount": 2500,
        "currency": "CNY",
        "created_at": NOON - 1000,
    }
    return Header(**kept | changes)


def unit(*steps, **changes):
    log = tuple(Step(NOON + at, state, "allocation", "", f"r{at}", last4) for at, state, last4 in steps)
    kept = {"key": KEY, "line": "1", "n": 1, "piece": 1, "state": steps[-1][1] if steps else State.HELD}
    return Unit(**kept | {"log": log} | changes)


def codes(**parts):
    return [remark.code for remark in remarks(OrderHistory(**{"header": header(), "units": ()} | parts))]


def test_everything_stands_in_the_order_in_which_it_happened():
    shown = unit(
        (10, State.ALLOCATED, "1111"),
        (20, State.DELIVERED, "1111"),
        (30, State.REVEALED, "1111"),
        (50, State.ALLOCATED, "2222"),
    )
    note = Note(at=NOON + 40, text="不能用", by="buyer", why="problem:used", about="1#0001", rid="r")
    fact = KeptFact(kind="refund", id="f", at=NOON + 60, amount=100, currency="CNY", by="shop:main")

    told = timeline(OrderHistory(header=header(), units=(shown,), facts=(fact,), notes=(note,)))

    assert [entry.what for entry in told] == [
        "paid",
        "allocated",
        "delivered",
        "revealed",
        "problem",
        "replaced",
        "refund",
    ]
    assert told[4].why == "used: 不能用" and told[4].unit == "1#0001"
    assert (told[5].last4, told[6].amount) == ("2222", 100)


def test_a_second_payment_is_said_in_words():
    fact = KeptFact(kind="pay", id="2", at=NOON + 5, amount=2500, currency="CNY")

    told = timeline(OrderHistory(header=header(), units=(), facts=(fact,)))

    assert [entry.what for entry in told] == ["paid", "paid again"]


def test_an_ordinary_order_gives_no_cause():
    assert codes() == []


def test_paid_twice_late_and_stopped_early_are_remarked():
    assert codes(facts=(KeptFact(kind="pay", id="2", at=NOON),)) == ["paid_twice"]
    assert codes(header=header(created_at=NOON - LATE_AFTER - 1)) == ["paid_late"]
    early = KeptFact(kind="refund", id="r", at=NOON + 9, occurred_at=NOON - 1)
    assert codes(facts=(early,)) == ["stopped_before_payment"]
    assert codes(header=header(paid_at=None), facts=(early,)) == ["stopped_before_payment"]
    later = KeptFact(kind="refund", id="r", at=NOON + 9, occurred_at=NOON + 1)
    assert codes(facts=(later,)) == []


def test_what_is_held_says_why():
    held = unit(state=State.HELD, room=Room.AMOUNT, why="amount: paid 1, the order's total is 2")

    found = remarks(OrderHistory(header=header(), units=(held,)))

    assert [(remark.code, remark.detail) for remark in found] == [("held", f"1#0001: {held.why}")]
