"""Calling shops: what they are told, and what is made of each way in which they answer."""

from dataclasses import replace

import pytest

from cardcourier.adapters.channels.standard import make_secret
from cardcourier.adapters.outbound_http import Poster
from cardcourier.adapters.shop_apis.shopify import ShopifyApi
from cardcourier.adapters.shop_apis.standard import StandardApi
from cardcourier.domain.shop_apis import Connection, Offer, Outcome, Sale
from cardcourier.errors import Refused
from tests.integration.fake_shopify import selling
from tests.integration.receiver import receiving

NOW = 1_793_520_000_000
POSTER = Poster("test/1", lambda: NOW, local=True, total=2.0)
TOKEN = "shpat_0123456789"
SHOP = Connection(shop="s", tenant="t", channel="shopify", token=b"", domain="demo.myshopify.com")
ON = Offer(shop="s", item="10", variant="100", available=7, sale=Sale.ON, sequence=3)


@pytest.fixture
def shopify():
    with selling() as shop:
        shop.add("100", "10", 50)
        shop.add("101", "10", 50)
        yield shop


def told(shop, offer=ON, connection=SHOP, token=TOKEN):
    return ShopifyApi(POSTER, shop.base).offer(connection, token, offer)


def test_a_quantity_is_set_once_and_not_again(shopify):
    assert told(shopify).done and shopify.of("100") == (7, "DENY", "ACTIVE")
    assert told(shopify).done
    assert [name for name, _ in shopify.calls] == ["Listing", "Quantity", "Listing"]


def test_delisting_takes_the_number_and_with_the_last_variant_the_product(shopify):
    off = replace(ON, sale=Sale.OFF, before=Sale.ON)
    assert told(shopify, off).done and shopify.of("100") == (0, "DENY", "ACTIVE")

    assert told(shopify, replace(off, variant="101", item_off=True)).done
    assert shopify.of("101") == (0, "DENY", "DRAFT")

    assert told(shopify, replace(ON, before=Sale.OFF, sequence=4)).done
    assert shopify.of("100") == (7, "DENY", "ACTIVE")


def test_what_a_merchant_took_off_sale_stays_so(shopify):
    shopify.status["gid://shopify/Product/10"] = "DRAFT"
    assert told(shopify, replace(ON, before=Sale.ON)).done
    assert shopify.of("100") == (7, "DENY", "DRAFT")


def test_a_presale_is_sold_below_zero_until_it_ends(shopify):
    presale = replace(ON, available=0, sale=Sale.PRESALE)
    assert told(shopify, presale).done and shopify.of("100") == (0, "CONTINUE", "ACTIVE")
    assert told(shopify, replace(ON, before=Sale.PRESALE)).done and shopify.of("100") == (7, "DENY", "ACTIVE")


def test_a_throttled_call_says_how_long_to_wait(shopify):
    shopify.script = ["throttled"]
    said = told(shopify)
    assert (said.outcome, said.why, said.asked) == (Outcome.LATER, "THROTTLED", 100)


@pytest.mark.parametrize("script", [["lost"], ["ok", "lost"], [503], ["ok", "stale"], [429]])
def test_what_may_work_again_is_tried_again_and_counts_once(shopify, script):
    shopify.script = list(script)
    assert told(shopify).outcome is Outcome.LATER
    assert told(shopify).done and shopify.of("100") == (7, "DENY", "ACTIVE")


@pytest.mark.parametrize(
    ("script", "why"),
    [(["denied"], "ACCESS_DENIED"), (["ok", "user error"], "INVALID_"), ([404], "http_404")],
)
def test_what_only_a_person_can_mend_is_said(shopify, script, why):
    shopify.script = script
    said = told(shopify)
    assert said.outcome is Outcome.REFUSED and said.why.startswith(why)


def test_listings_and_places_that_cannot_be_told_of(shopify):
    shopify.add("102", "11", tracked=False)
    shopify.add("103", "11", places=("1", "2"))
    whys = {v: told(shopify, replace(ON, variant=v)).why.partition(":")[0] for v in ("102", "103", "999", "")}
    assert whys == {"102": "not_tracked", "103": "no_location", "999": "no_variant", "": "no_variant"}

    assert told(shopify, replace(ON, variant="103"), replace(SHOP, location="2")).done
    assert shopify.variants["gid://shopify/ProductVariant/103"]["at"]["gid://shopify/Location/2"] == 7
    assert told(shopify, token="shpat_wrong_one").why == "http_401"


def test_a_quantity_that_arrives_late_changes_nothing(shopify):
    """An older call was under way while a newer one set another number."""
    assert told(shopify).done
    late = next(body for name, body in shopify.calls if name == "Quantity")
    late = {**late, "key": "of an attempt that was given up"}
    assert told(shopify, replace(ON, available=2, sequence=4)).done
    _, answer = shopify.answer(
        "/admin/api/2026-10/graphql.json",
        {"x-shopify-access-token": TOKEN},
        {"query": "mutation Quantity(", "variables": late},
        "ok",
    )
    [error] = answer["data"]["inventorySetQuantities"]["userErrors"]
    assert error["code"] == "CHANGE_FROM_QUANTITY_STALE" and shopify.of("100")[0] == 2


@pytest.mark.parametrize("wrong", [{"domain": "evil.example"}, {"domain": ""}, {"location": "x"}])
def test_settings_of_shopify_that_cannot_work(wrong):
    with pytest.raises(Refused):
        ShopifyApi(POSTER).check(replace(SHOP, **wrong), TOKEN)


def test_a_merchants_own_site_is_told_signed_and_by_number():
    secret = make_secret(b"7" * 32)
    with receiving() as site:
        own = replace(SHOP, channel="standard", url=site.url)
        api = StandardApi(POSTER)
        api.check(own, secret)
        release = replace(ON, sale=Sale.PRESALE, release_at=NOW)
        assert api.offer(own, secret, release).done and api.offer(own, secret, release).done
        assert api.offer(own, secret, replace(ON, sequence=4)).done

        first, again, next_one = site.heard
        assert first.id == again.id != next_one.id and first.signed_by(secret)
        assert first.event == {
            "type": "stock.set",
            "timestamp": "2026-11-01T08:00:00.000Z",
            "data": {
                "shop": "s",
                "item": "10",
                "variant": "100",
                "available": 7,
                "sale": "presale",
                "release_at": "2026-11-01T08:00:00.000Z",
                "sequence": 3,
            },
        }


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(503, Outcome.LATER), (429, Outcome.LATER), (400, Outcome.REFUSED), (410, Outcome.REFUSED)],
)
def test_what_a_merchants_own_site_answers(status, outcome):
    with receiving() as site:
        site.status, site.answer_headers = status, {"retry-after": "9"}
        own = replace(SHOP, channel="standard", url=site.url)
        said = StandardApi(POSTER).offer(own, make_secret(b"7" * 32), ON)
        assert said.outcome is outcome and said.why == f"http_{status}"
        assert said.asked == (9_000 if outcome is Outcome.LATER else 0)


def test_a_site_that_is_away_or_inside():
    own = replace(SHOP, channel="standard", url="http://127.0.0.1:1/")
    secret = make_secret(b"7" * 32)
    assert StandardApi(POSTER).offer(own, secret, ON).outcome is Outcome.LATER
    strict = Poster("test/1", lambda: NOW, total=2.0)
    assert StandardApi(strict).offer(own, secret, ON).outcome is Outcome.REFUSED
