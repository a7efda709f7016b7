"""Claims, card status, redemption facts, caps and warranty, supplier claims: over HTTP on the whole cloud."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from cardcourier import wiring
from cardcourier.clock import now_ms
from tests.integration.api_client import caller, open_merchant, problem
from tests.integration.shop import Browser, acting, rfc3339

DAY = 86_400_000
WHY = {"reason": "checked"}


@pytest.fixture(scope="module")
def open_cloud(cloud):
    with acting(cloud):
        yield cloud


@pytest.fixture(scope="module")
def merchant(open_cloud):
    merchant = open_merchant(open_cloud)
    merchant.sell("MONTH", cards=14)
    return merchant


def shown(merchant, order, cards=1):
    """An order whose cards its buyer saw; its page."""
    merchant.pay(order, ("MONTH", cards))
    merchant.cloud.wait_idle()
    page = f"/r/{merchant.token(order)}"
    assert Browser(merchant.cloud).form(f"{page}/reveal").status == 200
    return page


def unit_of(merchant, order, n=1):
    return wiring.orders().unit(merchant.key_of(order), "1", n)


def lines(merchant, kind):
    merchant.cloud.wait_idle()
    found = wiring.journal().lines(merchant.id, now_ms() - DAY, now_ms() + DAY)
    return [line for line in found if line.kind == kind]


def test_a_report_is_a_claim_that_is_replaced_once_and_traced(merchant):
    page, owner = shown(merchant, "C-1"), caller(merchant)
    old = unit_of(merchant, "C-1")
    browser = Browser(merchant.cloud)
    report = {"reason": "used", "ref": "1#0001", "text": "call 13800138000 " + merchant.codes[old.card]}
    for _ in range(2):
        told = browser.program(f"{page}/problem", report).json
        assert told["cards"][0]["claim"] == "open"
    [waits] = [one for one in owner.get("/v1/claims").json["items"] if one["order"] == "C-1"]
    assert (waits["reason"], waits["state"], waits["card_now"]) == ("used", "open", "held")
    assert "1380013" not in waits["note"] and merchant.codes[old.card] not in waits["note"]

    place = f"/v1/orders/{merchant.own}/C-1/claims/{waits['claim']}"
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: owner.post(f"{place}/replace", WHY).status, range(4)))

    assert 200 in answers
    assert owner.post(f"{place}/replace", WHY).json["state"] == "replaced"
    now = unit_of(merchant, "C-1")
    assert (now.gen, now.replaces) == (1, old.card)
    assert problem(owner.post(f"{place}/reject", WHY)) == (409, "claim_closed")
    before, after = (owner.get(f"/v1/cards/{card}").json for card in (old.card, now.card))
    assert (before["state"], before["replaced_by"], after["replaces"]) == ("replaced", now.card, old.card)
    assert [one["claim"] for one in before["claims"]] == [waits["claim"]] and after["claims"] == []
    assert before["spent"]["order"] == "C-1" and before["origin"]["batch"] == old.batch
    assert len(lines(merchant, "claim.closed")) == len(lines(merchant, "claim.opened")) == 1
    entries = owner.get(f"/v1/orders/{merchant.own}/C-1").json["timeline"]
    assert [one["what"] for one in entries if one["what"] in ("problem", "claim replaced")] == [
        "problem",
        "claim replaced",
    ]


def test_what_was_not_shown_cannot_be_claimed_and_is_kept_as_a_note(merchant):
    merchant.pay("C-2", ("MONTH", 1))
    merchant.cloud.wait_idle()
    page, owner = f"/r/{merchant.token('C-2')}", caller(merchant)

    told = Browser(merchant.cloud).program(f"{page}/problem", {"reason": "invalid", "ref": "1#0001"}).json

    assert told["problem_sent"] and "claim" not in told["cards"][0]
    assert wiring.claims().of_order(merchant.key_of("C-2")) == []
    body = {"unit": "1#0001", "reason": "invalid"}
    opened = owner.post(f"/v1/orders/{merchant.own}/C-2/claims", body)
    assert problem(opened) == (422, "not_shown")


def test_claims_are_rejected_withdrawn_opened_again_and_refunded(merchant):
    page, owner = shown(merchant, "C-3"), caller(merchant)
    place = f"/v1/orders/{merchant.own}/C-3/claims"
    opened = owner.post(place, {"unit": "1#0001", "reason": "region", "note": "by phone"})
    claim = f"{place}/{opened.json['claim']}"
    assert opened.status == 201
    assert owner.post(f"{claim}/reject", WHY).json["state"] == "rejected"
    seen = Browser(merchant.cloud).program(f"{page}/problem", {"reason": "used", "ref": "1#0001"}).json
    assert seen["cards"][0]["claim"] == "rejected"
    assert owner.post(place, {"unit": "1#0001", "reason": "used"}).json["state"] == "open"
    assert owner.post(f"{claim}/wait", WHY).json["state"] == "waiting_supplier"

    for _ in range(2):
        assert owner.post(f"{claim}/refund", WHY).json["state"] == "refunded"
    merchant.cloud.wait_idle()

    assert str(unit_of(merchant, "C-3").state) == "REFUNDED"
    found = owner.get(claim).json
    assert (found["card_now"], found["state"]) == ("gone", "refunded")
    assert owner.get(f"/v1/cards/{found['card']}").json["state"] == "burnt"


def test_issuers_facts_are_kept_once_and_speak_for_or_against(merchant):
    shown(merchant, "C-4")
    owner, unit = caller(merchant), unit_of(merchant, "C-4")
    code, early = merchant.codes[unit.card], rfc3339(unit.exposed_at - DAY)
    rows = [
        {"code": code, "redeemed_at": early, "where": "华东 13800138000"},
        {"card": unit.card, "redeemed_at": early},
        {"card": unit.card, "redeemed_at": rfc3339(unit.exposed_at)},
        {"code": "KMUNKNOWN00000000", "redeemed_at": early},
        {"card": unit.card, "redeemed_at": "2199-01-01T00:00:00Z"},
    ]
    told = owner.post("/v1/cards/redeemed", {"source": "issuer.csv", "rows": rows}).json

    assert [row["result"] for row in told["rows"]] == ["kept", "known", "differs", "unknown_card", "bad_time"]
    assert (told["kept"], told["known"], told["refused"]) == (1, 1, 3)
    [found] = owner.post("/v1/cards/status", {"code": code}).json["items"]
    assert (found["state"], found["evidence"]) == ("redeemed", "redeemed_before_shown")
    assert found["redemption"]["where"] == "华东 …" and found["holders"][0]["network"]
    assert code not in str(found)
    assert owner.post("/v1/cards/status", {"last4": unit.last4}).json["items"]
    assert problem(owner.post("/v1/cards/status", {})) == (422, "bad_query")
    [line] = lines(merchant, "card.redeemed")
    assert (line.card, line.why) == (unit.card, "issuer.csv")


def test_caps_hold_under_concurrency_and_the_warranty_ends(merchant):
    owner, support = caller(merchant), caller(merchant, "support")
    assert owner("PATCH", "/v1/tenant", {"replacement_caps": {"support": 2}}).status == 200
    shown(merchant, "C-5", cards=4)
    place = f"/v1/orders/{merchant.own}/C-5/units/1"

    def swap(n):
        return support.post(f"{place}/{n}/replace", {"reason": "does not work"}).status

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(swap, range(1, 5)))
    gens = [unit_of(merchant, "C-5", n).gen for n in range(1, 5)]
    assert sum(gens) == answers.count(200) <= 2, answers

    late = next(n for n, gen in enumerate(gens, start=1) if not gen)
    merchant.sell("MONTH", warranty_days=0)
    wiring.catalogue().forget()
    merchant.cloud.wait_idle()
    from cardcourier.errors import Conflict
    from cardcourier.services.handling_orders import Who

    key, who = merchant.key_of("C-5"), Who("key:o", "owner", "rid-w")
    with pytest.raises(Conflict) as ended:
        wiring.replacements().replace(key, "1", late, "late", who)
    assert ended.value.code == "out_of_warranty"
    denied = support.post(f"{place}/{late}/replace", {"reason": "x", "override": True})
    assert problem(denied) == (403, "not_allowed")
    assert wiring.replacements().replace(key, "1", late, "kind", who, override=True).gen == 1


def test_bad_cards_are_told_to_their_supplier_and_credited_once(merchant):
    from cardcourier.domain.catalogue import Batch

    shown(merchant, "C-6")
    owner, unit = caller(merchant), unit_of(merchant, "C-6")
    assert owner.post("/v1/suppliers", {"id": "mango", "name": "芒果"}).status == 201
    batch = Batch(tenant=merchant.id, id=unit.batch, sku="MONTH", supplier="mango", file_name="a.txt")
    wiring.catalogue_table().put((f"C#{merchant.id}", f"BATCH#{unit.batch}"), batch, now_ms(), "test")
    claims = f"/v1/orders/{merchant.own}/C-6/claims"
    owner.post(claims, {"unit": "1#0001", "reason": "invalid"})
    merchant.cloud.wait_idle()

    made = owner.post("/v1/supplier-claims", {"supplier": "mango", "batch": unit.batch})
    assert made.status == 201, made.text
    assert unit.card in [card["card"] for card in made.json["bad_cards"]]
    place = f"/v1/supplier-claims/{made.json['id']}"
    again = owner.post("/v1/supplier-claims", {"supplier": "mango"})
    assert problem(again) == (409, "nothing_to_claim")
    text = owner.get(f"{place}/file").json["text"]
    assert unit.card in text and "C-6" not in text and merchant.codes[unit.card] not in text
    assert owner.get(f"{claims}/1.0001.0").json["state"] == "waiting_supplier"
    assert owner.post(f"{place}/sent", WHY).json["state"] == "sent"
    assert problem(owner.post(f"{place}/credited", WHY | {"amount": 1})) == (409, "wrong_stage")
    assert owner.post(f"{place}/answered", WHY | {"accepted": made.json["cards"]}).json["state"] == "accepted"
    for _ in range(2):
        told = owner.post(f"{place}/credited", WHY | {"amount": 1500, "currency": "CNY"}).json
        assert told["credit"] == {"amount": 1500, "currency": "CNY"}
    assert owner.post(f"{place}/credited", WHY | {"amount": 9, "currency": "CNY"}).status == 409
    [line] = lines(merchant, "supplier_claim.credited")
    assert [(leg.kind, leg.amount) for leg in line.legs] == [("cost_recovery", 1500)]
