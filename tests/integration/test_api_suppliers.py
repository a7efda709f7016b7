"""Suppliers and batches over `/v1`: papers that end, layouts that are remembered, cards that do not work."""

import hashlib

import pytest

from cardcourier import wiring
from cardcourier.clock import now_ms
from tests.integration.api_client import caller, open_merchant, problem
from tests.integration.shop import acting, rfc3339
from tests.integration.test_api_imports import ask, begin, post_form, step

DAY = 86_400_000


@pytest.fixture(scope="module")
def open_cloud(cloud):
    with acting(cloud):
        yield cloud


@pytest.fixture
def merchant(open_cloud):
    return open_merchant(open_cloud)


@pytest.fixture
def owner(merchant):
    owner = caller(merchant)
    owner.post("/v1/products", {"sku": "S", "name": "月卡", "issuer": "mgtv"})
    return owner


def add(owner, **more):
    answer = owner.post("/v1/suppliers", {"id": "mango", "name": "芒果批发", "cost": 1450} | more)
    assert answer.status == 201, answer.text
    return answer.json


def test_a_supplier_is_added_changed_and_never_overwritten(owner):
    made = add(
        owner, contact="QQ 1", authorisation="SQ-2026-1", authorised_until=rfc3339(now_ms() + 90 * DAY)
    )
    assert made["standing"] == "valid" and made["cost"] == {"amount": 1450, "currency": "CNY"}
    assert problem(owner.post("/v1/suppliers", {"id": "mango", "name": "x"})) == (409, "already_exists")
    assert problem(owner.post("/v1/suppliers", {"id": "No Good", "name": "x"})) == (422, "bad_id")

    seen = owner.get("/v1/suppliers/mango")
    ends = {"authorised_until": rfc3339(now_ms() + 10 * DAY)}
    changed = owner("PATCH", "/v1/suppliers/mango", ends, if_match=seen.headers["etag"])
    late = owner("PATCH", "/v1/suppliers/mango", {"name": "y"}, if_match=seen.headers["etag"])

    assert changed.json["standing"] == "ends_soon" and late.status == 412
    assert owner("PATCH", "/v1/suppliers/mango", {"authorised_until": None}).json["standing"] == "unknown"
    assert [found["id"] for found in owner.get("/v1/suppliers").json["items"]] == ["mango"]


def test_a_copy_of_the_paper_is_uploaded_and_fetched(owner):
    add(owner)
    paper = b"%PDF-1.7 we allow"
    body = {"file_name": "授权书.pdf", "sha256": hashlib.sha256(paper).hexdigest()}

    form = owner.post("/v1/suppliers/mango/document", body)

    assert form.status == 201 and post_form(form.json, paper) in (200, 201, 204)
    found = owner.get("/v1/suppliers/mango").json
    assert (found["document_name"], found["document_sha256"]) == ("授权书.pdf", body["sha256"])
    assert ask("GET", found["document_url"]) == (200, paper)


def test_an_import_takes_cost_from_its_supplier_warns_of_its_paper_and_is_read_as_before(owner):
    add(owner, authorised_until=rfc3339(now_ms() - DAY))
    rows = "\n".join(f"KEYS{n:08d}A,MG{n:08d},芒果" for n in range(20))
    layout = {"separator": ",", "columns": ["code", "number", "ignore"]}
    first = begin(owner, cost=None, supplier="mango", text=rows, layout=layout, face=2000)

    previewed = step(owner, first["id"], "preview")
    done = step(owner, first["id"], "commit")

    assert previewed["warnings"] == {"W_AUTHORISATION_ENDED": 1} and previewed["blocking"] == []
    assert (done["supplier"], done["cost"]["amount"]) == ("mango", 1450)
    batch = owner.get(f"/v1/batches/{done['batch']}").json
    assert (batch["standing"], batch["supplier"], batch["state"]) == ("ended", "mango", "open")
    assert (batch["total_cost"]["amount"], batch["total_face"]["amount"]) == (20 * 1450, 20 * 2000)
    assert owner.get("/v1/batches").json["items"][0]["standing"] == "ended"
    assert owner.get("/v1/suppliers/mango").json["remembers_layout"] is True

    again = begin(
        owner, supplier="mango", text="KEYS99990001A,MG99990001,芒果\nKEYS99990002A,MG99990002,芒果\n"
    )
    seen = step(owner, again["id"], "preview")
    assert seen["understood"]["columns"] == ["code", "number", "ignore"]
    other = begin(owner, supplier="mango", text="MG11110001----KEYS11110001A\nMG11110002----KEYS11110002A\n")
    seen = step(owner, other["id"], "preview")
    assert seen["understood"]["separator"] == "----" and seen["counts"]["accepted"] == 2
    assert problem(owner.post("/v1/imports", {"sku": "S", "supplier": "none"})) == (422, "no_such_supplier")


def test_a_batch_is_annotated_and_counts_the_cards_that_did_not_work(merchant, owner):
    done = step(owner, begin(owner, text="KEYS00000001A\nKEYS00000002A\n")["id"], "preview")
    done = step(owner, done["id"], "commit")
    merchant.pay("A-1", ("S", 1))
    merchant.cloud.wait_idle()
    link = owner.get(f"/v1/orders/{merchant.own}/A-1/link").json
    assert link["units"]
    from tests.integration.shop import Browser

    assert Browser(merchant.cloud).form(f"/r/{merchant.token('A-1')}/reveal").status == 200
    merchant.cloud.wait_idle()
    batch = owner.get(f"/v1/batches/{done['batch']}")
    assert (batch.json["delivered"], batch.json["invalid"], batch.json["invalid_rate"]) == (1, 0, 0.0)

    wiring.replacer().replace(merchant.key_of("A-1"), "1", 1, "staff", "does not work", "request")
    merchant.cloud.wait_idle()
    annotated = owner(
        "PATCH", f"/v1/batches/{done['batch']}", {"note": "bad lot"}, if_match=batch.headers["etag"]
    ).json

    assert (annotated["note"], annotated["invalid"], annotated["delivered"]) == ("bad lot", 1, 2)
    assert annotated["invalid_rate"] == 0.5


def test_an_import_is_undone_and_its_cards_are_gone(owner):
    done = step(owner, begin(owner, text="KEYS00000011A\nKEYS00000012A\n")["id"], "preview")
    step(owner, done["id"], "commit")

    assert problem(owner.post(f"/v1/imports/{done['id']}/cancel")) == (409, "too_late")
    assert owner.post(f"/v1/imports/{done['id']}/undo", {"reason": "wrong price"}).status == 202
    owner.cloud.wait_idle()

    undone = owner.get(f"/v1/imports/{done['id']}").json
    assert (undone["state"], undone["voided"]) == ("undone", 2)
    batch = owner.get(f"/v1/batches/{undone['batch']}").json
    assert (batch["state"], batch["voided"], batch["imported"]) == ("voided", 2, 2)
    assert owner.get("/v1/stock").json["items"][0]["available"] == 0
    lines = wiring.journal().lines(owner.get("/v1/me").json["tenant"], now_ms() - DAY, now_ms() + DAY)
    assert [line.quantity for line in lines if line.kind == "stock.voided"] == [2]
