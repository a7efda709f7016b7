"""Keys are rotated while orders run: nothing fails, and what buyers hold goes on working."""

import io
import json
import sys
import threading
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import pytest

from cardcourier import wiring
from cardcourier.adapters.keyring import EVERYWHERE
from cardcourier.clock import now_ms
from cardcourier.domain.canary import shop_of
from cardcourier.domain.contact_keys import rows_of
from cardcourier.domain.key_versions import ANNOUNCED, KeyVersion
from cardcourier_cli.main import ending_of
from tests.integration.api_client import caller, open_merchant
from tests.integration.shop import Browser, acting, merchant_of, raw_items, wait_until


@pytest.fixture(scope="module")
def open_cloud(cloud):
    with acting(cloud):
        yield cloud


@pytest.fixture
def merchant(open_cloud):
    with merchant_of(open_cloud):
        merchant = open_merchant(open_cloud)
        merchant.sell("MONTH", cards=60)
        yield merchant


@pytest.fixture
def cli(capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO())

    def run(*arguments):
        capsys.readouterr()
        code = ending_of([*arguments])
        said = capsys.readouterr()
        assert code == 0, said.err
        return [json.loads(text) for text in _documents(said.out)]

    return run


def _documents(text):
    """Each JSON document of an output."""
    decoder, at = json.JSONDecoder(), 0
    while at < len(text):
        _, end = decoder.raw_decode(text, at)
        yield text[at:end]
        at = end
        while at < len(text) and text[at].isspace():
            at += 1


@pytest.fixture
def link_versions(open_cloud):
    """Sets when each version of the link key begins and ends; takes them back in the end."""
    table = wiring.main_table()
    yield partial(as_if, open_cloud, EVERYWHERE, "link")
    key = {"pk": {"S": f"C#{EVERYWHERE}"}, "sk": {"S": "VERSIONS#link"}}
    table.client.delete_item(TableName=table.name, Key=key)
    forget(open_cloud)


@pytest.fixture
def pepper_versions(merchant):
    return partial(as_if, merchant.cloud, merchant.id, "pepper")


def as_if(cloud, tenant, purpose, *versions):
    keys_table = wiring.key_ring().table
    seen = keys_table.versions(tenant, purpose)
    for version in versions:
        wiring.key_ring().provide(tenant, purpose, version.id)
    assert keys_table.put_versions(tenant, purpose, seen, versions, now_ms())
    forget(cloud)


def forget(cloud):
    cloud.cold_start()
    for part in (
        wiring.key_ring,
        wiring.fingerprints,
        wiring.links,
        wiring.buyer_links,
        wiring.mailed_links,
    ):
        part.cache_clear()


def pay(merchant, *orders):
    for order in orders:
        assert merchant.pay(order, ("MONTH", 1)).status == 200
    merchant.cloud.wait_idle()


def page(merchant, order):
    return f"/r/{merchant.token(order)}"


# ---------------------------------------------------------------- links


def test_old_links_keep_working_and_new_orders_get_new_ones(merchant, link_versions):
    pay(merchant, "OLD")
    old, code = page(merchant, "OLD"), merchant.pick_up("OLD")
    first = wiring.links().version(0)

    link_versions(KeyVersion(id="1"), KeyVersion(id="2", since=now_ms()))
    pay(merchant, "NEW")

    assert (first, wiring.links().version(now_ms())) == ("1", "2")
    assert page(merchant, "OLD") == old
    for order in ("OLD", "NEW"):
        assert Browser(merchant.cloud).get(page(merchant, order)).status == 200
    shown = Browser(merchant.cloud).program(f"{old}/reveal")
    assert shown.status == 200 and shown.json["cards"][0]["code"]
    for order, typed in (("OLD", code), ("NEW", merchant.pick_up("NEW"))):
        found = caller(merchant).get(f"/v1/search?q={typed}").json["items"]
        assert [hit["order"] for hit in found] == [order]


