"""Every function may do what the whole path asks of it: the local cloud with the rights of the template."""

import base64
import json
import re
import secrets
import urllib.request
from dataclasses import replace
from urllib.parse import urlencode

import pytest

from cardcourier import wiring
from cardcourier.clock import now_ms
from cardcourier.errors import Unavailable
from cardcourier.services.rotating_keys import KeyRotation
from local.cloud import Cloud
from tests.integration.receiver import receiving
from tests.integration.shop import acting, call, paid, rfc3339, sign_own, wait_until
from tests.rights_guard import acting_as, guarded, refusals


class Walk:
    """One merchant and her buyers, through nothing but doors."""

    def __init__(self, cloud):
        self.cloud, self.headers, self.key = cloud, {}, b""

    def api(self, method, path, body=None, **headers):
        raw = b"" if body is None else json.dumps(body).encode()
        answer = call(self.cloud, method, f"/v1{path}", raw, self.headers | headers)
        assert answer.status < 300, (method, path, answer.status, answer.text)
        return answer.json if answer.body else None

    def set_up(self):
        tenant = {"tenant": {"id": "acme", "name": "云卡小铺"}}
        secret = {"X-Bootstrap-Secret": self.cloud.bootstrap_secret()}
        made = self.api("POST", "/bootstrap", tenant, **secret)
        self.headers = {"authorization": f"Bearer {made['key']['key']}", "content-type": "application/json"}
        self.shop = self.api("POST", "/shops", {"id": "own", "channel": "standard", "name": "Shop"})
        self.key = base64.b64decode(self.shop["secret"].removeprefix("whsec_"))
        self.api("POST", "/products", {"sku": "MONTH", "name": "芒果TV月卡", "issuer": "mgtv"})
        self.api("POST", "/products", {"sku": "SOON", "name": "预售", "release_at": "2999-01-01T00:00:00Z"})

    def rotate_pepper(self):
        """As the operator does; from now on two versions live."""
        with acting(self.cloud):
            ring = wiring.key_ring()
            KeyRotation(ring.table, None, None, ring.provide, now_ms).rotate("acme", "pepper")
        self.cloud.cold_start()

    def import_cards(self, codes, *, upload):
        """Codes as a file or as text, previewed and committed; a bad row makes a file of rejects."""
        text = "\n".join([*codes, codes[0], ""])
        begin = {"sku": "MONTH", "file_name": "卡.txt"} | ({} if upload else {"text": text})
        job = self.api("POST", "/imports", begin)
        if upload:
            post_form(job["upload"], text.encode("gb18030"))
        for step in ("preview", "commit"):
            self.api("POST", f"/imports/{job['id']}/{step}")
            self.cloud.wait_idle()
        done = self.api("GET", f"/imports/{job['id']}")
        assert done["state"] == "committed", done
        return done

    def tell(self, kind, data):
        body = json.dumps({"type": kind, "timestamp": rfc3339(0), "data": data}).encode()
        path = f"/webhooks/standard/{self.shop['id']}"
        assert call(self.cloud, "POST", path, body, sign_own(self.key, body)).status == 200
        self.cloud.wait_idle()

    def pay(self, order, *items):
        self.tell("order.paid", paid(order, *items, buyer={"email": f"{order.lower()}@buyer.example"}))

    def order(self, order):
        return self.api("GET", f"/orders/{self.shop['id']}/{order}")

    def act(self, order, action, body=None):
        return self.api("POST", f"/orders/{self.shop['id']}/{order}/{action}", body)

    def browse(self, method, path, **form):
        headers = {"origin": self.cloud.url, "content-type": "application/x-www-form-urlencoded"}
        answer = call(self.cloud, method, path, urlencode(form).encode(), headers)
        assert answer.status < 400, (method, path, answer.status)
        return answer


def post_form(form, content):
    """What a browser sends for an upload form."""
    mark = secrets.token_hex(8)
    fields = [(f'name="{name}"', value.encode()) for name, value in form["fields"].items()]
    parts = [*fields, ('name="file"; filename="cards.txt"', content)]
    body = b"".join(
        f"--{mark}\r\nContent-Disposition: form-data; {name}\r\n\r\n".encode() + value + b"\r\n"
        for name, value in parts
    )
    request = urllib.request.Request(form["url"], body + f"--{mark}--\r\n".encode())
    request.add_header("content-type", f"multipart/form-data; boundary={mark}")
    with urllib.request.urlopen(request) as answer:
        assert answer.status < 300


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("guard") / "guarded"


