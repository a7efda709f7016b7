"""Setting up over `/v1`: the first tenant, keys, shops and their secrets, products, listings."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from cardcourier import wiring
from cardcourier.api.schemas import read_moment
from cardcourier.clock import now_ms
from tests.integration.api_client import Caller, caller, listed, new_key, open_merchant, problem
from tests.integration.shop import Merchant, acting, call, paid, raw_items, rfc3339, sign_own

HOUR = 3_600_000


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


# ---------------------------------------------------------------- bootstrap


def test_the_first_tenant_is_made_once_however_many_ask(open_cloud):
    nobody, secret = Caller(open_cloud, None), open_cloud.bootstrap_secret()

    def ask(name, secret=secret):
        body = {"tenant": {"id": name, "name": "星河数卡"}, "owner_name": "li"}
        return nobody("POST", "/v1/bootstrap", body, x_bootstrap_secret=secret)

    wrong = ask("first", "guess")
    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(ask, [f"first-{n}" for n in range(6)]))
    later = ask("later")
    still_wrong = ask("later", "guess")

    assert problem(wrong) == problem(still_wrong) == (401, "not_signed_in")
    assert sorted(answer.status for answer in answers) == [201] + [409] * 5
    assert problem(later) == (409, "already_set_up")
    made = next(answer for answer in answers if answer.status == 201).json
    me = Caller(open_cloud, made["key"]["key"]).get("/v1/me").json
    assert (me["tenant"], me["role"], me["name"]) == (made["tenant"]["id"], "owner", "li")
    assert len(raw_items(prefix="C#-")) >= 2
    assert [item["sk"]["S"] for item in raw_items(prefix=f"C#{me['tenant']}") if "KEY#" in item["sk"]["S"]]
    lost = {f"first-{n}" for n in range(6)} - {me["tenant"]}
    assert not [item for item in raw_items(prefix="C#-") if item["sk"]["S"] in {f"TENANT#{t}" for t in lost}]


def test_a_bad_tenant_is_refused_before_anything_is_made(open_cloud):
    secret = open_cloud.bootstrap_secret()
    for tenant in ({"id": "A b"}, {"id": "x", "time_zone": "Nowhere"}, {"id": "x", "currency": "XXX"}):
        answer = Caller(open_cloud, None)(
            "POST", "/v1/bootstrap", {"tenant": {"name": "N", **tenant}}, x_bootstrap_secret=secret
        )
        assert answer.status == 422


# ---------------------------------------------------------------- tenant and versions


def test_a_change_names_the_version_it_saw(owner):
    before = owner.get("/v1/tenant")
    etag = before.headers["etag"]

    first = owner("PATCH", "/v1/tenant", {"support": "help@x.example"}, if_match=etag)
    late = owner("PATCH", "/v1/tenant", {"support": "other@x.example"}, if_match=etag)
    fresh = owner("PATCH", "/v1/tenant", {"name": "新名"}, if_match=first.headers["etag"])

    assert first.status == fresh.status == 200
    assert problem(late) == (412, "version_mismatch")
    assert owner.get("/v1/tenant").json == fresh.json
    assert fresh.json["support"] == "help@x.example" and fresh.json["name"] == "新名"
    assert owner.get("/v1/tenant").headers["etag"] == fresh.headers["etag"] != etag


@pytest.mark.parametrize(
    ("patch", "code"),
    [
        ({"time_zone": "Mars/Olympus"}, "bad_time_zone"),
        ({"currency": "ABC"}, "bad_currency"),
        ({"language": "fr"}, "bad_language"),
        ({"name": None}, "invalid_request"),
        ({"id": "other"}, "invalid_request"),
        ({"name": "a\x1b[2J"}, "invalid_request"),
    ],
)
def test_a_tenant_cannot_become_nonsense(owner, patch, code):
    before = owner.get("/v1/tenant").json

    assert problem(owner("PATCH", "/v1/tenant", patch)) == (422, code)
    assert owner.get("/v1/tenant").json == before


# ---------------------------------------------------------------- keys


def test_a_key_is_shown_once_listed_without_secret_and_revoked_at_once(owner, merchant):
    made = owner.post("/v1/keys", {"name": "till", "role": "support", "expires_in_days": 7})
    text = made.json["key"]
    till = Caller(merchant.cloud, text)

    assert made.status == 201 and till.get("/v1/me").json["role"] == "support"
    rows = {row["id"]: row for row in owner.get("/v1/keys").json["items"]}
    assert "key" not in rows[made.json["id"]]
    kept = str(raw_items(prefix="AK#") + raw_items(prefix=f"C#{merchant.id}"))
    assert text.rsplit("_", 1)[1] not in kept

    gone = owner("DELETE", f"/v1/keys/{made.json['id']}")
    again = owner("DELETE", f"/v1/keys/{made.json['id']}")

    assert gone.json["revoked"] and again.json == gone.json
    assert problem(till.get("/v1/me")) == (401, "not_signed_in")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"name": "k", "role": "king"}, 422, "bad_role"),
        ({"name": "k", "role": "support", "scopes": ["keys:write"]}, 422, "bad_scope"),
        ({"name": "k", "role": "support", "scopes": ["fly"]}, 422, "bad_scope"),
        ({"name": "k", "role": "owner", "expires_in_days": 366}, 422, "invalid_request"),
        ({"name": "", "role": "owner"}, 422, "invalid_request"),
    ],
)
def test_a_key_cannot_be_nonsense(owner, body, status, code):
    assert problem(owner.post("/v1/keys", body)) == (status, code)


def test_a_narrow_key_makes_no_wider_one(merchant):
    narrow = caller(merchant, "owner", scopes=["keys:write", "orders:read"])

    wide = narrow.post("/v1/keys", {"name": "w", "role": "owner"})
    same = narrow.post("/v1/keys", {"name": "w", "role": "owner", "scopes": ["orders:read"]})

    assert problem(wide) == (403, "not_allowed")
    assert same.status == 201


def test_a_key_cannot_revoke_itself(owner):
    assert problem(owner("DELETE", f"/v1/keys/{owner.key.split('_')[2]}")) == (409, "own_key")


# ---------------------------------------------------------------- shops


def connect(owner, **changes):
    return owner.post("/v1/shops", {"id": "main", "channel": "standard", "name": "主店"} | changes)


def pay(cloud, shop, secret, order):
    import base64
    import json

    now = rfc3339(now_ms())
    body = json.dumps({"type": "order.paid", "timestamp": now, "data": paid(order, ("X", 1))}).encode()
    headers = sign_own(base64.b64decode(secret.removeprefix("whsec_")), body)
    return call(cloud, "POST", f"/webhooks/standard/{shop}", body, headers).status


def test_a_connected_shop_may_sign_at_its_address_at_once(owner, merchant):
    shop = connect(owner).json

    assert shop["webhook_url"] == f"{merchant.cloud.url}/webhooks/standard/{shop['id']}"
    assert shop["id"].startswith("main-") and shop["secrets"] == 1
    assert pay(merchant.cloud, shop["id"], shop["secret"], "S-1") == 200
    assert pay(merchant.cloud, shop["id"], "whsec_" + "A" * 43 + "=", "S-2") == 401
    seen = owner.get(f"/v1/shops/{shop['id']}").json
    assert "secret" not in seen and seen["name"] == "主店"
    assert shop["secret"] not in str(raw_items(prefix="S#") + raw_items(prefix=f"C#{merchant.id}"))


def test_two_shops_of_one_name_get_ids_of_their_own(owner):
    assert connect(owner).json["id"] != connect(owner).json["id"]


def test_secrets_are_exchanged_without_a_gap(owner, merchant):
    shop = connect(owner).json
    place, cloud = f"/v1/shops/{shop['id']}/secrets", merchant.cloud
    second = owner.post(place, {}).json
    cloud.cold_start()

    assert (second["secrets"], second["secret"] != shop["secret"]) == (2, True)
    assert (
        pay(cloud, shop["id"], shop["secret"], "R-1")
        == pay(cloud, shop["id"], second["secret"], "R-2")
        == 200
    )

    assert problem(owner.post(place, {"generate": True})) == (409, "rotation_under_way")

    left = owner.post(place, {"drop_old": True}).json
    assert (left["secrets"], left["secret"]) == (1, None)
    forced = owner.post(place, {"drop_old": True, "generate": True}).json
    assert (forced["secrets"], forced["secret"] is not None) == (1, True)


def test_the_older_secret_ends_by_itself(owner, merchant):
    shop = connect(owner).json
    second = owner.post(f"/v1/shops/{shop['id']}/secrets", {"overlap_hours": 2}).json
    assert 0 < read_moment(second["old_until"]) - now_ms() <= 2 * 3_600_000

    kept = wiring.merchants().shop(merchant.id, shop["id"])
    wiring.merchants().change_shop(replace(kept.thing, old_until=now_ms() - 1), kept.ver, now_ms(), "test")
    merchant.cloud.cold_start()

    assert pay(merchant.cloud, shop["id"], shop["secret"], "R-1") == 401
    assert pay(merchant.cloud, shop["id"], second["secret"], "R-2") == 200
    shown = owner.get(f"/v1/shops/{shop['id']}").json
    assert (shown["secrets"], shown["old_until"]) == (1, None)
    assert owner.post(f"/v1/shops/{shop['id']}/secrets", {}).json["secrets"] == 2


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"channel": "ebay"}, "bad_channel"),
        ({"channel": "shopify"}, "bad_secret"),
        ({"channel": "shopify", "secret": "0123456789abcdef"}, "bad_domain"),
        ({"secret": "not-a-secret"}, "bad_secret"),
        ({"id": "UPPER"}, "bad_id"),
        ({"currency": "ABC"}, "bad_currency"),
        ({"max_quantity": 0}, "invalid_request"),
        ({"unmapped": "drop"}, "invalid_request"),
    ],
)
def test_a_shop_that_could_never_receive_is_refused(owner, changes, code):
    assert problem(connect(owner, **changes)) == (422, code)


def test_a_shopify_shop_takes_the_secret_it_is_given_and_does_not_repeat_it(owner):
    made = connect(owner, channel="shopify", secret="shpss_0123456789", domain="my-shop.myshopify.com")

    assert made.status == 201 and made.json["secret"] is None
    assert "shpss_0123456789" not in made.text


def test_a_shop_is_changed(owner):
    shop = connect(owner).json["id"]

    changed = owner("PATCH", f"/v1/shops/{shop}", {"unmapped": "ignore", "max_quantity": 5, "test": True})

    assert changed.status == 200
    rows = {row["id"]: row for row in owner.get("/v1/shops").json["items"]}
    assert (rows[shop]["unmapped"], rows[shop]["max_quantity"], rows[shop]["test"]) == ("ignore", 5, True)
    assert wiring.merchants().shop(owner.get("/v1/me").json["tenant"], shop).thing.secrets


# ---------------------------------------------------------------- products


def product(owner, sku, **changes):
    return owner.post("/v1/products", {"sku": sku, "name": f"芒果TV {sku}"} | changes)


def test_a_product_is_added_read_and_changed(owner):
    made = product(
        owner, "MG/月卡（官方）", steps=["打开 App", "输入卡密"], release_at="2030-01-01T08:00:00+08:00"
    )
    place = "/v1/products/MG%252F%E6%9C%88%E5%8D%A1%EF%BC%88%E5%AE%98%E6%96%B9%EF%BC%89"

    seen = owner.get(place)
    changed = owner("PATCH", place, {"release_at": None, "max_views": 3, "steps": []})

    assert made.status == 201 and made.json["release_at"] == "2030-01-01T00:00:00.000Z"
    assert (seen.status, seen.json) == (200, made.json)
    assert (changed.json["release_at"], changed.json["max_views"], changed.json["steps"]) == (None, 3, [])
    assert changed.json["name"] == made.json["name"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"sku": "a#b"}, "bad_sku"),
        ({"sku": " a"}, "bad_sku"),
        ({"sku": "a%2Fb"}, "bad_sku"),
        ({"pattern": "(a+)+$"}, "bad_pattern"),
        ({"redeem_url": "javascript:alert(1)"}, "bad_url"),
        ({"display": "direct", "policy": "once"}, "bad_display"),
        ({"display": "direct", "policy": "proof"}, "bad_display"),
        ({"mask": {"first": 5}}, "invalid_request"),
        ({"kind": "fixed!"}, "invalid_request"),
        ({"grace_minutes": 0}, "invalid_request"),
        ({"steps": [" "]}, "bad_steps"),
        ({"policy": "twice"}, "invalid_request"),
        ({"release_at": 1793520000000}, "invalid_request"),
        ({"release_at": "2026-11-01"}, "invalid_request"),
        ({"max_views": True}, "invalid_request"),
        ({"shards": 65}, "invalid_request"),
    ],
)
def test_a_product_cannot_be_nonsense(owner, changes, code):
    assert problem(owner.post("/v1/products", {"sku": "S", "name": "N"} | changes)) == (422, code)


def test_a_sku_exists_once_and_shards_only_grow(owner):
    product(owner, "S", shards=4)

    assert problem(product(owner, "S")) == (409, "already_exists")
    assert problem(owner("PATCH", "/v1/products/S", {"shards": 2})) == (422, "bad_shards")
    assert problem(owner("PATCH", "/v1/products/S", {"issuer": "other"})) == (422, "invalid_request")
    assert owner("PATCH", "/v1/products/S", {"shards": 8}).json["shards"] == 8


def test_how_a_product_is_shown_is_kept_and_changed(owner):
    chosen = {"policy": "once", "grace_minutes": 3, "display": "masked", "mask": {"first": 2}}
    made = product(owner, "S", hide_after_reveal=True, **chosen)

    assert made.json["mask"] == {"first": 2, "last": 4} and made.json["kind"] == "unique"
    assert {name: made.json[name] for name in ("policy", "grace_minutes", "display")} == {
        name: chosen[name] for name in ("policy", "grace_minutes", "display")
    }
    changed = owner("PATCH", "/v1/products/S", {"mask": {"first": 1, "last": 2}, "hide_after_reveal": False})
    assert (changed.json["mask"], changed.json["hide_after_reveal"]) == ({"first": 1, "last": 2}, False)
    assert owner.get("/v1/products/S").json == changed.json
    assert problem(owner("PATCH", "/v1/products/S", {"display": "direct"})) == (422, "bad_display")


def test_two_who_change_a_product_at_once_do_not_overwrite_each_other(owner):
    product(owner, "S")
    etag = owner.get("/v1/products/S").headers["etag"]

    with ThreadPoolExecutor(8) as threads:
        answers = list(
            threads.map(
                lambda n: owner("PATCH", "/v1/products/S", {"name": f"N{n}"}, if_match=etag).status, range(8)
            )
        )

    assert answers.count(200) == 1
    assert set(answers) <= {200, 409, 412}


def test_a_list_of_any_length_is_paged_without_a_gap(owner):
    skus = sorted([f"P{n:02d}" for n in range(11)] + ["月卡", "~", "Zz"], key=str.encode)
    for sku in skus:
        product(owner, sku)
    seen, cursor = [], None

    for _ in range(20):
        page = owner.get(f"/v1/products?limit=3{f'&cursor={cursor}' if cursor else ''}").json
        seen += [item["sku"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert seen == skus


# ---------------------------------------------------------------- listings


def test_a_listing_is_mapped_and_lets_waiting_orders_go(open_cloud):
    merchant = listed(Merchant(open_cloud))
    merchant.sell("MONTH", cards=3)
    owner = caller(merchant)
    merchant.pay("L-1", {"line_id": "1", "item": "98#7", "sku": "?", "quantity": 1, "unit_price": "25.00"})
    open_cloud.wait_idle()
    assert merchant.held_for("L-1")[0][0] == "MAP"

    place = f"/v1/shops/{merchant.own}/listings"
    mapped = owner("PUT", place, {"item": "98#7", "parts": [{"sku": "MONTH", "quantity": 2, "floor": 1000}]})
    open_cloud.wait_idle()

    assert mapped.status == 200 and mapped.json["item"] == "98%237"
    assert merchant.counts("L-1") == {"DELIVERED": 2}
    assert owner.get(place).json["items"] == [mapped.json]


def test_a_bundle_is_replaced_as_a_whole_declared_foreign_and_forgotten(owner, merchant):
    product(owner, "A"), product(owner, "B")
    place = f"/v1/shops/{merchant.own}/listings"

    owner("PUT", place, {"item": "i", "variant": "v", "parts": [{"sku": "A"}, {"sku": "B", "quantity": 3}]})
    owner("PUT", place, {"item": "j", "parts": [{"sku": "A"}]})
    pages = [owner.get(f"{place}?limit=1").json]
    pages.append(owner.get(f"{place}?limit=1&cursor={pages[0]['next_cursor']}").json)

    assert [len(page["items"]) for page in pages] == [1, 1] and pages[1]["next_cursor"] is None
    assert len(pages[0]["items"][0]["parts"]) == 2
    foreign = owner("PUT", place, {"item": "i", "variant": "v", "not_ours": True}).json
    assert (foreign["parts"], foreign["not_ours"]) == ([], True)
    assert len(owner.get(place).json["items"]) == 2
    assert owner("DELETE", f"{place}?item=i&variant=v").status == 204
    assert problem(owner("DELETE", f"{place}?item=i&variant=v")) == (404, "not_found")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"item": "i", "parts": [{"sku": "NONE"}]}, "no_such_product"),
        ({"item": "i"}, "invalid_request"),
        ({"item": "i", "parts": [{"sku": "A"}], "not_ours": True}, "invalid_request"),
        ({"item": "", "not_ours": True}, "invalid_request"),
        ({"item": "i", "parts": [{"sku": "A", "quantity": 0}]}, "invalid_request"),
        ({"item": "i", "parts": [{"sku": "A", "quantity": 30}, {"sku": "A", "quantity": 30}]}, "bad_listing"),
        ({"item": "i", "parts": [{"sku": "A", "floor": -1}]}, "invalid_request"),
    ],
)
def test_a_listing_cannot_be_nonsense(owner, merchant, body, code):
    product(owner, "A")

    assert problem(owner("PUT", f"/v1/shops/{merchant.own}/listings", body)) == (422, code)


def test_a_presale_opens_when_its_time_is_brought_forward(open_cloud):
    merchant = listed(Merchant(open_cloud))
    merchant.sell("SOON", cards=1, release_at=now_ms() + 100 * HOUR)
    owner = caller(merchant)
    merchant.pay("P-1", ("SOON", 1))
    open_cloud.wait_idle()
    assert merchant.counts("P-1") == {"SCHEDULED": 1}

    owner("PATCH", "/v1/products/SOON", {"release_at": rfc3339(now_ms() - 1)})
    open_cloud.wait_idle()

    assert merchant.counts("P-1") == {"DELIVERED": 1}


def test_an_order_that_named_the_sku_goes_on_when_the_product_is_made(open_cloud):
    merchant = listed(Merchant(open_cloud))
    owner = caller(merchant)
    merchant.pay("N-1", ("NEW", 1))
    open_cloud.wait_idle()
    assert merchant.held_for("N-1")[0][0] == "MAP"

    product(owner, "NEW", issuer="mgtv")
    merchant.stock("NEW", 1)
    open_cloud.wait_idle()
    wiring.orders_queue().order(merchant.key_of("N-1"))
    open_cloud.wait_idle()

    assert merchant.counts("N-1") in ({"DELIVERED": 1}, {"BACKORDER": 1})


def test_a_key_of_a_tenant_that_is_new_here_sees_an_empty_shop(open_cloud):
    stranger = Caller(open_cloud, new_key("nobody-yet"))

    assert stranger.get("/v1/shops").json == {"items": [], "next_cursor": None}
    assert problem(stranger.get("/v1/tenant")) == (404, "not_found")
