"""Events on their way from an order to a merchant's own system, on the whole local cloud."""

import json

import pytest

from cardcourier.adapters.tables import keys
from cardcourier.clock import now_ms
from cardcourier.domain.endpoints import GIVEN_UP
from cardcourier.domain.outbox import MessageKey
from tests.integration.api_client import caller, problem
from tests.integration.receiver import receiving
from tests.integration.shop import (
    Browser,
    Log,
    acting,
    change_item,
    failed,
    merchant_of,
    messages,
    raw_item,
    raw_items,
    still,
    wait_until,
)

HOOKS = "/v1/webhook-endpoints"


@pytest.fixture(scope="module")
def open_cloud(cloud):
    with acting(cloud):
        yield cloud


@pytest.fixture
def merchant(open_cloud):
    with merchant_of(open_cloud) as merchant:
        merchant.sell("MONTH", cards=5)
        yield merchant


@pytest.fixture
def receiver():
    with receiving() as receiver:
        yield receiver


class Hook:
    """An endpoint of a merchant, and what its owner may ask."""

    def __init__(self, merchant, url, **options):
        self.owner, self.merchant, self.cloud = caller(merchant), merchant, merchant.cloud
        made = self.owner.post(HOOKS, {"url": url, **options})
        assert made.status == 201, made.text
        self.id, self.secret = made.json["id"], made.json["secret"]
        self.path = f"{HOOKS}/{self.id}"

    def get(self, path=""):
        return self.owner.get(self.path + path).json

    def post(self, path, body=None):
        return self.owner.post(self.path + path, body)

    def patch(self, body):
        return self.owner("PATCH", self.path, body)

    def messages(self, query=""):
        return self.get(f"/messages{query}")["items"]

    def one(self, message):
        return self.get(f"/messages/{message}")

    def test(self):
        asked = self.post("/test")
        assert asked.status == 202, asked.text
        return asked.json["id"]

    def key(self, message):
        return MessageKey(self.merchant.id, self.id, message)

    def due(self, message):
        """As if the time had passed: the message may be tried now, and the sweeper would find it."""
        now = {"N": str(now_ms() - 1)}
        change_item(keys.message(self.key(message)), next=now, due=now)

    def ask(self, *ids):
        """Have the function asked for messages, as the queue would."""
        return failed(
            self.cloud.invoke("outbound", messages("outbound", *(self.body(message) for message in ids)))
        )

    def body(self, message):
        return {"kind": "event", "tenant": self.merchant.id, "endpoint": self.id, "event": message}


def settle(cloud):
    cloud.wait_idle()


def test_an_orders_way_is_told_once_and_signed(merchant, receiver):
    hook = Hook(merchant, receiver.url)
    merchant.pay("A-1", ("MONTH", 2))
    settle(merchant.cloud)
    Browser(merchant.cloud).program(f"/r/{merchant.token('A-1')}/reveal")
    settle(merchant.cloud)
    wait_until(lambda: len(receiver.of("unit.revealed")) == 2)

    assert receiver.types() == [
        "order.delivered",
        "order.paid",
        *["unit.allocated"] * 2,
        *["unit.delivered"] * 2,
        *["unit.revealed"] * 2,
    ]
    assert all(one.signed_by(hook.secret) for one in receiver.heard)
    assert len({one.id for one in receiver.heard}) == 8
    [paid] = receiver.of("order.paid")
    data = paid.event["data"]
    assert (data["order_id"], data["amount"], data["test"]) == (
        "A-1",
        {"amount": 5000, "currency": "CNY"},
        False,
    )
    assert data["lines"][0] | {"quantity": 2, "sku": "MONTH"} == data["lines"][0]
    assert [entry["kind"] for entry in data["entries"]] == ["sale"]
    [done] = receiver.of("order.delivered")
    assert {unit["unit"] for unit in done.event["data"]["units"]} == {"1/0001", "1/0002"}
    listed = hook.messages()
    assert {one["id"] for one in listed} == {one.id for one in receiver.heard}
    assert {one["state"] for one in listed} == {"sent"}


def test_a_failing_endpoint_is_tried_again_until_it_works(merchant, receiver):
    receiver.script = [500, 503]
    receiver.answer_headers = {"retry-after": "3"}
    hook = Hook(merchant, receiver.url, events=["webhook.test"])
    with still(merchant.cloud):
        message = hook.test()
        hook.ask(message)
        one = hook.one(message)
        assert (one["state"], one["failures"]) == ("pending", 1) and one["next_attempt"]
        assert hook.get()["failing_since"]
        hook.due(message)
        hook.ask(message)
        assert hook.one(message)["failures"] == 2
        hook.due(message)
        hook.ask(message)
    one = hook.one(message)

    assert (one["state"], one["failures"], one["next_attempt"]) == ("sent", 2, None)
    assert [(attempt["status"], attempt["error"]) for attempt in one["attempts"]] == [
        (500, ""),
        (503, ""),
        (200, ""),
    ]
    assert len({heard.id for heard in receiver.heard}) == 1 and len(receiver.heard) == 3
    assert len({heard.body for heard in receiver.heard}) == 1
    assert hook.get()["failing_since"] is None


