"""Refunds by amount, own cancels and disputes over `/v1`, through all functions."""

import pytest

from tests.integration.api_client import caller, listed, problem
from tests.integration.shop import Browser, Merchant, acting


@pytest.fixture(scope="module")
def open_cloud(cloud):
    with acting(cloud):
        yield cloud


@pytest.fixture
def merchant(open_cloud):
    merchant = listed(Merchant(open_cloud))
    merchant.sell("MONTH", cards=10)
    return merchant


@pytest.fixture
def owner(merchant):
    return caller(merchant)


def sold(merchant, pieces=2):
    assert merchant.pay("A-1", ("MONTH", pieces)).status == 200
    merchant.cloud.wait_idle()
    return f"/v1/orders/{merchant.own}/A-1"


def given_back(merchant, amount, refund="r-1", **more):
    merchant.refund("A-1", refund, amount=amount, currency="CNY", **more)
    merchant.cloud.wait_idle()


def test_an_amount_that_is_no_price_asks_a_person_who_saw_the_order(merchant, owner):
    place = sold(merchant)
    given_back(merchant, "7.00")
    order = owner.get(place).json
    assert order["asked"] == ["refund/r-1"] and merchant.counts("A-1") == {"DELIVERED": 2}

    said = {"refund": "refund/r-1", "reason": "agreed", "pieces": [{"line": "1", "piece": 2}]}
    early = owner.post(f"{place}/refunds/answer", said | {"version": order["version"] - 1})
    assert problem(early) == (409, "changed_meanwhile")
    said["version"] = order["version"]
    assert owner.post(f"{place}/refunds/answer", said).json == {"changed": True}
    merchant.cloud.wait_idle()
    assert merchant.counts("A-1") == {"DELIVERED": 1, "RETURNED": 1}
    assert owner.get(place).json["asked"] == []
    assert owner.post(f"{place}/refunds/answer", said | {"reason": "again"}).json == {"changed": False}


def test_an_amount_that_is_the_price_of_a_piece_ends_it_and_the_rest_ends_all(merchant):
    sold(merchant)
    given_back(merchant, "25.00")
    assert merchant.counts("A-1") == {"DELIVERED": 1, "RETURNED": 1}
    given_back(merchant, "25.00", "r-2")
    assert merchant.counts("A-1") == {"RETURNED": 2}


def test_a_piece_that_was_cancelled_here_meets_its_refund_by_number(merchant, owner):
    place = sold(merchant)
    owner.post(f"{place}/cancel", {"reason": "asked", "pieces": [{"line": "1", "piece": 1}]})
    merchant.cloud.wait_idle()
    assert owner.get(place).json["credit"] == {"1": 1}
    given_back(merchant, "25.00", items=[{"line_id": "1", "quantity": 1}])
    assert merchant.counts("A-1") == {"DELIVERED": 1, "RETURNED": 1}
    assert owner.get(place).json["credit"] == {}


def test_a_disputed_chargeback_keeps_shown_cards_until_it_is_lost(merchant, owner):
    tenant = owner("PATCH", "/v1/tenant", {"chargebacks": "dispute"})
    assert tenant.json["chargebacks"] == "dispute"
    place = sold(merchant)
    letter = {"outcome": "lost", "evidence": "letter of the bank"}
    assert problem(owner.post(f"{place}/dispute", letter)) == (409, "not_disputed")
    page = Browser(merchant.cloud)
    assert page.program(f"/r/{merchant.token('A-1')}/reveal").status == 200
    merchant.tell("order.chargeback", {"order_id": "A-1", "chargeback_id": "c-1"})
    merchant.cloud.wait_idle()
    order = owner.get(place).json
    assert merchant.counts("A-1") == {"DISPUTED": 2}
    assert (order["dispute"], order["status"]) == ("open", "disputed")

    assert owner.post(f"{place}/dispute", letter | {"evidence": "the second letter"}).json["changed"]
    merchant.cloud.wait_idle()
    assert merchant.counts("A-1") == {"REFUNDED": 2}
    assert owner.get(place).json["dispute"] == "lost"
