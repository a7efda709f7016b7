"""Every sample in `events/` does to its function, in its own environment, what a real event does."""

import json
import os
import secrets
from dataclasses import replace
from pathlib import Path

import pytest

from cardcourier import wiring
from cardcourier.adapters.channels import standard
from cardcourier.adapters.tables import catalogue as names
from cardcourier.clock import now_ms
from cardcourier.domain.catalogue import Job, Tenant
from cardcourier.domain.endpoints import Endpoint
from cardcourier.domain.kept import Act
from cardcourier.domain.orders import OrderKey
from cardcourier.domain.outbox import Message, MessageKey
from cardcourier.domain.segments import SEAL_AFTER
from cardcourier.domain.tokens import Token
from cardcourier.services.bulk_jobs import Wanted
from tests.integration.api_client import caller
from tests.integration.receiver import Receiver
from tests.integration.shop import (
    Log,
    Merchant,
    acting,
    failed,
    forget_messages,
    overdue,
    raw_items,
    still,
    taken,
)

ROOT = Path(__file__).parents[2]
SHOP, ORDER, SKU = "sample-shopify", "5678901234567", "MGTV-MONTH"
KEY = OrderKey("sample", SHOP, ORDER)
HAPPENED = 1_793_520_000_500


@pytest.fixture(scope="module")
def sample(cloud):
    """The tenant, the shop and the product that the samples speak of; nothing runs by itself."""
    with acting(cloud), still(cloud):
        merchant = Merchant(cloud, tenant="sample")
        since = min(now_ms(), HAPPENED) - 86_400_000
        tenant = Tenant(id="sample", name="样例", created_at=since)
        wiring.catalogue_table().put(names.tenant_key("sample"), tenant, since, "test")
        merchant.connect(SHOP, "shopify", ["hush"], domain="sample.myshopify.com")
        merchant.sell(SKU, cards=5)
        yield merchant
        forget_messages(cloud)


def replay(sample, function):
    event = json.loads((ROOT / "events" / f"{function}.json").read_text())
    return sample.cloud.invoke(function, event)


def after(sample, *functions):
    """What comes before it in the flow; every sample may be replayed."""
    for function in functions:
        replay(sample, function)


def test_each_function_has_one_sample():
    functions = {path.parent.name for path in (ROOT / "functions").glob("*/app.py")}
    assert {path.stem for path in (ROOT / "events").glob("*.json")} == functions


def test_webhooks_records_the_payment_and_asks_for_a_pass(sample):
    answer = replay(sample, "webhooks")
    assert (answer["statusCode"], json.loads(answer["body"])) == (200, {"received": True})
    header = sample.order(ORDER, SHOP)[0]
    assert (header.number, header.amount, header.currency) == ("#2048", 5000, "CNY")
    assert {"kind": "order", "tenant": "sample", "shop": SHOP, "order": ORDER} in taken(
        sample.cloud, "Orders"
    )


def test_allocation_takes_two_cards(sample):
    after(sample, "webhooks")
    assert failed(replay(sample, "allocation")) == []
    assert sample.counts(ORDER, SHOP) in ({"ALLOCATED": 2}, {"DELIVERED": 2})
    assert sample.pool(SKU) == 3


def test_dispatch_asks_for_the_delivery(sample):
    taken(sample.cloud, "Delivery")
    assert failed(replay(sample, "dispatch")) == []
    assert taken(sample.cloud, "Delivery") == [
        {"kind": "deliver", "tenant": "sample", "shop": SHOP, "order": ORDER}
    ]


def test_delivery_mails_the_link_and_commits_it(sample):
    after(sample, "webhooks", "allocation", "delivery")
    assert failed(replay(sample, "delivery")) == []
    assert sample.counts(ORDER, SHOP) == {"DELIVERED": 2}
    [mail] = [mail for mail in sample.mails_to("buyer@example.com") if "2048" in mail["subject"]]
    assert f"/r/{sample.token(ORDER, SHOP)}" in mail["text"]


def test_outbound_sends_the_event_signed(sample):
    event, receiver = "evt_1793520000500_0123456789abcdef0123", Receiver()
    secret = standard.make_secret(bytes(32))
    sealed = wiring.endpoint_secrets().seal("sample", "we-sample", secret)
    endpoint = Endpoint(id="we-sample", tenant="sample", url=receiver.url, secrets=(sealed,))
    wiring.endpoints().add(endpoint, now_ms(), "test")
    key = MessageKey("sample", "we-sample", event)
    wiring.outbox().put_new(Message(key=key, type="webhook.test", at=now_ms(), body='{"type":"x"}'), now_ms())
    assert failed(replay(sample, "outbound")) == []
    assert failed(replay(sample, "outbound")) == []
    receiver.stop()
    [heard] = receiver.heard
    assert heard.id == event and heard.signed_by(secret)


