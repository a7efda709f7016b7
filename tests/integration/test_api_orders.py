"""Orders over `/v1`: found by every number, read with all that happened, and acted upon."""

from urllib.parse import quote

import pytest

from cardcourier import wiring
from cardcourier.clock import now_ms
from tests.integration.api_client import caller, listed, problem
from tests.integration.shop import Browser, Merchant, acting, raw_items, rfc3339

DAY = 86_400_000


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


def settle(merchant):
    merchant.cloud.wait_idle()


def sold(merchant, order="A-1", pieces=1, **data):
    assert merchant.pay(order, ("MONTH", pieces), **data).status == 200
    settle(merchant)
    return f"/v1/orders/{merchant.own}/{quote(order, safe='')}"


def shown(merchant, order):
    answer = Browser(merchant.cloud).program(f"/r/{merchant.token(order)}/reveal")
    assert answer.status == 200
    return [card["code"] for card in answer.json["cards"] if "code" in card]


# ---------------------------------------------------------------- reading


def test_an_order_is_told_with_everything_that_happened_to_it(merchant, owner):
    place = sold(merchant, pieces=2, number="#77", payments=[{"id": "pay-000001", "amount": "50.00"}])
    codes = shown(merchant, "A-1")
    owner.post(f"{place}/notes", {"text": "阿里旺旺问过", "unit": "1#0001"})
    merchant.refund("A-1", items=[{"line_id": "1", "quantity": 1}], amount="25.00", currency="CNY")
    settle(merchant)

    order = owner.get(place).json

    assert (order["number"], order["amount"]) == ("#77", {"amount": 5000, "currency": "CNY"})
    assert order["payments"] == ["pay-000001"]
    assert [line["price"]["amount"] for line in order["lines"]] == [2500]
    assert sorted(unit["state"] for unit in order["units"]) == ["REFUNDED", "REVEALED"]
    live = next(unit for unit in order["units"] if unit["state"] == "REVEALED")
    assert live["card"] in {f"****{code[-4:]}" for code in codes} and live["views"] == 1
    assert [(fact["kind"], fact["amount"]["amount"]) for fact in order["facts"]] == [("refund", 2500)]
    what = [(entry["what"], entry["unit"]) for entry in order["timeline"]]
    for expected in [
        ("paid", ""),
        ("allocated", "1#0001"),
        ("delivered", "1#0001"),
        ("revealed", "1#0001"),
        ("note", "1#0001"),
        ("refund", ""),
    ]:
        assert expected in what
    assert all(
        entry["by"] and (entry["request_id"] or entry["what"] == "paid") for entry in order["timeline"]
    )
    assert [entry["at"] for entry in order["timeline"]] == sorted(entry["at"] for entry in order["timeline"])
    assert not [code for code in codes if code in str(order)]


def test_facts_that_deserve_a_look_are_warned_of(merchant, owner):
    place = sold(
        merchant,
        created_at=rfc3339(now_ms() - 3 * DAY),
        payments=[{"id": "pay-1", "amount": "25.00"}],
    )
    merchant.pay("A-1", ("MONTH", 1), payments=[{"id": "pay-2", "amount": "25.00"}])
    merchant.refund("B-1", refund="early", full=True, refunded_at=rfc3339(now_ms() - DAY))
    before = sold(merchant, "B-1")
    merchant.pay("C-1", ("MONTH", 1), total="99.00", payments=[{"id": "p", "amount": "25.00"}])
    settle(merchant)

    assert {w["code"] for w in owner.get(place).json["warnings"]} == {"paid_twice", "paid_late"}
    assert {w["code"] for w in owner.get(before).json["warnings"]} == {"stopped_before_payment"}
    held = owner.get(f"/v1/orders/{merchant.own}/C-1").json
    assert [w["code"] for w in held["warnings"]] == ["held"]
    assert "amount" in held["warnings"][0]["detail"] and held["status"] == "held_amount"


