"""Cards that are sold so often and no more: imported, sold, returned, replaced, searched for and undone."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from cardcourier import wiring
from cardcourier.domain.cards import base_of
from cardcourier.errors import Conflict
from local.engines import client
from tests.integration.api_client import caller, problem
from tests.integration.import_world import Flaky, Killed, World
from tests.integration.shop import Browser, acting, merchant_of, wait_until
from tests.integration.test_undoing import Shop

USES = 201
"""Three transactions for one card."""


@pytest.fixture
def world(each_engine_endpoint):
    return a_world(each_engine_endpoint)


def a_world(endpoint, **more):
    world = World(client("dynamodb", endpoint))
    world.sell(kind="shared", **more)
    return world


def begun(world, text="SHARED-CODE-0001", **data):
    job = world.upload(text, **{"uses": USES, **data})
    world.preview(job)
    return job


def uses(world):
    """How many uses of each card can be sold; none twice."""
    names = world.sellable()
    assert len(names) == len(set(names))
    return sorted(Counter(map(base_of, names)).values())


def test_each_card_has_as_many_markers_as_uses_and_one_place_in_the_vault(world):
    text = "卡密,使用次数,成本\nSHARED-CODE-0001,150,10.00\nSHARED-CODE-0002,,\nSHARED-CODE-0003,1,0.05"
    job = world.commit(begun(world, text, file_name="cards.csv", uses=7))

    assert (job.state, job.data["accepted"]) == ("committed", 3)
    assert uses(world) == [1, 7, 150]
    assert world.codes() == ["SHARED-CODE-0001", "SHARED-CODE-0002", "SHARED-CODE-0003"]
    costs = Counter()
    for marker in world.markers():
        costs[base_of(marker["sk"]["S"])] += int(marker["cost"]["N"])
    assert sorted(costs.values()) == [5, 1000, 1200]


def test_a_number_of_uses_that_makes_no_sense_is_refused_with_its_row(world):
    text = "卡密,可用次数\nSHARED-CODE-0001,0\nSHARED-CODE-0002,10001\nSHARED-CODE-0003,2\nSHARED-CODE-0004,x"
    seen = world.preview(world.upload(text, file_name="cards.csv"))
    assert (seen.data["codes"], seen.data["accepted"]) == ({"E_USES": 3}, 1)


@pytest.mark.parametrize("how", ["after", "twice"])
def test_a_crash_at_any_call_and_sales_in_between_issue_no_use_twice(engine_endpoint, how):
    at = 0
    while True:
        at += 1
        world = a_world(engine_endpoint)
        job, flaky = begun(world), Flaky(world.client, at, how)
        with suppress(Killed):
            world.commit(job, world.process(flaky))
        sold = world.markers()[::7]
        for marker in sold:
            world.client.delete_item(TableName=world.main.name, Key={k: marker[k] for k in ("pk", "sk")})

        assert world.commit(job).state == "committed"

        assert len(world.sellable()) + len(sold) == USES, f"{how} call {at}"
        assert len(world.sealed()) == 1
        if flaky.calls < at:
            break
    assert at > 8


def test_workers_on_one_job_and_sales_beside_them_issue_each_use_once(world):
    job = begun(world, "SHARED-CODE-0001\nSHARED-CODE-0002")
    with ThreadPoolExecutor(4) as workers:
        done = list(workers.map(lambda number: world.commit(job, rid=f"w{number}"), range(4)))
    assert {one.state for one in done} == {"committed"}
    assert uses(world) == [USES, USES]


def test_a_shared_card_that_is_in_stock_is_not_issued_again(world):
    world.commit(begun(world))
    again = begun(world, "SHARED-CODE-0001\nSHARED-CODE-0002", uses=3)
    job = world.commit(again)
    assert (job.data["accepted"], job.data["duplicates_in_stock"]) == (1, 1)
    assert uses(world) == [3, USES]


def test_undoing_voids_the_uses_that_are_left(world):
    job = begun(world, "SHARED-CODE-0001\nSHARED-CODE-0002", uses=120)
    world.commit(job)
    shop = Shop(world)
    for _ in range(5):
        shop.sell()
    world.order_undo(job)

    done = world.undo(job)

    assert (done.state, done.data["voided"], done.data["sold"]) == ("undone", 235, 5)
    assert (world.sellable(), len(world.void())) == ([], 235)


# -- sold, over the whole path ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def merchant(cloud):
    with acting(cloud), merchant_of(cloud) as merchant:
        yield merchant


def shared(merchant, sku, *uses_of_cards):
    """A product with so many uses of each card; the codes."""
    merchant.sell(sku, kind="shared")
    return [merchant.share(sku, uses) for uses in uses_of_cards]


def shown(merchant, order):
    answer = Browser(merchant.cloud).program(
        f"/r/{merchant.token(order)}/reveal", {"proof": merchant.pick_up(order)}
    )
    return [card["code"] for card in answer.json["cards"] if "code" in card]


def test_buyers_share_a_card_until_its_uses_are_sold(merchant):
    [code] = shared(merchant, "SH-1", 3)
    for number, pieces in enumerate((1, 2, 1), 1):
        merchant.pay(f"S1-{number}", ("SH-1", pieces))
        merchant.cloud.wait_idle()
    assert [merchant.counts(f"S1-{number}") for number in (1, 2, 3)] == [
        {"DELIVERED": 1},
        {"DELIVERED": 2},
        {"BACKORDER": 1},
    ]
    assert shown(merchant, "S1-1") == [code] and shown(merchant, "S1-2") == [code, code]

    merchant.refund("S1-2")
    merchant.refund("S1-1")
    merchant.cloud.wait_idle()
    assert merchant.counts("S1-3") == {"BACKORDER": 1}, "a use that was seen is burnt"
    merchant.share("SH-1", 1)
    merchant.pay("S1-4", ("SH-1", 1))
    merchant.cloud.wait_idle()
    assert merchant.pool("SH-1") == 0


def test_a_use_that_nobody_saw_is_sold_again(merchant):
    [code] = shared(merchant, "SH-2", 1)
    merchant.pay("S2-1", ("SH-2", 1))
    merchant.cloud.wait_idle()
    merchant.pay("S2-2", ("SH-2", 1))
    merchant.cloud.wait_idle()
    merchant.refund("S2-1")
    merchant.cloud.wait_idle()
    assert (merchant.counts("S2-1"), merchant.counts("S2-2")) == ({"RETURNED": 1}, {"DELIVERED": 1})
    assert shown(merchant, "S2-2") == [code]


def test_a_card_that_does_not_work_is_replaced_by_another_card_and_not_by_a_use_of_it(merchant):
    shared(merchant, "SH-3", 40)
    merchant.pay("S3-1", ("SH-3", 1))
    merchant.cloud.wait_idle()
    [old] = shown(merchant, "S3-1")
    key = merchant.key_of("S3-1")
    with pytest.raises(Conflict, match="no other card"):
        wiring.replacer().replace(key, "1", 1, "mei", "invalid", "r1")
    merchant.share("SH-3", 1)
    new = wiring.replacer().replace(key, "1", 1, "mei", "invalid", "r2")
    merchant.cloud.wait_idle()
    assert merchant.codes[base_of(new.card)] != old
    assert shown(merchant, "S3-1") == [merchant.codes[base_of(new.card)]]


def test_over_the_api_shared_cards_come_in_with_their_uses_and_stock_counts_both(merchant):
    owner = caller(merchant)
    assert owner.post("/v1/products", {"sku": "SH-5", "name": "共享", "kind": "shared"}).status == 201
    assert owner("PATCH", "/v1/products/SH-5", {"kind": "unique"}).json["kind"] == "unique"
    owner("PATCH", "/v1/products/SH-5", {"kind": "shared"})
    order = {"sku": "SH-5", "text": "API-SHARED-0001\nAPI-SHARED-0002\n", "uses": 12, "cost": 1000}

    place = f"/v1/imports/{owner.post('/v1/imports', order).json['id']}"
    for step, state in (("preview", "previewed"), ("commit", "committed")):
        owner.post(f"{place}/{step}")
        wait_until(lambda state=state: owner.get(place).json["state"] == state)

    stock = {row["sku"]: row for row in owner.get("/v1/stock?limit=100").json["items"]}
    row = stock["SH-5"]
    assert (row["kind"], row["available"], row["cards"]) == ("shared", 24, 2)
    assert problem(owner("PATCH", "/v1/products/SH-5", {"kind": "unique"})) == (422, "kind_is_fixed")
    merchant.sell("PLAIN")
    assert problem(owner.post("/v1/imports", order | {"sku": "PLAIN"})) == (422, "bad_uses")
    assert problem(owner.post("/v1/imports", order | {"uses": 10_001})) == (422, "invalid_request")


def test_a_pasted_card_leads_to_every_order_that_holds_a_use_of_it(merchant):
    [code] = shared(merchant, "SH-4", 10)
    for number in range(3):
        merchant.pay(f"S4-{number}", ("SH-4", 2))
    merchant.cloud.wait_idle()
    found = wiring.finder().find(merchant.id, code)
    assert sorted((hit.header.key.order, hit.by) for hit in found) == [(f"S4-{n}", "card") for n in range(3)]
