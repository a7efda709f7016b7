"""What of an order waits for a person."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardcourier.domain.changes import Changed
from cardcourier.domain.marks import Mark
from cardcourier.domain.notification import Attempt, Notification, Status
from cardcourier.domain.orders import Header, OrderKey, OrderLine, Unit
from cardcourier.domain.states import Room, State
from cardcourier.domain.timeline import KeptFact, OrderHistory
from cardcourier.domain.todo import (
    HELD,
    KINDS,
    SETTLED_BY_WORD,
    Task,
    TaskId,
    concerns_people,
    read_task_id,
    tasks_of,
)
from cardcourier.services.todo import TaskFilter

KEY = OrderKey("t", "shop", "A-1")
HEADER = Header(
    key=KEY,
    ver=1,
    lines=(OrderLine("1", "item", "", "", 2, 2500),),
    paid_at=1_000,
    amount=5_000,
    currency="CNY",
    listed_at=2_000,
)


def unit(n=1, state=State.HELD, room=Room.AMOUNT, **changes):
    return Unit(key=KEY, line="1", n=n, piece=n, state=state, room=room, ref="shop", at=3_000 + n, **changes)


def history(*units, facts=(), notifications=(), header=HEADER, **marks):
    marks = {tuple(name.split("__")): mark for name, mark in marks.items()}
    return OrderHistory(
        header=header, units=units, facts=tuple(facts), notifications=notifications, marks=marks
    )


def kinds(*args, **options):
    return [task.id.kind for task in tasks_of(history(*args, **options))]


def test_an_order_waits_once_for_each_room_whatever_its_pieces():
    held = [unit(1, why="amount: paid 1"), unit(2), unit(3, room=Room.MAP)]
    first, second = tasks_of(history(*held))
    assert (first.id, second.id) == (
        TaskId("held_amount", "shop", "A-1"),
        TaskId("held_mapping", "shop", "A-1"),
    )
    assert (first.since, first.detail, first.amount, first.currency) == (
        3_001,
        "amount: paid 1",
        5_000,
        "CNY",
    )


@pytest.mark.parametrize("state", [State.ALLOCATED, State.BACKORDER, State.SCHEDULED, State.CANCELLED])
def test_what_waits_for_no_person_is_no_task(state):
    assert kinds(unit(state=state, room=Room.BACK)) == []


def test_every_further_payment_is_a_task_until_somebody_settles_it():
    paid = [KeptFact(kind="pay", id=f"p{n}", at=n, amount=n, currency="CNY") for n in (7, 8)]
    settled = {"paid_again__p7": Mark(settled=True, ver=1)}
    assert [task.amount for task in tasks_of(history(facts=paid))] == [7, 8]
    assert [task.id.ref for task in tasks_of(history(facts=paid, **settled))] == ["p8"]


def money(kind, amount, fact_id="f"):
    return KeptFact(kind=kind, id=fact_id, at=9_000, amount=amount, currency="CNY")


def test_money_that_was_not_given_back_after_a_cancel_is_owed():
    gone = replace(HEADER, stops=frozenset({"*"}))
    cancelled = money("cancel", None)
    [task] = tasks_of(history(unit(state=State.CANCELLED), facts=(cancelled,), header=gone))
    assert (task.id.kind, task.amount, task.since) == ("money_owed", 5_000, 9_000)
    partly = (cancelled, money("refund", 2_000))
    [task] = tasks_of(history(header=gone, facts=partly))
    assert task.amount == 3_000
    for enough in [
        (cancelled, money("refund", 5_000)),
        (money("refund", None),),
        (money("chargeback", 5_000),),
    ]:
        assert kinds(header=gone, facts=enough) == []
    assert kinds(header=replace(gone, paid_at=None, amount=0), facts=(cancelled,)) == []
    assert kinds(unit(state=State.REVEALED, room=None), header=gone, facts=(cancelled,)) == []


def test_a_refund_by_amount_is_asked_about_until_it_is_answered():
    facts = (money("refund", 70), money("refund", 9, "g"))
    [task] = tasks_of(history(header=replace(HEADER, asked=("refund/f",)), facts=facts))
    assert (task.id.kind, task.id.ref, task.amount) == ("refund_asked", "refund/f", 70)
    assert kinds(facts=facts) == []


def test_a_dispute_waits_for_its_outcome_while_a_card_is_kept():
    header = replace(HEADER, stops=frozenset({"*"}), disputed=True)
    told, kept = money("chargeback", 5_000), unit(state=State.DISPUTED, room=None)
    [task] = tasks_of(history(kept, header=header, facts=(told,)))
    assert (task.id.kind, task.amount, task.since) == ("disputed", 5_000, 9_000)
    assert kinds(unit(state=State.RETURNED, room=None), header=header, facts=(told,)) == []
    assert kinds(kept, header=replace(header, outcome="won"), facts=(told,)) == []


def test_a_buyer_who_could_not_be_told_is_a_task_until_somebody_noticed():
    sent = Notification(
        key=KEY, id="1.0001.0.mail", kind="delivered", channel="mail", about=(), status=Status.REFUSED
    )
    tried = replace(sent, attempts=(Attempt(4_000, "refused"),), noticed=False, reason="no such box")
    [task] = tasks_of(history(notifications=(tried,)))
    assert (task.id.kind, task.id.ref, task.since, task.detail) == (
        "not_told",
        "1.0001.0.mail",
        4_000,
        "no such box",
    )
    assert kinds(notifications=(sent,)) == []


def test_a_task_carries_what_was_said_to_it():
    said = Mark(assignee="user:7", until=10, why="waits for the bank", ver=2)
    [task] = tasks_of(history(unit(), held_amount__=said))
    assert task.mark == said
    assert task.sleeps(9) and not task.sleeps(10)
    assert not TaskFilter().takes(task, 9) and TaskFilter(asleep=True).takes(task, 9)
    assert TaskFilter(assignee="user:7").takes(task, 10) and not TaskFilter(assignee="me").takes(task, 10)
    assert not TaskFilter(kind="not_told").takes(task, 10)


words = st.text(
    st.characters(blacklist_categories=["Cs", "Cc"], blacklist_characters="#"), min_size=1, max_size=60
)


@given(st.sampled_from(sorted(KINDS)), st.booleans(), words, words, words)
def test_the_name_of_a_task_travels(kind, of_order, shop, order, ref):
    task = TaskId(kind, shop if of_order else "", order if of_order else "", ref)
    text = task.text()
    assert read_task_id(text) == task and text.isascii() and "=" not in text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "!!!!",
        "bnVsbA",
        TaskId("no_such_kind", "s", "o").text(),
        TaskId("not_told", "s", "").text(),
        TaskId("not_told", "s#", "o").text(),
        TaskId("not_told", "s", "o\x00").text(),
    ],
)
def test_what_names_no_task_is_refused(text):
    with pytest.raises(ValueError, match="no task"):
        read_task_id(text)


def changed(before, after, pk="O#t#shop#A-1"):
    return Changed({"pk": pk, "sk": "U#1#0001"}, before, after)


def test_only_what_may_concern_people_is_looked_at_again():
    held = {"kind": "unit", "st": "HELD"}
    sold = {"kind": "unit", "st": "ALLOCATED"}
    order = {"kind": "order", "paid_at": 1}
    assert concerns_people(changed(None, held)) and concerns_people(changed(held, sold))
    assert not concerns_people(changed(None, sold)) and not concerns_people(changed(None, order))
    assert concerns_people(changed(order, order | {"stops": {"*"}}))
    assert not concerns_people(changed(None, {"kind": "order", "stops": {"*"}}))
    assert concerns_people(changed(None, {"kind": "fact", "fact": "pay"}))
    assert concerns_people(changed({"kind": "notification", "noticed": False}, {"kind": "notification"}))
    assert not concerns_people(changed(None, {"kind": "notification", "st": "sent", "noticed": True}))
    assert concerns_people(changed(None, {"kind": "task"}))
    assert not concerns_people(changed(None, {"kind": "import"}, pk="B#t#b"))


def test_every_kind_says_what_ends_it():
    assert set(HELD.values()) | SETTLED_BY_WORD <= set(KINDS)
    assert Task(id=TaskId("not_told", "s", "o"), since=0).mark.ver == 0
