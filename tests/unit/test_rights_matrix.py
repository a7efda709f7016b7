"""The table of rights as a merchant reads it, held to what the routes ask for."""

import pytest

from cardcourier.api.resolver import ROUTES
from cardcourier.domain.access import ROLES, SCOPES

ORDER = "/v1/orders/<shop>/<order>"
COLUMNS = ["owner", "manager", "stock", "support", "finance", "auditor"]

# A right, who holds it (one letter for each column, a dash for nobody), and routes that stand for it.
MATRIX = [
    ("read orders", "omsufa", [("GET", "/v1/orders"), ("GET", ORDER), ("GET", "/v1/search")]),
    ("act on orders", "om-u--", [("POST", f"{ORDER}/approve"), ("POST", f"{ORDER}/resend")]),
    ("act on many orders", "om-u--", [("POST", "/v1/bulk"), ("POST", "/v1/bulk/preview")]),
    ("read stock", "omsufa", [("GET", "/v1/stock"), ("GET", "/v1/batches")]),
    ("import stock", "oms---", [("POST", "/v1/imports"), ("POST", "/v1/imports/<job>/commit")]),
    ("replace a card", "om-u--", [("POST", f"{ORDER}/units/<line>/<n>/replace")]),
    ("decide claims", "om-u--", [("POST", f"{ORDER}/claims"), ("POST", "/v1/claims/decide")]),
    ("see claims and cards", "omsufa", [("GET", "/v1/claims"), ("GET", "/v1/cards/<card>")]),
    ("tell of redeemed cards", "oms---", [("POST", "/v1/cards/redeemed")]),
    ("tell suppliers", "om--f-", [("POST", "/v1/supplier-claims")]),
    ("read reports", "om--fa", [("GET", "/v1/reports/<job>")]),
    ("order reports", "om--f-", [("POST", "/v1/reports")]),
    ("shops", "om----", [("POST", "/v1/shops"), ("PATCH", "/v1/shops/<shop>")]),
    ("shops' secrets", "om----", [("POST", "/v1/shops/<shop>/secrets"), ("POST", "/v1/shops/<shop>/api")]),
    ("pause and resume", "om----", [("POST", "/v1/tenant/pause"), ("POST", "/v1/shops/<shop>/resume")]),
    ("texts and SMS", "om----", [("PUT", "/v1/sms"), ("PUT", "/v1/templates/<channel>/<kind>/<language>")]),
    ("keys", "o-----", [("POST", "/v1/keys"), ("DELETE", "/v1/keys/<key_id>")]),
    ("team", "o-----", [("POST", "/v1/users"), ("PATCH", "/v1/users/<user>")]),
    ("audit, of oneself at least", "om---a", [("GET", "/v1/audit")]),
    ("settings", "o-----", [("PATCH", "/v1/tenant")]),
]
SCOPE = {route: scope for routes in ROUTES for route, scope in routes.scopes.items()}


@pytest.mark.parametrize(("right", "holders", "routes"), MATRIX, ids=[row[0] for row in MATRIX])
def test_a_right_is_held_by_its_roles_alone(right, holders, routes):
    may = {role for role, mark in zip(COLUMNS, holders, strict=True) if mark != "-"}

    for route in routes:
        assert {role for role in COLUMNS if SCOPE[route] in ROLES[role]} == may, (right, route)


def test_who_sees_everybodys_trail_and_who_their_own():
    assert {role for role in COLUMNS if "audit:read" in ROLES[role]} == {"owner", "auditor"}
    assert {role for role in COLUMNS if "audit:own" in ROLES[role]} == {"owner", "manager", "auditor"}


def test_every_scope_that_a_route_asks_for_is_somebodys():
    assert set(SCOPE.values()) - {"", "any key"} <= SCOPES
