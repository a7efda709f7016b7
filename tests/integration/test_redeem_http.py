"""The buyer's pages over HTTP: what shows a card, what never does, and who is slowed down."""

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from cardcourier import wiring
from cardcourier.adapters.tables import keys
from cardcourier.clock import now_ms
from tests.integration.shop import (
    Browser,
    Log,
    acting,
    change_item,
    merchant_of,
    raw_items,
    withdraw,
)

MINUTE, DAY = 60_000, 86_400_000
EVERY_ANSWER = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-robots-tag": "noindex, nofollow, noarchive, nosnippet",
}


@pytest.fixture(scope="module")
def open_cloud(cloud):
    with acting(cloud):
        yield cloud


@pytest.fixture
def merchant(open_cloud):
    with merchant_of(open_cloud) as merchant:
        merchant.sell("MONTH", cards=3)
        yield merchant


@pytest.fixture
def browse(open_cloud):
    return lambda **headers: Browser(open_cloud, **headers)


@pytest.fixture
def page(merchant):
    """The link's path of a delivered order of one card."""
    return order(merchant, "A-1", ("MONTH", 1))


def order(merchant, number, *items, **data):
    assert merchant.pay(number, *items, **data).status == 200
    merchant.cloud.wait_idle()
    return f"/r/{merchant.token(number)}"


def codes_of(merchant, number="A-1"):
    return [merchant.codes[unit.card] for unit in merchant.order(number)[1] if unit.card]


def shown(answer):
    assert answer.status == 200, answer.text
    return [card["code"] for card in answer.json["cards"] if "code" in card]


def plain(answer):
    """The text of a page: a card is cut into groups by tags, for the eye alone."""
    return re.sub(r"<[^>]*>", "", answer.text)


def reveal(browser, page, **fields):
    return browser.program(f"{page}/reveal", fields)


def all_items(merchant):
    """Everything that asking for a page could change."""
    items = raw_items(prefix="R#") + raw_items(prefix=f"O#{merchant.id}#")
    return sorted(json.dumps(item, default=repr, sort_keys=True) for item in items)


def whole_minute():
    """Limits count by the minute: begin early in one."""
    left = MINUTE - now_ms() % MINUTE
    if left < 8_000:
        time.sleep(left / 1000 + 0.1)


# ---------------------------------------------------------------- looking


@pytest.mark.fault("reveals: get", "reveals: head")
def test_looking_changes_nothing_and_shows_no_card(merchant, page, browse):
    before = all_items(merchant)
    browser = browse()
    seen = [browser.get(page), browser.head(page), browser.get(page, accept="application/json")]
    seen += [
        browser.get(f"{page}?lang=en"),
        browser.get("/q"),
        browser.get(page, user_agent="MicroMessenger"),
    ]
    merchant.cloud.wait_idle()
    assert [answer.status for answer in seen] == [200] * len(seen)
    assert not any(answer.cookies for answer in seen)
    assert all_items(merchant) == before
    [code] = codes_of(merchant)
    assert not any(code in str(answer.pairs) + answer.text + plain(answer) for answer in seen)
    [card] = seen[2].json["cards"]
    assert (card["last4"], card["state"], seen[1].body) == (code[-4:], "ready", b"")
    assert seen[0].headers == seen[1].headers | {"content-length": seen[0].headers["content-length"]}


def test_the_page_speaks_the_language_that_is_asked_for(page, browse):
    assert 'lang="zh-CN"' in browse().get(page).text
    assert 'lang="en"' in browse().get(page, accept_language="en-GB,en;q=0.9").text
    assert 'lang="en"' in browse().get(f"{page}?lang=en").text


