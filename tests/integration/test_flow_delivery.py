"""From the allocated card to the buyer: mails, links, and what happens when one of them fails."""

import re

import pytest

from cardcourier import wiring
from cardcourier.adapters.tables import keys
from cardcourier.clock import now_ms
from tests.integration.shop import (
    Browser,
    Log,
    acting,
    change_item,
    failed,
    merchant_of,
    messages,
    overdue,
    shopify_order,
    still,
)

LINK = re.compile(r"(http://127\.0\.0\.1:\d+)(/r/[\w-]{32})(?![\w-])")
CODE = re.compile(r"\b[0-9A-Z]{4}-[0-9A-Z]{4}\b")


@pytest.fixture(scope="module")
def open_cloud(cloud):
    with acting(cloud):
        yield cloud


@pytest.fixture
def merchant(open_cloud):
    with merchant_of(open_cloud) as merchant:
        merchant.sell("MONTH", cards=5, name_en="Mango TV, a month")
        yield merchant


def settle(*answers, merchant):
    assert [answer.status for answer in answers] == [200] * len(answers)
    merchant.cloud.wait_idle()


def asks(merchant, *orders, kind="deliver"):
    return [{"kind": kind, "tenant": merchant.id, "shop": merchant.own, "order": order} for order in orders]


def deliver(merchant, *orders):
    return merchant.cloud.invoke("delivery", messages("delivery", *asks(merchant, *orders)))


def undelivered(merchant, order):
    """As if the worker had died after it kept that the mail went out, and before the hand-over."""
    key = merchant.key_of(order)
    for unit in merchant.order(order)[1]:
        change_item(keys.unit(key, unit.line, unit.n), st={"S": "ALLOCATED"})
    due = {"N": str(now_ms() + 60_000)}
    change_item(keys.header(key), d={"S": keys.timer("ORDER", keys.order_pk(key))}, due=due)


def unsent(merchant, order, **values):
    """As if the worker had died while it sent: nobody knows whether the mail went out."""
    undelivered(merchant, order)
    [note] = notes(merchant, order)
    gone = {"st": {"S": "pending"}, "claim": {"S": "dead"}, "until": {"N": "1"}, "tried": {"L": []}}
    change_item(keys.notification(note.key, note.id), **gone | values)


def notes(merchant, order):
    return wiring.notifications().of_order(merchant.key_of(order))


def due(merchant, order):
    """Push the timer of what is to be sent again into the past."""
    for note in notes(merchant, order):
        past = {"N": str(now_ms() - 1000)}
        change_item(keys.notification(note.key, note.id), due=past, not_before=past)


# ---------------------------------------------------------------- mails


def test_a_mail_holds_the_link_and_the_pick_up_code_and_never_the_card(merchant):
    settle(merchant.pay("A-1", ("MONTH", 2)), merchant=merchant)
    [mail] = merchant.mails("A-1")
    for form in ("text", "html"):
        assert {path for _, path in LINK.findall(mail[form])} == {f"/r/{merchant.token('A-1')}"}
        assert CODE.findall(mail[form]) == [merchant.pick_up("A-1")]
    assert not any(code in str(mail) for code in merchant.codes.values())
    assert LINK.search(mail["text"])[1] == merchant.cloud.url
    [one, two] = merchant.order("A-1")[1]
    assert one.delivered_by == two.delivered_by == f"mail:{mail['id']}"
    assert Browser(merchant.cloud).get(LINK.search(mail["text"])[2]).status == 200


def test_the_mail_speaks_the_buyers_language(merchant):
    buyer = {"email": "smith@example.com", "language": "en-GB"}
    settle(merchant.pay("A-1", ("MONTH", 1), buyer=buyer), merchant=merchant)
    [mail] = merchant.mails_to("smith@example.com")
    assert "Mango TV, a month" in mail["text"]
    assert "您" not in mail["text"]