def test_after_a_leak_the_old_link_is_dead_and_the_buyer_asks_for_a_new_one(merchant, link_versions):
    pay(merchant, "A-1")
    old, code = page(merchant, "A-1"), merchant.pick_up("A-1")

    now = now_ms()
    link_versions(KeyVersion(id="1", ends_at=now), KeyVersion(id="2", since=now))

    assert Browser(merchant.cloud).get(old).status == 404
    assert Browser(merchant.cloud).program(f"{old}/reveal").status == 404
    assert caller(merchant).get(f"/v1/search?q={code}").json["items"] == []

    fields = {"way": "mail", "order": "A-1", "email": merchant.address("A-1")}
    assert Browser(merchant.cloud).form("/q", fields).status < 400
    new = page(merchant, "A-1")
    assert new != old
    wait_until(lambda: any(new in mail["text"] for mail in merchant.mails("A-1")))
    assert Browser(merchant.cloud).get(new).status == 200


def test_the_operator_announces_a_version_and_sees_it(merchant, link_versions, cli):
    [rotated] = cli("ops", "keys", "rotate", "link")
    versions, counts = cli("ops", "keys", "status", "--tenant", merchant.id)

    assert [(row["version"], row["in_use"]) for row in rotated] == [("1", True), ("2", False)]
    assert [row for row in versions if row["key"] == "link"] == rotated
    assert {row["key"] for row in counts if row["tenant"] == merchant.id} >= {"card", "pepper", "secret"}
    assert wiring.key_ring().table.versions(EVERYWHERE, "link")[1].since > now_ms() + ANNOUNCED // 2
    assert ending_of(["ops", "keys", "rotate", "link"]) == 4, "one at a time"


# ---------------------------------------------------------------- ids of cards and contacts


def test_orders_are_found_and_erased_by_the_names_of_every_version(merchant, pepper_versions):
    mail, owner = f"lilei@{merchant.id}.example", caller(merchant)
    versions = KeyVersion(id="1"), KeyVersion(id="2", since=now_ms())

    def pay_for_it(order, sku):
        assert merchant.pay(order, (sku, 1), buyer={"email": mail}).status == 200
        merchant.cloud.wait_idle()

    def found(text):
        return {(hit["order"], hit["found_by"]) for hit in owner.get(f"/v1/search?q={text}").json["items"]}

    pay_for_it("OLD", "MONTH")
    pepper_versions(*versions)
    merchant.sell("YEAR", cards=1)
    pay_for_it("NEW", "YEAR")

    old, new = (merchant.order(order)[0] for order in ("OLD", "NEW"))
    rows = [{row.hash for row in rows_of(header)} for header in (old, new)]
    assert rows[0].isdisjoint(rows[1])
    assert found(mail) == {("OLD", "email"), ("NEW", "email")}
    for order in ("OLD", "NEW"):
        assert found(merchant.codes[merchant.order(order)[1][0].card]) == {(order, "card")}

    pepper_versions(replace(versions[0], ends_at=now_ms()), versions[1])
    assert found(mail) == {("NEW", "email")}
    assert owner.post("/v1/buyers/erase", {"buyer": mail, "force": True}).status == 202
    merchant.cloud.wait_idle()
    for header in (old, new):
        after = merchant.order(header.key.order)[0]
        assert (after.contact, after.search) == (None, ())
        for digest in header.search:
            assert wiring.views().search(merchant.id, digest, 1) == []


def test_the_operator_rotates_the_pepper_and_is_kept_from_forgetting_cards(
    merchant, pepper_versions, cli, capsys
):
    of = ("--tenant", merchant.id)
    [everybody] = cli("ops", "keys", "rotate", "pepper", "--dry-run")
    assert (merchant.id, "1") in {(row["tenant"], row["version"]) for row in everybody}
    [rotated] = cli("ops", "keys", "rotate", "pepper", *of)
    versions, _ = cli("ops", "keys", "status", *of)
    assert [(row["tenant"], row["version"], row["in_use"]) for row in rotated] == [
        (merchant.id, "1", True),
        (merchant.id, "2", False),
    ]
    assert [row for row in versions if row["key"] == "pepper"] == rotated
    assert ending_of(["ops", "keys", "rotate", "pepper", *of]) == 4, "one at a time"

    pepper_versions(KeyVersion(id="1"), KeyVersion(id="2", since=now_ms() - ANNOUNCED))
    retire = ["ops", "keys", "rotate", "pepper", *of, "--retire", "1", "--yes"]
    capsys.readouterr()
    assert ending_of(retire) == 2
    assert "sold twice" in capsys.readouterr().err
    [left] = cli(*retire, "--forget-duplicates-of-old")
    assert [bool(row["ends"]) for row in left] == [True, False]


