"""How shops are called, over `/v1`: set, exchanged, never shown again."""

import pytest

from cardcourier import wiring
from cardcourier.domain.shop_apis import sealed_as
from tests.integration.api_client import caller, open_merchant, problem
from tests.integration.shop import acting

TOKEN = "shpat_0123456789abcdef"


@pytest.fixture(scope="module")
def merchant(cloud):
    with acting(cloud):
        yield open_merchant(cloud)


def opened(merchant, shop):
    kept = wiring.connections().connection(merchant.id, shop)
    return kept, wiring.shop_secrets().open_one(merchant.id, sealed_as(shop), kept.token)


def test_a_token_is_given_sealed_and_never_shown(merchant):
    owner, path = caller(merchant), f"/v1/shops/{merchant.shopify}/api"
    assert problem(owner.get(path)) == (404, "not_connected")
    assert problem(owner.post(path, {})) == (422, "bad_token")

    made = owner.post(path, {"token": TOKEN, "location": "7"})
    assert made.status == 200 and made.json["token"] is None and made.json["location"] == "7"
    assert owner.get(path).json == {k: v for k, v in made.json.items() if k != "token"}
    kept, secret = opened(merchant, merchant.shopify)
    assert secret == TOKEN and TOKEN.encode() not in kept.token

    assert owner("DELETE", path).status == 200
    assert problem(owner.get(path)) == (404, "not_connected")


def test_an_own_sites_token_is_made_and_shown_once(merchant):
    owner, path = caller(merchant), f"/v1/shops/{merchant.own}/api"
    assert problem(owner.post(path, {"url": "http://shop.example/"})) == (422, "bad_url")
    first = owner.post(path, {"url": "https://shop.example/stock"}).json
    second = owner.post(path, {"url": "https://shop.example/stock"}).json

    assert first["token"].startswith("whsec_") and first["token"] != second["token"]
    assert opened(merchant, merchant.own)[1] == second["token"]
    assert problem(caller(merchant, "stock").post(path, {"url": "https://x.example/"})) == (
        403,
        "not_allowed",
    )