def test_nothing_is_tried_before_its_time_and_the_sweeper_finds_what_is_due(merchant, receiver):
    hook = Hook(merchant, receiver.url)
    with still(merchant.cloud):
        receiver.script = [500]
        message = hook.test()
        hook.ask(message)
        hook.ask(message)
        assert len(receiver.heard) == 1
        hook.due(message)
    merchant.cloud.invoke("release", {})
    settle(merchant.cloud)

    assert wait_until(lambda: hook.one(message)["state"] == "sent")
    assert len(receiver.heard) == 2


def test_after_ten_attempts_it_is_given_up_and_counted(merchant, receiver):
    hook, log = Hook(merchant, receiver.url), Log(merchant.cloud)
    receiver.status = 500
    with still(merchant.cloud):
        message = hook.test()
        for _ in range(10):
            hook.due(message)
            hook.ask(message)
        hook.ask(message)
    one = hook.one(message)

    assert (one["state"], len(receiver.heard), len(one["attempts"])) == ("failed", 10, 10)
    assert "10 attempts" in one["reason"]
    assert log.metric("EventsGivenUp") == 1
    raw = raw_item(keys.message(hook.key(message)))
    assert not {"d", "due", "claim"} & raw.keys()


def test_gone_disables_the_endpoint_and_stops_what_is_on_its_way(merchant, receiver):
    hook, log = Hook(merchant, receiver.url), Log(merchant.cloud)
    with still(merchant.cloud):
        first, second = hook.test(), hook.test()
        receiver.status = 410
        hook.ask(first)
        hook.ask(second)
        assert hook.get()["state"] == "disabled" and "410" in hook.get()["reason"]
        assert [hook.one(id)["state"] for id in (first, second)] == ["failed", "skipped"]
        assert len(receiver.heard) == 1
        assert problem(hook.post("/test")) == (409, "endpoint_disabled")
    assert log.metric("EndpointsDisabled") == 1
    assert hook.patch({"state": "enabled"}).json["reason"] == ""
    receiver.status = 200
    assert hook.post(f"/messages/{second}/replay").status == 202
    settle(merchant.cloud)
    assert wait_until(lambda: hook.one(second)["state"] == "sent")


def test_an_endpoint_that_only_failed_for_five_days_is_disabled(merchant, receiver):
    hook = Hook(merchant, receiver.url)
    receiver.status = 500
    with still(merchant.cloud):
        message = hook.test()
        hook.ask(message)
        since = {"N": str(now_ms() - GIVEN_UP)}
        change_item(keys.endpoint(merchant.id, hook.id), failing_since=since)
        hook.due(message)
        hook.ask(message)
        assert (hook.get()["state"], hook.one(message)["state"]) == ("disabled", "failed")
        assert "five days" in hook.get()["reason"]
        assert hook.patch({"state": "enabled"}).status == 200
        assert hook.get()["failing_since"] is None


def test_both_secrets_sign_while_one_replaces_the_other(merchant, receiver):
    hook = Hook(merchant, receiver.url)
    new = hook.post("/secrets", {}).json
    assert new["secrets"] == 2 and new["secret"] != hook.secret
    with still(merchant.cloud):
        hook.ask(hook.test())
        newest = hook.post("/secrets", {"drop_old": True}).json
        hook.ask(hook.test())
    both, alone = receiver.heard

    assert both.signed_by(hook.secret) and both.signed_by(new["secret"])
    assert alone.signed_by(newest["secret"]) and newest["secrets"] == 1
    assert not alone.signed_by(new["secret"]) and not alone.signed_by(hook.secret)


