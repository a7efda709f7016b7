"""The buyer's pages as text: what they say, what they never hold, and what they may not load."""

import gzip
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cardcourier.pages
from cardcourier.domain.language import LANGUAGES, choose_language
from cardcourier.domain.redeem_page import LockedPage, LookupPage, NotFoundPage, UnavailablePage
from cardcourier.pages.code_text import grouped
from cardcourier.pages.render import (
    HEADERS,
    STATIC_HEADERS,
    as_json,
    contact_link,
    render_locked,
    render_lookup,
    render_not_found,
    render_order,
    render_unavailable,
    static_files,
    web_address,
)
from tests.browser import samples

NOW = 1_763_870_400_000
BEFORE = samples.order(samples.block(), samples.block(2, state="revealed", last4="ZK37"))
EVERY_ORDER = {
    "before": BEFORE,
    "shown": samples.shown(),
    "several shown": samples.several_shown(),
    "mixed": samples.mixed(NOW),
    "proof": samples.order(proof_needed=True, proof_failed=True, tries_left=1),
    "locked": samples.order(locked_until=NOW),
    "used up": samples.order(samples.block(state="closed"), views_left=0),
    "unlimited": samples.order(views_left=None),
    "problem sent": samples.order(samples.block(state="revealed"), problem_sent=True),
    "nothing yet": samples.order(samples.block(state="scheduled", last4="", release_at=None)),
    "all over": samples.order(samples.block(state="ended", last4="")),
    "large": samples.large(),
    "once": samples.ONCE,
    "closed": samples.CLOSED,
    "first and last": samples.HEADED,
    "covered": samples.covered(),
    "opens itself": samples.order(opens_itself=True),
    "bare": samples.order(
        samples.block(steps=(), redeem_url=None, expires_at=None, last4=""), support="", page_url=""
    ),
}


