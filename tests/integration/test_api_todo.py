"""The to-do list over `/v1`: what waits for a person, who sees to it, and what ends it."""

from threading import Barrier, Thread

import pytest

from cardcourier import wiring
from cardcourier.api.schemas import say_moment
from cardcourier.clock import now_ms
from tests.integration.api_client import caller, listed, problem
from tests.integration.shop import Merchant, acting, rfc3339


@pytest.fixture(scope="module")
def merchant(cloud):
    with acting(cloud):
        merchant = listed(Merchant(cloud))
        merchant.sell("MONTH", cards=10)
        merchant.pay("LESS", ("MONTH", 1), payments=[{"id": "pay-000001", "amount": "1.00"}])
        merchant.pay("TWICE", ("MONTH", 1), payments=[{"id": "pay-000002", "amount": "25.00"}])
        merchant.pay("TWICE", ("MONTH", 1), payments=[{"id": "pay-000003", "amount": "25.00"}])
        merchant.pay("NOBODY", ("UNKNOWN", 1))
        merchant.pay("UNTOLD", ("MONTH", 1), buyer={"email": "a@b..example"})
        merchant.pay("FINE", ("MONTH", 1))
        merchant.tell("order.paid", {"order_id": {"odd": True}})
        cloud.wait_idle()
        yield merchant


@pytest.fixture(scope="module")
def owner(merchant):
    return caller(merchant)


def listed_tasks(who, query=""):
    return who.get(f"/v1/todo{query}").json["items"]


def told(merchant, order, kind):
    lines = wiring.journal().lines(merchant.id, now_ms() - 600_000, now_ms() + 1_000)
    return [line for line in lines if (line.order, line.kind) == (order, kind)]


def task_of(who, order, query=""):
    [task] = [task for task in listed_tasks(who, query) if task["order"] == order]
    return task


def test_everything_that_waits_is_listed_the_oldest_first_with_its_money(merchant, owner):
    found = [(task["order"], task["kind"], task["amount"]) for task in listed_tasks(owner)]
    assert found == [
        ("LESS", "held_amount", {"amount": 100, "currency": "CNY"}),
        ("TWICE", "paid_again", {"amount": 2500, "currency": "CNY"}),
        ("NOBODY", "held_mapping", {"amount": 2500, "currency": "CNY"}),
        ("UNTOLD", "not_told", None),
        ("", "not_understood", None),
    ]
    assert "example" not in str(listed_tasks(owner))
    assert [task["order"] for task in listed_tasks(owner, "?kind=not_told")] == ["UNTOLD"]
    assert problem(owner.get("/v1/todo?kind=no_such")) == (422, "bad_kind")


def test_pages_go_on_where_they_stopped(owner):
    seen, query = [], "?limit=2"
    while query:
        page = owner.get(f"/v1/todo{query}").json
        seen += [(task["order"], task["kind"]) for task in page["items"]]
        query = page["next_cursor"] and f"?limit=2&cursor={page['next_cursor']}"
    assert seen == [(task["order"], task["kind"]) for task in listed_tasks(owner)]


def test_the_load_counts_by_kind(owner):
    loads = owner.get("/v1/todo/load").json
    by_kind = {load["kind"]: load for load in loads["kinds"]}
    assert not loads["more"] and by_kind["held_amount"]["count"] == 1
    assert by_kind["paid_again"]["amounts"] == [{"amount": 2500, "currency": "CNY"}]


def test_somebody_takes_a_task_and_others_see_it(merchant, owner):
    task = task_of(owner, "LESS")
    taken = owner.post("/v1/todo/assign", {"task": task["id"], "to": "me", "reason": "calls the buyer"}).json
    assert taken["assignee"].startswith("key:") and taken["reason"] == "calls the buyer"
    merchant.cloud.wait_idle()
    assert [task["order"] for task in listed_tasks(owner, "?assignee=me")] == ["LESS"]
    assert problem(owner.post("/v1/todo/assign", {"task": task["id"], "to": "user:nobody"})) == (
        422,
        "no_such_user",
    )
    [line] = told(merchant, "LESS", "task.assigned")
    assert (line.after, line.why) == (taken["assignee"], "calls the buyer")


