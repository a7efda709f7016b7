"""A stranger's key with our ids: every route answers as if there were nothing, and nothing changes."""

import json
import re
import secrets
import urllib.request

import pytest

from cardcourier import wiring
from cardcourier.api.resolver import every_route
from cardcourier.clock import now_ms
from cardcourier.domain.access import User, user_id
from tests.integration.api_client import caller, listed, problem
from tests.integration.receiver import receiving
from tests.integration.shop import Browser, Merchant, acting, raw_items, rfc3339

ORDER = "/v1/orders/{shop}/A-1"
CLAIMS = "/v1/orders/{shop}/A-3/claims"
BUNDLE = "/v1/supplier-claims/{bundle}"
HOOK = "/v1/webhook-endpoints/{endpoint}"
NOTE = {"text": "t"}
WHY = {"reason": "r"}

# Routes that name something: what a stranger sends, and the answer.
NAMED = [
    ("GET", "/v1/buyers/{copy}", None, 404),
    ("GET", "/v1/shops/{shop}", None, 404),
    ("PATCH", "/v1/shops/{shop}", {"name": "stolen"}, 404),
    ("POST", "/v1/shops/{shop}/secrets", {"generate": True}, 404),
    ("GET", "/v1/shops/{shop}/api", None, 404),
    ("POST", "/v1/shops/{shop}/api", {"url": "https://thief.example/"}, 404),
    ("DELETE", "/v1/shops/{shop}/api", None, 404),
    ("POST", "/v1/shops/{shop}/pause", WHY, 404),
    ("POST", "/v1/shops/{shop}/resume", None, 404),
    ("GET", "/v1/shops/{shop}/drain", None, 404),
    ("POST", "/v1/products/{sku}/pause", WHY, 404),
    ("POST", "/v1/products/{sku}/resume", None, 404),
    ("GET", "/v1/products/{sku}/drain", None, 404),
    ("GET", "/v1/shops/{shop}/listings", None, 404),
    ("GET", "/v1/shops/{shop}/listings/{item}", None, 404),
    ("PUT", "/v1/shops/{shop}/listings", {"item": "i", "not_ours": True}, 404),
    ("DELETE", "/v1/shops/{shop}/listings?item=i", None, 404),
    ("GET", "/v1/products/{sku}", None, 404),
    ("GET", "/v1/products/{fixed}/content", None, 404),
    ("PUT", "/v1/products/{fixed}/content", {"text": "stolen"}, 404),
    ("PATCH", "/v1/products/{sku}", {"name": "stolen"}, 404),
    ("GET", "/v1/keys/{key}", None, 404),
    ("DELETE", "/v1/keys/{key}", None, 404),
    ("GET", "/v1/users/{user}", None, 404),
    ("PATCH", "/v1/users/{user}", {"disabled": True}, 404),
    ("GET", "/v1/batches/{batch}", None, 404),
    ("PATCH", "/v1/batches/{batch}", {"note": "stolen"}, 404),
    ("GET", "/v1/suppliers/{supplier}", None, 404),
    ("PATCH", "/v1/suppliers/{supplier}", {"name": "stolen"}, 404),
    ("POST", "/v1/suppliers/{supplier}/document", {"file_name": "a.pdf", "sha256": "0" * 64}, 404),
    ("GET", "/v1/imports/{imports}", None, 404),
    ("POST", "/v1/imports/{imports}/preview", None, 404),
    ("POST", "/v1/imports/{imports}/commit", None, 404),
    ("POST", "/v1/imports/{imports}/cancel", None, 404),
    ("POST", "/v1/imports/{imports}/undo", WHY, 404),
    ("GET", "/v1/reports/{report}", None, 404),
    ("GET", ORDER, None, 404),
    ("POST", f"{ORDER}/approve", WHY, 404),
    ("POST", f"{ORDER}/cancel", WHY, 404),
    ("POST", f"{ORDER}/notes", NOTE, 404),
    ("POST", f"{ORDER}/refunds/answer", WHY | {"refund": "refund/r-1", "version": 1}, 404),
    ("POST", f"{ORDER}/dispute", {"outcome": "lost", "evidence": "e"}, 404),
    ("POST", f"{ORDER}/retry", None, 404),
    ("GET", "/v1/bulk/{bulk}", None, 404),
    ("POST", "/v1/bulk/{bulk}/cancel", None, 404),
    ("GET", "/v1/bulk/{bulk}/items", None, 404),
    ("GET", "/v1/bulk/{bulk}/items.csv", None, 404),
    ("POST", f"{ORDER}/resend", None, 404),
    ("GET", f"{ORDER}/link", None, 404),
    ("POST", f"{ORDER}/withdraw-links", WHY, 404),
    ("POST", f"{ORDER}/units/1/1/replace", WHY, 404),
    ("POST", f"{ORDER}/units/1/1/reopen", WHY, 404),
    ("POST", CLAIMS, {"unit": "1#0001", "reason": "invalid"}, 404),
    ("GET", f"{CLAIMS}/{{claim}}", None, 404),
    *(("POST", f"{CLAIMS}/{{claim}}/{act}", WHY, 404) for act in ("replace", "refund", "reject")),
    *(("POST", f"{CLAIMS}/{{claim}}/{act}", WHY, 404) for act in ("withdraw", "wait")),
    ("GET", "/v1/cards/{card}", None, 404),
    ("GET", BUNDLE, None, 404),
    ("GET", f"{BUNDLE}/file", None, 404),
    ("POST", f"{BUNDLE}/drop", WHY, 404),
    ("POST", f"{BUNDLE}/sent", WHY, 404),
    ("POST", f"{BUNDLE}/answered", WHY | {"accepted": 0}, 404),
    ("POST", f"{BUNDLE}/credited", WHY | {"amount": 1}, 404),
    ("GET", f"{ORDER}/notifications", None, 404),
    ("POST", f"{ORDER}/notifications/{{note}}/retry", None, 404),
    ("POST", f"{ORDER}/notifications/{{note}}/notice", None, 404),
    ("GET", HOOK, None, 404),
    ("PATCH", HOOK, {"description": "stolen"}, 404),
    ("DELETE", HOOK, None, 404),
    ("POST", f"{HOOK}/secrets", {}, 404),
    ("POST", f"{HOOK}/test", None, 404),
    ("GET", f"{HOOK}/messages", None, 404),
    ("GET", f"{HOOK}/messages/{{message}}", None, 404),
    ("POST", f"{HOOK}/messages/{{message}}/replay", None, 404),
    ("POST", f"{HOOK}/replays", {"from": "2026-01-01T00:00:00Z"}, 404),
    ("GET", f"{HOOK}/replays/{{replay}}", None, 404),
]
LISTS = [
    "keys",
    "shops",
    "products",
    "stock",
    "batches",
    "suppliers",
    "imports",
    "orders",
    "reports",
    "unread",
    "bulk",
    "notifications",
    "claims",
    "supplier-claims",
    "todo",
    "webhook-endpoints",
]


