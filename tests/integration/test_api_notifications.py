"""What buyers were sent, over `/v1`: in the order, on the to-do list, tried again, taken off the list."""

from urllib.parse import quote

import pytest

from tests.integration.api_client import caller, listed, problem
from tests.integration.shop import Merchant, acting


@pytest.fixture(scope="module")
def merchant(cloud):
    with acting(cloud):
        merchant = listed(Merchant(cloud))
        merchant.sell("MONTH", cards=10)
        for number, address in enumerate(["a@b..example", "a,b@x.example", "c..d@x.example"], 1):
            merchant.pay(f"A-{number}", ("MONTH", 1), buyer={"email": address})
        merchant.pay("A-9", ("MONTH", 1))
        cloud.wait_idle()
        yield merchant


@pytest.fixture(scope="module")
def owner(merchant):
    return caller(merchant)


def place(merchant, order, note=""):
    path = f"/v1/orders/{merchant.own}/{order}/notifications"
    return f"{path}/{quote(note, safe='')}" if note else path


def test_an_order_shows_what_was_sent_and_every_try(merchant, owner):
    [sent] = owner.get(place(merchant, "A-9")).json["items"]
    [attempt] = sent["attempts"]
    assert (sent["kind"], sent["channel"], sent["state"], sent["to_do"]) == (
        "delivered",
        "mail",
        "sent",
        False,
    )
    assert (sent["cards"], sent["next_try_at"]) == (["1#0001"], None)
    assert sent["provider_id"] == merchant.mails("A-9")[0]["id"]
    assert (attempt["outcome"], attempt["error"]) == ("sent", "")
    assert attempt["request_id"] and attempt["milliseconds"] >= 0
    order = owner.get(f"/v1/orders/{merchant.own}/A-9").json
    assert "mail sent" in [entry["what"] for entry in order["timeline"]]
    assert order["warnings"] == []


def test_the_to_do_list_is_read_page_by_page_and_by_its_owner_only(merchant, owner):
    first = owner.get("/v1/notifications?limit=2").json
    rest = owner.get(f"/v1/notifications?limit=2&cursor={first['next_cursor']}").json
    orders = [item["order"] for page in (first, rest) for item in page["items"]]
    assert sorted(orders) == ["A-1", "A-2", "A-3"]
    assert "example" not in str(first)
    with acting(merchant.cloud):
        stranger = caller(listed(Merchant(merchant.cloud)))
    assert stranger.get("/v1/notifications").json["items"] == []
    foreign = stranger.get(f"/v1/notifications?cursor={first['next_cursor']}")
    assert problem(foreign) == (400, "bad_cursor")


def test_what_failed_is_tried_again_once_asked(merchant, owner):
    [note] = owner.get(place(merchant, "A-1")).json["items"]
    assert note["to_do"] and note["reason"]
    answer = owner.post(f"{place(merchant, 'A-1', note['id'])}/retry")
    assert (answer.status, answer.json["state"], answer.json["to_do"]) == (200, "pending", False)
    merchant.cloud.wait_idle()
    [note] = owner.get(place(merchant, "A-1")).json["items"]
    assert [attempt["outcome"] for attempt in note["attempts"]] == ["refused", "refused"]
    assert note["to_do"]


def test_what_was_noticed_leaves_the_list_and_stays_in_the_order(merchant, owner):
    def listed_orders():
        return [item["order"] for item in owner.get("/v1/notifications").json["items"]]

    [note] = owner.get(place(merchant, "A-2")).json["items"]
    assert "A-2" in listed_orders()
    warned = owner.get(f"/v1/orders/{merchant.own}/A-2").json["warnings"]
    assert [warning["code"] for warning in warned] == ["not_told"]
    for _ in range(2):
        assert owner.post(f"{place(merchant, 'A-2', note['id'])}/notice").json["to_do"] is False
    assert "A-2" not in listed_orders()
    assert owner.get(place(merchant, "A-2")).json["items"][0]["state"] == "refused"
    assert owner.get(f"/v1/orders/{merchant.own}/A-2").json["warnings"] == []


def test_what_went_out_is_not_sent_by_a_retry(merchant, owner):
    retry = owner.post(f"{place(merchant, 'A-9', '1.0001.0.mail')}/retry")
    assert problem(retry) == (409, "already_told")
    assert problem(owner.post(f"{place(merchant, 'A-9', 'no-such')}/retry")) == (404, "not_found")
    merchant.cloud.wait_idle()
    assert len(merchant.mails("A-9")) == 1
