"""Who may do what: every route with every role, and what an unknown or ended key is told."""

import pytest

from cardcourier.api.resolver import every_route
from cardcourier.api.routes import Routes
from tests.integration.api_client import EVERYONE, Caller, caller, new_key, open_merchant, problem
from tests.integration.shop import acting

DAY = 86_400_000
ACTS = "owner manager support"
STOCKS = "owner manager stock"
BUYS = "owner manager finance"
ORDER = "/v1/orders/<shop>/<order>"
CLAIMS = f"{ORDER}/claims"
HOOKS, HOOK = "/v1/webhook-endpoints", "/v1/webhook-endpoints/<endpoint>"
TEXT = "/v1/templates/<channel>/<kind>/<language>"

# By the table of rights: orders, stock, replacing, reports, keys, shops' secrets.
MATRIX = {
    ("GET", "/v1/me"): EVERYONE,
    ("GET", "/v1/tenant"): EVERYONE,
    ("PATCH", "/v1/tenant"): "owner",
    ("GET", "/v1/keys"): "owner",
    ("POST", "/v1/buyers/export"): "owner manager",
    ("POST", "/v1/buyers/erase"): "owner",
    ("GET", "/v1/buyers/<job>"): "owner manager",
    ("POST", "/v1/keys"): "owner",
    ("GET", "/v1/keys/<key_id>"): "owner",
    ("DELETE", "/v1/keys/<key_id>"): "owner",
    ("GET", "/v1/audit"): "owner manager auditor",
    ("GET", "/v1/users"): "owner",
    ("POST", "/v1/users"): "owner",
    ("GET", "/v1/users/<user>"): "owner",
    ("PATCH", "/v1/users/<user>"): "owner",
    ("GET", "/v1/shops"): EVERYONE,
    ("POST", "/v1/shops"): "owner manager",
    ("GET", "/v1/shops/<shop>"): EVERYONE,
    ("PATCH", "/v1/shops/<shop>"): "owner manager",
    ("POST", "/v1/shops/<shop>/secrets"): "owner manager",
    ("GET", "/v1/shops/<shop>/api"): EVERYONE,
    ("POST", "/v1/shops/<shop>/api"): "owner manager",
    ("DELETE", "/v1/shops/<shop>/api"): "owner manager",
    ("GET", "/v1/products"): EVERYONE,
    ("POST", "/v1/products"): STOCKS,
    ("GET", "/v1/products/<sku>"): EVERYONE,
    ("PATCH", "/v1/products/<sku>"): STOCKS,
    ("GET", "/v1/products/<sku>/content"): EVERYONE,
    ("PUT", "/v1/products/<sku>/content"): STOCKS,
    **{
        ("POST", f"/v1/{what}/{act}"): "owner manager"
        for what in ("shops/<shop>", "products/<sku>", "tenant")
        for act in ("pause", "resume")
    },
    ("GET", "/v1/shops/<shop>/drain"): EVERYONE,
    ("GET", "/v1/products/<sku>/drain"): EVERYONE,
    ("GET", "/v1/tenant/drain"): EVERYONE,
    ("GET", "/v1/shops/<shop>/listings"): EVERYONE,
    ("GET", "/v1/shops/<shop>/listings/<item>"): EVERYONE,
    ("PUT", "/v1/shops/<shop>/listings"): STOCKS,
    ("DELETE", "/v1/shops/<shop>/listings"): STOCKS,
    ("GET", "/v1/stock"): EVERYONE,
    ("GET", "/v1/batches"): EVERYONE,
    ("GET", "/v1/batches/<batch>"): EVERYONE,
    ("PATCH", "/v1/batches/<batch>"): STOCKS,
    ("GET", "/v1/suppliers"): EVERYONE,
    ("POST", "/v1/suppliers"): STOCKS,
    ("GET", "/v1/suppliers/<supplier>"): EVERYONE,
    ("PATCH", "/v1/suppliers/<supplier>"): STOCKS,
    ("POST", "/v1/suppliers/<supplier>/document"): STOCKS,
    ("GET", "/v1/imports"): EVERYONE,
    ("POST", "/v1/imports"): STOCKS,
    ("GET", "/v1/imports/<job>"): EVERYONE,
    ("POST", "/v1/imports/<job>/preview"): STOCKS,
    ("POST", "/v1/imports/<job>/commit"): STOCKS,
    ("POST", "/v1/imports/<job>/cancel"): STOCKS,
    ("POST", "/v1/imports/<job>/undo"): STOCKS,
    ("GET", "/v1/orders"): EVERYONE,
    ("GET", ORDER): EVERYONE,
    ("POST", f"{ORDER}/approve"): ACTS,
    ("POST", f"{ORDER}/cancel"): ACTS,
    ("POST", f"{ORDER}/refunds/answer"): ACTS,
    ("POST", f"{ORDER}/dispute"): ACTS,
    ("POST", f"{ORDER}/notes"): ACTS,
    ("POST", f"{ORDER}/retry"): ACTS,
    ("POST", "/v1/bulk/preview"): ACTS,
    ("POST", "/v1/bulk"): ACTS,
    ("GET", "/v1/bulk"): EVERYONE,
    ("GET", "/v1/bulk/<job>"): EVERYONE,
    ("POST", "/v1/bulk/<job>/cancel"): ACTS,
    ("GET", "/v1/bulk/<job>/items"): EVERYONE,
    ("GET", "/v1/bulk/<job>/items.csv"): EVERYONE,
    ("POST", f"{ORDER}/resend"): ACTS,
    ("GET", f"{ORDER}/link"): ACTS,
    ("POST", f"{ORDER}/withdraw-links"): ACTS,
    ("POST", f"{ORDER}/units/<line>/<n>/replace"): ACTS,
    ("GET", "/v1/notifications"): EVERYONE,
    ("GET", "/v1/claims"): EVERYONE,
    ("POST", "/v1/claims/decide"): ACTS,
    ("POST", CLAIMS): ACTS,
    ("GET", f"{CLAIMS}/<claim>"): EVERYONE,
    **{
        ("POST", f"{CLAIMS}/<claim>/{act}"): ACTS
        for act in ("replace", "refund", "reject", "withdraw", "wait")
    },
    ("GET", "/v1/cards/<card>"): EVERYONE,
    ("POST", "/v1/cards/status"): EVERYONE,
    ("POST", "/v1/cards/redeemed"): STOCKS,
    ("GET", "/v1/supplier-claims"): EVERYONE,
    ("POST", "/v1/supplier-claims"): BUYS,
    ("GET", "/v1/supplier-claims/<claim>"): EVERYONE,
    ("GET", "/v1/supplier-claims/<claim>/file"): EVERYONE,
    **{
        ("POST", f"/v1/supplier-claims/<claim>/{act}"): BUYS
        for act in ("drop", "sent", "answered", "credited")
    },
    ("GET", "/v1/todo"): EVERYONE,
    ("GET", "/v1/todo/load"): EVERYONE,
    **{("POST", f"/v1/todo/{act}"): ACTS for act in ("assign", "snooze", "settle")},
    ("GET", f"{ORDER}/notifications"): EVERYONE,
    ("POST", f"{ORDER}/notifications/<notification>/retry"): ACTS,
    ("POST", f"{ORDER}/notifications/<notification>/notice"): ACTS,
    ("POST", f"{ORDER}/units/<line>/<n>/reopen"): ACTS,
    ("GET", "/v1/templates"): EVERYONE,
    ("GET", TEXT): EVERYONE,
    ("PUT", TEXT): "owner manager",
    ("DELETE", TEXT): "owner manager",
    ("POST", f"{TEXT}/preview"): EVERYONE,
    ("POST", f"{TEXT}/test"): "owner manager",
    ("GET", "/v1/sms"): EVERYONE,
    ("PUT", "/v1/sms"): "owner manager",
    ("GET", "/v1/canary"): EVERYONE,
    ("PUT", "/v1/canary"): "owner manager",
    ("GET", "/v1/search"): EVERYONE,
    ("GET", "/v1/reports"): "owner manager finance auditor",
    ("POST", "/v1/reports"): "owner manager finance",
    ("GET", "/v1/reports/<job>"): "owner manager finance auditor",
    ("GET", "/v1/unread"): EVERYONE,
    ("GET", HOOKS): "owner manager finance auditor",
    ("POST", HOOKS): "owner manager",
    ("GET", HOOK): "owner manager finance auditor",
    ("PATCH", HOOK): "owner manager",
    ("DELETE", HOOK): "owner manager",
    ("POST", f"{HOOK}/secrets"): "owner manager",
    ("POST", f"{HOOK}/test"): "owner manager",
    ("GET", f"{HOOK}/messages"): "owner manager finance auditor",
    ("GET", f"{HOOK}/messages/<message>"): "owner manager finance auditor",
    ("POST", f"{HOOK}/messages/<message>/replay"): "owner manager",
    ("POST", f"{HOOK}/replays"): "owner manager",
    ("GET", f"{HOOK}/replays/<job>"): "owner manager finance auditor",
}
PUBLIC = {("GET", "/v1/health"), ("POST", "/v1/bootstrap")}