def test_every_answer_carries_the_headers_that_protect_it(merchant, page, browse):
    browser = browse()
    answers = {
        "page": browser.get(page),
        "head": browser.head(page),
        "json": browser.get(page, accept="application/json"),
        "unknown": browser.get("/r/nobody"),
        "revealed": browser.form(f"{page}/reveal"),
        "proof": browse().form(f"{page}/reveal"),
        "cross-site": browser.form(f"{page}/reveal", origin="https://evil.example"),
        "too large": browser.form(f"{page}/reveal", {"proof": "x" * 9000}),
        "unreadable": browser.program(f"{page}/reveal", **{"content-type": "application/json;"}),
        "problem": browser.form(f"{page}/problem", {"reason": "used", "ref": "1#0001"}),
        "no such problem": browser.form(f"{page}/problem", {"reason": "bored"}),
        "form": browser.get("/q"),
        "not found": browser.form("/q", {"order": "A-1", "pickup": "AAAA-AAAA"}),
        "mailed": browser.form("/q", {"way": "mail", "order": "A-1", "email": "x@example.com"}),
        "found": browse().form("/q", {"order": "A-1", "pickup": merchant.pick_up("A-1")}),
    }
    for name, answer in answers.items():
        assert EVERY_ANSWER.items() <= answer.headers.items(), name
        policy = answer.headers.get("content-security-policy", "")
        assert "default-src 'none'" in policy, name
        assert "unsafe" not in policy, name
        assert "frame-ancestors 'none'" in policy, name
    assert [answers[name].status for name in ("revealed", "proof", "cross-site", "too large", "found")] == [
        200,
        200,
        400,
        413,
        303,
    ]


def test_static_files_are_found_by_their_content_alone(page, browse):
    browser = browse()
    names = re.findall(r"/static/[\w.-]+", browser.get(page).text)
    assert len(set(names)) >= 2
    for name in names:
        answer = browser.get(name)
        assert (answer.status, answer.headers["x-content-type-options"]) == (200, "nosniff")
        assert "immutable" in answer.headers["cache-control"]
    for name in ("/static/nothing.css", "/static/..%2fpages%2frender.py", "/static/%2e%2e"):
        answer = browser.get(name)
        assert (answer.status, answer.headers["x-content-type-options"]) == (404, "nosniff")


# ---------------------------------------------------------------- showing


def test_a_form_shows_the_card_and_a_reload_hides_it_again(merchant, page, browse):
    browser = browse()
    answer = browser.form(f"{page}/reveal")
    [code] = codes_of(merchant)
    assert (answer.status, code in plain(answer)) == (200, True)
    [cookie] = answer.cookies
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/" in cookie
    again = browser.get(page)
    assert code not in again.text + plain(again)
    assert shown(reveal(browser, page)) == [code]
    [unit] = merchant.order("A-1")[1]
    assert (str(unit.state), unit.views) == ("REVEALED", 2)


def test_a_program_gets_the_same_as_json(merchant, page, browse):
    answer = reveal(browse(), page)
    assert shown(answer) == codes_of(merchant)
    assert answer.headers["content-type"] == "application/json"
    assert (answer.json["revealed"], answer.json["delivered"], answer.json["total"]) == (True, 1, 1)
    assert merchant.id not in answer.text.replace(answer.json["support"], "")


def test_it_is_committed_that_a_card_was_shown_before_it_is(merchant, page, browse):
    log = Log(merchant.cloud)
    assert shown(reveal(browse(), page))
    [unit] = merchant.order("A-1")[1]
    assert (str(unit.state), unit.views, unit.exposed_at is not None) == ("REVEALED", 1, True)
    assert log.metric("Revealed") == 1


def test_several_cards_are_shown_at_once_and_what_waits_is_counted(merchant, browse):
    merchant.sell("FILM", release_at=now_ms() + DAY, name_en="A film")
    page = order(merchant, "A-2", ("MONTH", 5), ("FILM", 1))
    looked = browse().get(page, accept="application/json").json
    assert (looked["delivered"], looked["total"]) == (3, 6)
    states = [card["state"] for card in looked["cards"]]
    assert sorted(states) == ["ready"] * 3 + ["scheduled"] + ["waiting"] * 2
    film = next(card for card in looked["cards"] if card["state"] == "scheduled")
    assert film["release_at"].endswith("Z")
    assert sorted(shown(reveal(browse(), page))) == sorted(codes_of(merchant, "A-2"))


# ---------------------------------------------------------------- a second browser


def test_a_second_browser_needs_the_pick_up_code(merchant, page, browse):
    first, second = browse(), browse()
    assert shown(reveal(first, page))
    refused = reveal(second, page)
    assert (shown(refused), refused.json["proof"]["needed"]) == ([], True)
    wrong = reveal(second, page, proof="0000-0000")
    assert (shown(wrong), wrong.json["proof"]["failed"], wrong.json["proof"]["tries_left"]) == ([], True, 4)
    typed = merchant.pick_up("A-1").lower().replace("-", " ").replace("0", "o").replace("1", "l")
    assert shown(reveal(second, page, proof=typed)) == codes_of(merchant)
    assert shown(reveal(second, page)) == shown(reveal(first, page)) == codes_of(merchant)