def test_a_range_is_replayed_by_a_job_that_survives_being_repeated(merchant, receiver):
    hook = Hook(merchant, receiver.url)
    receiver.status = 400
    with still(merchant.cloud):
        for number in range(5):
            hook.owner.post(f"{hook.path}/test", idempotency_key=f"replayed-{number}")
        ids = [one["id"] for one in hook.messages()]
        hook.ask(*ids)
        hook.patch({"state": "disabled"})
        for message in ids[:3]:
            hook.due(message)
        hook.ask(*ids[:3])
        hook.patch({"state": "enabled"})
        assert sorted(one["state"] for one in hook.messages()) == ["pending"] * 2 + ["skipped"] * 3
        receiver.status, receiver.heard = 200, []
        asked = hook.post("/replays", {"from": "2026-01-01T00:00:00Z"})
        assert (asked.status, asked.json["state"]) == (202, "created")
        step = {"kind": "replay", "tenant": merchant.id, "job": asked.json["id"]}
        for _ in range(9):
            assert failed(merchant.cloud.invoke("outbound", messages("outbound", step))) == []
        assert 0 < hook.get(f"/replays/{asked.json['id']}")["progress"] < 100
    wait_until(lambda: hook.get(f"/replays/{asked.json['id']}")["state"] == "done")
    settle(merchant.cloud)

    assert hook.get(f"/replays/{asked.json['id']}")["replayed"] == 3
    wait_until(lambda: set(ids[:3]) <= {one["id"] for one in hook.messages("?state=sent")})
    assert sorted(one.id for one in receiver.heard if one.id in ids[:3]) == sorted(ids[:3])


def test_messages_are_listed_by_state_type_time_and_page(merchant, receiver):
    hook = Hook(merchant, receiver.url)
    with still(merchant.cloud):
        for _ in range(5):
            hook.test()
        hook.ask(hook.messages()[0]["id"])
        whole = hook.messages()
        assert len(whole) == 5 and [one["at"] for one in whole] == sorted(one["at"] for one in whole)[::-1]
        pages, cursor = [], ""
        while True:
            page = hook.get(f"/messages?limit=2{cursor}")
            pages += page["items"]
            if not page["next_cursor"]:
                break
            cursor = f"&cursor={page['next_cursor']}"
        assert pages == whole
        assert len(hook.messages("?state=sent")) == 1 and len(hook.messages("?state=pending")) == 4
        assert hook.messages("?type=order.paid") == []
        assert hook.messages("?to=2026-01-01T00:00:00Z") == []
        assert [one["id"] for one in hook.messages(f"?from={whole[0]['at']}")] == [whole[0]["id"]]


def test_what_an_endpoint_does_not_want_is_not_written(merchant, receiver):
    hook = Hook(merchant, receiver.url, events=["order.refunded"])
    merchant.pay("A-1", ("MONTH", 1))
    settle(merchant.cloud)
    merchant.refund("A-1", amount="25.00", currency="CNY", full=True)
    settle(merchant.cloud)
    wait_until(lambda: receiver.heard)

    [refund] = receiver.heard
    data = refund.event["data"]
    assert (refund.type, data["fact"]["id"]) == ("order.refunded", "r-1")
    assert data["amount"] == {"amount": 2500, "currency": "CNY"}
    assert data["entries"][0]["amount"] == {"amount": -2500, "currency": "CNY"}
    assert len(hook.messages()) == 1


def test_events_while_disabled_are_kept_and_can_be_replayed(merchant, receiver):
    hook = Hook(merchant, receiver.url, events=["order.paid"])
    hook.patch({"state": "disabled"})
    merchant.pay("A-1", ("MONTH", 1))
    settle(merchant.cloud)
    [message] = wait_until(hook.messages)
    assert (message["state"], receiver.heard) == ("skipped", [])
    hook.patch({"state": "enabled"})
    hook.post("/replays", {"from": "2026-01-01T00:00:00Z"})
    settle(merchant.cloud)
    assert wait_until(lambda: hook.messages("?state=sent"))


@pytest.mark.fault("streams: twice", "queues: twice")
def test_the_same_changes_and_the_same_queue_message_again_tell_nothing_again(merchant, receiver):
    hook = Hook(merchant, receiver.url, events=["order.paid"])
    cloud = merchant.cloud
    with still(cloud):
        merchant.pay("A-1", ("MONTH", 1))
        header = raw_item(keys.header(merchant.key_of("A-1")))
        record = {"Keys": {"pk": header["pk"], "sk": header["sk"]}, "NewImage": header}
        event = {"Records": [{"dynamodb": json.loads(json.dumps(record, default=_plain))}]}
        for _ in range(3):
            assert failed(cloud.invoke("projection", event)) == []
        [message] = hook.messages()
        hook.ask(message["id"], message["id"])
        hook.ask(message["id"])
        cloud.invoke("projection", event)

    settle(cloud)
    assert len(receiver.heard) == 1
    assert [one["state"] for one in hook.messages()] == ["sent"]


def _plain(value):
    import base64

    return base64.b64encode(bytes(value)).decode()