@pytest.fixture(scope="module")
def house(cloud):
    """Our tenant with one of everything, and a stranger."""
    with acting(cloud), receiving() as receiver:
        ours, theirs = listed(Merchant(cloud)), listed(Merchant(cloud))
        owner = caller(ours)
        ours.sell("MONTH", cards=2)
        ours.map(ours.own, "i", ("MONTH", 1))
        assert owner.post(f"/v1/shops/{ours.own}/api", {"url": "https://shop.example/stock"}).status == 200
        owner.post("/v1/suppliers", {"id": "s-1", "name": "Ours"})
        ours.sell("BOUGHT")
        file = {"sku": "BOUGHT", "text": "KM-ISOLATED-0001\n", "supplier": "s-1"}
        job = owner.post("/v1/imports", file).json["id"]
        owner.post(f"/v1/imports/{job}/preview")
        cloud.wait_idle()
        owner.post(f"/v1/imports/{job}/commit")
        report = owner.post("/v1/reports", {"report": "R4", "from": "2026-11-01", "to": "2026-12-01"}).json[
            "id"
        ]
        ours.pay("A-1", ("MONTH", 1), number="#9-OURS", payments=[{"id": "pay-ours-1", "amount": "25.00"}])
        ours.pay("A-2", ("MONTH", 1), buyer={"email": "a@b..example"})
        ours.tell("order.paid", {"order_id": "unreadable"})
        hook = owner.post("/v1/webhook-endpoints", {"url": receiver.url}).json["id"]
        message = owner.post(f"/v1/webhook-endpoints/{hook}/test").json["id"]
        cloud.wait_idle()
        owner("PATCH", f"/v1/webhook-endpoints/{hook}", {"events": ["webhook.test"]})
        since = {"from": "2026-01-01T00:00:00Z", "states": ["skipped"]}
        replay = owner.post(f"/v1/webhook-endpoints/{hook}/replays", since).json["id"]
        cloud.wait_idle()
        ours.sell("TEXT", kind="fixed")
        owner("PUT", "/v1/products/TEXT/content", {"text": "Ours alone"})
        copy = owner.post("/v1/buyers/export", {"buyer": "#9-OURS"}).json["id"]
        named = [{"shop": ours.own, "order": "A-1"}]
        bulk = owner.post("/v1/bulk", {"action": "note", "reason": "seen", "orders": named}).json["id"]
        bundle = claimed(ours, owner)
        cloud.wait_idle()
        ids = {
            "shop": ours.own,
            "sku": "MONTH",
            "item": "i",
            "bulk": bulk,
            "claim": "1.0001.0",
            "card": wiring.orders().unit(ours.key_of("A-3"), "1", 1).card,
            "bundle": bundle,
            "user": invited(ours),
            "key": owner.key.split("_")[2],
            "imports": job,
            "batch": f"b-{job}",
            "supplier": "s-1",
            "fixed": "TEXT",
            "copy": copy,
            "report": report,
            "note": "1.0001.0.mail",
            "endpoint": hook,
            "message": message,
            "replay": replay,
        }
        yield ours, owner, caller(theirs), ids


