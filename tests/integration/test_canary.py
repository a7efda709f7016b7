"""The canary on the local cloud: round after round through the front door, and nothing of it elsewhere."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from cardcourier import wiring
from cardcourier.adapters.tables.catalogue import canary_key
from cardcourier.adapters.tables.writes import Delete
from cardcourier.clock import now_ms
from cardcourier.domain.journal import DAY
from cardcourier.domain.segments import SEAL_AFTER
from cardcourier.services.verifying import verify
from cardcourier_cli.ops.scanning import Scanner
from tests.integration.api_client import caller, listed, problem
from tests.integration.receiver import receiving
from tests.integration.shop import Log, Merchant, acting, forget_messages, raw_items, wait_until

SLOT = 300_000


@pytest.fixture(scope="module")
def open_cloud(cloud):
    with acting(cloud):
        yield cloud


@pytest.fixture
def house(open_cloud):
    merchant = listed(Merchant(open_cloud))
    yield merchant, caller(merchant)
    wiring.main_table().write(Delete(canary_key(merchant.id)))
    forget_messages(open_cloud)


def switch(merchant, owner, enabled=True):
    answer = owner("PUT", "/v1/canary", {"enabled": enabled})
    assert answer.status == 200, answer.text
    merchant.cloud.wait_idle()
    return answer.json


def strike(merchant, nth):
    """The n-th strike of the clock from now; returns the canary then."""
    at = now_ms() // SLOT * SLOT + nth * SLOT
    time = f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"
    merchant.cloud.invoke("canary", {"time": time})
    return wiring.canaries().canary(merchant.id)


def order_of(merchant, canary):
    _, units, _ = wiring.orders().order(merchant.key_of(canary.order, f"canary-{merchant.id}"))
    return units


def overdue(merchant):
    """Let the minute that an order has be over."""
    canary = wiring.canaries().canary(merchant.id)
    wiring.canaries().change_canary(replace(canary, placed_at=canary.placed_at - 70_000), now_ms(), "test")


def test_a_round_places_judges_refunds_and_uses_the_card_again(house):
    merchant, owner = house
    switch(merchant, owner)
    assert merchant.pool("CANARY") == 5
    [card, *others] = raw_items(prefix=f"P#{merchant.id}#CANARY#")
    for other in others:
        wiring.main_table().write(Delete((other["pk"]["S"], other["sk"]["S"])))

    log = Log(merchant.cloud)
    began = now_ms() // SLOT
    placed = strike(merchant, 1)
    assert placed.stage == "placed" and began < placed.slot <= now_ms() // SLOT + 1
    assert strike(merchant, 1) == placed, "a clock that strikes twice places one order"
    merchant.cloud.wait_idle()
    [unit] = order_of(merchant, placed)
    assert (unit.state, unit.delivered_by) == ("DELIVERED", "link") and card["sk"]["S"].endswith(unit.card)

    refunded = strike(merchant, 2)
    assert (refunded.stage, refunded.order, refunded.result) == ("refunded", placed.order, "ok")
    assert 0 <= refunded.took < 60_000
    merchant.cloud.wait_idle()
    assert [unit.state for unit in order_of(merchant, refunded)] == ["RETURNED"]

    again = strike(merchant, 3)
    assert again.stage == "placed" and again.order != placed.order
    merchant.cloud.wait_idle()
    assert [one.card for one in order_of(merchant, again)] == [unit.card]
    wait_until(lambda: log.metric("CanaryJudged") >= 2)
    assert log.metric("CanaryFailed") == 0 and '"CanarySeconds"' in log.text
    shown = owner.get("/v1/canary").json
    assert (shown["enabled"], shown["result"], shown["failures"]) == (True, "ok", 0)
    assert shown["milliseconds"] == refunded.took and shown["shop"] == f"canary-{merchant.id}"

    switch(merchant, owner, enabled=False)
    strike(merchant, 4)
    merchant.cloud.wait_idle()
    ended = strike(merchant, 5)
    assert ended.idle and not ended.enabled, "what was under way is refunded still, and nothing follows"


def test_nothing_of_it_is_seen_and_no_money_is_booked(house):
    merchant, owner = house
    with receiving() as receiver:
        owner.post("/v1/webhook-endpoints", {"url": receiver.url})
        mails = len(merchant.cloud.mails())
        switch(merchant, owner)
        canary = strike(merchant, 1)
        merchant.cloud.wait_idle()
        last4 = order_of(merchant, canary)[0].last4
        strike(merchant, 2)
        merchant.cloud.wait_idle()
        assert receiver.heard == []
    assert len(merchant.cloud.mails()) == mails
    for path in ("orders", "shops", "products", "stock", "batches", "imports", "unread", "notifications"):
        assert "canary" not in owner.get(f"/v1/{path}").text.lower(), path
    for text in (canary.order, last4, f"CANARY{canary.since}01"):
        assert owner.get(f"/v1/search?q={text}").json["items"] == [], text
    for method, path in (("GET", ""), ("PATCH", ""), ("POST", "/secrets")):
        answer = owner(method, f"/v1/shops/canary-{merchant.id}{path}", {} if method != "GET" else None)
        assert problem(answer) == (404, "not_found")
    assert (
        raw_items("VIEWS_TABLE", f"A#{merchant.id}#") == raw_items("VIEWS_TABLE", f"K#{merchant.id}#") == []
    )
    assert (
        raw_items("VIEWS_TABLE", f"4#{merchant.id}#") == raw_items("VIEWS_TABLE", f"B#{merchant.id}#") == []
    )

    lines = list(wiring.journal().lines(merchant.id, now_ms() - DAY, now_ms() + DAY))
    moves = [line.kind for line in lines if line.order == canary.order and line.unit]
    assert sorted(moves) == ["unit.allocated", "unit.delivered", "unit.returned"]
    assert all(line.legs == () for line in lines)
    for report in ("R1", "R4"):
        wanted = {"report": report, "format": "csv"}
        wanted |= {"from": iso_day(now_ms() - DAY), "to": iso_day(now_ms() + DAY)}
        job = owner.post("/v1/reports", wanted).json["id"]
        merchant.cloud.wait_idle()
        done = owner.get(f"/v1/reports/{job}").json
        assert (done["state"], done["rows"]) == ("done", 0), done


def iso_day(at):
    return f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d}"


def test_the_nightly_check_and_the_whole_of_it_find_nothing(house):
    merchant, owner = house
    switch(merchant, owner)
    for nth in (1, 2, 3):
        strike(merchant, nth)
        merchant.cloud.wait_idle()
    [tenant] = [one for one in wiring.catalogue_table().tenants() if one.id == merchant.id]
    now = now_ms()
    wiring.seal_journal(tenant, now + DAY + SEAL_AFTER)
    wiring.seal_journal(tenant, now + 2 * DAY + SEAL_AFTER)
    assert wiring.auditor().audit(merchant.id, now - now % DAY, lambda: True).findings == []
    tables = (merchant.cloud.resource("MainTable"), merchant.cloud.resource("VaultTable"))
    assert verify(Scanner(wiring.client("dynamodb"), *tables, merchant.id))[0] == []


def test_a_paused_product_and_a_front_door_that_fails_are_told_with_their_reason(house):
    merchant, owner = house
    switch(merchant, owner)
    assert owner.post("/v1/products/CANARY/pause", {"reason": "tried"}).status == 200
    merchant.cloud.kill("allocation")  # and with it what it read of the product half a minute ago
    log = Log(merchant.cloud)
    strike(merchant, 1)
    merchant.cloud.wait_idle()
    assert strike(merchant, 2).stage == "placed", "it has its minute"
    overdue(merchant)
    failed = strike(merchant, 2)
    assert (failed.result, failed.failures, failed.stage) == ("failed", 1, "refunded")
    assert failed.reason.startswith("not_delivered: SCHEDULED") and "tried" in failed.reason
    wait_until(lambda: log.metric("CanaryFailed") == 1)
    told = [json.loads(line) for line in log.text.splitlines() if "canary failed" in line]
    assert [(one["tenant"], one["order"], one["reason"]) for one in told] == [
        (merchant.id, failed.order, failed.reason)
    ]
    merchant.cloud.wait_idle()

    with merchant.cloud.faults(fail=1.0, only=("webhooks",)):
        shut = strike(merchant, 3)
    assert (shut.stage, shut.failures) == ("unplaced", 2) and shut.reason.startswith("front_door: answered 5")
    assert strike(merchant, 4).stage == "refunded"
    merchant.cloud.wait_idle()
    assert strike(merchant, 5).stage == "placed"


def test_allocation_that_does_not_work_is_a_failure(house):
    merchant, owner = house
    switch(merchant, owner)
    with merchant.cloud.faults(fail=1.0, only=("allocation",)):
        strike(merchant, 1)
        overdue(merchant)
        failed = strike(merchant, 2)
    assert (failed.result, failed.reason) == ("failed", "not_allocated: no unit was written")


def test_names_of_the_canary_are_nobody_elses(house):
    merchant, owner = house
    for name in ("canary", "canary-mine"):
        shop = owner.post("/v1/shops", {"id": name, "channel": "standard", "name": "Shop"})
        assert problem(shop) == (422, "reserved_id")
    assert problem(owner.post("/v1/products", {"sku": "CANARY", "name": "Bird"})) == (422, "reserved_sku")
    merchant.sell("CANARY")
    assert problem(owner("PUT", "/v1/canary", {"enabled": True})) == (409, "sku_taken")
    assert owner.get("/v1/canary").json["enabled"] is False


def test_switching_on_twice_brings_the_cards_once(house):
    merchant, owner = house
    first = switch(merchant, owner)
    assert switch(merchant, owner) == first
    assert merchant.pool("CANARY") == 5
