"""The webhooks door over HTTP: who is let in, what is answered, what is kept."""

import base64
import json
import os
import secrets
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from cardcourier import wiring
from cardcourier.services.intake import MOST_BYTES
from tests.integration.api_client import caller
from tests.integration.shop import (
    Log,
    Merchant,
    acting,
    call,
    merchant_of,
    paid,
    raw_items,
    rfc3339,
    secret_text,
    shopify_order,
    sign_own,
    sign_shopify,
)


@pytest.fixture(scope="module")
def open_cloud(cloud):
    with acting(cloud):
        yield cloud


@pytest.fixture
def merchant(open_cloud):
    with merchant_of(open_cloud) as merchant:
        yield merchant


def an_event(order="A-1", **data):
    told = paid(order, ("MONTH", 1), **data)
    return json.dumps({"type": "order.paid", "timestamp": told["paid_at"], "data": told}).encode()


def wrong_calls(merchant):
    """(name, path, body, headers) of every kind of call that must not be let in."""
    body, other = an_event(), Merchant(merchant.cloud)
    own, shopify = f"/webhooks/standard/{merchant.own}", f"/webhooks/shopify/{merchant.shopify}"
    good = sign_own(merchant.key, body)
    plain = {"content-type": "application/json"}
    told = sign_shopify(merchant.client_secret, body, "orders/paid", merchant.domain)
    yield "no signature", own, body, plain
    yield "wrong signature", own, body, good | {"webhook-signature": "v1," + "A" * 43 + "="}
    yield "not a signature", own, body, good | {"webhook-signature": "\x7f;;,,v1"}
    yield "another body", own, body.replace(b"25.00", b"00.01"), good
    yield "another shop's secret", own, body, sign_own(other.key, body)
    yield "ten minutes old", own, body, sign_own(merchant.key, body, at=time.time() - 600)
    yield "ten minutes ahead", own, body, sign_own(merchant.key, body, at=time.time() + 600)
    yield "unknown shop", "/webhooks/standard/nobody", body, good
    yield "unknown channel", f"/webhooks/taobao/{merchant.own}", body, good
    yield "the other channel", f"/webhooks/shopify/{merchant.own}", body, told
    yield "the other shop's channel", f"/webhooks/standard/{merchant.shopify}", body, good
    yield "no body", own, b"", sign_own(merchant.key, body)
    yield "another domain", shopify, body, told | {"x-shopify-shop-domain": other.domain}
    yield "wrong hmac", shopify, body, told | {"x-shopify-hmac-sha256": "AAAA"}
    yield "no hmac", shopify, body, plain
    yield "odd shop", "/webhooks/standard/%00%23%2e%2e%2f", body, good


@pytest.mark.fault(
    "webhooks: signature",
    "webhooks: changed",
    "webhooks: old",
    "webhooks: clock ahead",
    "webhooks: clock behind",
)
def test_every_wrong_call_gets_the_same_answer_and_leaves_nothing(merchant):
    log, answers = Log(merchant.cloud), {}
    calls = list(wrong_calls(merchant))
    for name, path, body, headers in calls:
        answer = call(merchant.cloud, "POST", path, body, headers)
        request_id = answer.json.pop("request_id")
        headers = {key: value for key, value in answer.headers.items() if key != "date"}
        answers[name] = answer.status, headers, answer.body.replace(request_id.encode(), b"?")
    expected = answers["no signature"]
    assert expected[0] == 401
    assert {name: answer for name, answer in answers.items() if answer != expected} == {}
    assert log.metric("SignatureFailure") == len(calls)
    assert raw_items(prefix=f"O#{merchant.id}") == []


def test_a_wrong_signature_and_an_unknown_shop_take_the_same_time(merchant):
    body = an_event()
    forged = sign_own(secrets.token_bytes(32), body)
    took = {merchant.own: [], "nobody": []}
    for _ in range(25):
        for shop, times in took.items():
            start = time.perf_counter()
            call(merchant.cloud, "POST", f"/webhooks/standard/{shop}", body, forged)
            times.append(time.perf_counter() - start)
    known, unknown = (statistics.median(times) for times in took.values())
    assert abs(known - unknown) < 0.3 * max(known, unknown) + 0.002


def test_both_secrets_count_while_they_are_exchanged(merchant):
    merchant.sell("MONTH", cards=3)
    new = secrets.token_bytes(32)
    merchant.connect(merchant.own, "standard", [secret_text(merchant.key), secret_text(new)])
    assert [merchant.post(an_event("A-1")).status, merchant.post(an_event("A-2"), key=new).status] == [
        200,
        200,
    ]
    merchant.connect(merchant.own, "standard", [secret_text(new)])
    merchant.cloud.cold_start()
    assert [merchant.post(an_event("A-3")).status, merchant.post(an_event("A-4"), key=new).status] == [
        401,
        200,
    ]
    merchant.cloud.wait_idle()
    assert [merchant.counts(order) for order in ("A-1", "A-2", "A-3", "A-4")] == [
        {"DELIVERED": 1},
        {"DELIVERED": 1},
        {},
        {"DELIVERED": 1},
    ]


