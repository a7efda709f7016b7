"""Every error of `/v1`: its status, its code, and nothing in it that does not belong there."""

import json

import pytest

from tests.integration.api_client import Caller, caller, open_merchant, problem
from tests.integration.shop import acting, call


@pytest.fixture(scope="module")
def owner(cloud):
    with acting(cloud):
        yield caller(open_merchant(cloud))


GOOD = {"sku": "S", "name": "N"}


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status", "code"),
    [
        ("GET", "/v1/nothing", None, {}, 404, "no_such_route"),
        ("GET", "/v1/products/a/b/c", None, {}, 404, "no_such_route"),
        ("DELETE", "/v1/products", None, {}, 405, "method_not_allowed"),
        ("PUT", "/v1/orders/s/o", {}, {}, 405, "method_not_allowed"),
        ("OPTIONS", "/v1/orders", None, {}, 405, "method_not_allowed"),
        ("POST", "/v1/products", b"{", {}, 400, "invalid_json"),
        ("POST", "/v1/products", b"\xff\xfe", {}, 400, "invalid_json"),
        ("POST", "/v1/products", b"[" * 100_000, {}, 400, "invalid_json"),
        ("POST", "/v1/products", b'{"n":' + b"9" * 5_000 + b"}", {}, 400, "invalid_json"),
        ("POST", "/v1/products", b"[]", {}, 422, "invalid_request"),
        ("POST", "/v1/products", b"null", {}, 422, "invalid_request"),
        ("POST", "/v1/products", b'"text"', {}, 422, "invalid_request"),
        ("POST", "/v1/products", None, {}, 422, "invalid_request"),
        ("POST", "/v1/products", b'{"sku":"\\ud800","name":"N"}', {}, 400, "invalid_json"),
        ("POST", "/v1/products", GOOD | {"extra": 1}, {}, 422, "invalid_request"),
        ("POST", "/v1/products", b"sku=S", {"content_type": "application/x-www-form-urlencoded"}, 415, None),
        ("POST", "/v1/products", b"<a/>", {"content_type": "application/xml"}, 415, "unsupported_media_type"),
        (
            "POST",
            "/v1/products",
            b"x",
            {"content_type": "multipart/form-data"},
            415,
            "unsupported_media_type",
        ),
        ("GET", "/v1/products?limit=0", None, {}, 422, "invalid_request"),
        ("GET", "/v1/products?limit=101", None, {}, 422, "invalid_request"),
        ("GET", "/v1/products?limit=many", None, {}, 422, "invalid_request"),
        ("GET", "/v1/products?cursor=%00", None, {}, 400, "bad_cursor"),
        ("GET", "/v1/products?cursor=bm9uc2Vuc2U", None, {}, 400, "bad_cursor"),
        ("GET", "/v1/products?cursor=WyJzaG9wcyIsIngiXQ", None, {}, 400, "bad_cursor"),
        ("GET", "/v1/orders?cursor=WyJvcmRlcnMiLCJ4L3kiXQ", None, {}, 400, "bad_cursor"),
        ("GET", "/v1/orders?from=yesterday", None, {}, 422, "invalid_request"),
        ("GET", "/v1/orders?from=2026-01-01T00:00:00", None, {}, 422, "invalid_request"),
        ("GET", "/v1/orders?from=2020-01-01T00:00:00Z", None, {}, 422, "bad_period"),
        ("GET", "/v1/products/none", None, {}, 404, "not_found"),
        ("GET", "/v1/shops/none", None, {}, 404, "not_found"),
        ("GET", "/v1/batches/none", None, {}, 404, "not_found"),
        ("GET", "/v1/imports/none", None, {}, 404, "not_found"),
        ("GET", "/v1/reports/none", None, {}, 404, "not_found"),
        ("GET", "/v1/orders/none/none", None, {}, 404, "not_found"),
        ("DELETE", "/v1/keys/none", None, {}, 404, "not_found"),
    ],
)
def test_an_error_is_a_problem_with_a_code(owner, method, path, body, headers, status, code):
    answer = owner(method, path, body, **headers)

    assert problem(answer) == (status, code or "unsupported_media_type")
    assert answer.headers["cache-control"] == "no-store"
    assert owner.key not in answer.text and "Traceback" not in answer.text


def test_fields_that_do_not_fit_are_named_and_their_values_are_not_repeated(owner):
    answer = owner.post("/v1/products", {"sku": 5, "name": "x" * 300, "secret-looking": "ABCD-EFGH-1234"})

    assert {flaw["where"] for flaw in answer.json["errors"]} == {
        "body.sku",
        "body.name",
        "body.secret-looking",
    }
    assert "ABCD-EFGH-1234" not in answer.text and "xxx" not in answer.text


def test_a_wrong_method_is_told_the_right_ones(owner):
    answer = owner("DELETE", "/v1/tenant")

    assert answer.headers["allow"] == "GET, PATCH"


def test_a_body_of_ten_megabytes_does_not_pass_the_gateway(owner):
    answer = owner.post("/v1/imports", b'{"text":"' + b"x" * (10 * 1024 * 1024) + b'"}')

    assert answer.status == 413


def test_a_text_beyond_its_limit_is_refused(owner):
    owner.post("/v1/products", {"sku": "BIG", "name": "N"})
    lines = owner.post("/v1/imports", {"sku": "BIG", "text": "x\n" * 10_001})
    long = owner.post("/v1/imports", {"sku": "BIG", "text": "卡" * 400_000})
    longer = owner.post("/v1/imports", {"sku": "BIG", "text": "x" * 1_100_000})

    assert problem(lines) == problem(long) == (413, "too_large")
    assert problem(longer) == (422, "invalid_request")


def test_health_needs_no_key_and_says_nothing_else(cloud):
    answer = Caller(cloud, None).get("/v1/health")

    assert (answer.status, answer.json) == (200, {"status": "ok"})


def test_while_the_key_service_is_away_the_answer_says_when_to_come_back(cloud):
    with acting(cloud):
        merchant = open_merchant(cloud)
        owner = caller(merchant)
        cloud.cold_start()
        with cloud.outage():
            answer = owner.get("/v1/search?q=anything")
            listed = owner.get("/v1/products")

    assert answer.status == 503 and answer.json["code"] in ("key_service", "table_unavailable")
    assert answer.headers["retry-after"]
    assert listed.status == 200


def test_the_sample_event_is_answered(cloud):
    from pathlib import Path

    event = json.loads(Path("events/api.json").read_text())

    answer = cloud.invoke("api", event)

    assert answer["statusCode"] == 200 and json.loads(answer["body"]) == {"status": "ok"}


def test_the_address_may_end_in_anything_a_line_break_included(cloud, owner):
    assert call(cloud, "GET", "/v1/health%0A", b"", {}).status == 404
    assert owner.get("/v1/products/a%0Ab").status == 404
