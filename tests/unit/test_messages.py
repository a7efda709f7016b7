"""Mails say what happened, hold a link and never a card."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from string import Formatter

import pytest

import cardcourier.messages
from cardcourier.domain.language import LANGUAGES
from cardcourier.messages.render import (
    Item,
    OrderNotice,
    one_line,
    render_delivery,
    render_link_again,
    render_replacement,
    render_scheduled,
)

LINK = "https://card.example/r/yTg0Vb3nq9XkL2mZr7sWfA81cUeHjD5p"
NOTICE = OrderNotice(
    tenant_name="星河数卡",
    support="kefu@xinghe.example",
    order_number="261123008812",
    link=LINK,
    pickup_code="7K3M-9QXT",
    items=(Item("芒果TV 会员月卡", 2),),
    delivered=2,
    total=2,
    release_at=None,
    expires_at=1_785_513_599_000,
)
KINDS = [render_delivery, render_scheduled, render_replacement, render_link_again]


class Links(HTMLParser):
    """Collects what a page would load and where its links lead."""

    def __init__(self, html):
        super().__init__()
        self.hrefs, self.loads, self.tags = [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        values = dict(attrs)
        self.hrefs += [values["href"]] if "href" in values else []
        self.loads += [values[name] for name in ("src", "background", "srcset") if name in values]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("render", KINDS)
def test_every_mail_says_the_same_in_text_and_html(render, language):
    message = render(NOTICE, language)

    for part in (message.text, message.html):
        assert LINK in part
        assert "7K3M-9QXT" in part
        assert "261123008812" in part
        assert "芒果TV 会员月卡 × 2" in part
        assert "kefu@xinghe.example" in part
    assert "星河数卡" in message.subject
    assert "7K3M" not in message.subject and LINK not in message.subject
    assert f'lang="{language}"' in message.html


@pytest.mark.parametrize("render", KINDS)
def test_a_mail_loads_nothing_and_leads_only_to_the_page(render):
    links = Links(render(NOTICE).html)

    assert links.loads == []
    assert set(links.hrefs) == {LINK}
    assert not {"script", "img", "link", "style", "form", "iframe"} & set(links.tags)


def test_a_part_of_an_order_is_announced_as_a_part():
    message = render_delivery(replace(NOTICE, delivered=1, total=3), "en")

    assert message.subject == "星河数卡: 1 card of your order 261123008812 is here"
    assert "1 of 3 cards are here" in message.text


def test_a_presale_names_its_time_with_the_zone():
    notice = replace(NOTICE, delivered=0, release_at=1_785_513_600_000, time_zone="Asia/Tokyo")

    assert "2026年8月1日 01:00（UTC+09:00）" in render_scheduled(notice).text
    assert "1 August 2026, 01:00 (UTC+09:00)" in render_scheduled(notice, "en").html


def test_a_mail_without_pickup_code_or_support_leaves_no_hole():
    message = render_link_again(replace(NOTICE, pickup_code="", support=""))

    assert "提货码：" not in message.text and "需要帮助" not in message.text
    assert "letter-spacing" not in message.html


def test_names_cannot_break_the_subject_or_the_layout():
    notice = replace(NOTICE, tenant_name="坏\r\nBcc: x@y.example\u2028<b>", order_number="1\n2<i>")
    message = render_delivery(notice)

    assert "\n" not in message.subject and "\r" not in message.subject and "\u2028" not in message.subject
    assert "<b>" not in message.html and "<i>" not in message.html
    assert "&lt;b&gt;" in message.html


def test_a_long_name_is_cut():
    assert one_line("x" * 200) == "x" * 79 + "…"


def test_a_link_and_code_stay_out_of_a_repr():
    assert LINK not in repr(NOTICE) and "7K3M" not in repr(NOTICE)


def test_both_catalogues_say_the_same_things():
    folder = Path(cardcourier.messages.__file__).parent / "catalogues"
    chinese, english = (
        json.loads((folder / f"{language}.json").read_text(encoding="utf-8")) for language in LANGUAGES
    )

    assert set(chinese) == set(english)
    for key in chinese:
        assert placeholders(chinese[key]) == placeholders(english[key]) or key.endswith("_subject"), key


def placeholders(text):
    texts = text.values() if isinstance(text, dict) else [text]
    return {name for one in texts for _, name, _, _ in Formatter().parse(one) if name} - {"n"}


def test_the_chinese_mail_holds_no_english_words():
    visible = re.sub(r"<[^>]+>", " ", render_delivery(NOTICE).html.split("<body", 1)[1])

    assert not re.search(r"\b(order|card|link|code|open)\b", visible.replace(LINK, ""), re.IGNORECASE)