@pytest.mark.fault("reveals: two viewers")
def test_two_browsers_at_the_same_moment_are_a_first_and_a_second(merchant, browse):
    merchant.stock("MONTH", 10)
    numbers = [f"B-{number}" for number in range(8)]
    for number in numbers:
        merchant.pay(number, ("MONTH", 1))
    merchant.cloud.wait_idle()
    for page in (f"/r/{merchant.token(number)}" for number in numbers):
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lambda browser, page=page: reveal(browser, page), (browse(), browse())))
        assert sorted(len(shown(answer)) for answer in answers) == [0, 1]


@pytest.mark.fault("reveals: post")
def test_a_product_may_ask_for_the_code_at_once(merchant, browse):
    merchant.sell("SAFE", cards=1, policy="proof")
    page = order(merchant, "A-2", ("SAFE", 1))
    browser = browse()
    assert shown(reveal(browser, page)) == []
    assert [str(unit.state) for unit in merchant.order("A-2")[1]] == ["DELIVERED"]
    assert shown(reveal(browser, page, proof=merchant.pick_up("A-2"))) == codes_of(merchant, "A-2")


@pytest.mark.fault("reveals: brute force")
def test_five_wrong_codes_lock_the_order_for_a_quarter_of_an_hour(merchant, page, browse):
    assert shown(reveal(browse(), page))
    left = []
    for number in range(5):
        answer = reveal(browse(), page, proof=f"0000-000{number}")
        left.append(answer.json["proof"]["tries_left"])
    assert left == [4, 3, 2, 1, 0]
    locked = reveal(browse(), page, proof=merchant.pick_up("A-1"))
    assert (shown(locked), "locked_until" in locked.json["proof"]) == ([], True)
    [tries] = [item for item in raw_items(prefix="R#tries#") if "until" in item and is_new(item)]
    assert 14 * MINUTE < int(tries["until"]["N"]) - now_ms() <= 15 * MINUTE
    change_item((tries["pk"]["S"], "TRIES"), until={"N": str(now_ms() - 1)})
    assert shown(reveal(browse(), page, proof=merchant.pick_up("A-1"))) == codes_of(merchant)


def is_new(item):
    return int(item["until"]["N"]) > now_ms()


@pytest.mark.fault("reveals: brute force")
def test_guesses_at_the_same_moment_all_count(merchant, page, browse):
    assert shown(reveal(browse(), page))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: reveal(browse(), page, proof=f"0000-00{n:02d}"), range(8)))
    assert shown(reveal(browse(), page, proof=merchant.pick_up("A-1"))) == []


def test_an_empty_code_is_no_guess(merchant, page, browse):
    assert shown(reveal(browse(), page))
    for _ in range(7):
        reveal(browse(), page)
    assert shown(reveal(browse(), page, proof=merchant.pick_up("A-1"))) == codes_of(merchant)


# ---------------------------------------------------------------- limits


def test_a_card_is_shown_so_many_times(merchant, browse):
    merchant.sell("FEW", cards=1, max_views=2)
    page, browser = order(merchant, "A-2", ("FEW", 1)), browse()
    counted = [reveal(browser, page) for _ in range(3)]
    assert [len(shown(answer)) for answer in counted] == [1, 1, 0]
    assert [answer.json["views_left"] for answer in counted] == [1, 0, 0]
    assert merchant.order("A-2")[1][0].views == 2


def test_a_card_is_shown_for_so_many_days(merchant, page, browse):
    browser = browse()
    assert shown(reveal(browser, page))
    long_ago = {"N": str(now_ms() - 31 * DAY)}
    change_item(keys.unit(merchant.key_of("A-1"), "1", 1), exposed_at=long_ago)
    assert shown(reveal(browser, page)) == []


def test_one_address_reveals_ten_times_a_minute(merchant, browse):
    page, browser = order(merchant, "A-1", ("MONTH", 1)), browse()
    whole_minute()
    statuses = [reveal(browser, page).status for _ in range(12)]
    assert statuses == [200] * 10 + [429] * 2
    slowed = browser.form(f"{page}/reveal")
    assert (slowed.status, slowed.headers["retry-after"]) == (429, "60")
    assert not any(code in slowed.text + plain(slowed) for code in codes_of(merchant))
    assert browser.get(page).status == 200