class Outline(HTMLParser):
    """The bones of a page: tags with their attributes, and the texts between them."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data)

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def every_page(language="zh-CN"):
    yield from (render_order(page, language) for page in EVERY_ORDER.values())
    yield from (render_lookup(page, language) for page in samples.LOOKUPS)
    yield render_not_found(samples.NOT_FOUND, language)
    yield render_not_found(NotFoundPage(), language)
    yield render_locked(samples.LOCKED, language)
    yield render_locked(LockedPage(), language)
    yield render_unavailable(UnavailablePage(support="kefu@xinghe.example"), language)


# Secrets


def test_plaintext_cannot_be_put_on_a_page_that_was_not_asked_for_it():
    with pytest.raises(ValueError, match="reveal"):
        samples.order(samples.block(code=samples.CODE))
    with pytest.raises(ValueError, match="reveal"):
        samples.order(samples.block(number=samples.NUMBER))


def test_secrets_stay_out_of_a_repr():
    text = repr(samples.shown())

    assert samples.CODE not in text and samples.NUMBER not in text and samples.TOKEN not in text


def test_a_masked_page_shows_the_last_four_and_asks_by_post():
    html = render_order(BEFORE)
    outline = Outline(html)

    assert "W4IZ" in html and "ZK37" in html
    assert samples.CODE not in html and not outline.all("output")
    (form,) = [form for form in outline.all("form") if "reveal" in form.get("class", "")]
    assert (form["method"], form["action"]) == ("post", f"/r/{samples.TOKEN}/reveal")


def test_the_answer_to_a_reveal_holds_the_exact_texts():
    html = render_order(samples.several_shown())
    shown = [re.sub(r"<[^>]+>", "", text) for text in re.findall(r"<output.*?</output>", html, re.DOTALL)]

    assert shown == [samples.CODE, samples.OTHER, samples.NUMBER, "激活 CODE  with  blanks"]
    assert "/reveal" not in html


@given(st.text(min_size=1, max_size=60))
def test_grouping_never_changes_a_code(code):
    assert "".join(piece.text for group in grouped(code) for piece in group) == code


@pytest.mark.parametrize(
    ("code", "groups"),
    [
        ("MG7KQ9XT", ["MG7K", "Q9XT"]),
        ("ABC123", ["ABC123"]),
        ("AB-CD-EF", ["AB-", "CD-", "EF"]),
        ("https://example.com/a/b-c", ["https://example.com/a/b-c"]),
        ("ABCDEFG", ["ABCD", "EFG"]),
    ],
)
def test_codes_are_cut_where_the_eye_expects_it(code, groups):
    assert ["".join(piece.text for piece in group) for group in grouped(code)] == groups


# Form


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_is_sound(language):
    for html in every_page(language):
        outline = Outline(html)
        ids = [attrs["id"] for _, attrs in outline.tags if "id" in attrs]
        assert html.startswith("<!doctype html>")
        assert outline.all("html") == [{"lang": language}]
        assert len(outline.all("h1")) == 1 and len(outline.all("main")) == 1
        assert len(ids) == len(set(ids))
        assert {label["for"] for label in outline.all("label") if "for" in label} <= set(ids)
        assert {attrs["aria-labelledby"] for _, attrs in outline.tags if "aria-labelledby" in attrs} <= set(
            ids
        )
        assert all(image["alt"] for image in outline.all("img"))
        assert {"name": "robots", "content": "noindex, nofollow, noarchive, nosnippet"} in outline.all("meta")


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_page_needs_anything_from_elsewhere_or_inline(language):
    for html in every_page(language):
        outline = Outline(html)
        loads = [attrs["src"] for _, attrs in outline.tags if "src" in attrs]
        loads += [link["href"] for link in outline.all("link")]
        names = {attribute for _, attrs in outline.tags for attribute in attrs}
        assert all(load.startswith(("/static/", "data:image/")) for load in loads)
        assert "style" not in names and not any(name.startswith("on") for name in names)
        assert not outline.all("style") and all("src" in script for script in outline.all("script"))
        assert all(
            form["method"] == "post" and form["action"].startswith("/") for form in outline.all("form")
        )


def test_a_page_with_everything_weighs_less_than_30_kb():
    assets = b"".join(file.body for file in static_files().values())
    for html in every_page():
        assert len(gzip.compress(html.encode())) + len(gzip.compress(assets)) < 30_000


def test_the_preview_in_a_chat_says_only_shop_and_that_it_was_delivered():
    (title, description) = [m for m in Outline(render_order(BEFORE)).all("meta") if "property" in m]

    assert title == {"property": "og:title", "content": "星河数卡"}
    assert description == {"property": "og:description", "content": "您的订单已发货"}


def test_nothing_is_announced_as_delivered_before_it_is():
    html = render_order(EVERY_ORDER["nothing yet"])

    assert "已发货" not in html


def test_text_of_merchants_and_buyers_is_text():
    nasty = "<script>alert(1)</script>\"'&"
    page = samples.order(
        samples.block(product_name=nasty, steps=(nasty,), last4="<b>1"),
        tenant_name=nasty,
        support=nasty,
        order_number_masked=nasty,
    )
    for html in (
        render_order(page),
        render_lookup(LookupPage(order_number=nasty, support=nasty)),
        render_not_found(NotFoundPage(support=nasty)),
    ):
        assert "<script>" not in html and "<b>1" not in html
        assert "&lt;script&gt;" in html


def test_a_code_that_looks_like_markup_is_shown_as_it_is():
    html = render_order(
        samples.order(samples.block(state="revealed", code="<i>&amp;</i>"), revealed_now=True)
    )

    assert "<i>&amp;</i>" not in html


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "//evil.example", "exchange", "", None]
)
def test_only_web_addresses_become_links(url):
    html = render_order(samples.order(samples.block(redeem_url=url)))

    assert web_address(url) is None
    assert "target=" not in html


@pytest.mark.parametrize(
    ("contact", "link"),
    [
        ("kefu@xinghe.example", "mailto:kefu@xinghe.example"),
        ("https://help.example/a", "https://help.example/a"),
        ("微信：xinghe-kefu", None),
        ("a@b.example?bcc=c@d.example", None),
        ("javascript:alert(1)", None),
    ],
)
def test_a_support_contact_becomes_a_link_only_where_it_is_one(contact, link):
    assert contact_link(contact) == link


def test_each_product_is_explained_once():
    page = samples.order(*(samples.block(n) for n in range(1, 6)))
    html = render_order(page)

    assert html.count("怎么兑换") == 1
    assert html.count(samples.STEPS[0]) == 1


def test_a_lock_takes_the_place_of_the_button():
    html = render_order(EVERY_ORDER["locked"])

    assert "/reveal" not in html
    assert "2025年11月23日 12:00（北京时间）" in html


def test_a_problem_can_be_reported_only_for_a_card_that_was_seen():
    html = render_order(BEFORE)

    assert f'action="/r/{samples.TOKEN}/problem"' in html
    assert 'value="1#0002"' in html and 'value="1#0001"' not in html
    assert "/problem" not in render_order(samples.order())


def test_the_code_on_a_page_leads_to_the_page_and_after_the_reveal_to_the_issuer():
    images = [
        Outline(render_order(page)).all("img") for page in (BEFORE, samples.shown(), EVERY_ORDER["bare"])
    ]

    assert [image["alt"] for image in images[0]] == ["二维码：本页面的地址"]
    assert [image["alt"] for image in images[1]] == ["二维码：芒果TV 会员月卡 的兑换页面"]
    assert images[2] == []
    assert all(image["src"].startswith("data:image/png;base64,") for found in images for image in found)


def test_the_lookup_never_tells_whether_an_order_exists():
    answers = {page.message_kind: render_lookup(page) for page in samples.LOOKUPS}

    assert "如果订单号和邮箱对得上" in answers["sent"]
    assert "订单号或提货码不对" in answers["wrong"]
    assert 'value="261123008812"' in answers["wrong"]


# Headers and files


def test_headers_are_those_that_were_promised():
    assert HEADERS["Content-Security-Policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    assert HEADERS["Cache-Control"] == "no-store"
    assert HEADERS["Referrer-Policy"] == "no-referrer"
    assert HEADERS["X-Robots-Tag"] == "noindex, nofollow, noarchive, nosnippet"
    assert HEADERS["X-Content-Type-Options"] == "nosniff"


def test_static_files_are_named_by_their_content():
    files = static_files()
    html = render_order(BEFORE)

    assert all(re.fullmatch(r"redeem\.[0-9a-f]{12}\.(css|js)", name) for name in files)
    assert {file.content_type for file in files.values()} == {
        "text/css; charset=utf-8",
        "text/javascript; charset=utf-8",
    }
    assert all(f'"/static/{name}"' in html for name in files)
    assert "immutable" in STATIC_HEADERS["Cache-Control"]
    assert not any(b"http" in file.body or b"@import" in file.body for file in files.values())


# JSON


def test_json_says_what_the_page_says():
    found = as_json(samples.mixed(NOW))

    assert json.loads(json.dumps(found)) == found
    assert (found["kind"], found["total"], found["delivered"], found["views_left"]) == ("order", 7, 2, 20)
    assert [card["state"] for card in found["cards"]][:4] == ["revealed", "ready", "scheduled", "waiting"]
    assert found["cards"][2]["release_at"] == "2025-11-23T04:00:00.000Z"
    assert not any("code" in card or "number" in card for card in found["cards"])


def test_json_holds_plaintext_only_after_a_reveal():
    (card,) = as_json(samples.shown())["cards"]

    assert (card["number"], card["code"]) == (samples.NUMBER, samples.CODE)


def test_every_page_has_a_json_form():
    assert as_json(NotFoundPage(support="x")) == {"kind": "not_found", "support": "x"}
    assert as_json(LookupPage(message_kind="sent")) == {"kind": "lookup", "message": "sent", "support": ""}
    assert as_json(LockedPage(until=NOW))["until"] == "2025-11-23T04:00:00.000Z"
    assert "until" not in as_json(LockedPage())
    assert as_json(UnavailablePage(support="x")) == {"kind": "unavailable", "support": "x"}


# Languages


@pytest.mark.parametrize(
    ("cookie", "accepted", "default", "asked", "language"),
    [
        (None, None, None, None, "zh-CN"),
        (None, None, "en", None, "en"),
        (None, "zh-TW,zh;q=0.9", "en", None, "zh-CN"),
        (None, "de-DE,de;q=0.9", "en", None, "en"),
        (None, "de, en-GB;q=0.8, zh;q=0.2", "zh-CN", None, "en"),
        (None, "zh;q=0.2, en;q=0.8", "zh-CN", None, "en"),
        (None, "en;q=0", "zh-CN", None, "zh-CN"),
        ("en", "zh-CN", "zh-CN", None, "en"),
        ("en", "zh-CN", "zh-CN", "zh-CN", "zh-CN"),
        ("<x>", "q=;;,,;q=x", "??", "xx", "zh-CN"),
    ],
)
def test_the_language_is_the_nearest_wish(cookie, accepted, default, asked, language):
    assert choose_language(cookie, accepted, default, asked) == language


@given(st.text(max_size=600), st.text(max_size=40))
def test_no_header_can_break_the_choice(accepted, cookie):
    assert choose_language(cookie, accepted, None) in LANGUAGES


def test_both_catalogues_say_the_same_things():
    folder = Path(cardcourier.pages.__file__).parent / "catalogues"
    chinese, english = (
        json.loads((folder / f"{language}.json").read_text(encoding="utf-8")) for language in LANGUAGES
    )

    assert set(chinese) == set(english)
    for key in chinese:
        assert placeholders(chinese[key]) == placeholders(english[key]), key


def placeholders(text):
    texts = text.values() if isinstance(text, dict) else [text]
    return {name for one in texts for _, name, _, _ in Formatter().parse(one) if name} - {"n"}


def test_times_are_said_in_the_zone_of_the_shop():
    page = samples.order(samples.block(state="scheduled", release_at=NOW))
    says = {
        "Asia/Shanghai": "2025年11月23日 12:00（北京时间）",
        "America/St_Johns": "2025年11月23日 00:30（UTC-03:30）",
        "UTC": "2025年11月23日 04:00（UTC）",
        "No/Where": "2025年11月23日 04:00（UTC）",
    }
    for zone, moment in says.items():
        assert moment in render_order(replace(page, time_zone=zone))


@pytest.mark.parametrize(
    ("expires_at", "text"),
    [
        (1_785_513_599_000, "2026年7月31日<"),
        (1_785_513_600_000, "2026年7月31日<"),
        (1_785_470_400_000, "2026年7月31日 12:00（北京时间）<"),
    ],
)
def test_a_card_that_runs_to_the_end_of_a_day_names_the_day(expires_at, text):
    assert f"有效期至 {text}" in render_order(samples.order(samples.block(expires_at=expires_at)))
