from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardcourier.domain.card_files import (
    BadRow,
    CardRow,
    Layout,
    Rules,
    Tally,
    compile_pattern,
    cost_of,
    expiry_of,
    identity,
    layout_of,
    mask,
    preview,
    read_rows,
    records,
    text_lines,
)
from cardcourier.errors import Refused

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = 1_793_520_000_000  # 2026-11-01T08:00:00Z
RULES = Rules(zone=SHANGHAI, now=NOW)
PAIR = Layout(separator="----", columns=("number", "code"))
FULL = Layout(separator=",", columns=("number", "code", "expiry", "cost"))
SALT = bytes(16)


def read(text, layout=None, rules=RULES):
    layout = layout or layout_of(text_lines(text))
    return list(read_rows(records(text_lines(text), layout), layout, rules, salt=SALT))


def one(text, layout=FULL, rules=RULES):
    (row,) = read(text, layout, rules)
    return row


def bad(text, layout=FULL, rules=RULES):
    row = one(text, layout, rules)
    assert isinstance(row, BadRow), row
    assert row.hint and text.strip() not in (row.hint, row.masked)
    return row.code


def local(*moment):
    return int(datetime(*moment, tzinfo=SHANGHAI).timestamp() * 1000)


def test_a_supplier_s_file():
    rows = read("MG001----AAAA1111BBBB\r\nMG002----CCCC2222DDDD\r\n\r\n")
    assert rows == [CardRow(1, "MG001", "AAAA1111BBBB"), CardRow(2, "MG002", "CCCC2222DDDD")]


def test_every_column_is_read_and_the_last_ones_may_be_missing():
    text = "卡号,卡密,有效期,成本\nMG1,CODE1,2027-12-31,12.5\nMG2,CODE2\n,CODE3,永久,\nMG4,CODE4,,¥7元"
    day = local(2027, 12, 31, 23, 59, 59) + 999
    assert read(text) == [
        CardRow(2, "MG1", "CODE1", day, 1250),
        CardRow(3, "MG2", "CODE2"),
        CardRow(4, None, "CODE3"),
        CardRow(5, "MG4", "CODE4", None, 700),
    ]


def test_a_secret_is_trimmed_and_otherwise_kept():
    assert one("\u3000 A １２ｂ- x \u00a0\t", Layout()).code == "A １２ｂ- x"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("MG1, ,2027-12-31,1", "E_EMPTY"),
        (",,,", "E_EMPTY"),
        ("MG1", "E_FIELDS"),
        ("MG1,CODE,2027-12-31,1,more", "E_FIELDS"),
        ("MG1," + "x" * 3000, "E_LENGTH"),
        ("N" * 200 + ",CODE", "E_LENGTH"),
        ("MG1,CODE" + "x" * 1_000_000, "E_LENGTH"),
        ("MG1,CO\x00DE", "E_CHARSET"),
        ("MG1,CO\tDE", "E_CHARSET"),
        ("M\x07G1,CODE", "E_CHARSET"),
        ("MG1,CO\ufffdDE", "E_CHARSET"),
        ("MG1,CO\ue000DE", "E_CHARSET"),
        ("MG1,1.23457E+15", "E_FORMAT"),
        ("MG1,CODE1234,31.12.2027", "E_DATE"),
        ("MG1,CODE1234,2027-02-30", "E_DATE"),
        ("MG1,CODE1234,99999", "E_DATE"),
        ("MG1,CODE1234,2025-12-31", "E_EXPIRED"),
        ("MG1,CODE1234,2026-11-01 15:59", "E_EXPIRED"),
        ("MG1,CODE1234,,twelve", "E_COST"),
        ("MG1,CODE1234,,-1", "E_COST"),
        ("MG1,CODE1234,,1.005", "E_COST"),
    ],
)
def test_a_bad_row_says_why_and_never_shows_its_code(line, code):
    assert bad(line) == code


def test_bad_rows_leave_the_good_ones_alone():
    rows = read("A1----CODE0001\nno separator\nA2----CODE0002\nA1----CODE0001\nA1----CODE0003", PAIR)
    assert [row.code for row in rows if isinstance(row, BadRow)] == ["E_FIELDS", "E_DUP_FILE"]
    good = [(row.row, row.number) for row in rows if isinstance(row, CardRow)]
    assert good == [(1, "A1"), (3, "A2"), (5, "A1")]


def test_a_broken_row_does_not_make_its_repeat_a_duplicate():
    rows = read("A,CODE1234,2020-01-01\nA,CODE1234,2028-01-01", FULL)
    assert [type(row) for row in rows] == [BadRow, CardRow]


def test_without_a_column_of_codes_no_row_is_good():
    assert bad("a,b", Layout(separator=",", columns=("ignore", "cost"))) == "E_FIELDS"


def test_warnings():
    assert one("MG1,ＣＯＤＥ1").warnings == ("W_FULLWIDTH",)
    assert one("MG１,CODE1").warnings == ("W_FULLWIDTH",)
    assert one("MG1,CO DE").warnings == ("W_SPACE",)
    assert one("MG1,CO\u3000DE").warnings == ("W_FULLWIDTH", "W_SPACE")
    assert one("MG1,CODE,2026-11-30").warnings == ("W_EXPIRES_SOON",)
    assert one("MG1,CODE🎬,2027-11-30").warnings == ()