def test_a_late_card_has_a_mail_of_its_own(merchant):
    settle(merchant.pay("A-1", ("MONTH", 6)), merchant=merchant)
    early = merchant.mails("A-1")
    assert "5 张" in early[0]["subject"]
    merchant.restock("MONTH", 1)
    merchant.cloud.wait_idle()
    last, *before = merchant.mails("A-1")
    assert (before, "张" in last["subject"]) == (early, False)
    assert LINK.findall(early[0]["text"]) == LINK.findall(last["text"])
    assert merchant.counts("A-1") == {"DELIVERED": 6}


def test_an_order_of_many_is_told_of_all_its_cards(merchant):
    merchant.stock("MONTH", 45)
    settle(merchant.pay("A-1", ("MONTH", 40), ("MONTH", 10)), merchant=merchant)
    first = merchant.mails("A-1")[-1]
    assert "张" not in first["subject"]
    assert len(merchant.mails("A-1")) <= 3
    assert merchant.counts("A-1") == {"DELIVERED": 50}


@pytest.mark.parametrize(
    ("buyer", "refused"),
    [
        ({}, 0),
        ({"phone": "13800138000"}, 0),
        ({"email": "a,b@example.com"}, 1),
        ({"email": "a@b..example"}, 1),
    ],
    ids=["nobody", "phone", "comma", "dots"],
)
def test_who_cannot_be_mailed_still_has_the_link(merchant, buyer, refused):
    log = Log(merchant.cloud)
    settle(merchant.pay("A-1", ("MONTH", 1), buyer=buyer), merchant=merchant)
    [unit] = merchant.order("A-1")[1]
    assert (str(unit.state), unit.delivered_by) == ("DELIVERED", "link")
    assert log.metric("MailFailed") == refused
    assert "example" not in "".join(line for line in log.text.splitlines() if "buyer not told" in line)
    shown = Browser(merchant.cloud).program(f"/r/{merchant.token('A-1')}/reveal")
    assert [card["code"] for card in shown.json["cards"]] == [merchant.codes[unit.card]]


def test_a_replaced_card_is_told(merchant):
    settle(merchant.pay("A-1", ("MONTH", 1)), merchant=merchant)
    browser, path = Browser(merchant.cloud), f"/r/{merchant.token('A-1')}"
    [bad] = [card["code"] for card in browser.program(f"{path}/reveal").json["cards"]]
    wiring.replacer().replace(merchant.key_of("A-1"), "1", 1, "staff", "invalid", "request")
    merchant.cloud.wait_idle()
    last, first = merchant.mails("A-1")
    assert (first["subject"] != last["subject"], bad in str(last)) == (True, False)
    assert (merchant.counts("A-1"), merchant.pool("MONTH")) == ({"DELIVERED": 1}, 3)
    shown = browser.program(f"{path}/reveal", {"proof": merchant.pick_up("A-1")}).json["cards"]
    assert [card["code"] for card in shown] != [bad]


# ---------------------------------------------------------------- failing and trying again


def test_a_number_that_is_the_id_again_is_delivered(merchant):
    settle(
        merchant.shopify_says("orders/paid", shopify_order(601, (1, "MONTH", 1, "9.00"))), merchant=merchant
    )
    assert merchant.order("601", merchant.shopify)[0].number == "#601"
    assert merchant.counts("601", merchant.shopify) == {"DELIVERED": 1}


def test_dying_while_it_is_sent_repeats_the_same_mail(merchant):
    settle(merchant.pay("A-1", ("MONTH", 1)), merchant=merchant)
    [card] = [unit.card for unit in merchant.order("A-1")[1]]
    with still(merchant.cloud):
        unsent(merchant, "A-1")
        assert failed(deliver(merchant, "A-1")) == []
    again, first = merchant.mails("A-1")
    assert (LINK.findall(again["text"]), CODE.findall(again["text"])) == (
        LINK.findall(first["text"]),
        CODE.findall(first["text"]),
    )
    [unit] = merchant.order("A-1")[1]
    assert (unit.card, str(unit.state)) == (card, "DELIVERED")
    [note] = notes(merchant, "A-1")
    assert [attempt.outcome for attempt in note.attempts] == ["unknown", "sent"]