# ---------------------------------------------------------------- links that do not work


def test_unknown_expired_and_withdrawn_links_look_the_same(merchant, page, browse):
    withdrawn, unknown = order(merchant, "A-2", ("MONTH", 1)), "/r/" + "A" * 32
    withdraw(merchant, "A-2")
    token_key = keys.token(page.removeprefix("/r/"))
    change_item(token_key, expires_at={"N": str(now_ms() - 1)})
    paths = (page, withdrawn, unknown, "/r/x", "/r/%00%ff", "/r/" + "B" * 3000)
    for ask in ("get", "form", "program", "problem"):
        seen = set()
        for path in paths:
            browser = browse()
            match ask:
                case "get":
                    answer = browser.get(path)
                case "problem":
                    answer = browser.form(f"{path}/problem", {"reason": "used"})
                case _:
                    answer = getattr(browser, ask)(f"{path}/reveal")
            headers = sorted(pair for pair in answer.pairs if pair[0] not in ("date", "set-cookie"))
            seen.add((answer.status, str(headers), answer.body))
        assert len(seen) == 1, ask
        assert next(iter(seen))[0] == 404
    assert {str(unit.state) for number in ("A-1", "A-2") for unit in merchant.order(number)[1]} == {
        "DELIVERED"
    }


# ---------------------------------------------------------------- problems


def test_a_reported_problem_is_kept_with_the_order(merchant, page, browse):
    browser = browse()
    answer = browser.form(
        f"{page}/problem", {"reason": "used", "ref": "1#0001", "text": "已被使用 " + "用 " * 400}
    )
    assert answer.status == 200
    assert browser.program(f"{page}/problem", {"reason": "region", "ref": "9#0009"}).json["problem_sent"]
    notes = [item for item in raw_items(prefix=f"O#{merchant.id}#") if item["sk"]["S"].startswith("L#")]
    assert [note.get("about", {}).get("S") for note in notes] == ["1#0001", None]
    assert [note["why"]["S"] for note in notes] == ["problem:used", "problem:region"]
    assert notes[0]["text"]["S"].startswith("used: 已被使用")
    assert len(notes[0]["text"]["S"]) == 500
    assert browser.form(f"{page}/problem", {"reason": "bored"}).status == 400


def test_problems_are_reported_a_few_times_a_minute(merchant, page, browse):
    browser = browse()
    whole_minute()
    statuses = [browser.form(f"{page}/problem", {"reason": "used"}).status for _ in range(7)]
    assert statuses == [200] * 5 + [429] * 2


# ---------------------------------------------------------------- looking up


@pytest.mark.parametrize("typed", ["A-1", "#a-1", " a - 1 "])
def test_number_and_pick_up_code_lead_to_the_page(merchant, page, browse, typed):
    answer = browse().form("/q", {"order": typed, "pickup": merchant.pick_up("A-1").lower()})
    assert (answer.status, answer.headers["location"].partition("?")[0]) == (303, page)


def test_whoever_guesses_learns_nothing(merchant, page, browse):
    order(merchant, "A-2", ("MONTH", 1))
    right, other = merchant.pick_up("A-1"), merchant.pick_up("A-2")
    answers = [
        browse().form("/q", {"order": "A-1", "pickup": code, "lang": "en"})
        for code in (other, "0000-0000", "", "not a code", "ÄÖÜ", "0" * 500)
    ]
    assert {(a.status, a.text) for a in answers} == {(200, answers[0].text)}
    gone = browse().form("/q", {"order": "A-9", "pickup": right, "lang": "en"})
    assert gone.text.replace("A-9", "A-1") == answers[0].text


