import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardcourier.domain.card_files import Layout, layout_of, records
from cardcourier.errors import Refused

TEN = range(10)


def fields(lines, layout):
    return [record.fields for record in records(lines, layout)]


@pytest.mark.parametrize(
    ("line", "separator"),
    [
        ("MG{n}----CODE{n}", "----"),
        ("MG{n}--------CODE{n}", "----"),
        ("MG{n}---CODE{n}", "---"),
        ("MG{n}\tCODE{n}", "\t"),
        ("MG{n}|CODE{n}", "|"),
        ("MG{n}｜CODE{n}", "|"),
        ("MG{n},CODE{n}", ","),
        ("MG{n}，CODE{n}", "，"),
        ("MG{n};CODE{n}", ";"),
        ("MG{n}；CODE{n}", ";"),
        ("MG{n}:CODE{n}", ":"),
        ("MG{n}：CODE{n}", ":"),
        ("MG{n}   CODE{n}", " "),
        ("MG{n}\u3000CODE{n}", " "),
        ("MG{n}----CODE,{n}", "----"),
        ("MG{n},CODE:{n}", ","),
    ],
)
def test_separators_are_found_in_their_order(line, separator):
    lines = [line.format(n=n) for n in TEN]
    layout = layout_of(lines)
    assert (layout.separator, layout.columns, layout.header) == (separator, ("number", "code"), False)
    assert all(len(row) == 2 for row in fields(lines, layout))


@pytest.mark.parametrize("line", ["ABCD-EFGH-{n}", "AB--CD{n}", "CODE{n}", "{n}"])
def test_a_dash_inside_a_code_parts_nothing(line):
    layout = layout_of([line.format(n=n) for n in TEN])
    assert (layout.separator, layout.columns) == ("", ("code",))


def test_one_line_in_twenty_may_be_odd_and_no_more():
    odd = ["a note to you"]
    assert layout_of([*(f"A{n}----B{n}" for n in range(19)), *odd]).separator == "----"
    assert layout_of([*(f"A{n}----B{n}" for n in range(18)), *odd]).separator != "----"


def test_mixed_separators_fit_none():
    assert layout_of([f"A{n},B{n}" if n % 2 else f"A{n}----B{n}" for n in TEN]).separator == ""


def test_separators_at_the_ends_of_lines():
    lines = [f"MG{n},CODE{n},," for n in TEN]
    assert layout_of(lines).columns == ("number", "code")
    assert layout_of([f"CODE{n}," for n in TEN]).columns == ("code",)
    assert layout_of([f"MG{n},CODE{n}" + ",," * (n % 2) for n in TEN]).columns == ("number", "code")


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ("卡号,卡密", ("number", "code")),
        ("卡密,卡号", ("code", "number")),
        ("序号,卡号,密码,有效期,成本价,面值", ("ignore", "number", "code", "expiry", "cost", "face")),
        ("商品名称,兑换码", ("ignore", "code")),
        ("Card No.,PIN,Expiry Date,Cost", ("number", "code", "expiry", "cost")),
        ("#,CDK", ("ignore", "code")),
        ("卡号（必填）,卡密(16位),到期", ("number", "code", "expiry")),
        ("ＣＡＲＤ,ＫＥＹ", ("number", "code")),
        ("account,password", ("number", "code")),
        ("编号,卡号", ("ignore", "code")),
        ("卡密,激活码", ("code", "ignore")),
    ],
)
def test_headers_in_both_languages_name_the_columns(header, columns):
    lines = [header, *(",".join([f"X{n}"] * len(columns)) for n in TEN)]
    layout = layout_of(lines)
    assert (layout.separator, layout.header, layout.columns) == (",", True, columns)
    assert len(fields(lines, layout)) == len(TEN)


def test_a_header_may_be_parted_otherwise_than_the_lines():
    layout = layout_of(["卡号 卡密", *(f"A{n}----B{n}" for n in TEN)])
    assert (layout.separator, layout.header, layout.columns) == ("----", True, ("number", "code"))


def test_a_file_of_a_header_alone_and_an_empty_file():
    layout = layout_of(["卡号,卡密"])
    assert layout.header and layout.columns == ("number", "code") and fields(["卡号,卡密"], layout) == []
    assert layout_of([]) == layout_of(["", "  "]) == Layout()
    assert fields(["", " ", "\u3000"], Layout()) == []


def test_uneven_lines_are_parted_as_their_header_is():
    layout = layout_of(["卡号,卡密,有效期,成本", "A,B,2027-12-31,1", "A,C", ",D,永久,", "A,E,,1"])
    assert (layout.separator, layout.columns) == (",", ("number", "code", "expiry", "cost"))


def test_a_single_named_column():
    assert layout_of(["激活码", "A1", "A2"]) == Layout(columns=("code",), header=True)