def test_dying_after_the_mail_was_kept_as_sent_repeats_nothing(merchant):
    settle(merchant.pay("A-1", ("MONTH", 2)), merchant=merchant)
    with still(merchant.cloud):
        undelivered(merchant, "A-1")
        assert failed(deliver(merchant, "A-1")) == []
    assert (len(merchant.mails("A-1")), merchant.counts("A-1")) == (1, {"DELIVERED": 2})
    assert merchant.order("A-1")[0].due is None


def test_while_another_worker_is_at_it_nothing_is_sent_or_committed(merchant):
    settle(merchant.pay("A-1", ("MONTH", 1)), merchant=merchant)
    with still(merchant.cloud):
        unsent(merchant, "A-1", until={"N": str(now_ms() + 60_000)})
        assert failed(deliver(merchant, "A-1")) == []
        assert (len(merchant.mails("A-1")), merchant.counts("A-1")) == (1, {"ALLOCATED": 1})
        assert merchant.order("A-1")[0].due


def test_a_lost_delivery_message_is_found_by_the_sweeper(merchant):
    settle(merchant.pay("A-1", ("MONTH", 2)), merchant=merchant)
    with still(merchant.cloud):
        undelivered(merchant, "A-1")
        overdue(merchant, "A-1")
        merchant.cloud.run_schedule("release")
    merchant.cloud.wait_idle()
    assert merchant.counts("A-1") == {"DELIVERED": 2}
    assert merchant.order("A-1")[0].due is None


def test_while_mail_is_away_the_order_is_handed_over_and_the_mail_follows(merchant):
    """First mail alone is away; in a process that knows no key yet, the keys are too."""
    settle(*(merchant.pay(order, ("MONTH", 1)) for order in ("A-1", "A-2")), merchant=merchant)
    with still(merchant.cloud):
        for order in ("A-1", "A-2"):
            [note] = notes(merchant, order)
            unsent(merchant, order)
        log = Log(merchant.cloud)
        with merchant.cloud.outage():
            assert failed(deliver(merchant, "A-1")) == []
            merchant.cloud.cold_start()
            assert failed(deliver(merchant, "A-2")) == ["m0"]
        assert (merchant.counts("A-1"), merchant.counts("A-2")) == ({"DELIVERED": 1}, {"ALLOCATED": 1})
        assert (log.metric("MailFailed"), log.metric("NotificationFailed")) == (1, 0)
        [note] = notes(merchant, "A-1")
        assert (str(note.status), note.attempts[-1].outcome) == ("pending", "unavailable")
        assert merchant.order("A-1")[0].due is None
        [unit] = merchant.order("A-1")[1]
        assert unit.delivered_by == "mail"
        before = len(merchant.mails("A-1"))
        merchant.cloud.run_schedule("release")
        due(merchant, "A-1")
    merchant.cloud.run_schedule("release")
    merchant.cloud.wait_idle()
    [note] = notes(merchant, "A-1")
    assert (str(note.status), note.due) == ("sent", None)
    assert len(merchant.mails("A-1")) == before + 1


def test_a_refused_mail_waits_for_a_person_who_has_it_tried_again(merchant):
    settle(merchant.pay("A-1", ("MONTH", 1), buyer={"email": "a@b..example"}), merchant=merchant)
    unnoticed = wiring.notifications().unnoticed
    [note] = unnoticed(merchant.id, None, 50).items
    assert (note.key.order, str(note.status), note.channel) == ("A-1", "refused", "mail")
    desk = wiring.notifications_desk()
    desk.try_again(note.key, note.id, "staff", "rid-1")
    merchant.cloud.wait_idle()
    [note] = unnoticed(merchant.id, None, 50).items
    assert [attempt.outcome for attempt in note.attempts] == ["refused", "refused"]
    assert desk.notice(note.key, note.id, "staff", "rid-2").noticed
    assert unnoticed(merchant.id, None, 50).items == ()
    kept = notes(merchant, "A-1")
    desk.notice(note.key, note.id, "staff", "rid-2")
    assert notes(merchant, "A-1") == kept


