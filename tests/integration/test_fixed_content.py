"""Fixed content: set over the API, sealed by another, the same for every buyer, and secret like a card."""

import json

import pytest

from cardcourier import wiring
from cardcourier.adapters.tables import keys
from cardcourier.domain.cards import base_of, is_content
from tests.integration.api_client import caller, problem
from tests.integration.shop import Browser, Log, acting, merchant_of, raw_items, wait_until

LINK = "https://pan.example/s/1a2b3c4d\n提取码：9x8y"


@pytest.fixture(scope="module")
def merchant(cloud):
    with acting(cloud), merchant_of(cloud) as merchant:
        yield merchant


@pytest.fixture(scope="module")
def owner(merchant):
    return caller(merchant)


def fixed(merchant, owner, sku, *texts):
    merchant.sell(sku, kind="fixed")
    for text in texts:
        put(owner, sku, text)


def put(owner, sku, text):
    before = version(owner, sku)
    asked = owner("PUT", f"/v1/products/{sku}/content", {"text": text})
    assert asked.status == 202, asked.text
    wait_until(lambda: version(owner, sku) > before)


def version(owner, sku):
    answer = owner.get(f"/v1/products/{sku}/content")
    return answer.json["version"] if answer.status == 200 else 0


def bought(merchant, order, sku, pieces=1):
    merchant.pay(order, (sku, pieces))
    merchant.cloud.wait_idle()
    return merchant.counts(order)


def shown(merchant, order):
    answer = Browser(merchant.cloud).program(
        f"/r/{merchant.token(order)}/reveal", {"proof": merchant.pick_up(order)}
    )
    return [card["code"] for card in answer.json["cards"] if "code" in card]


def test_every_buyer_gets_the_same_text_and_there_is_no_end_to_it(merchant, owner):
    fixed(merchant, owner, "PAN", LINK)
    assert bought(merchant, "P-1", "PAN", 3) == {"DELIVERED": 3}
    assert bought(merchant, "P-2", "PAN") == {"DELIVERED": 1}
    assert shown(merchant, "P-1") == [LINK] * 3 and shown(merchant, "P-2") == [LINK]

    units = [unit for order in ("P-1", "P-2") for unit in merchant.order(order)[1]]
    assert all(is_content(unit.card) for unit in units)
    assert len({unit.card for unit in units}) == 4 and len({base_of(unit.card) for unit in units}) == 1
    assert len({item["c"]["S"] for item in raw_items(prefix=f"O#{merchant.id}#") if "c" in item}) >= 4
    row = {row["sku"]: row for row in owner.get("/v1/stock?limit=100").json["items"]}["PAN"]
    assert (row["kind"], row["available"], row["unlimited"]) == ("fixed", 1, True)


def test_without_content_orders_wait_and_setting_it_serves_them(merchant, owner):
    fixed(merchant, owner, "LATE")
    assert bought(merchant, "L-1", "LATE", 2) == {"BACKORDER": 2}
    put(owner, "LATE", "the text at last")
    merchant.cloud.wait_idle()
    assert merchant.counts("L-1") == {"DELIVERED": 2}


def test_what_was_not_seen_is_taken_back_and_what_was_seen_is_burnt(merchant, owner):
    fixed(merchant, owner, "BACK", LINK)
    bought(merchant, "B-1", "BACK")
    bought(merchant, "B-2", "BACK")
    [unit] = merchant.order("B-2")[1]
    shown(merchant, "B-2")
    merchant.refund("B-1")
    merchant.refund("B-2")
    merchant.cloud.wait_idle()
    assert (merchant.counts("B-1"), merchant.counts("B-2")) == ({"RETURNED": 1}, {"REFUNDED": 1})
    assert wiring.main_table().get(keys.burnt(merchant.id, unit.card)) is not None
    assert merchant.pool("BACK") == 0
    assert bought(merchant, "B-3", "BACK") == {"DELIVERED": 1}


def test_who_has_a_version_keeps_it_and_a_replacement_gives_the_newest(merchant, owner):
    fixed(merchant, owner, "NEWS", "version one")
    bought(merchant, "N-1", "NEWS")
    assert shown(merchant, "N-1") == ["version one"]
    put(owner, "NEWS", "version two")
    assert shown(merchant, "N-1") == ["version one"]

    wiring.catalogue().forget()
    wiring.replacer().replace(merchant.key_of("N-1"), "1", 1, "mei", "dead link", "r1")
    again = wiring.replacer()
    merchant.cloud.wait_idle()
    assert shown(merchant, "N-1") == ["version two"]
    again.replace(merchant.key_of("N-1"), "1", 1, "mei", "once more", "r2")
    merchant.cloud.wait_idle()
    assert shown(merchant, "N-1") == ["version two"], "the same version under a name of its own"


def test_a_job_that_is_repeated_or_late_changes_nothing(merchant, owner):
    fixed(merchant, owner, "ONCE", "the first text", "the second text")
    jobs = [
        json.loads(item["doc"]["S"])
        for item in raw_items(prefix=f"C#{merchant.id}")
        if item["sk"]["S"].startswith("JOB#cnt-") and "ONCE" in item["doc"]["S"]
    ]
    content = owner.get("/v1/products/ONCE/content").json
    for job in jobs:
        wiring.content_sealer().seal(merchant.id, job["id"], "again")
    assert owner.get("/v1/products/ONCE/content").json == content
    assert (content["version"], content["last4"]) == (2, "text")


def test_the_text_is_told_by_nobody_and_kept_nowhere_in_the_clear(merchant, owner):
    log = Log(merchant.cloud)
    fixed(merchant, owner, "HUSH", "https://secret.example/hush-hush")
    bought(merchant, "H-1", "HUSH")
    answers = [owner.get(f"/v1/products/HUSH{rest}").text for rest in ("", "/content")]
    answers += [owner.get(f"/v1/orders/{merchant.own}/H-1").text, owner.get("/v1/batches").text, log.text]
    answers += [
        repr(raw_items(table)) for table in ("MAIN_TABLE", "VAULT_TABLE", "JOURNAL_TABLE", "VIEWS_TABLE")
    ]
    assert not any("secret.example" in answer for answer in answers)


def test_nonsense_is_refused_with_its_field(merchant, owner):
    merchant.sell("PLAIN")
    fixed(merchant, owner, "FIX", "text text text")
    place = "/v1/products/FIX/content"
    assert problem(owner("PUT", "/v1/products/PLAIN/content", {"text": "x"})) == (422, "not_fixed")
    assert problem(owner("PUT", "/v1/products/NONE/content", {"text": "x"})) == (404, "not_found")
    assert problem(owner.get("/v1/products/PLAIN/content")) == (404, "not_found")
    assert problem(owner("PUT", place, {"text": " \n"})) == (422, "empty_text")
    assert problem(owner("PUT", place, {"text": "字" * 2_731})) == (413, "too_large")
    assert problem(owner("PUT", place, {"text": "x" * 8_193})) == (422, "invalid_request")
    assert problem(owner.post("/v1/imports", {"sku": "FIX", "text": "CODE-1"})) == (422, "no_cards")
    assert problem(owner("PATCH", "/v1/products/FIX", {"kind": "unique"})) == (422, "kind_is_fixed")
