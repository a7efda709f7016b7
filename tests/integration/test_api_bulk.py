"""Bulk actions: a preview, a job in the background, a result for each order, and nothing done twice."""

import csv
import io
from dataclasses import replace

import pytest

from cardcourier import wiring
from cardcourier.clock import now_ms
from cardcourier.domain.bulk import PART
from cardcourier.domain.kept import Act
from cardcourier.errors import Unavailable
from cardcourier.services.bulk_jobs import Wanted
from cardcourier.services.running_bulk import BulkRunner
from tests.integration.api_client import caller, open_merchant, problem
from tests.integration.shop import Browser, acting, still

WHO = "key:test"


@pytest.fixture(scope="module")
def open_cloud(cloud):
    with acting(cloud):
        yield cloud


@pytest.fixture
def merchant(open_cloud):
    merchant = open_merchant(open_cloud)
    merchant.sell("MONTH", cards=6)
    return merchant


@pytest.fixture
def owner(merchant):
    return caller(merchant)


def named(merchant, *orders):
    return [{"shop": merchant.own, "order": order} for order in orders]


def paid(merchant, *orders, items=(("MONTH", 1),), **data):
    for order in orders:
        merchant.pay(order, *items, **data)
    merchant.cloud.wait_idle()


def done(owner, body, status=202):
    """Order an action, and what became of each order."""
    answer = owner.post("/v1/bulk", body)
    assert answer.status == status, answer.text
    owner.cloud.wait_idle()
    place = f"/v1/bulk/{answer.json['id']}"
    return owner.get(place).json, owner.get(f"{place}/items?limit=100").json["items"]


def notes(owner, merchant, order):
    return [note["text"] for note in owner.get(f"/v1/orders/{merchant.own}/{order}").json["notes"]]


def test_a_preview_names_count_and_money_and_changes_nothing(owner, merchant):
    paid(merchant, "A-1", "A-2")
    body = {"action": "cancel", "reason": "recall", "orders": named(merchant, "A-1", "A-2", "A-1", "none")}

    answer = owner.post("/v1/bulk/preview", body)

    assert answer.json == {
        "orders": 3,
        "amounts": [{"amount": 5000, "currency": "CNY"}],
        "missing": named(merchant, "none"),
    }
    assert owner.get("/v1/bulk").json["items"] == []
    assert merchant.counts("A-1") == {"DELIVERED": 1} or merchant.counts("A-1") == {"ALLOCATED": 1}


def test_each_order_has_its_own_result(owner, merchant):
    paid(merchant, "B-1", "B-2")

    job, items = done(
        owner, {"action": "note", "reason": "call back", "orders": named(merchant, "B-1", "no")}
    )

    assert (job["state"], job["orders"], job["done"], job["refused"]) == ("done", 2, 1, 1)
    assert [(item["order"], item["result"], item["code"]) for item in items] == [
        ("B-1", "done", ""),
        ("no", "refused", "not_found"),
    ]
    assert notes(owner, merchant, "B-1") == ["call back"] and notes(owner, merchant, "B-2") == []


def test_orders_are_found_as_in_their_list(owner, merchant):
    merchant.sell("NEW")
    paid(merchant, "C-1", "C-2", items=[("NEW", 1)])
    paid(merchant, "C-3")
    where = {"status": "no_stock", "shop": merchant.own}
    merchant.stock("NEW", 2)

    seen = owner.post("/v1/bulk/preview", {"action": "retry", "where": where}).json["orders"]
    wrong = owner.post("/v1/bulk", {"action": "retry", "where": where, "expected": 3})
    job, items = done(owner, {"action": "retry", "where": where, "expected": seen})

    assert seen == 2 and problem(wrong) == (409, "changed_meanwhile")
    assert {item["order"] for item in items} == {"C-1", "C-2"} and job["done"] == 2


def test_held_orders_are_approved_and_others_cancelled(owner, merchant):
    paid(merchant, "D-1", "D-2", payments=[{"id": "p", "amount": "1.00"}])
    assert merchant.held_for("D-1")

    approved, _ = done(owner, {"action": "approve", "orders": named(merchant, "D-1")})
    cancelled, _ = done(owner, {"action": "cancel", "reason": "fraud", "orders": named(merchant, "D-2")})

    assert approved["done"] == cancelled["done"] == 1
    assert owner.get(f"/v1/orders/{merchant.own}/D-1").json["approved"]
    assert owner.get(f"/v1/orders/{merchant.own}/D-2").json["status"] == "cancelled"