# ---------------------------------------------------------------- wrapping anew


@contextmanager
def meanwhile(*works):
    """Each work again and again in a thread of its own; whatever one returns was wrong."""
    stop, wrong = threading.Event(), []

    def go_on(work):
        while not stop.is_set():
            wrong.extend(filter(None, [work()]))

    threads = [threading.Thread(target=go_on, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert wrong == []


@contextmanager
def busy(merchant):
    """Orders, pages and an API client that changes a shop, all the while; every answer is looked at."""
    orders, browser, owner = [], Browser(merchant.cloud), caller(merchant)

    def sell():
        orders.append(f"B-{len(orders)}")
        return merchant.pay(orders[-1], ("MONTH", 1)).status != 200 and orders[-1]

    def show():
        return browser.get(page(merchant, "A-1")).status != 200 and "page"

    def change():
        answer = owner("PATCH", f"/v1/shops/{merchant.own}", {"max_quantity": 50}, if_match="*")
        return answer.status not in (200, 409, 412) and answer.text

    with meanwhile(sell, show, change):
        yield orders


def wrapped(merchant):
    """Every wrapped key and secret of a merchant, as it lies in the table."""
    keys = {
        item["sk"]["S"]: item["wrapped"]["B"]
        for item in raw_items(prefix=f"C#{merchant.id}")
        if item["sk"]["S"].startswith("KEY#")
    }
    keys["sms"] = wiring.telling_settings().sms(merchant.id).secret
    return keys | {
        shop: wiring.merchants().any_shop(merchant.id, shop).thing.secrets
        for shop in (merchant.own, merchant.shopify, shop_of(merchant.id))
    }


def test_everything_is_wrapped_under_a_new_key_while_orders_run(merchant, cli):
    pay(merchant, "A-1")
    provider = {"provider": "aliyun", "rule": "mail", "sign_name": "n", "key_id": "id", "secret": "of-aliyun"}
    assert caller(merchant)("PUT", "/v1/sms", provider).status == 200
    for enabled in (True, False):
        assert caller(merchant)("PUT", "/v1/canary", {"enabled": enabled}).status == 200
    merchant.cloud.wait_idle()
    before = wrapped(merchant)
    kms = merchant.cloud.client("kms")
    new = kms.create_key()["KeyMetadata"]["KeyId"]

    with busy(merchant) as orders:
        wait_until(lambda: len(orders) > 3)
        [rows] = cli("ops", "keys", "rewrap", "--tenant", merchant.id, "--key", new)
        wait_until(lambda: len(orders) > 8)
    merchant.cloud.wait_idle()

    after = wrapped(merchant)
    assert {name for name in before if after[name] == before[name]} == set()
    assert all(row["rewrapped"] for row in rows if row["tenant"] == merchant.id)
    old = wiring.settings().kms_key
    kms.disable_key(KeyId=old)
    try:
        forget(merchant.cloud)
        wiring.shop_secrets.cache_clear()
        shown = Browser(merchant.cloud).program(f"{page(merchant, 'A-1')}/reveal")
        assert shown.json["cards"][0]["code"] in merchant.codes.values()
        assert wiring.shop_secrets().open(wiring.merchants().shop(merchant.id, merchant.own).thing)
        assert wiring.shop_secrets().open_one(merchant.id, "sms", after["sms"]) == "of-aliyun"
        assert wiring.shop_secrets().open(wiring.canaries().shop(shop_of(merchant.id)))
    finally:
        kms.enable_key(KeyId=old)
    assert sum(merchant.owners(*orders, "A-1").values()) == len(orders) + 1

    [again] = cli("ops", "keys", "rewrap", "--tenant", merchant.id, "--key", new)
    left = {row["key"]: row["rewrapped"] for row in again if row["tenant"] == merchant.id}
    assert {left[key] for key in ("card", "pepper", "contact")} == {0}
