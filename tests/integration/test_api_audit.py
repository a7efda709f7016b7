"""The trail: who did what, what came of it, and nothing of what was in it."""

import json
import secrets
from dataclasses import replace

import pytest

from cardcourier import wiring
from cardcourier.api.resolver import ROUTES, every_route
from cardcourier.clock import now_ms
from cardcourier.domain.audit import AuditLine
from cardcourier.errors import Unavailable
from tests.integration.api_client import Inside, caller, new_key, open_merchant, problem
from tests.integration.shop import acting, raw_items

DAY = 86_400_000


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


def trail(caller, query=""):
    answer = caller.get(f"/v1/audit{query}")
    assert answer.status == 200, answer.text
    return answer.json["items"]


def test_a_change_leaves_a_line_with_names_and_no_values(owner, merchant):
    secret = f"whsec_{secrets.token_hex(16)}"
    shop = {
        "id": "s",
        "channel": "shopify",
        "name": "高价值名称",
        "secret": secret,
        "domain": "x.myshopify.com",
    }

    made = owner.post("/v1/shops", shop)
    before = now_ms()

    [line] = trail(owner)
    assert made.status == 201
    assert line["by"] == f"key:{owner.key.split('_')[2]}" and line["role"] == "owner"
    assert (line["action"], line["target"]) == ("shops_connect", "/v1/shops")
    assert line["fields"] == ["channel", "domain", "id", "name", "secret"]
    assert (line["status"], line["code"], line["address"]) == (201, "", "127.0.0.1")
    assert line["request_id"] and abs(before - read(line["at"])) < 60_000
    kept = json.dumps(raw_items(prefix=f"E#{merchant.id}"), default=str)
    assert secret not in kept and "高价值名称" not in kept and "myshopify" not in kept


def read(text):
    from cardcourier.api.schemas import read_moment

    return read_moment(text)


def test_what_was_refused_is_told_too_and_what_was_only_read_is_not(owner, merchant):
    clerk = caller(merchant, "support")
    clerk.post("/v1/products", {"sku": "S", "name": "N"})
    owner("PATCH", "/v1/tenant", {"name": "N"}, if_match='"99"')
    owner("PATCH", "/v1/tenant", {"no_such_field": 1})
    owner.get("/v1/orders")
    caller(merchant).get("/v1/products/none")

    lines = trail(owner)

    assert [(line["action"], line["status"], line["code"]) for line in lines] == [
        ("change_tenant", 412, "version_mismatch"),
        ("products_add_product", 403, "not_allowed"),
    ]


def test_a_buyers_link_is_not_looked_at_unseen(owner, merchant):
    merchant.sell("MONTH", cards=1)
    merchant.pay("A-1", ("MONTH", 1))
    merchant.cloud.wait_idle()

    link = owner.get(f"/v1/orders/{merchant.own}/A-1/link")

    [line] = trail(owner)
    assert link.status == 200 and line["target"] == f"/v1/orders/{merchant.own}/A-1/link"
    assert link.json["pick_up_code"] not in json.dumps(raw_items(prefix=f"E#{merchant.id}"), default=str)


def test_an_answer_told_again_is_one_line(owner):
    for _ in range(3):
        owner.post("/v1/products", {"sku": "ONCE", "name": "N"}, idempotency_key="audit-key-1")

    assert len(trail(owner)) == 1


def test_owner_and_auditor_see_all_and_a_manager_their_own(owner, merchant, open_cloud):
    manager, auditor = caller(merchant, "manager"), caller(merchant, "auditor")
    narrow = caller(merchant, "auditor", scopes=["audit:own"])
    owner.post("/v1/products", {"sku": "O", "name": "N"})
    manager.post("/v1/products", {"sku": "M", "name": "N"})
    stranger = caller(open_merchant(open_cloud))
    own = f"key:{owner.key.split('_')[2]}"

    assert len(trail(owner)) == len(trail(auditor)) == 2
    assert [line["role"] for line in trail(manager)] == ["manager"]
    assert trail(manager, f"?by={own}") == trail(narrow) == trail(stranger) == []
    assert problem(caller(merchant, "support").get("/v1/audit")) == (403, "not_allowed")


def test_the_trail_is_narrowed_and_read_page_by_page(owner, merchant):
    for n in range(5):
        owner.post("/v1/products", {"sku": f"P{n}", "name": "N"})
        owner("PATCH", f"/v1/products/P{n}", {"name": "M"})
    seen, place = [], "/v1/audit?limit=3"
    while place:
        page = owner.get(place).json
        seen += page["items"]
        place = page["next_cursor"] and f"/v1/audit?limit=3&cursor={page['next_cursor']}"

    assert len(seen) == 10 and seen == trail(owner)
    assert seen == sorted(seen, key=lambda line: line["at"], reverse=True)
    assert len(trail(owner, "?target=/v1/products/P3")) == 1
    assert len(trail(owner, f"?action={seen[0]['action']}")) == 5
    assert trail(owner, "?to=2026-01-01T00:00:00Z") == []
    for bad in ("WyJhdWRpdCIsIngiXQ", "WyJhdWRpdCIsIjk5OTk5OTk5OTk5OTl4Il0"):
        assert problem(owner.get(f"/v1/audit?cursor={bad}")) == (400, "bad_cursor")
    assert problem(owner.get("/v1/audit?from=2020-01-01T00:00:00Z")) == (422, "bad_period")


def test_a_trail_goes_on_over_months(open_cloud, merchant):
    now, table = now_ms(), wiring.audit_table()
    line = AuditLine(
        tenant=merchant.id,
        at=now,
        by="key:x",
        role="owner",
        action="a",
        target="/v1/x",
        fields=(),
        status=200,
        code="",
        rid="r",
        address="",
    )
    for days in (0, 20, 45, 100, 300):
        table.put(replace(line, at=now - days * DAY))
    desk = wiring.audit_desk()

    def ages(since):
        page = desk.page(merchant.id, desk.filter(now - since * DAY, None, "", "", ""), None, 100)
        return [(now - found.at) // DAY for found in page.items]

    assert ages(31) == [0, 20] and ages(200) == [0, 20, 45, 100] and ages(360) == [0, 20, 45, 100, 300]


def test_a_change_whose_line_cannot_be_kept_is_not_confirmed(merchant, monkeypatch):
    class Gone:
        def put(self, line):
            raise Unavailable("table_unavailable", "Gone.")

    inside = Inside(new_key(merchant.id))
    monkeypatch.setattr(wiring, "audit_table", lambda: Gone())

    assert problem(inside("PATCH", "/v1/tenant", {"name": "N"})) == (503, "table_unavailable")
    assert inside.get("/v1/tenant").status == 200


def test_every_route_that_is_no_get_leaves_a_line():
    traced = {route for routes in ROUTES for route in routes.traced}
    changing = {route for route in every_route() if route[0] != "GET"}

    assert traced == changing - {("POST", "/v1/bootstrap")} | {("GET", "/v1/orders/<shop>/<order>/link")}
