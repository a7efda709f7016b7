import csv
import io
import json
import re
import zipfile
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardcourier.adapters import report_files
from cardcourier.adapters.report_files import ReportFiles, guarded
from cardcourier.adapters.report_words import definitions, words
from cardcourier.domain.journal import encode
from cardcourier.domain.order_report import R4_COLUMNS
from cardcourier.domain.reports import MONEY, R1_COLUMNS, Column, Kind, Period, Report, totals
from cardcourier.errors import Refused
from cardcourier.services.reporting import make_report
from tests.unit.test_reports import NOVEMBER, SHANGHAI, leg, line, story

NASTY = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "\0=1",
    " =1",
    "\u3000=1",
    "\ufeff=1",
    "＝1",
    "＋1",
    "－1",
    "＠x",
    '=HYPERLINK("http://x";"y")',
]


def r4_row(order="1001", *, number="#1001", sku="MGTV", currency="CNY", gross=5000, **more):
    cells = dict.fromkeys((column.name for column in R4_COLUMNS), 0) | {
        "paid_at": datetime(2026, 11, 3, 10, 0, 1),
        "shop": "main",
        "order": order,
        "number": number,
        "line": "a",
        "sku": sku,
        "currency": currency,
        "gross": gross,
        **more,
    }
    return tuple(cells[column.name] for column in R4_COLUMNS)


def r1_row(day=3, currency="CNY", gross=5000, margin="0.4000"):
    cells = dict.fromkeys((column.name for column in R1_COLUMNS), 0) | {
        "day": date(2026, 11, day),
        "currency": currency,
        "gross": gross,
        "refunds": -1234,
        "margin": margin and Decimal(margin),
        "refund_rate": None,
    }
    return tuple(cells[column.name] for column in R1_COLUMNS)


def report(columns, rows, *, name="R1", segments=(3, 9), period=NOVEMBER):
    return Report(
        id=name,
        tenant="acme",
        run="run-1",
        period=period,
        basis="event",
        version="0.1.0",
        columns=columns,
        rows=rows,
        totals=totals(columns, rows),
        segments=segments,
    )


def written(made, file_format, folder, language="en"):
    (path,) = ReportFiles().write(made, file_format, language, folder)
    return path