def test_orders_are_listed_newest_first_filtered_and_paged(merchant, owner):
    for n in range(7):
        merchant.pay(f"L-{n}", ("MONTH", 1))
    merchant.pay("H-1", ("MONTH", 1), payments=[{"id": "p", "amount": "1.00"}])
    settle(merchant)

    seen, cursor = [], ""
    while True:
        page = owner.get(f"/v1/orders?limit=3{cursor}").json
        assert len(page["items"]) <= 3
        seen += page["items"]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"

    assert len(seen) == 8 == len({row["order"] for row in seen})
    assert [row["at"] for row in seen] == sorted((row["at"] for row in seen), reverse=True)
    held = owner.get("/v1/orders?status=held_amount").json["items"]
    assert [row["order"] for row in held] == ["H-1"]
    assert owner.get(f"/v1/orders?shop={merchant.shopify}").json["items"] == []
    now = now_ms()
    past = f"/v1/orders?from={rfc3339(now - 9 * DAY)}&to={rfc3339(now - 8 * DAY)}".replace("+", "%2B")
    assert owner.get(past).json["items"] == []
    assert problem(owner.get(f"/v1/orders?from={rfc3339(now)}&to={rfc3339(now - DAY)}")) == (
        422,
        "bad_period",
    )


def test_an_order_may_have_any_id(merchant, owner):
    for order in ("中文 单号（1）", "a/b", "1+1=2&x", "x#1", "50%"):
        sold(merchant, order)

    for told, address in {
        "中文 单号（1）": "中文 单号（1）",
        "a/b": "a%2Fb",
        "1+1=2&x": "1+1=2&x",
        "x#1": "x%231",
        "50%": "50%25",
    }.items():
        answer = owner.get(f"/v1/orders/{merchant.own}/{quote(address, safe='')}")
        assert answer.status == 200, told
        assert owner.get(f"/v1/search?q={quote(told)}").json["items"][0]["order"] == answer.json["order"]


# ---------------------------------------------------------------- finding


def test_one_box_finds_an_order_by_every_kind_of_number(merchant, owner):
    buyer = {"email": merchant.address("A-77"), "phone": "13800138000"}
    payment = {"id": "4200001234202611", "amount": "25.00"}
    sold(merchant, "A-77", number="#2077", payments=[payment], buyer=buyer)
    code = shown(merchant, "A-77")[0]
    link = owner.get(f"/v1/orders/{merchant.own}/A-77/link").json

    found_by = {
        "A-77": "order",
        "#2077": "order_number",
        "2077": "order_number",
        "4200001234202611": "payment",
        merchant.address("A-77").upper(): "email",
        "138 0013 8000": "phone",
        link["pick_up_code"]: "pick_up_code",
        link["pick_up_code"].replace("-", "").lower(): "pick_up_code",
        code: "card",
        code[-4:]: "last4",
    }
    for text, by in found_by.items():
        items = owner.get(f"/v1/search?q={quote(text)}").json["items"]
        assert [(hit["order"], hit["found_by"]) for hit in items] == [("A-77", by)], text
    assert owner.get("/v1/search?q=nothing-like-it").json["items"] == []
    assert problem(owner.get("/v1/search?q=")) == (422, "invalid_request")
    assert problem(owner.get(f"/v1/search?q={'x' * 3000}")) == (422, "invalid_request")


def test_a_burnt_card_leads_to_the_order_it_was_in(merchant, owner):
    place = sold(merchant)
    bad = shown(merchant, "A-1")[0]
    owner.post(f"{place}/units/1/1/replace", {"reason": "已被使用"})

    hits = owner.get(f"/v1/search?q={bad}").json["items"]

    assert [(hit["order"], hit["found_by"]) for hit in hits] == [("A-1", "card")]


# ---------------------------------------------------------------- acting


def test_a_held_order_is_let_go_once(merchant, owner):
    merchant.pay("H-1", ("MONTH", 1), payments=[{"id": "p", "amount": "1.00"}])
    settle(merchant)
    place = f"/v1/orders/{merchant.own}/H-1"

    first = owner.post(f"{place}/approve", {"reason": "老客户"})
    second = owner.post(f"{place}/approve", {"reason": "老客户"})
    settle(merchant)

    assert (first.json, second.json) == ({"changed": True}, {"changed": False})
    order = owner.get(place).json
    assert order["approved"] and order["units"][0]["state"] == "DELIVERED"
    approved = next(entry for entry in order["timeline"] if entry["what"] == "approved")
    assert approved["by"].startswith("key:") and approved["why"] == "老客户"