def test_asked_again_twice_the_link_goes_out_once_for_each_ask(merchant):
    settle(merchant.pay("A-1", ("MONTH", 1)), merchant=merchant)
    [ask] = asks(merchant, "A-1", kind="again")
    first, second = {**ask, "ask": "1"}, {**ask, "ask": "2"}
    merchant.cloud.invoke("delivery", messages("delivery", first, first, second))
    merchant.cloud.invoke("delivery", messages("delivery", second, ask))
    merchant.cloud.invoke("delivery", messages("delivery", first))
    assert len(merchant.mails("A-1")) == 1 + 3
    assert {note.id for note in notes(merchant, "A-1")} == {
        "1.0001.0.mail",
        "again.1.mail",
        "again.2.mail",
        "again.m1.mail",
    }


def spoilt(sealed):
    """Sealed bytes of which the last is another one, whatever it was."""
    return sealed[:-1] + bytes([sealed[-1] ^ 1])


@pytest.mark.fault("queues: partial")
def test_one_bad_message_or_order_fails_alone(merchant):
    settle(*(merchant.pay(order, ("MONTH", 1)) for order in ("A-1", "A-2", "A-3")), merchant=merchant)
    contact = merchant.order("A-2")[0].contact
    first, spoiled, last, unknown = asks(merchant, "A-1", "A-2", "A-3", "no such order")
    wrong = ["not json", "[]", {"kind": "deliver"}]
    with still(merchant.cloud):
        for order in ("A-1", "A-2", "A-3"):
            unsent(merchant, order)
        change_item(keys.header(merchant.key_of("A-2")), contact={"B": spoilt(contact)})
        log = Log(merchant.cloud)
        batch = messages("delivery", first, *wrong, spoiled, unknown, last)
        assert failed(merchant.cloud.invoke("delivery", batch)) == ["m1", "m2", "m3", "m4"]
        assert [merchant.counts(order) for order in ("A-1", "A-2", "A-3")] == [
            {"DELIVERED": 1},
            {"ALLOCATED": 1},
            {"DELIVERED": 1},
        ]
        assert log.text.count('"message failed"') == 4
        change_item(keys.header(merchant.key_of("A-2")), contact={"B": contact})
    merchant.cloud.wait_idle()
    assert merchant.counts("A-2") == {"DELIVERED": 1}


@pytest.mark.fault("queues: partial", "queues: late")
def test_one_bad_request_for_a_pass_fails_alone(merchant):
    settle(merchant.pay("A-1", ("MONTH", 1)), merchant=merchant)
    good = {"kind": "order", "tenant": merchant.id, "shop": merchant.own, "order": "A-1"}
    wrong = [
        "not json",
        "[]",
        "{}",
        {"kind": "order", "tenant": 1},
        {"kind": "room", "tenant": "t", "room": "X"},
    ]
    lost = {"kind": "room", "tenant": merchant.id, "room": "NO SUCH ROOM", "ref": "MONTH"}
    answer = merchant.cloud.invoke("allocation", messages("orders", *wrong, good, lost, good))
    assert failed(answer) == ["m0", "m1", "m2", "m3", "m4", "m6"]
    assert (merchant.counts("A-1"), merchant.pool("MONTH")) == ({"DELIVERED": 1}, 4)


@pytest.mark.fault("queues: twice", "queues: late")
def test_a_repeated_message_mails_once(merchant):
    settle(merchant.pay("A-1", ("MONTH", 1)), merchant=merchant)
    deliver(merchant, "A-1", "A-1", "A-1")
    deliver(merchant, "A-1")
    assert len(merchant.mails("A-1")) == 1


def test_a_card_refunded_before_it_was_handed_over_is_not_mailed(merchant):
    settle(merchant.pay("A-1", ("MONTH", 1)), merchant=merchant)
    with still(merchant.cloud):
        undelivered(merchant, "A-1")
        merchant.refund("A-1")
        assert failed(deliver(merchant, "A-1")) == []
        assert merchant.counts("A-1") == {"ALLOCATED": 1}
    merchant.cloud.wait_idle()
    assert (merchant.counts("A-1"), len(merchant.mails("A-1"))) == ({"RETURNED": 1}, 1)
    assert merchant.pool("MONTH") == 5