def claimed(ours, owner):
    """A card of ours that its buyer saw and that did not work, and the word to its supplier."""
    ours.pay("A-3", ("BOUGHT", 1))
    ours.cloud.wait_idle()
    assert Browser(ours.cloud).form(f"/r/{ours.token('A-3')}/reveal").status == 200
    opened = owner.post(CLAIMS.format(shop=ours.own), {"unit": "1#0001", "reason": "invalid"})
    assert opened.status == 201, opened.text
    ours.cloud.wait_idle()
    made = owner.post("/v1/supplier-claims", {"supplier": "s-1"})
    assert made.status == 201, made.text
    return made.json["id"]


def invited(ours):
    """Somebody of our tenant who signs in at an issuer."""
    subject = secrets.token_hex(8)
    user = User(
        id=user_id("https://login.example.com", subject),
        tenant=ours.id,
        issuer="https://login.example.com",
        subject=subject,
        name="Li",
        role="support",
    )
    wiring.merchants().add_user(user, now_ms(), "test")
    return user.id


def everything(ours):
    """All that is kept of our tenant; how often somebody asked is no part of it."""
    prefixes = [f"{kind}#{ours.id}" for kind in "OPCLBXWH"] + [f"S#{ours.own}", "R#"]
    found = (item for item in raw_items() if item["pk"]["S"].startswith(tuple(prefixes)))
    return {
        (item["pk"]["S"], item["sk"]["S"]): item
        for item in found
        if not item["pk"]["S"].startswith("R#rate#")
    }


def test_every_route_that_names_something_is_tried():
    fills = {"{shop}": "<shop>", "{sku}": "<sku>", "{key}": "<key_id>", "{batch}": "<batch>"}
    fills |= {"{item}": "<item>", "{user}": "<user>", "{supplier}": "<supplier>"}
    fills |= {"{bulk}": "<job>", "{copy}": "<job>", "{fixed}": "<sku>"}
    fills |= {
        "{imports}": "<job>",
        "{report}": "<job>",
        "A-1": "<order>",
        "A-3": "<order>",
        "units/1/1": "units/<line>/<n>",
    }
    fills |= {"{claim}": "<claim>", "{bundle}": "<claim>", "{card}": "<card>"}
    fills |= {"{note}": "<notification>", "{replay}": "<job>"}
    fills |= {"{endpoint}": "<endpoint>", "{message}": "<message>"}

    def rule(path):
        for text, name in fills.items():
            path = path.partition("?")[0].replace(text, name)
        return path

    tried = {(method, rule(path)) for method, path, _, _ in NAMED}

    assert tried == {
        route
        for route in every_route()
        # Texts are named by their occasion: everybody has all of them.
        if "<" in route[1] and not route[1].startswith("/v1/templates/")
    }