def test_an_order_ends_by_pieces_or_whole_and_unseen_cards_go_back(merchant, owner):
    place = sold(merchant, pieces=3)
    left = merchant.pool("MONTH")

    part = owner.post(f"{place}/cancel", {"reason": "买错", "pieces": [{"line": "1", "piece": 2}]})
    settle(merchant)
    assert part.json == {"changed": True}
    assert merchant.counts("A-1") == {"DELIVERED": 2, "RETURNED": 1} and merchant.pool("MONTH") == left + 1

    owner.post(f"{place}/cancel", {"reason": "不要了"})
    settle(merchant)
    assert merchant.counts("A-1") == {"RETURNED": 3} and merchant.pool("MONTH") == left + 3
    assert [fact["kind"] for fact in owner.get(place).json["facts"]] == ["cancel", "cancel"]
    nonsense = {"reason": "x", "pieces": [{"line": "1", "piece": 4}]}
    assert problem(owner.post(f"{place}/cancel", nonsense)) == (422, "no_such_piece")


def test_a_shown_card_is_replaced_and_an_unseen_one_is_not(merchant, owner):
    place = sold(merchant)
    unseen = owner.post(f"{place}/units/1/1/replace", {"reason": "无效"})
    old = shown(merchant, "A-1")[0]

    new = owner.post(f"{place}/units/1/1/replace", {"reason": "无效"})
    settle(merchant)

    assert problem(unseen) == (422, "not_shown")
    assert new.status == 200 and new.json["replaced"] == 1
    assert shown_again(merchant, "A-1") != old
    entries = owner.get(place).json["timeline"]
    assert ("replaced", "1#0001") in {(entry["what"], entry["unit"]) for entry in entries}
    assert problem(owner.post(f"{place}/units/1/9/replace", {"reason": "x"})) == (404, "not_found")
    assert problem(owner.post(f"{place}/units/1/x/replace", {"reason": "x"})) == (422, "no_such_piece")


def shown_again(merchant, order):
    code = merchant.pick_up(order)
    answer = Browser(merchant.cloud).program(f"/r/{merchant.token(order)}/reveal", {"proof": code})
    return next(card["code"] for card in answer.json["cards"] if "code" in card)


def test_a_card_shown_once_is_opened_anew_for_whoever_comes_next(merchant, owner):
    merchant.sell("ONCE", cards=1, policy="once")
    merchant.pay("C-1", ("ONCE", 1))
    settle(merchant)
    place = f"/v1/orders/{merchant.own}/C-1"
    unseen = owner.post(f"{place}/units/1/1/reopen", {"reason": "没看到"})
    (code,) = shown(merchant, "C-1")
    assert shown(merchant, "C-1") == [], "another browser"

    opened = owner.post(f"{place}/units/1/1/reopen", {"reason": "手机坏了"})
    settle(merchant)

    assert problem(unseen) == (422, "not_shown")
    assert (opened.status, opened.json["views"], opened.json["state"]) == (200, 0, "REVEALED")
    history = owner.get(place).json
    assert ("opened anew: 手机坏了", "1#0001") in {(one["why"], one["unit"]) for one in history["timeline"]}
    assert ("手机坏了", "opened anew") in {(note["text"], note["about"]) for note in history["notes"]}
    assert shown(merchant, "C-1") == [code]
    assert shown(merchant, "C-1") == []
    assert problem(owner.post(f"{place}/units/1/9/reopen", {"reason": "x"})) == (404, "not_found")
    owner.post(f"{place}/cancel", {"reason": "退款"})
    assert problem(owner.post(f"{place}/units/1/1/reopen", {"reason": "x"}))[1] in ("refunded", "not_shown")


def test_a_replacement_without_stock_says_so(merchant, owner):
    merchant.sell("ONE", cards=1)
    merchant.pay("O-1", ("ONE", 1))
    settle(merchant)
    shown(merchant, "O-1")

    answer = owner.post(f"/v1/orders/{merchant.own}/O-1/units/1/1/replace", {"reason": "x"})

    assert problem(answer) == (409, "no_stock")


