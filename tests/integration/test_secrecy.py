"""After everything a merchant and her buyers do: no card, token or contact lies anywhere; and what is wrong
in the vault, its keys or the key service shows nothing at all."""

import base64
import gzip
import io
import json
import os
import re
import zipfile
from urllib.parse import quote

import pytest

from cardcourier import wiring
from cardcourier.adapters.tables import keys
from cardcourier.clock import now_ms
from local.queues import QueueSource
from tests.integration.api_client import caller, listed
from tests.integration.receiver import receiving
from tests.integration.shop import (
    Browser,
    Log,
    Merchant,
    acting,
    change_item,
    merchant_of,
    paid,
    raw_item,
    raw_items,
    rfc3339,
    secret_text,
    shopify_order,
    still,
)
from tests.unit.test_uploads import book, packed

TABLES = ("MAIN_TABLE", "VAULT_TABLE", "JOURNAL_TABLE", "VIEWS_TABLE")
BUCKETS = ("REPORT_BUCKET", "SEAL_BUCKET")
DEAD_LETTERS = ("Orders", "Delivery", "Import", "Report", "Outbound", "Schedule")
EMAIL, PHONE, NAME, IP = "li.lei@secret-buyer.example", "+86 138 0013 8000", "李雷雷", "198.51.100.77"


@pytest.fixture(scope="module")
def open_cloud(cloud):
    with acting(cloud):
        yield cloud


@pytest.fixture
def merchant(open_cloud):
    with merchant_of(open_cloud) as merchant:
        yield merchant


# ---------------------------------------------------------------- the whole flow


def everything(merchant, listener):
    """All that happens to a merchant in a week. Returns what must be found nowhere, by name."""
    cloud, buyer = merchant.cloud, {"email": EMAIL, "phone": PHONE, "name": NAME, "ip": IP, "language": "en"}
    owner = caller(listed(merchant))
    endpoint = owner.post("/v1/webhook-endpoints", {"url": listener.url}).json
    sms_secret = secret_text(merchant.key[:16])
    by_sms = {"provider": "sns", "rule": "both", "key_id": "id", "secret": sms_secret}
    assert owner("PUT", "/v1/sms", by_sms).status == 200
    cloud.cold_start()
    for channel, to in (("mail", EMAIL), ("sms", PHONE)):
        assert owner.post(f"/v1/templates/{channel}/again/en/test", {"to": to}).status == 202
    merchant.sell("MONTH", cards=4)
    merchant.sell("FILM", release_at=now_ms() + 86_400_000)
    imported = import_cards(owner, [f"IMPORTED-{n}-{merchant.key.hex()[:8].upper()}" for n in range(3)])
    for kind in ("xlsx", "zip"):
        imported += upload_cards(owner, kind, merchant.key.hex()[8:16].upper())
    merchant.pay("A-1", ("MONTH", 2), ("FILM", 1), buyer=buyer)
    merchant.pay("A-1", ("MONTH", 2), buyer=buyer)
    merchant.pay("A-2", ("MONTH", 9), buyer=buyer)
    merchant.pay("A-3", ("NOBODY KNOWS", 1), buyer=buyer)
    merchant.pay("A-4", ("MONTH", 1), buyer=buyer, payments=[{"id": "p", "amount": 1}])
    merchant.pay("A-5", ("MONTH", 1), buyer=buyer | {"email": "li.lei@secret-buyer..example"})
    told = shopify_order(801, (1, "MONTH", 1, "25.00"), email=EMAIL, phone=PHONE, browser_ip=IP)
    told["customer"] = {"first_name": NAME, "last_name": "", "email": EMAIL}
    merchant.shopify_says("orders/paid", told)
    merchant.tell("order.paid", {"order_id": {"odd": True}, "buyer": buyer, "note": merchant.key.hex()})
    merchant.tell("order.paid", paid("A-9", ("MONTH", 1), buyer=buyer), **{"webhook-signature": "v1,AAAA"})
    cloud.wait_idle()
    tokens = {f"token of {order}": merchant.token(order) for order in ("A-1", "A-2")}
    codes = {f"pick-up code of {order}": merchant.pick_up(order) for order in ("A-1", "A-2")}
    buyers_come(merchant, merchant.pick_up("A-1"))
    merchant.stock("MONTH", 1)
    wiring.replacer().replace(merchant.key_of("A-1"), "1", 1, "staff", "does not work", "request")
    merchant.restock("MONTH", 1)
    merchant.refund("A-2", items=[{"line_id": "1", "quantity": 2}], reason=f"mail to {EMAIL}")
    merchant.refund("801")
    cloud.run_schedule("release")
    cloud.wait_idle()
    staff_look(owner, merchant, next(iter(merchant.codes.values())))
    cards = {f"card {n}": code for n, code in enumerate([*merchant.codes.values(), *imported])}
    secrets = {
        "own secret": secret_text(merchant.key),
        "own key": base64.b64encode(merchant.key).decode(),
        "Shopify secret": merchant.client_secret,
        "API key": owner.key,
        "SMS provider's secret": sms_secret,
        "endpoint's secret": endpoint["secret"],
        "endpoint's key": endpoint["secret"].removeprefix("whsec_"),
    }
    return cards, tokens, codes, secrets