def test_a_product_s_pattern_is_held_against_the_whole_code():
    rules = Rules(zone=UTC, now=NOW, pattern=compile_pattern("[A-Z0-9]{8}"))
    assert isinstance(one("ABCD1234", Layout(), rules), CardRow)
    for code in ("ABCD12345", "abcd1234", "ABCD1234 x", "ＡBCD1234", "A" * 300):
        assert bad(code, Layout(), rules) == "E_FORMAT"


def test_folding_case_and_width_is_a_product_s_choice():
    text = "Abcd1234\nABCD1234\nａbcd1234"
    assert [type(row) for row in read(text, Layout())] == [CardRow] * 3
    folding = Rules(zone=UTC, now=NOW, fold=True)
    assert [type(row) for row in read(text, Layout(), folding)] == [CardRow, BadRow, BadRow]


@given(st.text(), st.text(), st.text(), st.text())
def test_two_cards_are_the_same_only_if_number_and_code_are(number, code, other_number, other_code):
    plain = [text.replace("\x1f", "") for text in (number, code, other_number, other_code)]
    same = identity(plain[0], plain[1]) == identity(plain[2], plain[3])
    assert same == (plain[:2] == plain[2:])


def test_a_card_without_a_number_is_its_code():
    assert identity(None, "CODE") == identity("", "CODE") == "CODE"
    assert identity("N", "CODE") == "N\x1fCODE"


@given(st.text(max_size=40))
def test_a_mask_shows_at_most_four_characters_and_a_third(secret):
    shown = mask(secret).removeprefix("****")
    assert secret.endswith(shown) and len(shown) <= min(4, len(secret) // 3)


def test_masks_do_not_tell_how_long_a_secret_is():
    assert mask("ABCDEFGHIJKLMNOP") == mask("XXXXXXXXMNOP") == "****MNOP"
    assert (mask("ABCDEF"), mask("AB"), mask("")) == ("****EF", "****", "****")


def test_nothing_secret_shows_in_a_log():
    row = one("MG0042,CODE1234")
    assert "CODE" not in repr(row) and "MG00" not in repr(row)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2027-12-31", (2027, 12, 31, 23, 59, 59)),
        ("2027/1/5", (2027, 1, 5, 23, 59, 59)),
        ("2027.01.05", (2027, 1, 5, 23, 59, 59)),
        ("2027年1月5日", (2027, 1, 5, 23, 59, 59)),
        ("2027 年 1 月 5 日", (2027, 1, 5, 23, 59, 59)),
        ("20271231", (2027, 12, 31, 23, 59, 59)),
        ("２０２７－１２－３１", (2027, 12, 31, 23, 59, 59)),
        ("46752", (2027, 12, 31, 23, 59, 59)),
        ("46752.0", (2027, 12, 31, 23, 59, 59)),
    ],
)
def test_a_day_is_good_to_its_end_where_the_tenant_is(text, moment):
    assert expiry_of(text, SHANGHAI) == local(*moment) + 999


def test_a_time_is_taken_as_written():
    assert expiry_of("2027-12-31 08:30", SHANGHAI) == local(2027, 12, 31, 8, 30)
    assert expiry_of("2027-12-31 08:30:15.5", SHANGHAI) == local(2027, 12, 31, 8, 30, 15)
    assert expiry_of("46752.5", SHANGHAI) == local(2027, 12, 31, 12)
    assert expiry_of("2027-12-31T08:30:00Z", SHANGHAI) == expiry_of("2027-12-31T16:30:00+08:00", UTC)
    assert expiry_of("2027-12-31T08:30:00-0530", SHANGHAI) == expiry_of("2027-12-31T14:00:00Z", UTC)
    assert expiry_of("长期有效", UTC) is expiry_of("Never", UTC) is None


NO_DATES = "|soon|31/12/2027|12-31-2027|2027-13-01|20271301|2027|19999|80001|0001-01-01|1969-01-01|２"


@pytest.mark.parametrize("text", [*NO_DATES.split("|"), "2027-12-31 25:00", "2027-12-31T08:30:00+99:99"])
def test_what_is_no_date_is_refused(text):
    with pytest.raises(ValueError):
        expiry_of(text, timezone(timedelta(hours=14)))


@given(st.text(max_size=25))
def test_any_text_is_a_date_or_a_value_error(text):
    with suppress(ValueError):
        expiry_of(text, SHANGHAI)


@pytest.mark.parametrize("text", ["12.5", "¥12.50", "￥12.5", "12.50 元", "１２.５０"])
def test_costs_may_carry_their_currency_s_mark(text):
    assert cost_of(text, "CNY") == 1250


