"""What buyers read: a tenant's own texts and SMS settings over `/v1`, and what then arrives."""

import pytest

from cardcourier import wiring
from tests.integration.api_client import caller, listed, problem
from tests.integration.shop import Log, Merchant, acting, raw_items

PLACE = "/v1/templates/mail/delivered/zh-CN"
PHONE = "+8613800138000"


@pytest.fixture(scope="module")
def open_cloud(cloud):
    with acting(cloud):
        yield cloud


@pytest.fixture
def merchant(open_cloud):
    merchant = listed(Merchant(open_cloud))
    merchant.sell("MONTH", cards=5, name="芒果TV会员月卡")
    return merchant


@pytest.fixture
def owner(merchant):
    return caller(merchant)


def texts_to(cloud, number):
    return [sms for sms in cloud.texts() if sms["to"] == number]


def number_of(merchant):
    """A telephone number of the merchant's own, so that tests do not read each other's messages."""
    return "+861380" + f"{int(merchant.id.rpartition('-')[2], 16) % 10**7:07d}"


# ---------------------------------------------------------------- own texts


def test_all_texts_are_listed_with_ours(owner):
    first = owner.get("/v1/templates?limit=10").json
    rest = owner.get(f"/v1/templates?limit=10&cursor={first['next_cursor']}").json
    found = [*first["items"], *rest["items"]]
    assert len(found) == 14 and rest["next_cursor"] is None
    assert all(item["parts"] == {} and item["ours"] for item in found)
    [sms] = [i for i in found if (i["channel"], i["kind"], i["language"]) == ("sms", "delivered", "zh-CN")]
    assert "{code}" in sms["ours"]["text"] and sms["placeholders"] == ["code", "product", "shop", "site"]


def test_own_words_reach_the_buyer_with_link_and_code(merchant, owner):
    parts = {
        "subject": "{order} 好了",
        "intro": "亲，<b>{products}</b>\n请查收",
        "outro": "{shop} & 客服 {support}",
    }
    assert owner("PUT", PLACE, {"parts": parts}).status == 200
    merchant.cloud.cold_start()
    merchant.pay("A-1", ("MONTH", 1))
    merchant.cloud.wait_idle()
    [mail] = merchant.mails("A-1")
    assert mail["subject"] == "A-1 好了"
    assert "亲，<b>芒果TV会员月卡 × 1</b>\n请查收" in mail["text"]
    assert "&lt;b&gt;芒果TV会员月卡 × 1&lt;/b&gt;<br>请查收" in mail["html"]
    for form in ("text", "html"):
        assert merchant.pick_up("A-1") in mail[form] and f"/r/{merchant.token('A-1')}" in mail[form]


def test_a_text_is_changed_only_as_it_was_seen(owner):
    fresh = owner.get(PLACE)
    first = owner("PUT", PLACE, {"parts": {"subject": "一"}}, if_match=fresh.headers["etag"])
    assert (first.status, first.json["parts"]) == (200, {"subject": "一"})
    assert problem(owner("PUT", PLACE, {"parts": {"subject": "二"}}, if_match=fresh.headers["etag"])) == (
        412,
        "version_mismatch",
    )
    assert owner("PUT", PLACE, {"parts": {"subject": "二"}}, if_match=first.headers["etag"]).status == 200
    assert owner("DELETE", PLACE).json["parts"] == {}
    assert owner.get(PLACE).json["parts"] == {}


@pytest.mark.parametrize(
    ("channel", "parts", "code", "says"),
    [
        ("mail", {"subject": "{card}"}, "unknown_placeholder", "{card}"),
        ("mail", {"subject": "{order"}, "bad_text", "brace"),
        ("mail", {"subject": "a\nb"}, "bad_text", "line breaks"),
        ("mail", {"html": "x"}, "unknown_part", "html"),
        ("mail", {"intro": "   "}, "bad_text", "1 to 2000"),
        ("sms", {"text": "{product}{site}"}, "missing_placeholder", "{code}"),
        ("sms", {"text": "{code} {link}"}, "unknown_placeholder", "{link}"),
    ],
)
def test_what_cannot_be_a_text_is_refused_with_its_name(owner, channel, parts, code, says):
    place = f"/v1/templates/{channel}/again/en"
    for answer in (owner("PUT", place, {"parts": parts}), owner.post(f"{place}/preview", {"parts": parts})):
        assert problem(answer) == (422, code)
        assert says in answer.json["detail"]
    assert owner.get(place).json["parts"] == {}


def test_there_are_no_other_texts(owner):
    for place in ("mail/scheduled/en", "sms/partly/en", "mail/again/fr", "fax/again/en"):
        assert problem(owner.get(f"/v1/templates/{place}")) == (404, "not_found")


def test_a_preview_changes_nothing_and_shows_unsaved_words(owner):
    shown = owner.post(f"{PLACE}/preview", {"parts": {"headline": "{shop}"}}).json
    assert "ABCD-2345" in shown["text"] and "ABCD-2345" in shown["html"]
    assert owner.get(PLACE).json["parts"] == {}
    sms = owner.post("/v1/templates/sms/delivered/zh-CN/preview", {}).json
    assert sms["one_message"] is True and "ABCD-2345" in sms["text"] and "/q" in sms["text"]