def test_projection_writes_the_line_and_the_list_row(sample):
    after(sample, "webhooks", "allocation", "delivery", "projection")
    assert failed(replay(sample, "projection")) == []
    lines = json.dumps(raw_items("JOURNAL_TABLE", "J#sample#20261101"))
    assert f"{SHOP}/{ORDER}/U/14000000000001/0001" in lines
    rows = wiring.views().orders("sample", None, HAPPENED - 86_400_000, max(now_ms(), HAPPENED))
    assert [(row.key, row.status) for row in rows] == [(KEY, "delivered")]
    assert KEY in wiring.views().by_last4("sample", "0042", 5)


def test_redeem_shows_the_page_masked(sample):
    after(sample, "webhooks", "allocation")
    token = "0123456789012345678901"
    wiring.tokens().put([(token, [], Token(KEY, 0, now_ms() + 60_000))])
    answer = replay(sample, "redeem")
    assert (answer["statusCode"], answer["headers"]["cache-control"]) == (200, "no-store")
    assert "芒果TV" in answer["body"]
    assert not any(code in answer["body"] for code in sample.codes.values())


def test_release_sends_what_is_overdue(sample):
    assert sample.pay("901", (SKU, 1)).status == 200
    taken(sample.cloud, "Orders")
    overdue(sample, "901")
    log = Log(sample.cloud)
    assert replay(sample, "release") is None
    asked = {"kind": "order", "tenant": "sample", "shop": sample.own, "order": "901"}
    assert asked in taken(sample.cloud, "Orders")
    assert log.metric("OverdueOrders") >= 1


def test_sealer_seals_what_is_closed(sample):
    after(sample, "projection")
    assert replay(sample, "sealer") is None
    found = sample.cloud.client("s3").list_objects_v2(Bucket=os.environ["SEAL_BUCKET"], Prefix="")
    segments = [one["Key"] for one in found.get("Contents", []) if "sample" in one["Key"]]
    if now_ms() > HAPPENED + SEAL_AFTER:
        assert segments


def test_verify_looks_at_yesterday(sample):
    assert replay(sample, "verify") is None


def test_canary_leaves_those_alone_who_have_none(sample):
    assert replay(sample, "canary") is None


def test_retention_looks_at_every_tenant(sample):
    assert replay(sample, "retention") is None


def test_reports_makes_the_report(sample):
    data = {"report": "R4", "start": HAPPENED - 86_400_000, "end": HAPPENED + 86_400_000}
    data |= {"format": "csv", "language": "en", "basis": "event", "time_zone": "Asia/Shanghai"}
    made = {"id": "sample-report", "kind": "report", "state": "created", "created_at": now_ms()}
    job = Job(tenant="sample", by="test", data=data, **made)
    wiring.catalogue_table().put(names.job_key("sample", job.id), job, now_ms(), "test")
    assert failed(replay(sample, "reports")) == []
    done = wiring.catalogue_table().need(Job, names.job_key("sample", job.id))
    assert (done.state, done.data.get("error")) == ("done", None)
    [file] = wiring.report_desk().downloads(done)
    assert file.url.startswith("http://127.0.0.1")


def test_bulk_acts_on_the_order(sample):
    after(sample, "webhooks")
    named = Wanted(action="note", reason="seen", orders=[(SHOP, ORDER)], role="owner")
    job = wiring.bulk_desk().create("sample", named, Act(secrets.token_hex(4), now_ms()), "test")
    event = json.loads((ROOT / "events" / "bulk.json").read_text().replace("sample-bulk", job.id))

    assert failed(replay(sample, "bulk")) == []  # a job that nobody knows is left
    assert failed(sample.cloud.invoke("bulk", event)) == []

    assert wiring.bulk_table().job("sample", job.id).state == "done"


def test_inventory_previews_the_file(sample):
    merchant = Merchant(sample.cloud, tenant="acme")
    merchant.sell("MONTH")
    begun = {"sku": "MONTH", "file_name": "cards.txt", "text": "CODE-1\nCODE-2\n"}
    made = caller(merchant).post("/v1/imports", begun).json
    job = wiring.catalogue_table().need(Job, names.job_key("acme", made["id"]))
    again = replace(job, id="imp-0001", state="created")
    wiring.catalogue_table().put(names.job_key("acme", "imp-0001"), again, now_ms(), "test")
    assert failed(replay(sample, "inventory")) == []
    seen = wiring.catalogue_table().need(Job, names.job_key("acme", "imp-0001"))
    assert (seen.state, seen.data["accepted"]) == ("previewed", 2)
    assert merchant.pool("MONTH") == 0


def test_api_answers(sample):
    assert replay(sample, "api")["statusCode"] == 200