def test_a_preview_counts_masks_and_adds_up():
    text = "卡号,卡密,有效期,成本\n" + "".join(f"MG{n:03},CODE-{n:04},2027-12-31,2.50\n" for n in range(30))
    text += "MG001,CODE-0001,2027-12-31,2.50\nMG900,,2027-12-31,1\nMG901,SPACED OUT,2026-11-20,1\n"
    layout = layout_of(text_lines(text))

    seen = preview(read(text), layout)

    assert (seen.rows, seen.accepted, seen.cost) == (33, 31, 30 * 250 + 100)
    assert seen.bad == {"E_DUP_FILE": 1, "E_EMPTY": 1}
    assert seen.warnings == {"W_SPACE": 1, "W_EXPIRES_SOON": 1}
    assert len(seen.samples) == 20 and seen.samples[0].code == "****000" and seen.samples[0].number == "****0"
    assert [row.row for row in seen.rejects] == [32, 33] and seen.blocking == ()
    assert "CODE-" not in repr(seen)


def test_reasons_not_to_import():
    assert preview([], Layout()).blocking == ("nothing_accepted",)
    assert preview([], Layout(columns=("ignore",))).blocking == ("no_secret_column", "nothing_accepted")
    rows = [CardRow(row, None, "C") for row in range(8)]
    rows += [BadRow(row, "E_DATE", "h", "m") for row in (9, 10)]
    assert preview(rows, Layout()).blocking == ()
    assert preview([*rows, BadRow(11, "E_EMPTY", "h", "m")], Layout()).blocking == ("too_many_bad",)


def test_duplicates_are_no_reason_to_block_a_file_that_has_new_cards():
    tally = Tally(Layout())
    for code in ("E_DUP_FILE", "E_DUP_STOCK"):
        for row in range(50):
            tally.add(BadRow(row, code, "h", "m"))
    assert tally.preview().blocking == ("nothing_accepted",)
    tally.add(CardRow(1, None, "C"))
    assert tally.preview().blocking == ()


codes = st.text(st.characters(codec="ascii", categories=["Lu", "Ll", "Nd"]), min_size=4, max_size=20)


@given(st.dictionaries(codes, codes, min_size=3, max_size=20), st.sampled_from(["----", "\t", "|", ",", ";"]))
def test_every_card_that_was_written_is_read_once(cards, separator):
    text = "".join(f"{number}{separator}{code}\r\n" for number, code in cards.items())
    layout = Layout(separator=separator, columns=("number", "code"))
    assert {row.number: row.code for row in read(text, layout)} == cards
    assert layout_of(text_lines(text)).separator in (separator, "")


@given(st.text(max_size=200), st.booleans())
def test_any_text_gives_rows_that_are_good_or_bad(text, quoted):
    text = text.encode(errors="replace").decode()
    layout = layout_of(text_lines(text), quoted=quoted)
    seen = preview(read(text, layout), layout)
    assert seen.rows == seen.accepted + sum(seen.bad.values())


@pytest.mark.parametrize(
    "pattern",
    [
        "[A-Z0-9]{16}",
        r"MG\d{10,12}",
        "([A-Z]{4}-){3}[A-Z]{4}",
        r"(?:AB|CD)?\d+",
        r"[^\]\\]{4}",
        r"\w+-\w+",
        "a?b*",
        "芒果.+",
        "^[A-Z]{4}$",
        r"\d{4,}",
        "[]x]{2}",
        "[a-]+",
        r"[\d.-]{3}",
    ],
)
def test_ordinary_patterns_are_taken(pattern):
    assert compile_pattern(pattern).pattern == pattern


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+",
        "(a*)*b",
        "(a|a)+",
        "(a|b|ab)*c",
        "(?:a?){40}a{40}",
        r"\w*\w*\w*\w*x",
        "(x+x+)+y",
        "a{1,256}b{1,256}c{1,9}",
        "((a{1,20}){1,20}){1,20}",
    ],
)
def test_patterns_that_could_take_a_lifetime_are_refused(pattern):
    with pytest.raises(Refused, match="too long: give repeats a number"):
        compile_pattern(pattern)


UNREADABLE = "( ) a) [ [a [[a]] [a--b] *a a** a++ {2} a{2 a{x} a{,2} a{5,2} a{999} (?=a) (?P<n>a) (?i)a [z-a]"
ESCAPES = [r"\1", r"(a)\1", r"\bx", r"\Ax", "\\", r"[\q]"]


@pytest.mark.parametrize("pattern", ["", "x" * 201, *UNREADABLE.split(), *ESCAPES])
def test_patterns_that_cannot_be_read_are_refused_with_a_reason(pattern):
    with pytest.raises(Refused) as refused:
        compile_pattern(pattern)
    assert refused.value.code == "bad_pattern" and refused.value.detail


@given(st.text(alphabet="ab(){}[]|*+?,\\d-^$012", max_size=25), st.text(alphabet="ab01", max_size=40))
def test_no_pattern_that_is_taken_takes_long(pattern, code):
    from time import perf_counter

    from cardcourier.domain.card_files import matches

    try:
        compiled = compile_pattern(pattern)
    except Refused:
        return
    start = perf_counter()
    matches(compiled, code + "!" * 5)
    matches(compiled, (code or "a") * 6)
    assert perf_counter() - start < 1