def test_mails_are_sent_again(owner, merchant):
    paid(merchant, "E-1")
    before = len(merchant.mails("E-1"))

    job, _ = done(owner, {"action": "resend", "orders": named(merchant, "E-1")})

    assert job["done"] == 1 and len(merchant.mails("E-1")) == before + 1


def test_cards_that_were_shown_are_replaced_and_only_of_the_batch_that_is_named(owner, merchant):
    paid(merchant, "F-1", "F-2")
    Browser(merchant.cloud).form(f"/r/{merchant.token('F-1')}/reveal")
    shown = owner.get(f"/v1/orders/{merchant.own}/F-1").json["units"][0]
    assert shown["first_shown_at"]

    body = {"action": "replace", "reason": "bad batch", "orders": named(merchant, "F-1", "F-2")}
    _, other = done(owner, body | {"batch": "b-other"})
    job, items = done(owner, body | {"batch": shown["batch"]})

    assert [item["code"] for item in other] == ["not_shown", "not_shown"]
    assert [(item["result"], item["code"]) for item in items] == [("done", ""), ("refused", "not_shown")]
    fresh = owner.get(f"/v1/orders/{merchant.own}/F-1").json["units"][0]
    assert fresh["replaced"] == 1 and fresh["card"] != shown["card"]
    assert job["refused"] == 1


def test_the_results_come_in_pages_and_as_a_file(owner, merchant):
    names = [f"G-{n}" for n in range(PART + 5)]
    job, _ = done(owner, {"action": "note", "reason": "x", "orders": named(merchant, "=1+1", *names)})
    place, seen, cursor = f"/v1/bulk/{job['id']}/items", [], ""
    while cursor is not None:
        page = owner.get(f"{place}?limit=20{cursor and f'&cursor={cursor}'}").json
        seen += [item["order"] for item in page["items"]]
        cursor = page["next_cursor"]
    file = owner.get(f"{place}.csv")

    assert seen == ["=1+1", *names] and job["refused"] == len(names) + 1
    rows = list(csv.reader(io.StringIO(file.text.removeprefix("\ufeff"))))
    assert file.headers["content-type"].startswith("text/csv") and file.headers["etag"]
    assert rows[0] == ["shop", "order", "result", "code", "detail"] and len(rows) == len(names) + 2
    assert rows[1][1] == "'=1+1"


def test_the_same_request_again_is_the_same_job(owner, merchant):
    paid(merchant, "H-1")
    body = {"action": "note", "reason": "once", "orders": named(merchant, "H-1")}

    jobs = {owner.post("/v1/bulk", body, idempotency_key="bulk-key-1").json["id"] for _ in range(3)}
    merchant.cloud.wait_idle()

    assert len(jobs) == 1 and notes(owner, merchant, "H-1") == ["once"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"action": "note", "reason": "x"}, "invalid_request"),
        ({"action": "cancel", "where": {}}, "invalid_request"),
        ({"action": "burn", "where": {}}, "invalid_request"),
        ({"action": "retry", "where": {"status": "nothing-is-so"}}, "no_orders"),
        (
            {"action": "retry", "orders": [{"shop": "s", "order": f"{n}"} for n in range(1_001)]},
            "invalid_request",
        ),
    ],
)
def test_what_cannot_be_is_refused(owner, body, code):
    assert problem(owner.post("/v1/bulk", body)) == (422, code)


def test_replacing_needs_its_own_right(merchant):
    clerk = caller(merchant, "support", scopes=["orders:act", "orders:read"])
    body = {"action": "replace", "reason": "x", "orders": named(merchant, "A")}

    assert problem(clerk.post("/v1/bulk", body)) == (403, "not_allowed")


def test_many_cards_are_within_the_daily_limit_of_support(owner, merchant):
    assert owner("PATCH", "/v1/tenant", {"replacement_caps": {"support": 1}}).status == 200
    orders = ["I-1", "I-2"]
    paid(merchant, *orders)
    for order in orders:
        Browser(merchant.cloud).form(f"/r/{merchant.token(order)}/reveal")
    with still(merchant.cloud):
        wanted = Wanted(
            action="replace", reason="x", orders=[(merchant.own, order) for order in orders], role="support"
        )
        job = wiring.bulk_desk().create(merchant.id, wanted, Act("support1", now_ms()), WHO)
        ran = wiring.bulk_runner().run(merchant.id, job.id, now_ms() + 60_000)

    codes = [result[0] for _, result in wiring.bulk_desk().results(ran, 0, 10)]
    assert codes == ["done", "daily_limit"]