def test_a_task_sleeps_with_a_reason_and_wakes_by_itself(merchant, owner):
    task, soon = task_of(owner, "UNTOLD"), say_moment(now_ms() + 3_600_000)
    asked = {"task": task["id"], "until": soon, "reason": "the buyer is on a journey"}
    assert owner.post("/v1/todo/snooze", asked).json["asleep_until"] == soon
    merchant.cloud.wait_idle()
    assert "UNTOLD" not in [task["order"] for task in listed_tasks(owner)]
    assert task_of(owner, "UNTOLD", "?asleep=true")["reason"] == "the buyer is on a journey"
    woken = asked | {"until": rfc3339(now_ms() - 1), "reason": "back again"}
    owner.post("/v1/todo/snooze", woken)
    merchant.cloud.wait_idle()
    assert task_of(owner, "UNTOLD")["reason"] == "back again"
    too_long = asked | {"until": rfc3339(now_ms() + 91 * 86_400_000)}
    assert problem(owner.post("/v1/todo/snooze", too_long)) == (422, "too_long")
    assert owner.post("/v1/todo/snooze", {"task": task["id"], "until": soon}).status == 422


def test_what_has_no_end_by_itself_is_settled_by_word(merchant, owner):
    task = task_of(owner, "TWICE")
    settled = {"task": task["id"], "reason": "paid back by bank transfer 4711"}
    assert owner.post("/v1/todo/settle", settled).status == 200
    assert problem(owner.post("/v1/todo/settle", settled)) == (404, "not_found")
    [unread] = listed_tasks(owner, "?kind=not_understood")
    owner.post("/v1/todo/settle", {"task": unread["id"], "reason": "a test of the shop's"})
    merchant.cloud.wait_idle()
    assert not {"TWICE", ""} & {task["order"] for task in listed_tasks(owner)}
    [line] = told(merchant, "TWICE", "task.settled")
    assert line.by.startswith("key:")


def test_a_held_order_ends_with_its_cause_and_not_by_word(merchant, owner):
    task = task_of(owner, "LESS")
    refused = owner.post("/v1/todo/settle", {"task": task["id"], "reason": "done"})
    assert problem(refused) == (409, "cause_remains")
    owner.post(f"/v1/orders/{merchant.own}/LESS/approve", {"reason": "agreed"})
    merchant.cloud.wait_idle()
    assert "LESS" not in [task["order"] for task in listed_tasks(owner)]
    gone = owner.post("/v1/todo/assign", {"task": task["id"], "to": "me"})
    assert problem(gone) == (404, "not_found")


def test_a_cancelled_order_owes_its_money_until_it_was_given_back(merchant, owner):
    merchant.pay("OVER", ("UNKNOWN", 1))
    merchant.cloud.wait_idle()
    owner.post(f"/v1/orders/{merchant.own}/OVER/cancel", {"reason": "not ours"})
    merchant.cloud.wait_idle()
    owed = task_of(owner, "OVER")
    assert (owed["kind"], owed["amount"]["amount"]) == ("money_owed", 2500)
    merchant.refund("OVER", amount="25.00", currency="CNY")
    merchant.cloud.wait_idle()
    assert "OVER" not in [task["order"] for task in listed_tasks(owner)]


def test_nobody_sees_or_takes_anothers_tasks(merchant, owner):
    stranger = caller(listed(Merchant(merchant.cloud)))
    task = task_of(owner, "NOBODY")
    assert listed_tasks(stranger) == []
    stolen = stranger.post("/v1/todo/assign", {"task": task["id"], "to": "me"})
    assert problem(stolen) == (404, "not_found")


def test_of_two_who_speak_at_once_each_is_told_the_truth(merchant, owner):
    """Eight change one mark from what they saw: one wins each round, and the mark's versions have no gap."""
    from cardcourier.domain.marks import UNMARKED, Mark
    from cardcourier.domain.protocol import Actor
    from cardcourier.domain.todo import TaskId

    table, task, won, ready = wiring.marks(), TaskId("held_risk", merchant.own, "RACE"), [], Barrier(8)

    def speak(n):
        ready.wait()
        said = Mark(assignee=f"user:{n}", ver=1)
        if table.change(merchant.id, task, UNMARKED, said, Actor("test", 1, f"r{n}")):
            won.append(said)

    threads = [Thread(target=speak, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    again = table.change(merchant.id, task, UNMARKED, won[0], Actor("test", 1, f"r{won[0].assignee[5:]}"))
    assert again, "the SDK asked once more"