@pytest.fixture(scope="module")
def walk(folder, tmp_path_factory):
    with Cloud(tmp_path_factory.mktemp("cloud") / "data", template=guarded(folder), quiet=True) as cloud:
        walk = Walk(cloud)
        walk.set_up()
        with receiving() as listener:
            walk.api("POST", "/webhook-endpoints", {"url": listener.url, "events": ["order.paid"]})
            yield walk
            assert listener.of("order.paid")


@pytest.fixture(autouse=True)
def nothing_is_refused(folder):
    yield
    assert refusals(folder) == []


def codes(count):
    return [f"KM{secrets.token_hex(8).upper()}" for _ in range(count)]


def test_the_merchant_sets_up_and_looks_around(walk):
    for path in ("/tenant", "/me", "/shops", "/products", "/keys", "/stock", "/batches", "/unread"):
        assert walk.api("GET", path)
    made = walk.api(
        "POST", "/keys", {"name": "till", "role": "support"}, **{"idempotency-key": "first-key-1"}
    )
    walk.api("DELETE", f"/keys/{made['id']}")
    shop = f"/shops/{walk.shop['id']}"
    walk.api("PATCH", "/tenant", {"support": "help@acme.example"})
    walk.api("PATCH", shop, {"name": "Shop 1"})
    walk.api("PATCH", "/products/SOON", {"release_at": "2998-01-01T00:00:00Z"})
    rotated = walk.api("POST", f"{shop}/secrets", {"generate": True})
    walk.key = base64.b64decode(rotated["secret"].removeprefix("whsec_"))
    walk.api("PUT", f"{shop}/listings", {"item": "gone", "not_ours": True})
    walk.api("DELETE", f"{shop}/listings?item=gone")
    assert walk.api("GET", f"{shop}/listings")["items"] == []


def test_cards_come_in_as_a_file_and_as_text(walk):
    walk.rotate_pepper()
    done = walk.import_cards(codes(6), upload=True)
    with urllib.request.urlopen(done["reject_url"]) as answer:
        assert b"E_DUP_FILE" in answer.read()
    walk.import_cards(codes(6), upload=False)
    assert walk.api("GET", f"/batches/{done['batch']}")["imported"] == 6


def test_a_paid_order_is_shown_replaced_and_found(walk):
    walk.pay("A-1", ("MONTH", 2))
    link = walk.api("GET", f"/orders/{walk.shop['id']}/A-1/link")
    page = "/r/" + link["url"].rpartition("/r/")[2]
    walk.browse("GET", page)
    walk.browse("HEAD", page)
    walk.browse("POST", f"{page}/reveal")
    walk.browse("POST", f"{page}/problem", reason="invalid", ref="1", text="?")
    walk.browse("GET", "/q")
    walk.browse("POST", "/q", way="mail", order="A-1", email="a-1@buyer.example")
    walk.browse("POST", "/q", order="A-1", pickup=link["pick_up_code"])
    walk.cloud.wait_idle()
    unit = walk.order("A-1")["units"][0]
    assert walk.act("A-1", f"units/{unit['line']}/{unit['n']}/replace", {"reason": "used"})["replaced"]
    for action, body in {
        "notes": {"text": "called"},
        "resend": None,
        "withdraw-links": {"reason": "lost"},
    }.items():
        walk.act("A-1", action, body)
    walk.cloud.wait_idle()
    for text in ("A-1", "a-1@buyer.example", link["pick_up_code"]):
        walk.api("GET", "/search?" + urlencode({"q": text}))
    assert walk.api("GET", "/orders")["items"]
    assert len(walk.cloud.mails()) >= 3