@pytest.mark.fault("tenants: routes")
@pytest.mark.parametrize(("method", "path", "body", "status"), NAMED, ids=lambda v: str(v)[:60])
def test_a_stranger_with_our_ids_finds_nothing_and_changes_nothing(house, method, path, body, status):
    ours, _, stranger, ids = house
    before = everything(ours)

    answer = stranger(method, path.format(**ids), body)

    assert problem(answer) == (status, "not_found")
    ours.cloud.wait_idle()
    assert everything(ours) == before


@pytest.mark.fault("tenants: indexes")
@pytest.mark.parametrize("path", LISTS)
def test_a_strangers_lists_hold_nothing_of_ours(house, path):
    ours, owner, stranger, _ = house

    assert owner.get(f"/v1/{path}").json["items"]
    theirs = stranger.get(f"/v1/{path}")
    assert theirs.status == 200 and ours.id not in theirs.text.replace(stranger.key, "")
    assert path in ("keys", "shops") or theirs.json["items"] == []


@pytest.mark.fault("tenants: indexes")
def test_a_stranger_finds_none_of_our_numbers(house):
    ours, owner, stranger, _ = house
    link = owner.get(f"/v1/orders/{ours.own}/A-1/link").json
    numbers = ["A-1", "%239-OURS", "pay-ours-1", ours.address("A-1"), link["pick_up_code"]]
    numbers += [link["units"][0]["card"][-4:]]

    for text in numbers:
        assert owner.get(f"/v1/search?q={text}").json["items"], text
        assert stranger.get(f"/v1/search?q={text}").json["items"] == [], text


@pytest.mark.fault("tenants: cursors")
def test_the_cursor_of_one_tenant_opens_nothing_to_another(house):
    ours, owner, stranger, _ = house
    cursor = owner.get("/v1/shops?limit=1").json["next_cursor"]

    page = stranger.get(f"/v1/shops?cursor={cursor}")

    assert page.status == 200 and ours.id not in page.text


def test_the_same_order_id_in_two_tenants_is_two_orders(house):
    ours, owner, stranger, _ = house
    assert owner.get(f"/v1/orders/{ours.own}/A-1").status == 200
    assert problem(stranger.get(f"/v1/orders/{ours.own}/A-1")) == (404, "not_found")


def test_the_same_idempotency_key_in_two_tenants_is_two_requests(house):
    _, owner, stranger, _ = house
    body = {"sku": "BOTH", "name": "N"}

    answers = [who.post("/v1/products", body, idempotency_key="shared-key-1") for who in (owner, stranger)]

    assert [answer.status for answer in answers] == [201, 201]
    assert all("idempotent-replayed" not in answer.headers for answer in answers)


@pytest.mark.fault("tenants: reports")
@pytest.mark.parametrize("report", ["R1", "R4"])
def test_a_strangers_report_over_our_days_holds_nothing_of_ours(house, report):
    ours, owner, stranger, _ = house
    since, until = (rfc3339(now_ms() + days * 86_400_000)[:10] for days in (-2, 2))
    days = {"report": report, "from": since, "to": until, "format": "csv"}
    jobs = [(who, who.post("/v1/reports", days).json["id"]) for who in (owner, stranger)]
    ours.cloud.wait_idle()

    mine, theirs = (texts_of(who.get(f"/v1/reports/{job}").json) for who, job in jobs)

    told = ["25.00", "50.00", "75.00", "-15.00", ours.id, "A-1", "#9-OURS"]
    assert any(text in mine for text in told)
    assert not any(text in theirs for text in told)


def texts_of(job):
    """The text of every file that a report became."""
    assert job["state"] == "done", job
    texts = []
    for url in re.findall(r'"(https?://[^"]+)"', json.dumps(job)):
        with urllib.request.urlopen(url) as answer:
            texts.append(answer.read().decode("utf-8-sig"))
    return "".join(texts)
