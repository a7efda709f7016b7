"""An order of hundreds of cards: allocated, handed over and fetched as one file, each within its time."""

import time

import pytest

from tests.integration.shop import Browser, acting, merchant_of

PIECES = 250


@pytest.fixture(scope="module")
def merchant(cloud):
    with acting(cloud), merchant_of(cloud, max_quantity=500) as merchant:
        yield merchant


@pytest.fixture(scope="module")
def page(merchant):
    merchant.sell("PACK", cards=PIECES + 10)
    merchant.pay("BIG-1", ("PACK", PIECES), price="1.00")
    merchant.cloud.wait_idle()
    return f"/r/{merchant.token('BIG-1')}"


def cards_of(file):
    return [line for line in file.text.splitlines() if line and not line.startswith("#")]


def test_every_piece_gets_a_card_and_the_buyer_one_mail(merchant, page):
    assert merchant.counts("BIG-1") == {"DELIVERED": PIECES}
    assert set(merchant.owners("BIG-1").values()) == {1}
    assert len(merchant.mails("BIG-1")) == 1
    assert merchant.order("BIG-1")[0].due is None


def test_all_cards_come_in_one_file_within_the_time_of_the_function(merchant, page):
    browser, began = Browser(merchant.cloud), time.monotonic()
    assert len(browser.get(page).body) < 20_000

    file = browser.form(f"{page}/download")

    assert sorted(cards_of(file)) == sorted(merchant.codes[card] for card in merchant.owners("BIG-1"))
    assert time.monotonic() - began < 20
    assert merchant.counts("BIG-1") == {"REVEALED": PIECES}


def test_a_file_that_is_asked_for_while_a_piece_is_taken_back_holds_the_others(merchant, page):
    merchant.refund("BIG-1", items=[{"line_id": "1", "quantity": 1}])
    merchant.cloud.wait_idle()
    header = merchant.order("BIG-1")[0]
    assert len(header.stops) == 1

    browser = Browser(merchant.cloud)
    file = browser.form(f"{page}/download", {"proof": merchant.pick_up("BIG-1")})

    assert len(cards_of(file)) == PIECES - 1
