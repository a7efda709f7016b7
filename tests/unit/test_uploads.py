"""Uploaded files of every kind give the same cards; what is odd, huge or damaged is refused with words."""

import io
import struct
import zipfile
from datetime import date, datetime
from types import SimpleNamespace

import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from cardcourier.adapters import archives, workbooks
from cardcourier.adapters.uploads import Uploads
from cardcourier.domain.card_files import DAMAGED, BadRow
from cardcourier.domain.catalogue import Product, Tenant
from cardcourier.domain.imports import CardFile, Terms
from cardcourier.errors import Refused

NOW = 1_790_000_000_000
PRODUCT, TENANT = Product(tenant="t", sku="S", name="S"), Tenant(id="t", name="T")


def read(data, file_name="cards.txt", **chosen):
    """Rows of an upload, and how it was understood."""
    objects = SimpleNamespace(
        chunks=lambda bucket, key: (data[at : at + 700] for at in range(0, len(data), 700))
    )
    with Uploads(objects, "bucket").open("key") as source:
        file = CardFile.of(source, {"file_name": file_name, **chosen})
        terms = Terms.for_job({"currency": "CNY"}, PRODUCT, TENANT, NOW, 1000)
        return [row for chunk in file.chunks(terms, b"s" * 16) for row in chunk], file.understood()


def cards(data, **chosen):
    return [(row.number or "", row.code) for row in read(data, **chosen)[0]]


def book(*sheets, **options):
    """A workbook of sheets given as rows of cells."""
    raw = io.BytesIO()
    with xlsxwriter.Workbook(raw, {"strings_to_numbers": False, **options}) as made:
        day = made.add_format({"num_format": "yyyy-mm-dd"})
        for rows in sheets:
            sheet = made.add_worksheet()
            for at, row in enumerate(rows):
                for column, cell in enumerate(row):
                    if isinstance(cell, date):
                        sheet.write_datetime(at, column, cell, day)
                    elif isinstance(cell, str):
                        sheet.write_string(at, column, cell)
                    else:
                        sheet.write(at, column, cell)
    return raw.getvalue()


def packed(*members, method=zipfile.ZIP_DEFLATED):
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", method) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return raw.getvalue()


def refused(data, **chosen):
    with pytest.raises(Refused) as caught:
        read(data, **chosen)
    return caught.value.code, caught.value.detail


# ---------------------------------------------------------------- every kind gives the same cards

SECRETS = st.from_regex(r"[A-Z0-9]{3,9}[-_.]?[A-Z0-9]{3,9}", fullmatch=True)
TABLES = st.lists(st.tuples(SECRETS, SECRETS), min_size=1, max_size=8, unique=True)


@settings(max_examples=30)
@given(TABLES)
def test_a_table_gives_the_same_cards_however_it_is_written(table):
    named = [("卡号", "卡密"), *table]
    tsv = "\n".join("\t".join(row) for row in named).encode()
    csv = "\r\n".join(",".join(f'"{cell}"' for cell in row) for row in named).encode("gb18030")
    txt = "\n".join("----".join(row) for row in named).encode("utf-8-sig")
    xlsx = book(named)
    files = [(tsv, "a.tsv"), (csv, "a.csv"), (txt, "a.txt"), (xlsx, "a.xlsx")]

    for data, name in files:
        assert cards(data, file_name=name) == table, name
        stored = packed((f"卡/{name}", data), ("__MACOSX/._x", b"x"), method=zipfile.ZIP_STORED)
        assert cards(stored, file_name="a.zip") == table, name


def test_a_workbook_may_hold_lines_of_text_in_one_column():
    data = book([["A0001----KEY0001"], ["A0002----KEY0002"]])
    assert cards(data) == [("A0001", "KEY0001"), ("A0002", "KEY0002")]


def test_the_first_visible_sheet_that_holds_anything_counts_and_rows_keep_their_numbers():
    rows, understood = read(
        book([], [[], [], ["", "卡密", "有效期"], [], ["", "KEY00001", "2030年12月31日"], ["", "K"]])
    )
    assert [row.row for row in rows] == [5, 6]
    assert rows[0].code == "KEY00001" and rows[0].expires_at is not None
    assert understood["sheet"] == "Sheet2" and understood["separator"] == "cells"


def test_chosen_columns_hold_for_a_workbook_too():
    data = book([["KEY00001", "A1", "x"], ["KEY00002", "A2", "y"]])
    layout = {"separator": "", "columns": ["code", "number", "ignore"]}
    assert cards(data, layout=layout) == [("A1", "KEY00001"), ("A2", "KEY00002")]


# ---------------------------------------------------------------- what a spreadsheet does to cells


def test_numbers_come_digit_by_digit_or_not_at_all():
    good = [123456789012345, 12345678, 0]
    spoilt = [1234567890123456, 1234567890123450000, 6688123412341234567, 1e22]
    rows, _ = read(book([["卡密"], *([number] for number in good + spoilt)]))
    assert [row.code for row in rows[:3]] == ["123456789012345", "12345678", "0"]
    assert all(isinstance(row, BadRow) and (row.code, row.hint) == ("E_FORMAT", DAMAGED) for row in rows[3:])