def test_a_body_may_have_so_many_bytes_and_no_more(merchant):
    merchant.sell("MONTH", cards=1)
    told = json.loads(an_event())
    told["data"]["note"] = ""
    told["data"]["note"] = "x" * (MOST_BYTES - len(json.dumps(told)))
    body = json.dumps(told).encode()
    assert len(body) == MOST_BYTES
    refused = merchant.post(body + b" ")
    assert (refused.status, refused.json["code"]) == (413, "too_large")
    assert merchant.order("A-1")[0] is None
    assert merchant.post(body).status == 200
    merchant.cloud.wait_idle()
    assert merchant.counts("A-1") == {"DELIVERED": 1}
    assert merchant.post(b"x" * (11 << 20)).status == 413


@pytest.mark.parametrize(
    "body",
    [
        b"\xff\xfenot json",
        b"[]",
        b"[" * 100_000,
        b'{"type": "order.paid", "data": {"order_id": "A-1", "secret": "buyer@example.com"}}',
        b'{"type": "order.made-up", "data": {}}',
        b'{"type": "order.paid", "data": {"order_id": 1e400, "total": NaN}}',
    ],
    ids=["bytes", "list", "deep", "fields", "type", "numbers"],
)
def test_signed_but_not_understood_is_kept_sealed_and_answered_as_received(merchant, body):
    log = Log(merchant.cloud)
    for _ in range(2):
        answer = merchant.post(body)
        assert (answer.status, answer.json) == (200, {"received": True})
    assert log.metric("NotUnderstood") == 2
    [kept] = wiring.unread().page(merchant.id).items
    assert kept.shop == merchant.own
    assert kept.reason
    assert kept_bodies(merchant) == [body]
    seen = json.dumps(raw_items(prefix=f"C#{merchant.id}"), default=repr) + log.text
    assert "buyer@example.com" not in seen


def kept_bodies(merchant):
    """What was kept of notifications that nobody understood, opened again."""
    table = wiring.unread()
    return [table.open(merchant.id, kept.shop, kept.id) for kept in table.page(merchant.id).items]


def test_what_was_not_understood_is_listed_page_by_page(merchant):
    for number in range(3):
        merchant.post(b'{"type": "order.paid", "data": %d}' % number)
    owner, seen, place = caller(merchant), [], "/v1/unread?limit=1"
    while place:
        page = owner.get(place).json
        assert len(page["items"]) == 1
        seen.append(page["items"][0]["id"])
        place = page["next_cursor"] and f"/v1/unread?limit=1&cursor={page['next_cursor']}"

    assert sorted(seen) == sorted(kept.id for kept in wiring.unread().page(merchant.id).items)
    assert len(set(seen)) == 3


def test_a_large_body_that_is_not_understood_is_kept_whole(merchant):
    body = b'{"type": "order.paid", "data": "' + base64.b64encode(os.urandom(700_000)) + b'"}'
    assert merchant.post(body).status == 200
    assert kept_bodies(merchant) == [body]


def test_a_notification_may_come_as_bytes_of_any_type(merchant):
    merchant.sell("MONTH", cards=1)
    assert merchant.post(an_event(), **{"content-type": "application/octet-stream"}).status == 200
    merchant.cloud.wait_idle()
    assert merchant.counts("A-1") == {"DELIVERED": 1}


def test_only_post_is_a_notification(merchant):
    for method in ("GET", "HEAD", "PUT", "DELETE"):
        assert call(merchant.cloud, method, f"/webhooks/standard/{merchant.own}").status == 404


@pytest.mark.fault("webhooks: at once")
def test_ten_times_the_same_order_at_once_is_one_order(merchant):
    merchant.sell("MONTH", cards=20)
    body = an_event(buyer={"email": "once@example.com"})
    headers = sign_own(merchant.key, body)
    told = json.dumps(shopify_order(7001, (82, "MONTH", 2, "25.00"))).encode()
    signed = sign_shopify(merchant.client_secret, told, "orders/paid", merchant.domain)
    with ThreadPoolExecutor(10) as pool:
        own = pool.map(lambda _: merchant.post(body, **headers), range(10))
        path = f"/webhooks/shopify/{merchant.shopify}"
        theirs = pool.map(lambda _: call(merchant.cloud, "POST", path, told, signed), range(10))
        assert {answer.status for answer in [*own, *theirs]} == {200}
    merchant.cloud.wait_idle()
    assert merchant.counts("A-1") == {"DELIVERED": 1}
    assert merchant.counts("7001", merchant.shopify) == {"DELIVERED": 2}
    assert merchant.pool("MONTH") == 17
    assert (merchant.facts("A-1"), merchant.facts("7001", merchant.shopify)) == ([], [])
    assert len(merchant.mails_to("once@example.com")) == 1


def test_an_answer_does_not_wait_for_the_cards(merchant):
    answer = merchant.tell("ping", {"at": rfc3339(0)})
    assert (answer.status, answer.json) == (200, {"received": True})
    assert raw_items(prefix=f"O#{merchant.id}") == []