def test_a_deleted_endpoint_hears_nothing_and_its_messages_are_gone(merchant, receiver):
    hook = Hook(merchant, receiver.url)
    with still(merchant.cloud):
        message = hook.test()
        assert hook.owner("DELETE", hook.path).status == 200
        assert hook.ask(message) == []
    assert problem(hook.owner.get(f"{hook.path}/messages/{message}")) == (404, "not_found")
    assert problem(hook.owner.get(f"{hook.path}/messages")) == (404, "not_found")
    assert receiver.heard == []
    assert raw_item(keys.message(hook.key(message)))["st"] == {"S": "skipped"}


def test_a_slow_endpoint_holds_up_no_mail_and_no_other_endpoint(merchant, receiver):
    receiver.wait = 5
    with receiving() as quick:
        Hook(merchant, receiver.url, events=["order.paid"])
        Hook(merchant, quick.url, events=["order.paid"])
        merchant.pay("A-1", ("MONTH", 1))
        wait_until(lambda: receiver.heard)
        receiver.wait = 0
        wait_until(lambda: merchant.mails("A-1"), 4)
        wait_until(lambda: quick.heard, 4)


def test_an_import_is_told(merchant, receiver):
    hook = Hook(merchant, receiver.url, events=["import.committed"])
    job = hook.owner.post("/v1/imports", {"sku": "MONTH", "text": "KM-HOOKED-0001\nKM-HOOKED-0002\n"}).json[
        "id"
    ]
    hook.owner.post(f"/v1/imports/{job}/preview")
    settle(merchant.cloud)
    hook.owner.post(f"/v1/imports/{job}/commit")
    settle(merchant.cloud)
    wait_until(lambda: receiver.heard)

    [told] = receiver.heard
    assert (told.event["data"]["import"], told.event["data"]["accepted"]) == (job, 2)


def test_a_buyer_who_cannot_be_told_is_an_event(merchant, receiver):
    Hook(merchant, receiver.url, events=["notification.failed"])
    merchant.pay("A-1", ("MONTH", 1), buyer={"email": "nobody@b..example"})
    settle(merchant.cloud)
    wait_until(lambda: receiver.heard)

    [told] = receiver.heard
    assert (told.event["data"]["channel"], told.event["data"]["state"]) == ("mail", "refused")
    assert b"nobody" not in told.body


def test_neither_bodies_nor_rows_nor_logs_show_a_secret_a_card_or_a_contact(merchant, receiver):
    log, hook = Log(merchant.cloud), Hook(merchant, receiver.url)
    newest = hook.post("/secrets", {}).json["secret"]
    merchant.pay("A-1", ("MONTH", 1))
    settle(merchant.cloud)
    Browser(merchant.cloud).program(f"/r/{merchant.token('A-1')}/reveal")
    settle(merchant.cloud)
    wait_until(lambda: receiver.of("unit.revealed"))

    rows = str(raw_items(prefix=f"H#{merchant.id}"))
    heard = b"".join(one.body for one in receiver.heard).decode()
    hidden = [*merchant.codes.values(), *merchant.codes, merchant.address("A-1"), merchant.token("A-1")]
    secrets = [hook.secret, newest, *(one.removeprefix("whsec_") for one in (hook.secret, newest))]
    for text in [*hidden, *secrets]:
        assert text not in heard and text not in rows and text not in log.text, text[:4]
    assert all(one.headers["webhook-id"].startswith("evt_") for one in receiver.heard)


def test_an_edit_keeps_the_count_of_failures_and_another_address_begins_anew(merchant, receiver):
    hook = Hook(merchant, receiver.url)
    receiver.status = 500
    with still(merchant.cloud):
        hook.ask(hook.test())
    since = hook.get()["failing_since"]

    assert since and hook.patch({"description": "CRM"}).json["failing_since"] == since
    assert hook.get()["failing_since"] == since
    assert hook.patch({"url": receiver.url + "/new"}).json["failing_since"] is None
    assert hook.get()["failing_since"] is None


def test_what_cannot_be_an_endpoint_is_refused(merchant):
    owner = caller(merchant)
    for body in (
        {"url": "http://crm.example.com"},
        {"url": "https://10.0.0.1/"},
        {"url": "https://user:pass@crm.example.com/"},
        {"url": "https://crm.example.com/", "events": ["no.such"]},
        {"url": "https://crm.example.com/", "secret": "whsec_mine"},
    ):
        answer = owner.post(HOOKS, body)
        assert answer.status == 422, body
    for _ in range(20):
        assert owner.post(HOOKS, {"url": "https://crm.example.com/"}).status == 201
    assert problem(owner.post(HOOKS, {"url": "https://crm.example.com/"})) == (422, "too_many")
    first = owner.get(f"{HOOKS}?limit=15").json
    rest = owner.get(f"{HOOKS}?limit=15&cursor={first['next_cursor']}").json
    assert len({one["id"] for one in [*first["items"], *rest["items"]]}) == 20