def import_cards(owner, codes):
    job = owner.post("/v1/imports", {"sku": "MONTH", "file_name": "cards.txt", "text": "\n".join(codes)}).json
    for step in ("preview", "commit"):
        assert owner.post(f"/v1/imports/{job['id']}/{step}").status < 300
        owner.cloud.wait_idle()
    done = owner.get(f"/v1/imports/{job['id']}").json
    assert done["state"] == "committed", done
    return codes


def upload_cards(owner, kind, salt):
    """A workbook, alone or in an archive, of which a row is refused and the rest is undone."""
    codes = [f"{kind.upper()}FILE-{n}-{salt}" for n in range(9)]
    file = book([["卡密", "有效期"], *([code, "2099-12-31"] for code in codes[:8]), [codes[8], "2001-01-01"]])
    job = owner.post("/v1/imports", {"sku": "FILM", "file_name": f"cards.{kind}"}).json
    data = packed(("卡.xlsx", file)) if kind == "zip" else file
    wiring.objects().put_bytes(os.environ["IMPORT_BUCKET"], f"imports/{tenant_of(owner)}/{job['id']}", data)
    for step, body in (("preview", None), ("commit", None), ("undo", {"reason": f"broken: {codes[0]}"})):
        assert owner.post(f"/v1/imports/{job['id']}/{step}", body).status < 300
        owner.cloud.wait_idle()
    done = owner.get(f"/v1/imports/{job['id']}").json
    assert (done["state"], done["counts"]["expired"], done["voided"]) == ("undone", 1, 8), done
    return codes


def tenant_of(owner):
    return owner.get("/v1/me").json["tenant"]


def buyers_come(merchant, code):
    page, first, second = f"/r/{merchant.token('A-1')}", *(Browser(merchant.cloud) for _ in range(2))
    assert first.form(f"{page}/reveal").status == 200
    assert len(first.program(f"{page}/reveal").json["cards"]) == 3
    typed = {"text": f"卡密 {next(iter(merchant.codes.values()))} 无效, {EMAIL}, {PHONE}"}
    second.program(f"{page}/reveal", {"proof": "0000-0000"})
    second.program(f"{page}/reveal", {"proof": code})
    first.form(f"{page}/problem", typed | {"reason": "invalid", "ref": "1#0001"})
    second.form("/q", {"order": "A-2", "pickup": merchant.pick_up("A-2")})
    second.form("/q", {"way": "mail", "order": "A-1", "email": EMAIL})
    second.form("/q", {"way": "mail", "order": "A-1", "email": "thief@secret-buyer.example"})
    first.get("/r/" + "A" * 32)
    merchant.cloud.wait_idle()


