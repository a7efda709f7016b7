import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardcourier.domain.card_files import decode, encoding_of, lines, text_lines
from cardcourier.domain.card_files.text import MOST_LINE
from cardcourier.errors import Refused

NAMED = "卡号,卡密\nMG0001,兑换码🎬\n"


def read(data, size=None):
    chunks = cut(data, size or 1 << 20)
    return list(lines(chunks, encoding_of(chunks)))


def cut(data, size):
    return [data[at : at + size] for at in range(0, len(data), size)]


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (NAMED.encode(), "utf-8-sig"),
        (codecs.BOM_UTF8 + NAMED.encode(), "utf-8-sig"),
        (NAMED.encode("gb18030"), "gb18030"),
        (NAMED.encode("utf-16"), "utf-16"),
        (codecs.BOM_UTF16_BE + NAMED.encode("utf-16-be"), "utf-16"),
        (NAMED.encode("utf-32"), "utf-32"),
    ],
)
@pytest.mark.parametrize("size", [1, 3, 5, 1000])
def test_the_encoding_is_known_from_the_bytes_however_they_are_cut(data, encoding, size):
    assert encoding_of(cut(data, size)) == encoding
    assert read(data, size) == NAMED.splitlines()
    assert decode(data) == NAMED


def test_plain_ascii_and_nothing_are_utf8():
    assert encoding_of([b"plain"]) == encoding_of([]) == encoding_of([b""]) == "utf-8-sig"
    assert read(b"") == [] and decode(b"") == ""


one_line = st.text(st.characters(codec="utf-8", exclude_categories=["Cf", "Cc"]), min_size=1, max_size=200)


@given(one_line, st.integers(1, 9), st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]))
def test_what_was_written_in_unicode_is_read_back(text, size, encoding):
    assert read(text.encode(encoding), size) == [text]


@given(one_line, st.integers(1, 9))
def test_what_was_written_in_gb18030_is_read_back_when_it_is_no_utf8(text, size):
    data = text.encode("gb18030")
    assert list(lines(cut(data, size), "gb18030")) == [text]


def test_gb18030_is_read_only_after_strict_utf8_failed():
    assert read("芒果TV会员月卡".encode()) == ["芒果TV会员月卡"]
    assert read("芒果TV会员月卡".encode("gb18030")) == ["芒果TV会员月卡"]


NO_TEXT = [b"\xff", b"abc\xff\xff", b"\x80\x81", codecs.BOM_UTF8 + b"\xff", b"\xff\xfe\x00\xd8"]


@pytest.mark.parametrize("data", NO_TEXT)
def test_what_is_no_text_is_refused_with_what_to_do(data):
    for attempt in (
        encoding_of,
        lambda chunks: decode(chunks[0]),
        lambda chunks: list(lines(chunks, "utf-8-sig")),
    ):
        with pytest.raises(Refused, match="save it as UTF-8") as refused:
            attempt([data])
        assert refused.value.code == "unreadable_text"


@pytest.mark.parametrize("data", [b"a\nb\nc", b"a\r\nb\r\nc\r\n", b"a\rb\rc", b"a\r\nb\nc\r"])
@pytest.mark.parametrize("size", [1, 2, None])
def test_every_kind_of_line_end(data, size):
    assert read(data, size) == ["a", "b", "c"]


def test_only_line_ends_end_lines():
    odd = "a\x0bb\x0cc\x1cd\x85e\u2028f"
    assert read(odd.encode()) == [odd]


def test_invisible_characters_and_inner_marks_go():
    assert read("\ufeffA\u200bB\u200c\ufeff\u2060\nC\u202aD\u202c\u00ad".encode()) == ["AB", "CD"]


def test_blank_lines_stay_so_that_rows_keep_their_numbers():
    assert read(b"a\n\n\nb\n\n") == ["a", "", "", "b", ""]


@pytest.mark.parametrize("size", [None, 1000])
def test_a_line_of_a_megabyte_is_cut_and_the_next_is_whole(size):
    data = b"first\n" + b"x" * 1_000_000 + b"\nlast"
    first, long, last = read(data, size)
    assert (first, last, len(long)) == ("first", "last", MOST_LINE + 1)


def test_pasted_text_is_read_alike():
    assert list(text_lines("\ufeffA\r\nB")) == ["A", "B"]
    with pytest.raises(Refused):
        list(text_lines("A\ud800"))
