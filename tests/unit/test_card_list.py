"""The file of an order's cards: a line is a card, whatever the card holds."""

import re

from hypothesis import given
from hypothesis import strategies as st

from cardcourier.domain.card_files import head, mask
from cardcourier.pages.card_list import LINE_END, card_list, disposition
from tests.browser import samples

NOON = 1_790_000_000_000


def page(*cards, name="芒果TV 月卡", order_number="#1001"):
    blocks = [
        samples.block(n, state="revealed", code=code, number=number, product_name=name)
        for n, (number, code) in enumerate(cards, 1)
    ]
    return samples.order(*blocks, revealed_now=True, order_number=order_number)


def lines(text):
    assert text.endswith(LINE_END)
    return text.split(LINE_END)[:-1]


def cards_of(text):
    return [line for line in lines(text) if not line.startswith("# ") and line != "#"]


def test_number_and_code_stand_in_columns_under_their_product():
    assert lines(card_list(page(("62", "AB"), (None, "CD")), NOON, "en")) == [
        "# Order: #1001",
        "# Cards: 2 of 2",
        "# Fetched: 21 September 2026, 22:13 (Beijing time)",
        "# One card a line: its number if it has one, a tab, its key",
        "#",
        "# Product: 芒果TV 月卡",
        "62\tAB",
        "CD",
    ]


@given(st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=5), st.text(max_size=20))
def test_every_card_is_one_line_and_no_name_makes_another(codes, name):
    codes = [f"K{code}" for code in codes]
    found = cards_of(card_list(page(*((None, code) for code in codes), name=name), NOON))
    assert len(found) == len(codes)
    assert [re.sub(r"\s", "", line) for line in found] == [re.sub(r"\s", "", code) for code in codes]


@given(st.text(min_size=1, max_size=40))
def test_no_order_number_breaks_out_of_the_header(number):
    value = disposition(page((None, "AB"), order_number=number))
    assert re.fullmatch(
        r"attachment; filename=\"cards-\w+\.txt\"; filename\*=UTF-8''[\w.~%-]+", value, re.ASCII
    )


@given(st.text(min_size=1, max_size=60), st.integers(0, 4))
def test_at_least_half_of_a_code_stays_hidden(code, first):
    seen = len(head(code, first)) + len(mask(code).removeprefix("****"))
    assert seen <= len(code) // 2
    assert code.startswith(head(code, first))