def cells_of(path):
    return list(csv.reader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")))


# -- csv ---------------------------------------------------------------------------------------------------


def test_a_csv_for_people_reads_as_their_spreadsheet_expects(tmp_path):
    path = written(report(R1_COLUMNS, [r1_row()]), "csv", tmp_path)

    body = path.read_bytes()
    assert path.name == "R1_2026-11_acme_run-1.csv"
    assert body.startswith(b"\xef\xbb\xbf")
    assert b"\n" not in body.replace(b"\r\n", b"")
    head, row, blank, total, *rest = cells_of(path)
    assert head[:5] == ["Day", "Currency", "Orders", "Units", "Gross sales"]
    assert row[:5] == ["2026-11-03", "CNY", "0", "0", "50.00"]
    assert row[head.index("Refunds")] == "-12.34"
    assert (row[head.index("Margin")], row[head.index("Refund rate")]) == ("0.4000", "")
    assert blank == []
    assert total[:5] == ["Total", "CNY", "0", "0", "50.00"]
    assert rest == [["Rows", "1"], ["Sealed segments", "3–9"], ["Run", "run-1"], ["Code version", "0.1.0"]]


def test_a_csv_for_machines_has_nothing_but_rows(tmp_path):
    path = written(report(R4_COLUMNS, [r4_row("261100000000", sku="=1")], name="R4"), "csv-raw", tmp_path)

    body = path.read_text("utf-8")
    assert body.count("\n") == 2
    assert "\r" not in body
    head, row = cells_of(path)
    assert head == [column.name for column in R4_COLUMNS]
    assert dict(zip(head, row, strict=True)) | {
        "order": "261100000000",
        "sku": "=1",
        "gross": "50.00",
    } == dict(zip(head, row, strict=True))


@pytest.mark.fault("reports: formula", "reports: control", "reports: full-width")
@pytest.mark.parametrize("nasty", NASTY)
def test_what_a_spreadsheet_would_run_is_text(nasty, tmp_path):
    path = written(report(R4_COLUMNS, [r4_row(number=nasty)], name="R4"), "csv", tmp_path)

    head, row, *_ = cells_of(path)
    assert row[head.index("Order number")] == "'" + nasty.replace("\0", "\ufffd")
    assert len(row) == len(head)


@pytest.mark.fault("reports: quotes")
@pytest.mark.parametrize(
    "harmless",
    ["", "MGTV-30D", "a=b", "订单-1", "1.5", "12345678901", "#1001", "a\r\nb", 'say "x"', "a,b", "x "],
)
def test_what_is_harmless_stays_as_it_is(harmless, tmp_path):
    path = written(report(R4_COLUMNS, [r4_row(sku=harmless)], name="R4"), "csv", tmp_path)

    head, row, *_ = cells_of(path)
    assert row[head.index("SKU")] == harmless


@pytest.mark.parametrize("number", ["123456789012", "261100000000000000001", "007", "12E5", "1.5e+3"])
def test_ids_that_look_like_numbers_are_kept_whole(number, tmp_path):
    path = written(report(R4_COLUMNS, [r4_row(number)], name="R4"), "csv", tmp_path)

    head, row, *_ = cells_of(path)
    assert row[head.index("Order")] == number + "\t"


def test_negative_amounts_are_numbers_and_not_guarded(tmp_path):
    path = written(report(R4_COLUMNS, [r4_row(refunds=-100)], name="R4"), "csv", tmp_path)

    assert ",-1.00," in path.read_text("utf-8-sig")


def test_amounts_have_the_decimals_of_their_currency(tmp_path):
    rows = [r4_row(currency=currency, gross=5000) for currency in ("CNY", "JPY", "KWD", "")]
    path = written(report(R4_COLUMNS, rows, name="R4"), "csv-raw", tmp_path)

    head, *read = cells_of(path)
    assert [row[head.index("gross")] for row in read] == ["50.00", "5000", "5.000", ""]


def test_the_same_report_gives_the_same_bytes(tmp_path):
    made = report(R4_COLUMNS, [r4_row(str(number)) for number in range(50)], name="R4")

    for file_format in ("csv", "csv-raw", "xlsx"):
        folders = [tmp_path / f"{file_format}{number}" for number in (1, 2)]
        for folder in folders:
            folder.mkdir()
        once, again = (written(made, file_format, folder).read_bytes() for folder in folders)
        assert once == again


def test_a_format_nobody_knows_is_refused(tmp_path):
    with pytest.raises(Refused, match="bad_format"):
        ReportFiles().write(report(R1_COLUMNS, []), "pdf", "en", tmp_path)


@pytest.mark.fault("reports: formula", "reports: control", "reports: full-width")
@given(st.text(alphabet="=+-@\t\r\n\0＝ ,\"'0123456789eEa季", max_size=15))
def test_no_text_is_run_and_none_is_lost(text):
    kept = guarded(text)

    assert not kept.lstrip(" \u3000").startswith(("=", "+", "-", "@", "＝", "\t", "\r", "\n"))
    assert text.replace("\0", "\ufffd") in kept
    assert len(kept) <= len(text) + 1


@pytest.mark.fault("reports: quotes")
@given(st.lists(st.text(alphabet="a,\"\r\n\t '季", max_size=8), min_size=3, max_size=3))
def test_every_text_comes_back_out_of_its_quotes(texts):
    line_text = report_files._line(texts, "\r\n")

    assert list(csv.reader(io.StringIO(line_text, newline=""))) == [texts]


@pytest.mark.fault("reports: inside")
@pytest.mark.parametrize("behind", [",", '"', '",', '","', "\r\n", "\n", '"\r\n"', "\t", "a,\r\n"])
def test_what_stands_behind_a_separator_or_a_quote_begins_no_cell(behind, tmp_path):
    """A cell of its own would be run; so would a line of its own."""
    row = r4_row(number=f"x{behind}=1+1", sku=f"x{behind}+1")
    plain = cells_of(written(report(R4_COLUMNS, [r4_row()], name="R4"), "csv", tmp_path))

    lines = cells_of(written(report(R4_COLUMNS, [row], name="R4"), "csv", tmp_path))

    assert lines[1][lines[0].index("Order number")] == f"x{behind}=1+1"
    assert list(map(len, lines)) == list(map(len, plain))
    assert not any(cell.startswith(("=", "+")) for line in lines for cell in line)


# -- workbook ----------------------------------------------------------------------------------------------

NS = {"s": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}


class Book:
    """Reads back what a test needs of a workbook: {cell: (type, text)} of each sheet, by its name."""

    def __init__(self, path):
        self.zip = zipfile.ZipFile(path)
        names = [sheet.get("name") for sheet in self.xml("xl/workbook.xml").find("s:sheets", NS)]
        self.sheets = {name: self.xml(f"xl/worksheets/sheet{at}.xml") for at, name in enumerate(names, 1)}

    def xml(self, name):
        return ElementTree.fromstring(self.zip.read(name))

    def cells(self, sheet):
        found = {}
        for cell in self.sheets[sheet].iter(f"{{{NS['s']}}}c"):
            value, inline = cell.find("s:v", NS), cell.find("s:is/s:t", NS)
            text = (value if inline is None else inline).text
            kind = cell.get("t", "n")
            found[cell.get("r")] = (kind, Decimal(text) if kind == "n" else text)
        return found

    def column(self, sheet, letter):
        return {name: cell for name, cell in self.cells(sheet).items() if re.sub(r"\d", "", name) == letter}

    def charts(self):
        return [name for name in self.zip.namelist() if re.fullmatch(r"xl/charts/chart\d+\.xml", name)]

    def formulas(self):
        return [f for sheet in self.sheets.values() for f in sheet.iter(f"{{{NS['s']}}}f")]


def test_a_workbook_has_totals_data_and_notes(tmp_path):
    path = written(report(R1_COLUMNS, [r1_row(3), r1_row(4, gross=7000)]), "xlsx", tmp_path, "zh-CN")

    book = Book(path)
    assert path.name == "R1_2026-11_acme_run-1.xlsx"
    assert list(book.sheets) == ["汇总", "明细", "说明"]
    data = book.cells("明细")
    assert data["E1"] == ("inlineStr", "销售额")
    assert (data["A2"], data["E2"], data["E3"]) == (("n", 46329), ("n", 50), ("n", 70))
    assert (data["P2"], "Q2" in data) == (("n", Decimal("0.4")), False)
    assert ("inlineStr", "净利润") in book.cells("汇总").values()
    assert ("n", 120) in book.cells("汇总").values()
    assert len(book.charts()) == 2
    assert ("inlineStr", "3–9") in book.cells("说明").values()
    assert ("inlineStr", definitions("zh-CN")["net_profit"]) in book.cells("说明").values()


def test_the_data_sheet_has_a_frozen_header_and_filters(tmp_path):
    sheet = Book(written(report(R1_COLUMNS, [r1_row()]), "xlsx", tmp_path)).sheets["Data"]

    pane = sheet.find("s:sheetViews/s:sheetView/s:pane", NS)
    assert (pane.get("ySplit"), pane.get("state")) == ("1", "frozen")
    assert sheet.find("s:autoFilter", NS).get("ref") == "A1:R2"


@pytest.mark.fault("reports: formula")
def test_ids_and_texts_are_text_and_nothing_is_a_formula(tmp_path):
    rows = [r4_row("261100000000000000001", number=nasty, sku="https://example.com") for nasty in NASTY]
    book = Book(written(report(R4_COLUMNS, rows, name="R4"), "xlsx", tmp_path))

    assert {cell for name, cell in book.column("Data", "C").items() if name != "C1"} == {
        ("inlineStr", "261100000000000000001")
    }
    assert [kind for kind, _ in book.column("Data", "D").values()] == ["inlineStr"] * (len(NASTY) + 1)
    assert book.cells("Data")["D2"][1] == "=1+1"
    assert book.formulas() == []
    assert not any("hyperlink" in tag.tag for sheet in book.sheets.values() for tag in sheet.iter())


def test_each_currency_has_its_own_totals_chart_and_number_format(tmp_path):
    rows = [r4_row(currency=currency) for currency in ("CNY", "JPY", "KWD")] + [r4_row(currency="", gross=0)]
    book = Book(written(report(R4_COLUMNS, rows, name="R4"), "xlsx", tmp_path))

    assert len(book.charts()) == 3
    forms = {form.get("formatCode") for form in book.xml("xl/styles.xml").iter(f"{{{NS['s']}}}numFmt")}
    assert {"#,##0.000", "yyyy-mm-dd hh:mm:ss"} <= forms
    data = book.cells("Data")
    assert [data.get(f"L{row}") for row in (2, 3, 4, 5)] == [("n", 50), ("n", 5000), ("n", 5), None]


def test_a_report_without_rows_is_a_file_too(tmp_path):
    for file_format in ("csv", "csv-raw", "xlsx"):
        assert written(report(R1_COLUMNS, [], segments=None), file_format, tmp_path).stat().st_size > 50


def test_too_many_rows_for_a_workbook_become_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(report_files, "MOST_WORKBOOK_ROWS", 4)
    made = report(R4_COLUMNS, [r4_row(str(number)) for number in range(10)], name="R4")

    paths = ReportFiles().write(made, "xlsx", "en", tmp_path)

    assert [path.name for path in paths] == [
        f"R4_2026-11_acme_run-1_part{number}.csv" for number in (1, 2, 3)
    ]
    read = [cells_of(path) for path in paths]
    assert [len(cells) for cells in read] == [5, 5, 3 + 6]
    assert all(cells[0] == read[0][0] for cells in read)
    assert read[2][4][0] == "Total"


def test_a_waterfall_ends_where_the_steps_lead(tmp_path):
    row = r1_row(gross=5000)
    names = [column.name for column in R1_COLUMNS]
    row = (*row[:4], *({"gross": 5000, "card_cost": -9000, "adjustments": 500}.get(n, 0) for n in names[4:]))
    book = Book(written(report(R1_COLUMNS, [row]), "xlsx", tmp_path))

    steps = {cell[1]: name[1:] for name, cell in book.column("Summary", "D").items()}
    cells = book.cells("Summary")

    def bars(step):
        return [cells[f"{letter}{steps[step]}"][1] for letter in "FGHIJ"]

    assert bars("Gross sales") == [0, 50, 0, 0, 0]
    assert bars("Card cost") == [0, 0, 0, 50, -40]
    assert bars("Adjustments") == [-35, 0, -5, 0, 0]
    assert bars("Net profit") == [0, 0, 0, 0, -35]


def test_both_languages_have_the_same_words_and_every_column_has_one():
    assert words("zh-CN").keys() == words("en").keys()
    assert definitions("zh-CN").keys() == definitions("en").keys()
    assert {column.name for column in (*R1_COLUMNS, *R4_COLUMNS)} <= words("en").keys()
    assert set(MONEY) <= definitions("en").keys()
    assert all(isinstance(column, Column) and isinstance(column.kind, Kind) for column in R4_COLUMNS)


# -- the use case ------------------------------------------------------------------------------------------


class Kept:
    """Journal and object store in memory."""

    def __init__(self, lines):
        self.lines, self.files, self.types = lines, {}, {}

    def texts(self, tenant, start, end):
        return (encode(each) for each in self.lines if each.tenant == tenant and start <= each.at < end)

    def segments(self, tenant, start, end):
        return (1, 2)

    def put_file(self, bucket, key, path, content_type=""):
        assert bucket == "reports"
        self.files[key], self.types[key] = Path(path).read_bytes(), content_type


JOB = {
    "id": "run-7",
    "report": "R1",
    "tenant": "acme",
    "start": NOVEMBER.start,
    "end": NOVEMBER.end,
    "time_zone": "Asia/Shanghai",
    "format": "csv",
    "language": "zh-CN",
}


def made(kept, **asked):
    return make_report(
        JOB | asked, journal=kept, files=ReportFiles(), objects=kept, bucket="reports", now=NOVEMBER.end + 99
    )


def test_a_job_becomes_a_file_and_its_totals():
    kept = Kept([*story(), *story("1002", day=4)])

    done = made(kept)

    key = "reports/acme/run-7/R1_2026-11_acme_run-7.csv"
    assert done.keys == (key,)
    assert kept.types[key] == "text/csv; charset=utf-8"
    assert "合计,CNY,2,4,100.00" in kept.files[key].decode()
    assert (done.rows, done.segments) == (2, (1, 2))
    assert (
        done.totals[0] | {"currency": "CNY", "orders": 2, "net_profit": 1600, "margin": "0.4000"}
        == done.totals[0]
    )
    assert json.loads(json.dumps(done.totals)) == list(done.totals)


@pytest.mark.parametrize(("report_id", "file_format"), [("R1", "xlsx"), ("R4", "xlsx"), ("R4", "csv-raw")])
def test_every_report_has_every_format(report_id, file_format):
    kept = Kept(story())

    (key,) = made(kept, report=report_id, format=file_format).keys

    assert kept.files[key][:2] == (b"PK" if file_format == "xlsx" else b"pa")


def test_by_order_a_late_refund_belongs_to_the_month_of_payment():
    early = line("1001", "order.refunded", NOVEMBER.start - 5, leg("refund", -100))
    late = line("1001", "order.refunded", NOVEMBER.end + 5, leg("refund", -1000))
    kept = Kept([early, *story(day=1, hour=0), late])

    for report_id in ("R1", "R4"):
        assert made(kept, report=report_id).totals[0]["refunds"] == -2000
        assert made(kept, report=report_id, basis="order").totals[0]["refunds"] == -3100


def test_lanes_in_any_order_give_the_same_bytes():
    lines = [each for number in range(40) for each in story(str(number), day=1 + number % 28)]
    files = []
    for order in (lines, lines[::-1]):
        for asked in ({"report": "R1"}, {"report": "R4"}, {"report": "R4", "format": "xlsx"}):
            kept = Kept(order)
            made(kept, **asked)
            files.append(kept.files)

    assert files[:3] == files[3:]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"report": "R9"}, "bad_report"),
        ({"format": "pdf"}, "bad_format"),
        ({"basis": "moon"}, "bad_basis"),
        ({"end": NOVEMBER.start}, "bad_period"),
        ({"end": NOVEMBER.start + 500 * 86_400_000}, "bad_period"),
        ({"time_zone": "Mars/Olympus"}, "bad_time_zone"),
        ({"time_zone": "../etc/passwd"}, "bad_time_zone"),
    ],
)
def test_what_cannot_be_made_is_refused_before_any_work(wrong, code):
    with pytest.raises(Refused) as caught:
        made(Kept([]), **wrong)

    assert caught.value.code == code


def test_a_period_is_told_in_the_tenants_zone():
    assert Period(NOVEMBER.start, NOVEMBER.end, ZoneInfo("UTC")).label == "2026-10-31_2026-11-30"
    assert NOVEMBER.zone is SHANGHAI
