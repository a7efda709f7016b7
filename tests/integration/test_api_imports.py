"""Imports over `/v1`: from a supplier's file to stock, with what was left out."""

import http.client
import secrets
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from cardcourier.clock import now_ms
from tests.integration.api_client import caller, open_merchant, problem
from tests.integration.shop import acting, raw_items, rfc3339


@pytest.fixture(scope="module")
def open_cloud(cloud):
    with acting(cloud):
        yield cloud


@pytest.fixture
def owner(open_cloud):
    owner = caller(open_merchant(open_cloud))
    owner.post("/v1/products", {"sku": "S", "name": "月卡", "issuer": "mango", "pattern": "[A-Z0-9-]{8,}"})
    return owner


def post_form(form, file, name="卡密.txt"):
    """What a browser sends: the fields in their order, the file last."""
    boundary = secrets.token_hex(16)
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'.encode()
        for field, value in form["fields"].items()
    ]
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    body = b"".join(parts) + head.encode() + file + f"\r\n--{boundary}--\r\n".encode()
    kind = {"content-type": f"multipart/form-data; boundary={boundary}"}
    return ask("POST", form["url"], body, kind)[0]


def ask(method, url, body=b"", headers=None):
    """Status and body, from the object store itself."""
    where = urlsplit(url)
    with closing(http.client.HTTPConnection(where.hostname, where.port, timeout=30)) as connection:
        connection.request(method, f"{where.path or '/'}?{where.query}".rstrip("?"), body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()


def step(owner, job, name):
    answer = owner.post(f"/v1/imports/{job}/{name}")
    assert answer.status == 202, answer.text
    owner.cloud.wait_idle()
    return owner.get(f"/v1/imports/{job}").json


def begin(owner, **changes):
    answer = owner.post("/v1/imports", {"sku": "S", "cost": 1500} | changes)
    assert answer.status == 201, answer.text
    return answer.json


def test_an_uploaded_file_becomes_stock_and_what_was_left_out_can_be_fetched(owner):
    codes = [f"MG-{secrets.token_hex(6).upper()}" for _ in range(3)]
    ordered = begin(owner, file_name="芒果月卡.txt", note="第一批")
    rows = [*codes, codes[0], "坏卡", "MG-OLD-0001----2020-01-01"]
    file = "\r\n".join(f"{row}----2030-12-31" if "----" not in row else row for row in rows)

    early = owner.post(f"/v1/imports/{ordered['id']}/preview")
    assert problem(early) == (409, "not_uploaded")
    assert post_form(ordered["upload"], file.encode("gb18030")) in (200, 201, 204)
    previewed = step(owner, ordered["id"], "preview")

    assert previewed["state"] == "previewed" and previewed["understood"]["encoding"] == "gb18030"
    assert previewed["counts"]["accepted"] == 3 and previewed["counts"]["duplicates_in_file"] == 1
    assert previewed["total_cost"] == {"amount": 4500, "currency": "CNY"}
    shown = str(previewed["samples"]) + str(previewed["left_out"])
    assert not [code for code in codes if code in shown] and f"****{codes[0][-4:]}" in shown
    assert owner.get("/v1/stock").json["items"][0]["available"] == 0

    if previewed["blocking"]:
        assert problem(owner.post(f"/v1/imports/{ordered['id']}/commit")) == (422, "blocked")
        return
    pytest.fail("three bad rows of six must block")


def test_a_good_text_is_imported_counted_and_never_twice(owner):
    codes = [f"MG-{secrets.token_hex(6).upper()}" for _ in range(20)]
    text = "\n".join([*codes, codes[3], "x"])
    ordered = begin(owner, text=text, expires_at="2031-01-01T00:00:00+08:00")
    assert ordered["upload"] is None and not [code for code in codes if code in str(ordered)]

    step(owner, ordered["id"], "preview")
    done = step(owner, ordered["id"], "commit")

    assert (done["state"], done["done_rows"]) == ("committed", 22)
    assert done["counts"]["accepted"] == 20 and sum(done["counts"]["codes"].values()) == 2
    [stock] = owner.get("/v1/stock").json["items"]
    assert (stock["sku"], stock["available"], stock["release_at"]) == ("S", 20, None)
    batch = owner.get(f"/v1/batches/{done['batch']}").json
    assert (batch["imported"], batch["cost"]["amount"], batch["by"]) == (20, 1500, done["by"])
    rejected = ask("GET", done["reject_url"])[1].decode("utf-8-sig")
    assert "E_DUP_FILE" in rejected and codes[3] not in rejected

    assert step(owner, ordered["id"], "commit")["state"] == "committed"
    assert problem(owner.post(f"/v1/imports/{ordered['id']}/preview")) == (409, "already_committed")
    again = begin(owner, text=text)
    second = step(owner, again["id"], "preview")
    assert second["blocking"] and second["counts"]["duplicates_in_stock"] == 20
    assert problem(owner.post(f"/v1/imports/{again['id']}/commit")) == (422, "blocked")
    assert owner.get("/v1/stock").json["items"][0]["available"] == 20
    assert [job["id"] for job in owner.get("/v1/imports").json["items"]] == [again["id"], ordered["id"]]


def test_a_file_that_is_too_long_for_its_form_is_not_taken(owner):
    form = begin(owner)["upload"]
    form["fields"]["key"] += "-elsewhere"

    assert post_form(form, b"MG-AAAA-0001") >= 400


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"sku": "NONE"}, 422, "no_such_product"),
        ({"currency": "XXX"}, 422, "bad_currency"),
        ({"cost": -1}, 422, "invalid_request"),
        ({"cost": 1.5}, 422, "invalid_request"),
        ({"layout": {"columns": ["shoe"]}}, 422, "bad_layout"),
        ({"layout": {"columns": []}}, 422, "invalid_request"),
        ({"text": " \n "}, 422, "empty_text"),
        ({"expires_at": "soon"}, 422, "invalid_request"),
    ],
)
def test_an_import_cannot_begin_with_nonsense(owner, changes, status, code):
    assert problem(owner.post("/v1/imports", {"sku": "S"} | changes)) == (status, code)