def test_refunds_held_orders_and_waiting_rooms(walk):
    walk.pay("B-1", ("MONTH", 1))
    walk.tell("order.refunded", {"order_id": "B-1", "refund_id": "r-1", "full": True})
    walk.tell("order.refunded", {"order_id": "A-1", "refund_id": "r-2", "full": True})
    walk.tell("order.refunded", {"order_id": "A-1", "refund_id": "r-3", "amount": "1.00", "currency": "CNY"})
    walk.pay("C-1", ("MONTH", 60))
    walk.act("C-1", "approve", {"reason": "known"})
    walk.cloud.wait_idle()
    walk.act("C-1", "cancel", {"reason": "too many"})
    walk.pay("D-1", ("SOON", 1))
    walk.pay("E-1", {"line_id": "1", "item": "unknown", "sku": "", "quantity": 1, "unit_price": "1.00"})
    walk.api("PUT", f"/shops/{walk.shop['id']}/listings", {"item": "unknown", "parts": [{"sku": "MONTH"}]})
    walk.api("PATCH", "/products/SOON", {"release_at": None})
    walk.tell("no.such.event", {})
    walk.import_cards(codes(3), upload=False)
    assert walk.api("GET", "/unread")["items"]


def test_buyers_are_told_in_own_words_by_sms_and_what_fails_is_listed(walk):
    text, order = "/templates/sms/delivered/zh-CN", f"/orders/{walk.shop['id']}/S-1"
    walk.api("PUT", "/sms", {"provider": "sns", "rule": "both", "key_id": "id", "secret": "of-nobody-else"})
    walk.api("PUT", text, {"parts": {"text": "{product}: {code} {site}"}})
    walk.api("POST", f"{text}/preview", {})
    # A worker may have read, half a minute ago, that there is no SMS; one that still works is not ended.
    walk.cloud.wait_idle()
    walk.cloud.cold_start()
    walk.api("POST", f"{text}/test", {"to": "+8613800138111"})
    assert walk.api("GET", "/templates")["items"] and walk.api("GET", "/sms")["secret_set"]
    walk.import_cards(codes(2), upload=False)
    buyer = {"email": "s-1@buyer..example", "phone": "13800138111"}
    walk.tell("order.paid", paid("S-1", ("MONTH", 1), buyer=buyer))
    walk.cloud.wait_idle()
    assert len([sms for sms in walk.cloud.texts() if sms["to"] == "+8613800138111"]) == 2
    [failed] = [note for note in walk.api("GET", "/notifications")["items"] if note["order"] == "S-1"]
    walk.api("POST", f"{order}/notifications/{failed['id']}/retry")
    walk.cloud.wait_idle()
    walk.api("POST", f"{order}/notifications/{failed['id']}/notice")
    states = {n["channel"]: n["state"] for n in walk.api("GET", f"{order}/notifications")["items"]}
    assert states == {"mail": "refused", "sms": "sent"}
    walk.api("DELETE", text)


def test_events_reach_an_endpoint_and_are_replayed(walk, folder):
    with receiving() as receiver:
        hook = "/webhook-endpoints/" + walk.api("POST", "/webhook-endpoints", {"url": receiver.url})["id"]
        walk.api("PATCH", hook, {"description": "CRM"})
        receiver.status = 500
        message = walk.api("POST", f"{hook}/test")["id"]
        wait_until(lambda: walk.api("GET", f"{hook}/messages/{message}")["failures"])
        receiver.status = 200
        later = now_ms() + 120_000
        with acting(walk.cloud), acting_as("release", folder):
            replace(wiring.sweeper(), clock=lambda: later).sweep()
        wait_until(lambda: walk.api("GET", f"{hook}/messages/{message}")["state"] == "sent")
        walk.api("POST", f"{hook}/secrets", {"drop_old": False})
        walk.api("POST", f"{hook}/messages/{message}/replay")
        everything = {"from": "2026-01-01T00:00:00Z", "states": ["sent"]}
        job = walk.api("POST", f"{hook}/replays", everything)["id"]
        walk.cloud.wait_idle()
        assert walk.api("GET", f"{hook}/replays/{job}")["state"] == "done"
        assert walk.api("GET", f"{hook}/messages")["items"] and walk.api("GET", "/webhook-endpoints")["items"]
        receiver.status = 410
        walk.api("POST", f"{hook}/test")
        wait_until(lambda: walk.api("GET", hook)["state"] == "disabled")
        walk.api("DELETE", hook)