@pytest.mark.parametrize(
    ("line", "columns"),
    [
        ("MG{n},CODE{n},2027-12-31", ("number", "code", "expiry")),
        ("MG{n},CODE{n},2027年12月31日", ("number", "code", "expiry")),
        ("MG{n},CODE{n},x,2027/12/31", ("number", "code", "ignore", "expiry")),
        ("CODE{n},2027-12-31", ("code", "expiry")),
        ("MG{n},CODE{n},12.50", ("number", "code", "ignore")),
        ("MG{n},CODE{n},4501{n}", ("number", "code", "ignore")),
    ],
)
def test_without_a_header_dates_are_known_by_their_form(line, columns):
    assert layout_of([line.format(n=n) for n in TEN]).columns == columns


@pytest.mark.parametrize(
    "line",
    [
        "卡号：MG{n} 密码：CO:DE{n}",
        "卡号:MG{n}密码:CO:DE{n}",
        "卡号：MG{n}----卡密：CO:DE{n}",
        "Card: MG{n}, PIN: CO:DE{n}",
    ],
)
def test_labels_before_the_values_name_them(line):
    lines = [line.format(n=n) for n in TEN]
    layout = layout_of(lines)
    assert (layout.separator, layout.columns) == ("labels", ("number", "code"))
    assert fields(lines, layout) == [[f"MG{n}", f"CO:DE{n}"] for n in TEN]


def test_a_lone_label_is_the_code_and_lines_may_change_the_order():
    assert fields(["卡号：A", "卡号：B"], layout_of(["卡号：A", "卡号：B"])) == [["A"], ["B"]]
    layout = layout_of([f"卡号：A{n} 密码：B{n}" for n in TEN])
    assert fields(["密码：B 卡号：A", "nothing"], layout) == [["A", "B"], ["", ""]]


def test_quotes_hold_separators_and_lines_together_in_csv_only():
    lines = ['MG1,"CO,DE",x', 'MG2,"say ""hi""",x', 'MG3,CODE,"two', 'lines"', "MG4,CODE,x"]
    quoted = Layout(separator=",", columns=("number", "code", "ignore"), quoted=True)
    assert [(r.row, r.fields) for r in records(lines, quoted)] == [
        (1, ["MG1", "CO,DE", "x"]),
        (2, ["MG2", 'say "hi"', "x"]),
        (3, ["MG3", "CODE", "two\nlines"]),
        (5, ["MG4", "CODE", "x"]),
    ]
    assert fields(['A,"B"'], Layout(separator=",", columns=("number", "code"))) == [["A", '"B"']]


def test_a_quote_that_is_never_closed_spoils_its_own_line_only():
    lines = ['MG1,"CODE', *(f"MG{n},CODE{n}" for n in range(2, 60)), 'MG60,CO"DE', 'MG61,"a"b', "MG62,x"]
    found = list(records(lines, Layout(separator=",", columns=("number", "code"), quoted=True)))
    assert [record.row for record in found] == list(range(1, 63))
    assert [record.row for record in found if record.fields is None] == [1, 61]
    assert found[59].fields == ["MG60", 'CO"DE']


def test_a_spreadsheet_s_way_to_keep_zeros_is_undone():
    quoted = Layout(separator=",", columns=("number", "code"), quoted=True)
    assert fields(['="0012","=""0034"""', '"0056",="'], quoted)[0] == ["0012", "0034"]


def test_one_column_in_csv_may_be_quoted():
    layout = layout_of([f'"CO,DE{n}"' for n in TEN], quoted=True)
    assert (layout.separator, fields(['"CO,DE"'], layout)) == ("", [["CO,DE"]])


def test_a_person_s_layout_wins_and_nonsense_is_refused():
    chosen = Layout.of({"separator": "|", "columns": ["ignore", "code"], "header": True, "quoted": False})
    assert fields(["h|h", "a|b"], chosen) == [["a", "b"]]
    for value, message in [
        ({}, "columns must be a list"),
        ({"columns": "code"}, "columns must be a list"),
        ({"columns": []}, "columns must be 1 to 50"),
        ({"columns": ["code", "pin"]}, "columns must be 1 to 50 of number, code"),
        ({"columns": ["code", "code"]}, "only one column can be the code"),
        ({"columns": ["code"], "separator": "-"}, "separator must be"),
    ]:
        with pytest.raises(Refused, match=message):
            Layout.of(value)


@given(st.lists(st.text(max_size=30), max_size=12), st.booleans())
def test_any_lines_have_a_layout_and_every_record_its_place(lines, quoted):
    layout = layout_of(lines, quoted=quoted)
    rows = [record.row for record in records(lines, layout)]
    assert rows == sorted(set(rows)) and all(1 <= row <= len(lines) for row in rows)


plain = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1)


@given(
    st.lists(plain.filter(lambda text: text[:2] != '="'), max_size=9), st.sampled_from([",", "\t", ";", "|"])
)
def test_what_a_csv_writer_wrote_is_read_back(codes, separator):
    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([["N", code] for code in codes])
    layout = Layout(separator=separator, columns=("number", "code"), quoted=True)
    assert [row[1] for row in fields(out.getvalue().split("\n"), layout)] == codes