def staff_look(owner, merchant, card):
    day, later = (rfc3339(now_ms() + days * 86_400_000)[:10] for days in (-1, 2))
    for path in (
        f"/v1/orders/{merchant.own}/A-1",
        "/v1/orders",
        "/v1/unread",
        f"/v1/search?q={quote(EMAIL)}",
    ):
        answer = owner.get(path)
        assert answer.status == 200, (path, answer.text)
        assert not any(code in answer.text for code in merchant.codes.values()), path
    assert owner.get(f"/v1/search?q={card}").status == 200
    for report in ("R1", "R4"):
        wanted = {"report": report, "from": day, "to": later, "format": "csv"}
        assert owner.post("/v1/reports", wanted).status == 202
    merchant.cloud.wait_idle()
    merchant.cloud.run_schedule("sealer")


# ---------------------------------------------------------------- where it may lie


def places(merchant, log, queued):
    """(name, text) of everything that was kept or said."""
    for table in TABLES:
        for item in raw_items(table):
            yield f"{table} {item['pk']['S'].partition('#')[0]}", readable(item)
    yield from (("queue", body) for body in queued)
    yield from (("dead letters", body) for body in dead_letters(merchant.cloud))
    yield "log", log.text
    yield from objects(merchant.cloud)
    for folder in (merchant.cloud.data / "services", merchant.cloud.data / "tables"):
        yield from ((path.name, path.read_text(errors="replace")) for path in folder.glob("*.log"))


def readable(item):
    """An item as text, what is binary as letters and in base64."""
    return json.dumps(item, ensure_ascii=False, default=lambda raw: [raw.decode("latin-1"), b64(raw)])


def b64(raw):
    return base64.b64encode(raw).decode()


def dead_letters(cloud):
    sqs = cloud.client("sqs")
    for name in DEAD_LETTERS:
        url = cloud.resource(f"{name}DeadLetters")
        while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            yield from (message["Body"] for message in found)