def test_the_mail_goes_again_five_times_a_day(merchant, owner):
    place = sold(merchant, "M-1")
    before = len(merchant.mails("M-1"))

    answers = []
    for _ in range(6):
        answers.append(owner.post(f"{place}/resend"))
        settle(merchant)

    assert [answer.status for answer in answers] == [202] * 5 + [429]
    mails = merchant.mails("M-1")
    assert len(mails) - before == 5
    assert merchant.pick_up("M-1") in mails[0]["text"]
    assert [e["what"] for e in owner.get(place).json["timeline"]].count("sent again") == 5


def test_what_was_never_paid_is_neither_mailed_nor_linked_nor_approved(merchant, owner):
    merchant.refund("U-1")
    settle(merchant)
    place = f"/v1/orders/{merchant.own}/U-1"

    assert problem(owner.post(f"{place}/resend")) == (409, "not_paid")
    assert problem(owner.get(f"{place}/link")) == (409, "not_paid")
    assert problem(owner.post(f"{place}/approve", {})) == (409, "not_paid")
    merchant.sell("LATER", cards=0)
    merchant.pay("U-2", ("LATER", 1))
    merchant.pay("U-3", ("MONTH", 1), buyer={})
    settle(merchant)
    assert problem(owner.post(f"/v1/orders/{merchant.own}/U-2/resend")) == (409, "nothing_to_send")
    assert problem(owner.post(f"/v1/orders/{merchant.own}/U-3/resend")) == (409, "no_address")


def test_the_link_opens_the_buyers_page_and_ends_when_it_is_withdrawn(merchant, owner):
    place = sold(merchant)
    link = owner.get(f"{place}/link").json
    path = link["url"].removeprefix(merchant.cloud.url)

    assert path.startswith("/r/") and link["qr"].startswith("data:image/png;base64,")
    assert [unit["state"] for unit in link["units"]] == ["DELIVERED"]
    assert Browser(merchant.cloud).get(path).status == 200
    assert owner.get(f"{place}/link").json["url"] == link["url"]

    assert owner.post(f"{place}/withdraw-links", {"reason": "发错人"}).json == {"changed": True}
    settle(merchant)
    fresh = owner.get(f"{place}/link").json

    assert Browser(merchant.cloud).get(path).status == 404
    assert fresh["url"] != link["url"] and fresh["pick_up_code"] != link["pick_up_code"]
    assert Browser(merchant.cloud).get(fresh["url"].removeprefix(merchant.cloud.url)).status == 200
    assert owner.get(f"/v1/search?q={link['pick_up_code']}").json["items"] == []


def test_a_note_about_a_unit_that_does_not_exist_is_refused(merchant, owner):
    place = sold(merchant)

    assert problem(owner.post(f"{place}/notes", {"text": "x", "unit": "9#0001"})) == (404, "not_found")
    assert problem(owner.post(f"{place}/notes", {"text": ""})) == (422, "invalid_request")
    assert not raw_items(prefix=f"O#{merchant.id}#{merchant.own}#A-1#L")


def test_a_buyers_report_is_seen_with_the_order(merchant, owner):
    place = sold(merchant)
    shown(merchant, "A-1")
    Browser(merchant.cloud).form(
        f"/r/{merchant.token('A-1')}/problem", {"ref": "1#0001", "reason": "used", "text": "提示已使用"}
    )

    entries = [entry for entry in owner.get(place).json["timeline"] if entry["what"] == "problem"]

    assert [(entry["unit"], entry["by"]) for entry in entries] == [("1#0001", "buyer")]
    assert "提示已使用" in entries[0]["why"]


def test_signed_but_unread_notifications_are_listed_without_their_bodies(merchant, owner):
    merchant.tell("order.paid", {"order_id": "Z-1", "secret_field": "do-not-show"})
    settle(merchant)

    answer = owner.get("/v1/unread")

    assert [item["shop"] for item in answer.json["items"]] == [merchant.own]
    assert answer.json["items"][0]["reason"] and "do-not-show" not in answer.text


def test_reading_changes_nothing(merchant, owner):
    place = sold(merchant)
    owner.get(f"{place}/link")
    before = wiring.orders().order(merchant.key_of("A-1"))

    for path in (place, f"{place}/link", "/v1/orders", "/v1/search?q=A-1", "/v1/stock"):
        assert owner.get(path).status == 200

    after = wiring.orders().order(merchant.key_of("A-1"))
    assert (after[0], after[1]) == (before[0], before[1])