@given(st.integers(0, 10**15 - 1))
@settings(max_examples=50)
def test_every_number_of_fifteen_digits_is_exact(number):
    assert workbooks._text(float(number)) == str(number)


def test_a_card_number_that_was_rounded_is_refused_as_well():
    rows, _ = read(book([["卡号", "卡密"], [6688123412341234567, "KEY00001"], ["00012", "KEY00002"]]))
    assert (rows[0].code, rows[0].hint) == ("E_FORMAT", DAMAGED)
    assert (rows[1].number, rows[1].code) == ("00012", "KEY00002")


def test_dates_are_good_for_a_validity_and_for_no_secret():
    head = ["卡密", "有效期", "成本", "面值"]
    body = [
        ["KEY00001", date(2030, 12, 31), 12.5, 100],
        ["KEY00002", 47848, "¥12.50", "100.00元"],
        ["KEY00003", datetime(2030, 12, 31, 8, 30), 0.1 + 0.2, ""],
        [date(2030, 1, 2), "", "", ""],
        ["KEY00004", "", date(2030, 1, 2), ""],
    ]
    rows, _ = read(book([head, *body]))
    assert rows[0].expires_at == rows[1].expires_at and rows[2].expires_at < rows[0].expires_at
    assert [(row.cost, row.face) for row in rows[:2]] == [(1250, 10000)] * 2
    assert rows[2].cost == 30
    assert [(row.code, row.hint == DAMAGED) for row in rows[3:]] == [("E_FORMAT", True), ("E_COST", False)]


# ---------------------------------------------------------------- archives that are refused


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ([], "exactly one"),
        ([("a.txt", b"x"), ("b.txt", b"y")], "exactly one"),
        ([("../a.txt", b"KEY00001")], "name"),
        ([("/etc/a.txt", b"KEY00001")], "name"),
        ([("a\\..\\b.txt", b"KEY00001")], "name"),
        ([("a.exe", b"KEY00001")], "one of"),
        ([("a.zip", packed(("a.txt", b"x")))], "inner one"),
        ([("a.txt", packed(("a.txt", b"x")))], "inner one"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_an_odd_archive_is_refused(members, says):
    data = packed(*members) if members else packed(("folder/", b""))
    code, detail = refused(data)
    assert code == "bad_archive" and says in detail


def test_a_bomb_is_refused_before_and_while_it_unpacks():
    assert refused(packed(("a.txt", b"0" * 1_000_000)))[0] == "too_large"
    small = packed(("a.txt", b"KEY0000" * 3_000), method=zipfile.ZIP_DEFLATED)
    assert refused(small)[0] == "too_large"
    honest = packed(("a.txt", b"0" * 5_000_000), ("b", b""))
    lying = honest.replace(struct.pack("<I", 5_000_000), struct.pack("<I", 1_000))
    with archives.opened(io.BytesIO(lying)) as archive:
        member = archive.infolist()[0]
        assert member.file_size == 1_000
        with pytest.raises(Refused) as caught:
            list(archives.unpacked(archive, member, 4_000))
    assert caught.value.code == "too_large"


def test_an_archive_that_lies_about_a_size_is_damaged():
    data = packed(("a.txt", b"KEY00001\n" * 2), method=zipfile.ZIP_STORED)
    assert refused(data.replace(struct.pack("<I", 18), struct.pack("<I", 9)))[0] == "bad_archive"


def test_a_locked_archive_is_refused():
    data = bytearray(packed(("a.txt", b"KEY00001"), method=zipfile.ZIP_STORED))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + place] |= 1
    assert "password" in refused(bytes(data))[1]


@pytest.mark.parametrize("cut", [10, 60, 200, -30])
def test_a_torn_workbook_or_archive_is_refused(cut):
    assert refused(book([["卡密"], ["KEY00001"]])[:cut])[0] in ("bad_archive", "unreadable_workbook")
    assert refused(packed(("a.txt", b"KEY00001\n" * 40), method=zipfile.ZIP_STORED)[:cut])[0] == "bad_archive"


def test_old_and_empty_workbooks_are_refused():
    assert refused(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))[0] == "unreadable_workbook"
    assert refused(book([]))[0] == "empty_file"


def test_a_sheet_that_reaches_too_far_is_refused_before_it_takes_memory():
    data = book([["卡密"], ["KEY00001"]])
    with zipfile.ZipFile(io.BytesIO(data)) as parts:
        members = [(name, parts.read(name)) for name in parts.namelist()]
    far = [(name, raw.replace(b'r="A2"', b'r="XFD1048576"')) for name, raw in members]
    assert refused(packed(*far))[0] == "too_large"


def test_nothing_there_is_nothing():
    with Uploads(SimpleNamespace(chunks=lambda bucket, key: iter(())), "bucket").open("key") as source:
        assert source is None