def test_a_sample_arrives_where_one_wants_it_and_nowhere_in_plain(merchant, owner):
    log, number = Log(merchant.cloud), number_of(merchant)
    owner("PUT", "/v1/sms", {"provider": "sns", "rule": "mail_then_sms"})
    merchant.cloud.cold_start()
    address = f"me@{merchant.id}.example"
    for channel, to in (("mail", address), ("sms", number)):
        assert owner.post(f"/v1/templates/{channel}/again/en/test", {"to": to}).status == 202
    merchant.cloud.wait_idle()
    [mail] = merchant.mails_to(address)
    [sms] = texts_to(merchant.cloud, number)
    assert "ABCD-2345" in mail["text"] and "ABCD-2345" in sms["text"]
    assert address not in log.text and number.removeprefix("+86") not in log.text


def test_a_sample_that_cannot_be_sent_is_given_up_at_once(merchant, owner):
    log = Log(merchant.cloud)
    assert owner.post(f"{PLACE}/test", {"to": "a@b..example"}).status == 202
    assert owner.post("/v1/templates/sms/again/en/test", {"to": "12345"}).status == 202
    merchant.cloud.wait_idle()
    reasons = [line for line in log.text.splitlines() if "sample not sent" in line]
    assert len(reasons) == 2 and "bad_address" in reasons[0] + reasons[1]


def test_samples_are_limited_a_day(merchant, owner):
    with_limit = [owner.post(f"{PLACE}/test", {"to": f"x@{merchant.id}.example"}) for _ in range(21)]
    assert [answer.status for answer in with_limit] == [202] * 20 + [429]


# ---------------------------------------------------------------- SMS


def test_a_secret_goes_in_and_never_comes_out(merchant, owner):
    asked = {
        "provider": "aliyun",
        "sign_name": "星河数卡",
        "key_id": "LTAI-of-ours-1234",
        "secret": "the-secret-of-aliyun",
        "templates": {"delivered/zh-CN": "SMS_1"},
    }
    answer = owner("PUT", "/v1/sms", asked)
    assert (answer.status, answer.json["secret_set"], answer.json["key_id"]) == (200, True, "****1234")
    assert "the-secret" not in answer.text + owner.get("/v1/sms").text
    assert "the-secret" not in str(raw_items(prefix=f"C#{merchant.id}"))
    again = owner("PUT", "/v1/sms", {**asked, "secret": None, "rule": "both"})
    assert (again.json["secret_set"], again.json["rule"]) == (True, "both")
    kept = wiring.telling_settings().sms(merchant.id)
    assert wiring.shop_secrets().open_one(merchant.id, "sms", kept.secret) == "the-secret-of-aliyun"
    other = owner("PUT", "/v1/sms", {**asked, "secret": None, "key_id": "another"})
    assert problem(other) == (422, "missing_setting")


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (
            {"provider": "tencent", "key_id": "AKID", "secret": "12345678", "sign_name": "n"},
            "missing_setting",
        ),
        ({"provider": "sns", "default_region": "XX"}, "bad_region"),
        ({"provider": "smoke"}, "invalid_request"),
    ],
)
def test_settings_that_cannot_work_are_refused(owner, asked, code):
    assert problem(owner("PUT", "/v1/sms", asked)) == (422, code)
    assert owner.get("/v1/sms").json["provider"] == "none"


def told(owner, merchant, order):
    place = f"/v1/orders/{merchant.own}/{order}/notifications"
    return {note["channel"]: note["state"] for note in owner.get(place).json["items"]}


def test_a_buyer_without_an_address_gets_an_sms_that_opens_the_order(merchant, owner):
    number, log = number_of(merchant), Log(merchant.cloud)
    owner("PUT", "/v1/sms", {"provider": "sns", "rule": "mail_then_sms"})
    merchant.cloud.cold_start()
    merchant.pay("A-1", ("MONTH", 1), buyer={"phone": number.removeprefix("+86")})
    merchant.pay("A-2", ("MONTH", 1), buyer={"email": "a@b..example", "phone": number})
    merchant.pay("A-3", ("MONTH", 1), buyer={"phone": "12345"})
    merchant.cloud.wait_idle()
    assert told(owner, merchant, "A-1") == {"sms": "sent"}
    assert told(owner, merchant, "A-2") == {"mail": "refused", "sms": "sent"}
    assert told(owner, merchant, "A-3") == {"sms": "refused"}
    sent = texts_to(merchant.cloud, number)
    codes = {merchant.pick_up("A-1"), merchant.pick_up("A-2")}
    assert {code for code in codes if any(code in sms["text"] for sms in sent)} == codes
    assert all(len(sms["text"]) <= 90 and "/q" in sms["text"] for sms in sent)
    assert not any(code in str(sent) for code in merchant.codes.values())
    assert merchant.counts("A-1") == merchant.counts("A-3") == {"DELIVERED": 1}
    [first] = [sms["id"] for sms in sent if merchant.pick_up("A-1") in sms["text"]]
    assert merchant.order("A-1")[1][0].delivered_by == f"sms:{first}"
    kept = str(raw_items(prefix=f"O#{merchant.id}")) + log.text
    assert number.removeprefix("+86") not in kept


def test_by_both_channels_each_tells_once(merchant, owner):
    number = number_of(merchant)
    owner("PUT", "/v1/sms", {"provider": "sns", "rule": "both"})
    merchant.cloud.cold_start()
    buyer = {"email": merchant.address("A-1"), "phone": number}
    merchant.pay("A-1", ("MONTH", 2), buyer=buyer)
    merchant.cloud.wait_idle()
    assert told(owner, merchant, "A-1") == {"mail": "sent", "sms": "sent"}
    assert (len(merchant.mails("A-1")), len(texts_to(merchant.cloud, number))) == (1, 1)
