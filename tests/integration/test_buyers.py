"""One buyer's data: a copy of it, and its erasure, after which nothing of him is found anywhere."""

import json
import os
import urllib.request

import pytest

from cardcourier import wiring
from cardcourier.clock import now_ms
from cardcourier.domain.protocol import Actor
from tests.integration.api_client import caller, open_merchant, problem
from tests.integration.shop import Browser, acting, forget_messages, merchant_of, raw_items

PHONE = "13800138000"


@pytest.fixture(scope="module")
def open_cloud(cloud):
    with acting(cloud):
        yield cloud


@pytest.fixture
def merchant(open_cloud):
    with merchant_of(open_cloud):
        merchant = open_merchant(open_cloud)
        merchant.sell("MONTH", cards=3)
        yield merchant


@pytest.fixture
def owner(merchant):
    return caller(merchant)


def pay(merchant, order, mail, **more):
    buyer = {"email": mail, "phone": PHONE, "name": "李雷", "ip": "198.51.100.23"} | more
    assert merchant.pay(order, ("MONTH", 1), buyer=buyer).status == 200
    merchant.cloud.wait_idle()


def done(owner, merchant, asked):
    assert asked.status == 202, asked.text
    merchant.cloud.wait_idle()
    found = owner.get(f"/v1/buyers/{asked.json['id']}").json
    assert found["state"] == "done"
    return found


def everything(merchant):
    """All that lies in tables, queues and buckets, as text; bytes as the table shows them."""
    tables = [raw_items(f"{name}_TABLE") for name in ("MAIN", "VAULT", "JOURNAL", "VIEWS")]
    s3, sqs, told = merchant.cloud.client("s3"), merchant.cloud.client("sqs"), [repr(tables)]
    for name in ("IMPORT_BUCKET", "REPORT_BUCKET", "SEAL_BUCKET"):
        for item in s3.list_objects_v2(Bucket=os.environ[name]).get("Contents", ()):
            body = s3.get_object(Bucket=os.environ[name], Key=item["Key"])["Body"].read()
            told.append(item["Key"] + body.decode("utf-8", "replace"))
    for queue in ("Orders", "Delivery", "Import", "Report"):
        url = merchant.cloud.resource(f"{queue}Queue")
        told.append(repr(sqs.receive_message(QueueUrl=url, WaitTimeSeconds=0).get("Messages")))
    return "\n".join(told)


def found(merchant, *told):
    """Which of these texts lie anywhere."""
    text = everything(merchant)
    return [one for one in told if one in text]


def test_a_copy_holds_what_is_kept_and_no_card(merchant, owner):
    mail = f"lilei@{merchant.id}.example"
    pay(merchant, "A-1", mail)
    code = Browser(merchant.cloud).program(f"/r/{merchant.token('A-1')}/reveal").json["cards"][0]["code"]
    pay(merchant, "A-2", f"other@{merchant.id}.example", phone="13900139000")

    copy = done(owner, merchant, owner.post("/v1/buyers/export", {"buyer": mail.upper()}))
    with urllib.request.urlopen(copy["download_url"]) as answer:
        text = answer.read().decode()

    [order] = json.loads(text)["orders"]
    assert (order["order"], order["amount"], order["contact"]["phone"]) == ("A-1", 2500, PHONE)
    assert order["cards"][0]["views"] == 1 and order["messages"]
    assert code not in text and merchant.token("A-1") not in text
    assert mail not in repr(raw_items(prefix=f"C#{merchant.id}")), "the job does not say who"


@pytest.mark.parametrize("by", ["email", "phone", "order"])
def test_after_an_erasure_nothing_of_the_buyer_is_found(merchant, owner, by):
    mail = f"hanmeimei@{merchant.id}.example"
    pay(merchant, "A-1", mail)
    header = merchant.order("A-1")[0]
    wiring.notes().put(header.key, "她的电话变了", "", Actor("staff", now_ms(), "r-1"))
    named = {"email": mail, "phone": PHONE, "order": "A-1"}[by]
    digests = list(header.search)
    rows = [wiring.links().mail_hash("1", "A-1", mail)]
    assert digests and found(merchant, *digests, *rows) == [*digests, *rows]

    done(owner, merchant, owner.post("/v1/buyers/erase", {"buyer": named}))

    assert found(merchant, mail, "她的电话", *digests, *rows) == []
    after = merchant.order("A-1")[0]
    assert (after.contact, after.search, after.amount) == (None, (), header.amount)
    assert owner.get(f"/v1/search?q={mail}").json["items"] == []
    assert problem(owner.post("/v1/buyers/erase", {"buyer": mail})) == (404, "not_found")

    # Money and cards go on as ever.
    assert Browser(merchant.cloud).get(f"/r/{merchant.token('A-1')}").status == 200
    merchant.refund("A-1")
    merchant.cloud.wait_idle()
    assert merchant.counts("A-1") == {"RETURNED": 1}
    lines = [
        line
        for line in wiring.journal().lines(merchant.id, now_ms() - 600_000, now_ms() + 1000)
        if line.order == "A-1"
    ]
    assert sum(leg.amount for line in lines for leg in line.legs if leg.kind.value == "sale") == 2500
    assert "buyer's data erased" in {line.why for line in lines}


def test_what_is_still_to_be_delivered_is_kept_unless_forced(merchant, owner):
    mail = f"waits@{merchant.id}.example"
    merchant.sell("NONE")
    assert merchant.pay("W-1", ("NONE", 1), buyer={"email": mail}).status == 200
    merchant.cloud.wait_idle()

    refused = owner.post("/v1/buyers/erase", {"buyer": mail})
    assert problem(refused) == (409, "not_delivered") and "W-1" in refused.json["detail"]
    assert merchant.order("W-1")[0].contact

    done(owner, merchant, owner.post("/v1/buyers/erase", {"buyer": mail, "force": True}))
    assert merchant.order("W-1")[0].contact is None
    merchant.restock("NONE", 1)
    merchant.cloud.wait_idle()
    assert merchant.states("W-1") == {"1#0001": "DELIVERED"}, "the link is there, told to nobody"


def test_a_request_that_comes_twice_is_done_once(merchant, owner):
    mail = f"twice@{merchant.id}.example"
    pay(merchant, "A-1", mail)
    job = done(owner, merchant, owner.post("/v1/buyers/erase", {"buyer": mail}))
    ver = merchant.order("A-1")[0].ver

    wiring.queue(wiring.settings().delivery_queue).send(
        {"kind": "buyer", "tenant": merchant.id, "job": job["id"]}
    )
    merchant.cloud.wait_idle()

    assert merchant.order("A-1")[0].ver == ver
    forget_messages(merchant.cloud)