def test_a_commit_needs_a_preview(owner):
    job = begin(owner, text="MG-AAAA-0001\n")["id"]

    assert problem(owner.post(f"/v1/imports/{job}/commit")) == (409, "not_previewed")


def test_a_report_is_no_import(owner):
    report = owner.post("/v1/reports", {"report": "R1", "from": "2026-11-01", "to": "2026-11-02"}).json["id"]
    job = begin(owner, text="MG-AAAA-0002\n")["id"]

    assert problem(owner.get(f"/v1/imports/{report}")) == (404, "not_found")
    assert problem(owner.get(f"/v1/reports/{job}")) == (404, "not_found")


# ---------------------------------------------------------------- reports are ordered the same way


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"report": "R9"}, "invalid_request"),
        ({"format": "pdf"}, "invalid_request"),
        ({"from": "2026-11-31"}, "invalid_request"),
        ({"from": "2026-12-01"}, "bad_period"),
        ({"from": "2020-01-01"}, "bad_period"),
        ({"from": 1793520000000}, "invalid_request"),
        ({"language": "fr"}, "invalid_request"),
    ],
)
def test_a_report_cannot_be_nonsense(owner, changes, code):
    body = {"report": "R1", "from": "2026-11-01", "to": "2026-11-08"} | changes

    assert problem(owner.post("/v1/reports", body)) == (422, code)


def test_a_reports_days_are_the_tenants_own(owner):
    owner("PATCH", "/v1/tenant", {"time_zone": "America/New_York"})
    body = {"report": "R4", "from": "2026-11-01", "to": "2026-11-02", "format": "csv", "language": "en"}

    made = owner.post("/v1/reports", body, idempotency_key="report-key-1").json
    again = owner.post("/v1/reports", body, idempotency_key="report-key-1").json

    assert (made["from"], made["to"]) == ("2026-11-01T04:00:00.000Z", "2026-11-02T05:00:00.000Z")
    assert made["id"] == again["id"] and len(owner.get("/v1/reports").json["items"]) == 1
    exact = body | {"from": rfc3339(now_ms() - 1000), "to": rfc3339(now_ms())}
    assert owner.post("/v1/reports", exact).status == 202


def test_a_finished_report_is_fetched_by_a_link_made_now(owner, open_cloud):
    merchant = open_merchant(open_cloud)
    merchant.sell("MONTH", cards=1)
    merchant.pay("A-1", ("MONTH", 1))
    open_cloud.wait_idle()
    finance = caller(merchant, "finance")
    day = {"from": rfc3339(now_ms() - 86_400_000), "to": rfc3339(now_ms() + 1000)}

    job = finance.post("/v1/reports", {"report": "R4", "format": "csv-raw"} | day).json["id"]
    open_cloud.wait_idle()
    done = finance.get(f"/v1/reports/{job}").json

    assert (done["state"], done["rows"]) == ("done", 1)
    assert done["totals"][0]["currency"] == "CNY" and done["totals"][0]["gross"] == 2500
    status, file = ask("GET", done["download_url"])
    assert status == 200 and b"A-1" in file
    assert "X-Amz-Expires=300" in done["download_url"] and done["files"][0]["file_name"].endswith(".csv")
    assert "download_url" not in finance.get("/v1/reports").json["items"][0]


def test_nothing_of_a_card_is_kept_with_the_job(owner):
    begin(owner, text="MG-SECRET-77\n", file_name="a.txt")

    assert "MG-SECRET-77" not in str(raw_items(prefix="C#"))