def test_many_orders_are_acted_on_at_once(walk):
    walk.import_cards(codes(6), upload=False)
    for order in ("G-1", "G-2"):
        walk.pay(order, ("MONTH", 1))
    link = walk.api("GET", f"/orders/{walk.shop['id']}/G-1/link")
    walk.browse("POST", "/r/" + link["url"].rpartition("/r/")[2] + "/reveal")
    walk.cloud.wait_idle()
    orders = [{"shop": walk.shop["id"], "order": order} for order in ("G-1", "G-2", "none")]

    for action, refused in {
        "note": 1,
        "resend": 1,
        "retry": 1,
        "replace": 2,
        "approve": 1,
        "cancel": 1,
    }.items():
        body = {"action": action, "reason": "recall", "orders": orders}
        assert walk.api("POST", "/bulk/preview", body)["orders"] == 3
        job = walk.api("POST", "/bulk", body)["id"]
        walk.cloud.wait_idle()
        done = walk.api("GET", f"/bulk/{job}")
        assert (done["state"], done["refused"]) == ("done", refused), (action, done)
        assert len(walk.api("GET", f"/bulk/{job}/items")["items"]) == 3
    assert walk.api("GET", "/bulk")["items"] and walk.api("GET", "/users")["items"] == []
    assert walk.api("GET", "/audit")["items"]


def test_reports_are_made_and_fetched(walk):
    for report, kind in (("R1", "xlsx"), ("R4", "csv")):
        wanted = {"report": report, "from": "2026-01-01", "to": "2026-12-31", "format": kind}
        job = walk.api("POST", "/reports", wanted)
        walk.cloud.wait_idle()
        done = walk.api("GET", f"/reports/{job['id']}")
        assert done["state"] == "done", done
        links = re.findall(r'"(https?://[^"]+)"', json.dumps(done))
        assert links
        for link in links:
            with urllib.request.urlopen(link) as answer:
                assert answer.read(2)


def test_the_canary_goes_its_round(walk):
    assert walk.api("PUT", "/canary", {"enabled": True})["enabled"]
    walk.cloud.wait_idle()
    for minutes in (0, 5, 10):
        walk.cloud.invoke("canary", {"time": rfc3339(now_ms() + minutes * 60_000)})
        walk.cloud.wait_idle()
    shown = walk.api("GET", "/canary")
    assert (shown["result"], shown["failures"], shown["stage"]) == ("ok", 0, "placed")
    walk.api("PUT", "/canary", {"enabled": False})


def test_a_role_opens_the_secret_of_no_shop_but_the_canarys(walk, folder):
    secrets = wiring.shop_secrets
    with acting(walk.cloud):
        sealed = {name: secrets().seal("acme", name, "hush-hush") for name in ("canary-acme", "own")}
        with acting_as("canary", folder):
            assert secrets().open_one("acme", "canary-acme", sealed["canary-acme"]) == "hush-hush"
            with pytest.raises(Unavailable):
                secrets().open_one("acme", "own", sealed["own"])
    (folder / "refused.log").unlink()


def test_the_clocks_find_what_is_overdue_and_closed(walk, folder):
    for name in ("release", "sealer", "verify", "retention"):
        walk.cloud.run_schedule(name)
    later = now_ms() + 86_400_000
    with acting(walk.cloud):
        with acting_as("release", folder):
            assert replace(wiring.sweeper(), clock=lambda: later).sweep().rooms
        line = next(wiring.journal().lines("acme", later - 2 * 86_400_000, later))
        with acting_as("projection", folder):
            wiring.journal().put_lines([replace(line, at=line.at - 1)], now=later)
        with acting_as("sealer", folder):
            tenant = wiring.catalogue_table().tenants()[0]
            assert wiring.seal_journal(tenant, later).lines
            assert wiring.seal_journal(tenant, later + 1).segments == 0
        with acting_as("verify", folder):
            today = now_ms() - now_ms() % 86_400_000
            tenants = wiring.catalogue_table().tenants()
            assert wiring.auditor().audit(tenants[0].id, today, lambda: True).lines
        with acting_as("retention", folder):
            much_later = replace(wiring.retention(), clock=lambda: later + 730 * 86_400_000)
            ran = [much_later.run("acme", f"r-{night}", lambda: True) for night in (1, 2)]
            assert ran[0].clear > 2 and ran[0].kept
    walk.cloud.wait_idle()
    assert walk.api("GET", "/audit?action=erase_by_age&from=2028-06-01T00:00:00Z&to=2029-05-01T00:00:00Z")[
        "items"
    ]