@pytest.fixture(scope="module")
def callers(cloud):
    with acting(cloud):
        merchant = open_merchant(cloud)
        yield {role: caller(merchant, role) for role in EVERYONE.split()}


def test_the_matrix_names_every_route_once():
    assert set(every_route()) == MATRIX.keys() | PUBLIC


@pytest.mark.parametrize("role", EVERYONE.split())
@pytest.mark.parametrize("route", MATRIX, ids=" ".join)
def test_a_role_may_do_what_the_matrix_says_and_nothing_else(callers, route, role):
    method, rule = route
    path = rule.replace("<", "no-such-").replace(">", "")

    answer = callers[role](method, path, {"no_such_field": 1} if method in ("POST", "PATCH", "PUT") else None)

    if role in MATRIX[route].split():
        # Past the gate: what was asked for is senseless on purpose, so that nothing changes.
        assert answer.status in (200, 404, 422)
    else:
        assert problem(answer) == (403, "not_allowed")
        assert scope_of(route) in answer.json["detail"]


def scope_of(route):
    from cardcourier.api.resolver import ROUTES

    return next(routes.scopes[route] for routes in ROUTES if route in routes.scopes)


@pytest.mark.parametrize("route", MATRIX, ids=" ".join)
def test_without_a_key_nothing_is_told_of_any_route(cloud, route):
    method, rule = route

    answer = Caller(cloud, None)(method, rule.replace("<", "x").replace(">", ""))

    assert problem(answer) == (401, "not_signed_in")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_unknown_wrong_expired_revoked_and_foreign_keys_look_alike(cloud):
    with acting(cloud):
        merchant = open_merchant(cloud)
        good = new_key(merchant.id)
        _, stage, key_id, secret = good.split("_")
        old = new_key(merchant.id, days=1, now=1_700_000_000_000)
        revoked = new_key(merchant.id, revoked=True)
    other = "A" if secret[0] != "A" else "B"
    bad = [
        f"ck_{stage}_{'0' * 8}_{secret}",
        f"ck_{stage}_{key_id}_{other}{secret[1:]}",
        f"ck_prod_{key_id}_{secret}",
        old,
        revoked,
        good + "x",
        "nonsense",
        "",
    ]

    answers = [Caller(cloud, key)("GET", "/v1/me") for key in bad]

    assert Caller(cloud, good)("GET", "/v1/me").status == 200
    assert {answer.status for answer in answers} == {401}
    told = [{**answer.json, "request_id": ""} for answer in answers]
    assert all(body == told[0] for body in told)
    assert not [key for key in bad if key and any(key in answer.text for answer in answers)]


def test_a_key_works_only_as_a_bearer(cloud):
    with acting(cloud):
        key = new_key(open_merchant(cloud).id)

    assert Caller(cloud, None)("GET", "/v1/me", authorization=f"Basic {key}").status == 401
    assert Caller(cloud, None)("GET", "/v1/me", authorization=key).status == 401
    assert Caller(cloud, None)("GET", "/v1/me", authorization=f"bearer {key}").status == 200


def test_scopes_narrow_a_role(cloud):
    with acting(cloud):
        merchant = open_merchant(cloud)
        narrow = caller(merchant, "owner", scopes=["orders:read"])

    assert narrow.get("/v1/orders").status == 200
    assert problem(narrow.get("/v1/products")) == (403, "not_allowed")
    assert narrow.get("/v1/me").json["scopes"] == ["orders:read"]


def test_a_route_declares_its_scope():
    routes = Routes("x")
    routes.on("GET", "/v1/x", "X", scope="stock:read")(lambda: None)

    assert routes.scopes == {("GET", "/v1/x"): "stock:read"}