def text_of(raw):
    """What an object says: workbooks and archives are looked into."""
    if raw[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(raw)) as parts:
            return "\n".join(parts.read(name).decode(errors="replace") for name in parts.namelist())
    return (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode("utf-8-sig", errors="replace")


def objects(cloud):
    s3 = cloud.client("s3")
    for bucket in BUCKETS:
        for found in s3.list_objects_v2(Bucket=os.environ[bucket]).get("Contents", []):
            if "/buyers/" in found["Key"]:
                continue  # The copy that a buyer asked for holds his contact; another test may have left one.
            raw = s3.get_object(Bucket=os.environ[bucket], Key=found["Key"])["Body"].read()
            yield found["Key"], text_of(raw)
    # Card files hold cards until they are removed; the rows that were left out lie beside them, masked.
    for found in s3.list_objects_v2(Bucket=os.environ["IMPORT_BUCKET"]).get("Contents", []):
        if found["Key"].endswith(".rejected.csv"):
            raw = s3.get_object(Bucket=os.environ["IMPORT_BUCKET"], Key=found["Key"])["Body"].read()
            yield found["Key"], text_of(raw)


def forms(secret):
    """A secret as it might lie about: as it is, in other cases and codings."""
    plain = secret.encode()
    coded = b64(plain).rstrip("=")[: len(plain) * 4 // 3 - 1]
    return {
        secret,
        secret.lower(),
        secret.upper(),
        plain.hex(),
        coded,
        quote(secret),
        secret.replace("-", ""),
    }


def found_in(text, secrets):
    return [name for name, secret in secrets.items() if any(form in text for form in forms(secret))]


@pytest.fixture(scope="module")
def flow(open_cloud):
    """Everything, done once: what must lie nowhere, and the places where it could."""
    bodies, receive, log = [], QueueSource._receive, Log(open_cloud)

    def listening(source, seconds):
        messages = receive(source, seconds)
        bodies.extend(message["Body"] for message in messages)
        return messages

    with pytest.MonkeyPatch.context() as patch, merchant_of(open_cloud) as merchant:
        patch.setattr(QueueSource, "_receive", listening)
        with receiving() as listener:
            secrets = everything(merchant, listener)
        heard = [("heard", one.body.decode()) for one in listener.heard]
        yield merchant, secrets, [*places(merchant, log, bodies), *heard], bodies


def test_after_the_whole_flow_nothing_secret_lies_anywhere(flow):
    _, (cards, tokens, codes, secrets), kept, _ = flow
    contacts = {"address": EMAIL, "telephone": PHONE, "digits": "13800138000", "name": NAME, "ip": IP}
    nowhere = cards | tokens | codes | secrets | contacts
    assert [(place, found) for place, text in kept if (found := found_in(text, nowhere))] == []


def test_the_scan_looks_everywhere(flow):
    merchant, _, kept, bodies = flow
    looked_at = {place.partition(" ")[0] for place, text in kept if text}
    assert looked_at >= {*TABLES, "queue", "log", "heard"}
    assert any(place.endswith(".csv") for place, _ in kept)
    assert any(place.endswith(".rejected.csv") and "E_EXPIRED" in text for place, text in kept)
    kinds = {json.loads(body).get("kind", "report") for body in bodies}
    assert kinds >= {"order", "room", "deliver", "again", "commit", "report", "event"}
    states = {state for order in ("A-1", "A-2", "A-3") for state in merchant.states(order).values()}
    assert states >= {"DELIVERED", "SCHEDULED", "HELD", "BACKORDER"}


def test_what_is_mailed_holds_no_card_and_nobodys_number_or_name(flow):
    merchant, (cards, _, _, secrets), _, _ = flow
    nowhere = cards | secrets | {"address": EMAIL, "phone": PHONE, "name": NAME, "ip": IP}
    mails = merchant.mails_to(EMAIL)
    assert len(mails) >= 4
    for mail in mails:
        text = json.dumps(mail | {"to": ""}, ensure_ascii=False) + re.sub(r"<[^>]*>", "", mail["html"])
        assert found_in(text, nowhere) == []


def test_the_scan_finds_what_it_looks_for():
    """A scan that finds nothing anywhere proves nothing."""
    secret = {"card": "KM1234ABCD"}
    for text in ("xKM1234ABCDx", "km1234abcd", b"KM1234ABCD".hex(), b64(b"KM1234ABCD")):
        assert found_in(readable({"pk": {"S": text}}), secret) == ["card"]
    assert found_in(readable({"sealed": {"B": b"\x01KM1234ABCD"}}), secret) == ["card"]
    assert found_in(readable({"sealed": {"B": b"\x01nothing"}}), secret) == []


# ---------------------------------------------------------------- failing closed


@pytest.fixture
def two_orders(merchant):
    """Two delivered orders, each with a card of a batch of its own, whose key nobody has opened yet."""
    merchant.sell("MONTH", cards=1)
    merchant.sell("YEAR", cards=1)
    merchant.pay("A-1", ("MONTH", 1))
    merchant.pay("A-2", ("YEAR", 1))
    merchant.cloud.wait_idle()
    return merchant


def unit_of(merchant, order):
    return merchant.order(order)[1][0]


def vault_key(merchant, order):
    return keys.vault(merchant.id, unit_of(merchant, order).card), ""


def vault_item(merchant, order):
    return raw_item(vault_key(merchant, order), "VAULT_TABLE")


def key_item(merchant, batch):
    return raw_item((f"C#{merchant.id}", f"KEY#card#{batch}"))


def nothing_shown(merchant, *orders):
    """Each reveal fails without a word of the card; that it was tried is committed all the same."""
    log = Log(merchant.cloud)
    for order in orders:
        for way in ("form", "program"):
            answer = getattr(Browser(merchant.cloud), way)(f"/r/{merchant.token(order)}/reveal")
            if way == "form":
                assert (answer.status, answer.headers["cache-control"]) == (503, "no-store")
            text = answer.text + re.sub(r"<[^>]*>", "", answer.text) + log.text
            assert not any(code in text for code in merchant.codes.values())
        assert str(unit_of(merchant, order).state) == "REVEALED"
    assert log.metric("RevealFailed") >= len(orders)


def test_an_altered_byte_in_the_vault_shows_nothing(merchant):
    """Be it the format, the nonce, the text or the tag."""
    places = {"A-0": 0, "A-1": 1, "A-2": 13, "A-3": 20, "A-4": -1}
    merchant.sell("MONTH", cards=len(places))
    for order in places:
        merchant.pay(order, ("MONTH", 1))
    merchant.cloud.wait_idle()
    for order, place in places.items():
        sealed = bytearray(vault_item(merchant, order)["sealed"]["B"])
        sealed[place] ^= 1
        change_item(vault_key(merchant, order), "VAULT_TABLE", sealed={"B": bytes(sealed)})
    nothing_shown(merchant, *places)


@pytest.mark.fault("reveals: swapped")
@pytest.mark.parametrize("what", [("sealed",), ("sealed", "batch", "kv")], ids=["text", "text and key"])
def test_two_cards_that_changed_places_show_nothing(two_orders, what):
    one, other = vault_item(two_orders, "A-1"), vault_item(two_orders, "A-2")
    for order, item in (("A-1", other), ("A-2", one)):
        change_item(vault_key(two_orders, order), "VAULT_TABLE", **{name: item[name] for name in what})
    nothing_shown(two_orders, "A-1", "A-2")


@pytest.mark.fault("reveals: swapped", "reveals: context")
def test_another_merchants_card_shows_nothing(two_orders):
    other = Merchant(two_orders.cloud)
    other.sell("MONTH", cards=1)
    [stolen] = raw_items("VAULT_TABLE", f"V#{other.id}#")
    values = {name: stolen[name] for name in ("sealed", "batch", "kv")}
    change_item(vault_key(two_orders, "A-1"), "VAULT_TABLE", **values)
    nothing_shown(two_orders, "A-1")


@pytest.mark.fault("reveals: context")
def test_two_keys_that_changed_places_show_nothing(two_orders):
    batches = [unit_of(two_orders, order).batch for order in ("A-1", "A-2")]
    wrapped = [key_item(two_orders, batch)["wrapped"] for batch in batches]
    for batch, key in zip(batches, reversed(wrapped), strict=True):
        change_item((f"C#{two_orders.id}", f"KEY#card#{batch}"), wrapped=key)
    nothing_shown(two_orders, "A-1", "A-2")


@pytest.mark.parametrize("what", ["card", "key"])
def test_a_missing_card_or_key_shows_nothing(two_orders, what):
    table, key = "VAULT_TABLE", {"pk": {"S": vault_key(two_orders, "A-1")[0]}}
    if what == "key":
        sk = f"KEY#card#{unit_of(two_orders, 'A-1').batch}"
        table, key = "MAIN_TABLE", {"pk": {"S": f"C#{two_orders.id}"}, "sk": {"S": sk}}
    client = wiring.client("dynamodb")
    client.delete_item(TableName=two_orders.cloud.environment[table], Key=key)
    nothing_shown(two_orders, "A-1")


@pytest.mark.fault("reveals: kms down")
def test_without_the_key_service_nothing_is_shown_and_later_everything_is(two_orders):
    browser, page = Browser(two_orders.cloud), f"/r/{two_orders.token('A-1')}"
    with still(two_orders.cloud):
        with two_orders.cloud.outage():
            masked = browser.get(page)
            failed = browser.form(f"{page}/reveal")
        assert (masked.status, failed.status) == (200, 503)
        assert int(failed.headers["retry-after"]) < 60
        assert not any(code in masked.text + failed.text for code in two_orders.codes.values())
        assert str(unit_of(two_orders, "A-1").state) == "REVEALED"
        proof = {"proof": two_orders.pick_up("A-1")}
        shown = browser.program(f"{page}/reveal", proof).json["cards"]
    assert [card["code"] for card in shown] == [two_orders.codes[unit_of(two_orders, "A-1").card]]


def test_a_notification_waits_for_the_key_service(merchant):
    """Its secret cannot be opened: nothing is recorded, and the shop is asked to try again."""
    merchant.sell("MONTH", cards=1)
    merchant.cloud.cold_start()
    with still(merchant.cloud):
        with merchant.cloud.outage():
            refused = merchant.pay("A-1", ("MONTH", 1))
        assert (refused.status, merchant.order("A-1")[0]) == (503, None)
        assert int(refused.headers["retry-after"]) < 60
        assert merchant.pay("A-1", ("MONTH", 1)).status == 200
    merchant.cloud.wait_idle()
    assert merchant.counts("A-1") == {"DELIVERED": 1}