# ---------------------------------------------------------------- interrupted, repeated, stopped


@pytest.fixture
def job(merchant):
    """Three orders and a job over them that nobody has begun."""
    paid(merchant, "J-1", "J-2", "J-3")
    with still(merchant.cloud):
        yield (
            merchant,
            lambda action: wiring.bulk_desk().create(
                merchant.id,
                Wanted(
                    action=action,
                    reason="why",
                    orders=[(merchant.own, f"J-{n}") for n in range(1, 4)],
                    role="owner",
                ),
                Act(action, now_ms()),
                WHO,
            ),
        )


class Breaking:
    """Actions that fail once, after they were done to the second order."""

    def __init__(self, real, broken):
        self.real, self.broken, self.orders = real, broken, real.orders

    def __getattr__(self, name):
        def act(key, *given):
            answer = getattr(self.real, name)(key, *given)
            if key.order == "J-2" and not self.broken:
                self.broken.append(True)
                raise Unavailable("table_unavailable", "The answer was lost.")
            return answer

        return act


@pytest.mark.fault("kills: bulk")
@pytest.mark.parametrize("action", ["note", "cancel", "resend", "replace", "approve", "retry"])
def test_an_interrupted_action_is_done_once_to_each_order(job, action):
    merchant, make = job
    if action == "replace":
        for n in range(1, 4):
            Browser(merchant.cloud).form(f"/r/{merchant.token(f'J-{n}')}/reveal")
    made, broken, real = make(action), [], wiring.bulk_runner()
    runner = replace(real, actions=lambda at: Breaking(real.actions(at), broken))

    with pytest.raises(Unavailable):
        runner.run(merchant.id, made.id, now_ms() + 60_000)
    ran = runner.run(merchant.id, made.id, now_ms() + 60_000)

    assert (ran.state, ran.data["done"], ran.data["refused"]) == ("done", 3, 0)
    history = wiring.history().read(merchant.key_of("J-2"))
    assert len([note for note in history.notes if note.rid == f"{made.id}-1"]) <= 1
    if action == "replace":
        assert [unit.gen for unit in history.units] == [1]
    if action == "cancel":
        assert len(history.facts) == 1


def test_a_second_run_leaves_a_job_to_the_first(job):
    merchant, make = job
    made, runs = make("note"), []
    real = wiring.bulk_runner()

    def meanwhile(at):
        runs.append(real.run(merchant.id, made.id, now_ms() + 60_000).state)
        return real.actions(at)

    ran = replace(real, actions=meanwhile).run(merchant.id, made.id, now_ms() + 60_000)

    assert runs == ["running"] and ran.data["done"] == 3
    assert real.run(merchant.id, made.id, now_ms() + 60_000) == ran


def test_a_run_that_has_no_time_left_leaves_the_rest_to_the_next(job):
    merchant, make = job
    made = make("note")

    first = wiring.bulk_runner().run(merchant.id, made.id, now_ms() - 1)
    second = wiring.bulk_runner().run(merchant.id, made.id, now_ms() + 60_000)

    assert (first.state, first.data["until"], first.data["done"]) == ("running", 0, 0)
    assert (second.state, second.data["done"]) == ("done", 3)


def test_a_stopped_action_begins_nothing_more_and_says_what_it_did(job):
    merchant, make = job
    made, real, desk = make("note"), wiring.bulk_runner(), wiring.bulk_desk()

    def stopped(at):
        desk.cancel(merchant.id, made.id, WHO)
        return real.actions(at)

    ran = BulkRunner(real.jobs, stopped, now_ms).run(merchant.id, made.id, now_ms() + 60_000)
    owner = caller(merchant)

    assert (ran.state, ran.data["done"]) == ("cancelled", 3)
    assert real.run(merchant.id, made.id, now_ms() + 60_000).state == "cancelled"
    assert owner.post(f"/v1/bulk/{made.id}/cancel").json["state"] == "cancelled"


def test_what_is_over_is_not_stopped(owner, merchant):
    job, _ = done(owner, {"action": "note", "reason": "x", "orders": named(merchant, "none")})

    assert problem(owner.post(f"/v1/bulk/{job['id']}/cancel")) == (409, "already_over")