def test_number_and_address_bring_a_mail_if_they_belong_together(merchant, page, browse):
    def ask(number, email):
        answer = browse().form("/q", {"way": "mail", "order": number, "email": email, "lang": "en"})
        merchant.cloud.wait_idle()
        return answer.status, answer.text

    address = merchant.address("A-1")
    answers = [ask("A-1", address), ask(" #a-1", address.upper())]
    mails = merchant.mails("A-1")
    assert len(mails) == 3
    assert merchant.pick_up("A-1") in mails[0]["text"]
    answers += [
        ask("A-1", "thief@example.com"),
        ask("A-2", address),
        ask("", ""),
        ask("A-1" * 99, address * 9),
    ]
    assert len(set(answers)) == 1
    assert (len(merchant.mails("A-1")), merchant.mails_to("thief@example.com")) == (3, [])
    assert merchant.counts("A-1") == {"DELIVERED": 1}


def test_an_order_is_mailed_again_five_times_a_day(merchant, page, browse):
    for _ in range(7):
        asked = {"way": "mail", "order": "A-1", "email": merchant.address("A-1")}
        assert browse().form("/q", asked).status == 200
        merchant.cloud.wait_idle()
    assert len(merchant.mails("A-1")) == 1 + 5


def test_one_address_looks_up_five_times_a_minute(merchant, page, browse):
    browser = browse()
    whole_minute()
    wrong = {"order": "A-1", "pickup": "0000-0000"}
    right = {"order": "A-1", "pickup": merchant.pick_up("A-1")}
    statuses = [browser.form("/q", wrong).status for _ in range(5)]
    statuses += [browser.form("/q", right).status, browser.form("/q", {"way": "mail"}).status]
    assert statuses == [200] * 5 + [429] * 2
    assert browser.form("/q", right).headers["retry-after"] == "60"


# ---------------------------------------------------------------- odd requests


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"sec-fetch-site": "cross-site", "origin": "null"},
        {"sec-fetch-site": "same-site"},
        {"origin": "http://127.0.0.1:1"},
    ],
    ids=["origin", "fetch metadata", "neighbour", "port"],
)
def test_a_form_of_another_site_is_refused(merchant, page, browse, headers):
    for path in (f"{page}/reveal", f"{page}/problem", "/q"):
        answer = browse().form(path, {"reason": "used", "order": "A-1"}, **headers)
        assert (answer.status, answer.cookies) == (400, [])
    assert [str(unit.state) for unit in merchant.order("A-1")[1]] == ["DELIVERED"]


def test_a_browser_that_hides_its_origin_is_no_other_site(merchant, page, browse):
    answer = browse().form(f"{page}/reveal", origin="null", **{"sec-fetch-site": "same-origin"})
    assert codes_of(merchant)[0] in plain(answer)


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"[" * 8000, "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b'"text"', "application/json", 400),
        (b"proof=\xff", "application/x-www-form-urlencoded", 400),
        (b"a=1&" * 50, "application/x-www-form-urlencoded", 400),
        (b"x" * 8193, "application/x-www-form-urlencoded", 413),
    ],
    ids=["deep", "bytes", "no object", "no text", "many fields", "long"],
)
def test_a_form_that_cannot_be_read_is_refused(merchant, page, browse, body, kind, status):
    answer = browse()._call("POST", f"{page}/reveal", body, {"content-type": kind})
    assert answer.status == status
    assert [str(unit.state) for unit in merchant.order("A-1")[1]] == ["DELIVERED"]


def test_fields_of_a_program_that_are_no_text_count_as_absent(merchant, page, browse):
    answer = browse().program(f"{page}/reveal", {"proof": ["x"], "lang": 7})
    assert shown(answer) == codes_of(merchant)


def test_a_cookie_of_somebodys_making_is_no_key(merchant, page, browse):
    assert shown(reveal(browse(), page))
    for mark in ("", "x", "A" * 24, "A" * 500):
        browser = browse()
        browser.cookies["viewer"] = mark
        assert shown(reveal(browser, page)) == []


def test_withdrawn_links_end_their_codes_as_well(merchant, page, browse):
    code = merchant.pick_up("A-1")
    withdraw(merchant, "A-1")
    assert browse().form("/q", {"order": "A-1", "pickup": code}).status == 200
    assert merchant.pick_up("A-1") != code
    assert wiring.buyer_links().token_of(merchant.order("A-1")[0]) not in page


# ---------------------------------------------------------------- once, direct, and large orders


