"""Requests made again: the same key gives the same answer, once, whatever happens in between."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from cardcourier import wiring
from cardcourier.adapters.tables.idempotency import RepeatsTable
from cardcourier.clock import now_ms
from cardcourier.domain.repeats import KEEP, LOCK, Begun, Mismatch, Running, Told
from tests.integration.api_client import caller, open_merchant, problem
from tests.integration.shop import acting, change_item, raw_items

KEY = "0e8c1d2a-order-1"


@pytest.fixture(scope="module")
def open_cloud(cloud):
    with acting(cloud):
        yield cloud


@pytest.fixture
def merchant(open_cloud):
    return open_merchant(open_cloud)


@pytest.fixture
def owner(merchant):
    return caller(merchant)


def product(owner, sku="S", key=KEY, **changes):
    return owner.post("/v1/products", {"sku": sku, "name": "N"} | changes, idempotency_key=key)


def kept(merchant):
    return [item for item in raw_items(prefix=f"C#{merchant.id}") if item["sk"]["S"].startswith("IDEM#")]


def test_the_same_request_gets_the_same_answer(owner, merchant):
    first, second = product(owner), product(owner)

    assert (first.status, first.json) == (second.status, second.json)
    assert "idempotent-replayed" not in first.headers and second.headers["idempotent-replayed"] == "true"
    item = kept(merchant)[0]
    assert int(item["ttl"]["N"]) * 1000 - now_ms() <= KEEP and KEY not in str(item)


def test_without_a_key_a_repeat_is_a_request_of_its_own(owner):
    product(owner, key=None)

    assert problem(product(owner, key=None)) == (409, "already_exists")


def test_another_request_under_the_same_key_is_refused(owner):
    product(owner)

    assert problem(product(owner, name="other")) == (422, "idempotency_mismatch")
    assert problem(owner.post("/v1/reports", {"report": "R1", "from": "2026-11-01", "to": "2026-11-02"},
                              idempotency_key=KEY)) == (422, "idempotency_mismatch")  # fmt: skip


def test_keys_of_different_callers_do_not_meet(owner, merchant):
    other = caller(merchant, "manager")
    product(owner)

    assert product(other, sku="T").status == 201


def test_a_request_that_was_refused_may_be_made_again(owner):
    begin = {"sku": "S", "text": "KM-0001-AGAIN"}

    refused = owner.post("/v1/imports", begin, idempotency_key=KEY)
    product(owner, key=None)
    taken = owner.post("/v1/imports", begin, idempotency_key=KEY)

    assert problem(refused) == (422, "no_such_product") and taken.status == 201


def test_many_at_once_do_it_once(owner, merchant):
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: product(owner), range(16)))

    done = [answer for answer in answers if answer.status == 201]
    assert done and all(answer.json == done[0].json for answer in done)
    assert {problem(answer) for answer in answers if answer.status != 201} <= {(409, "already_running")}
    assert len([i for i in raw_items(prefix=f"C#{merchant.id}") if i["sk"]["S"] == "PRODUCT#S"]) == 1


def test_what_is_shown_once_is_not_kept_and_not_shown_again(owner, merchant):
    body = {"id": "main", "channel": "standard", "name": "M"}
    made = owner.post("/v1/shops", body, idempotency_key=KEY)
    again = owner.post("/v1/shops", body, idempotency_key=KEY)
    key = owner.post("/v1/keys", {"name": "k", "role": "stock"}, idempotency_key=KEY + "k")

    assert made.status == key.status == 201 and problem(again) == (409, "already_created")
    text = str(raw_items(prefix=f"C#{merchant.id}"))
    assert made.json["secret"] not in text and key.json["key"].rsplit("_", 1)[1] not in text
    names = [shop["id"] for shop in owner.get("/v1/shops").json["items"] if shop["id"].startswith("main-")]
    assert names == [made.json["id"]]


def test_an_import_begun_again_is_the_same_import_with_a_fresh_form(owner, merchant):
    product(owner, key=None)
    body = {"sku": "S", "file_name": "卡.csv"}

    first = owner.post("/v1/imports", body, idempotency_key=KEY)
    again = owner.post("/v1/imports", body, idempotency_key=KEY)
    other = owner.post("/v1/imports", body)

    assert first.json["id"] == again.json["id"] != other.json["id"]
    assert again.json["upload"]["fields"]["key"] == first.json["upload"]["fields"]["key"]
    assert not [item for item in kept(merchant) if "policy" in str(item)]


def test_no_card_of_a_body_can_be_guessed_from_what_is_kept(owner, merchant):
    product(owner, key=None)
    owner.post("/v1/imports", {"sku": "S", "text": "KM-0001-SECRET\n"}, idempotency_key=KEY)

    assert kept(merchant) and "KM-0001-SECRET" not in str(kept(merchant))


def test_a_cancellation_told_again_is_one_fact(owner, merchant):
    merchant.sell("MONTH", cards=2)
    merchant.pay("A-1", ("MONTH", 2))
    merchant.cloud.wait_idle()
    place, body = (
        f"/v1/orders/{merchant.own}/A-1/cancel",
        {"reason": "r", "pieces": [{"line": "1", "piece": 1}]},
    )
    first = owner.post(place, body, idempotency_key=KEY)
    # The answer was lost after the act, and its record as well: the act itself knows its repeat.
    for item in kept(merchant):
        change_item((item["pk"]["S"], item["sk"]["S"]), until={"N": "0"})
        wiring.client("dynamodb").update_item(
            TableName=wiring.settings().main_table,
            Key={"pk": item["pk"], "sk": item["sk"]},
            UpdateExpression="REMOVE #s",
            ExpressionAttributeNames={"#s": "status"},
        )
    again = owner.post(place, body, idempotency_key=KEY)

    assert (first.json, again.json) == ({"changed": True}, {"changed": False})
    assert len(owner.get(f"/v1/orders/{merchant.own}/A-1").json["facts"]) == 1


@pytest.mark.parametrize("key", ["short", "x" * 256, "schlüssel-12345", "tab\there-123"])
def test_a_key_that_is_none_is_refused(owner, key):
    sent = key.encode().decode("latin-1")

    assert problem(product(owner, key=sent)) == (400, "bad_idempotency_key")


# ---------------------------------------------------------------- the record itself, on the table engine


@pytest.fixture
def repeats(open_cloud):
    return RepeatsTable(wiring.main_table())


def test_one_that_runs_holds_the_key_until_its_lock_ends(repeats, merchant):
    begin, now = lambda at, rid: repeats.begin(merchant.id, "n", "p", at, rid), now_ms()

    assert begin(now, "r1") == Begun(now)
    assert begin(now + 1, "r2") == Running()
    assert begin(now, "r1") == Begun(now)  # the SDK asked again: the lock is one's own
    assert repeats.begin(merchant.id, "n", "other", now + 2, "r3") == Mismatch()
    assert begin(now + LOCK + 1, "r4") == Begun(now)
    assert begin(now + LOCK + 2, "r5") == Running()


def test_what_was_told_is_told_for_a_day(repeats, merchant):
    now = now_ms()
    repeats.begin(merchant.id, "n", "p", now, "r1")
    repeats.finish(merchant.id, "n", 201, "{}")

    assert repeats.begin(merchant.id, "n", "p", now + KEEP - 1, "r2") == Told(201, "{}", now)
    assert repeats.begin(merchant.id, "n", "other", now + KEEP + 1, "r3") == Begun(now + KEEP + 1)


def test_a_released_key_keeps_its_first_moment(repeats, merchant):
    now = now_ms()
    repeats.begin(merchant.id, "n", "p", now, "r1")
    repeats.release(merchant.id, "n")

    assert repeats.begin(merchant.id, "n", "p", now + 5, "r2") == Begun(now)
