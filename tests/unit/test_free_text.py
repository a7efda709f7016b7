"""Typed words keep their sense and lose cards and contacts."""

import pytest

from cardcourier.domain.free_text import without_cards, without_contacts


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("the code is invalid", "the code is invalid"),
        ("卡密 KM4A8ABF4FD40D8509 无效", "卡密 … 无效"),
        ("卡密KM4A8ABF4FD40D8509无效", "卡密…无效"),
        ("KM4A-8ABF-4FD4-0D85", "…"),
        ("it was KM4A 8ABF 4FD4 0D85 I think", "it was … I think"),
        ("km4a8abf4fd40d8509", "…"),
        ("ABCDEFGHJKLM", "…"),
        ("6221 5588 1234 5678", "…"),
        ("used on 3 devices, error 42", "used on 3 devices, error 42"),
        ("mail li.lei@example.com or 138 0013 8000", "mail … or …"),
        ("", ""),
    ],
)
def test_a_report_loses_cards_and_contacts(typed, kept):
    assert without_cards(typed) == kept


def test_a_reason_loses_contacts_alone():
    assert without_contacts("order A-1042B back to li.lei@example.com") == "order A-1042B back to …"


def test_a_long_text_is_read_quickly():
    for piece in ("A1 ", "AB ", "a-", "1 ", "A", "1-"):
        without_cards(piece * 2000)