def test_a_card_is_shown_once_and_a_reload_within_the_grace_loses_nothing(merchant, browse):
    merchant.sell("ONCE", cards=1, policy="once")
    page = order(merchant, "ON-1", ("ONCE", 1))
    first, second = browse(), browse()
    assert "10 分钟" in first.get(page).text

    assert shown(reveal(first, page)) == shown(reveal(first, page)) == codes_of(merchant, "ON-1")
    late = reveal(second, page, proof=merchant.pick_up("ON-1"))

    assert (shown(late), late.json["cards"][0]["state"]) == ([], "closed")
    assert "/reveal" not in second.get(page).text
    change_item(keys.unit(merchant.key_of("ON-1"), "1", 1), exposed_at={"N": str(now_ms() - 11 * MINUTE)})
    assert shown(reveal(first, page)) == []


def test_who_sends_the_form_again_because_its_answer_was_lost_is_the_same_browser(merchant, browse):
    merchant.sell("ONCE", cards=1, policy="once")
    page = order(merchant, "ON-2", ("ONCE", 1))
    browser = browse()
    [mark] = re.findall(r'name="mark" value="([^"]+)"', browser.get(page).text)
    assert mark not in browse().get(page).text, "each browser has its own"

    first = browse().program(f"{page}/reveal", {"mark": mark})
    again = browse().program(f"{page}/reveal", {"mark": mark})

    assert shown(first) == shown(again) == codes_of(merchant, "ON-2")
    assert shown(browse().program(f"{page}/reveal", {"mark": "x" * 24})) == []
    assert shown(browse().program(f"{page}/reveal", {"mark": ""})) == []


def test_a_page_that_opens_by_itself_still_asks_by_post(merchant, browse):
    merchant.sell("DIRECT", cards=1, display="direct")
    page = order(merchant, "DI-1", ("DIRECT", 1))
    before = all_items(merchant)
    answer = browse().get(page)
    assert "data-opens-itself" in answer.text and codes_of(merchant, "DI-1")[0] not in plain(answer)
    assert all_items(merchant) == before


def test_many_cards_come_as_a_file_in_the_answer_to_a_post(merchant, browse):
    merchant.sell("MANY", cards=24, name="月卡\t大包")
    page = order(merchant, "MA-1", ("MANY", 24))
    browser = browse()
    masked = browser.get(page)
    assert f'action="{page}/download"' in masked.text and "× 24" in masked.text
    assert shown(reveal(browser, page)) == [], "the page is never filled with so many"
    assert merchant.counts("MA-1") == {"DELIVERED": 24}
    before = all_items(merchant)
    assert browser.get(f"{page}/download").status == 303
    assert all_items(merchant) == before

    file = browser.form(f"{page}/download")

    codes = codes_of(merchant, "MA-1")
    lines = file.text.split("\r\n")
    assert [line for line in lines if line and not line.startswith("#")] == codes
    assert ("# 订单号：MA-1" in lines, "# 数量：24，共 24" in lines) == (True, True)
    assert file.headers["content-type"] == "text/plain; charset=utf-8"
    assert file.headers["content-disposition"] == (
        "attachment; filename=\"cards-MA1.txt\"; filename*=UTF-8''%E5%8D%A1%E5%AF%86-MA-1.txt"
    )
    assert {name: file.headers[name] for name in EVERY_ANSWER} == EVERY_ANSWER
    assert merchant.counts("MA-1") == {"REVEALED": 24}
    assert browser.form(f"{page}/download", {"lang": "en"}).text.startswith("# Order: MA-1\r\n")
    stranger = browse().form(f"{page}/download")
    assert "提货码" in stranger.text and not any(code in plain(stranger) for code in codes)


def test_a_file_is_whole_or_is_not_there(merchant, browse):
    merchant.sell("MANY", cards=21)
    page = order(merchant, "MB-1", ("MANY", 21))
    unit = merchant.order("MB-1")[1][20]
    place = (keys.vault(merchant.id, unit.card), "")
    item = wiring.vault().table.get(place)
    change_item(place, "VAULT_TABLE", sealed={"B": b"0" * 60})
    browser = browse()

    broken = browser.form(f"{page}/download")
    change_item(place, "VAULT_TABLE", sealed={"B": item["sealed"]["B"]})

    assert [cookie.split("=")[0] for cookie in broken.cookies] == ["viewer"]
    assert broken.status == 503 and not any(code in plain(broken) for code in codes_of(merchant, "MB-1"))
    whole = browser.form(f"{page}/download").text
    assert all(code in whole for code in codes_of(merchant, "MB-1"))
