"""Erasure by age: old orders lose their buyers and nothing else, whatever interrupts it; a hold stops it."""

import os
from contextlib import suppress
from dataclasses import replace
from itertools import count

import pytest

from cardcourier import wiring
from cardcourier.adapters.tables import keys
from cardcourier.adapters.tables.audit import AuditTable
from cardcourier.adapters.tables.orders import OrdersTable
from cardcourier.adapters.tables.retention import RetentionTable
from cardcourier.adapters.tables.views import ViewsTable
from cardcourier.adapters.tables.writes import Table
from cardcourier.clock import now_ms
from cardcourier.domain.journal import DAY, decode
from cardcourier.domain.ledger import LegKind
from cardcourier.domain.protocol import Actor
from cardcourier.domain.retention import day_at
from cardcourier.services import retaining
from tests.integration.api_client import caller, open_merchant, problem
from tests.integration.shop import acting, merchant_of, raw_items, still
from tests.integration.test_buyers import PHONE, found

DAYS = 730


@pytest.fixture(scope="module")
def open_cloud(cloud):
    with acting(cloud):
        yield cloud


@pytest.fixture
def merchant(open_cloud):
    with merchant_of(open_cloud):
        merchant = open_merchant(open_cloud)
        merchant.sell("MONTH", cards=4)
        yield merchant


@pytest.fixture
def owner(merchant):
    return caller(merchant)


def mail(merchant, order):
    return f"{order.lower()}@{merchant.id}.example"


def pay(merchant, *orders, sku="MONTH"):
    for order in orders:
        buyer = {"email": mail(merchant, order), "phone": PHONE, "name": "李雷", "ip": "198.51.100.23"}
        assert merchant.pay(order, (sku, 1), buyer=buyer).status == 200
    merchant.cloud.wait_idle()


def header(merchant, order):
    return merchant.order(order)[0]


def traces(merchant, *orders):
    """All by which the buyers of these orders could be found; their addresses lie nowhere in plain text."""
    told = []
    for order in orders:
        row = wiring.links().mail_hash("1", order, mail(merchant, order))
        told += [row, *header(merchant, order).search]
    return told


def run_after(merchant, last, days=DAYS, left=lambda: True, rid="run-1", **parts):
    """As the clock would, when the order `last` has just become old enough."""
    now = header(merchant, last).listed_at + days * DAY + 1
    retention = replace(wiring.retention(), clock=lambda: now, **parts)
    return retention.run(merchant.id, rid, left)


def lines(merchant):
    return [decode(item["line"]["S"]) for item in raw_items("JOURNAL_TABLE", f"J#{merchant.id}#")]


def evidence(merchant):
    return [line for line in lines(merchant) if line.kind == "retention.ran"]


def sales(merchant):
    legs = [(line.order, leg) for line in lines(merchant) for leg in line.legs]
    return sorted((order, leg.amount) for order, leg in legs if leg.kind is LegKind.SALE)


def test_an_old_order_loses_its_buyer_and_a_younger_one_does_not(merchant, owner):
    pay(merchant, "A-1")
    note = f"她的电话变了 {merchant.id}"
    wiring.notes().put(merchant.key_of("A-1"), note, "", Actor("staff", now_ms(), "r-1"))
    reason = "她从上海打来电话"
    merchant.refund("A-1", amount="1.00", currency="CNY", reason=reason)
    pay(merchant, "A-2")
    old, young, booked = traces(merchant, "A-1"), traces(merchant, "A-2"), sales(merchant)
    shared = set(header(merchant, "A-1").search) & set(header(merchant, "A-2").search)
    sealed = repr(header(merchant, "A-1").contact)
    assert found(merchant, *old, *young, note, reason, sealed) == [*old, *young, note, reason, sealed]

    ran = run_after(merchant, "A-1")
    merchant.cloud.wait_idle()

    assert (ran.clear, ran.kept) == (1, 0)
    assert found(merchant, *(set(old) - shared), note, reason, sealed, mail(merchant, "A-1")) == []
    assert found(merchant, *young) == young
    assert (header(merchant, "A-1").amount, sales(merchant)) == (2500, booked)
    assert [hit["order"] for hit in owner.get(f"/v1/search?q={PHONE}").json["items"]] == ["A-2"]
    assert owner.get(f"/v1/search?q={mail(merchant, 'A-1')}").json["items"] == []

    [line] = evidence(merchant)
    assert (line.by, line.quantity, line.why) == ("retention", 1, "kept for 730 days")
    assert line.before <= line.after and not line.order
    days = day_at(ran.since), day_at(ran.place)
    later = {"from": "2028-01-01T00:00:00Z", "to": "2028-12-30T00:00:00Z", "action": "erase_by_age"}
    query = "&".join(f"{name}={value}" for name, value in later.items())
    told = [item["target"] for item in owner.get(f"/v1/audit?{query}").json["items"]]
    assert told == [f"orders from {days[0]} to {days[1]}: 1 clear, 0 kept"]

    assert run_after(merchant, "A-1", rid="run-2").looked_at == 0
    merchant.cloud.wait_idle()
    assert len(evidence(merchant)) == 1, "a run that finds nothing says nothing"
    run_after(merchant, "A-2", rid="run-3")
    assert found(merchant, *old, *young) == []


def test_what_is_to_be_delivered_waits_for_a_later_round(merchant):
    merchant.sell("NONE")
    pay(merchant, "W-1", sku="NONE")
    pay(merchant, "A-1")

    ran = run_after(merchant, "A-1")
    assert (ran.clear, ran.kept) == (1, 1)
    assert header(merchant, "W-1").contact and not header(merchant, "A-1").contact

    merchant.restock("NONE", 1)
    merchant.cloud.wait_idle()
    read = []
    records = wiring.buyer_records()
    spy = Watched(records, lambda name, *of: read.append(of[0].order) if name == "read" else None)
    assert run_after(merchant, "A-1", rid="run-2", records=spy).clear == 2
    assert (header(merchant, "W-1").contact, read) == (None, ["W-1"])


def test_days_and_hold_are_the_merchants(merchant, owner):
    pay(merchant, "A-1")
    shown = owner.get("/v1/tenant")
    assert (shown.json["contact_days"], shown.json["legal_hold"]) == (730, "")
    for wrong in (29, 3651, "60", None):
        assert owner("PATCH", "/v1/tenant", {"contact_days": wrong}).status == 422
    stale = {"if-match": '"77-x"'}
    assert problem(owner("PATCH", "/v1/tenant", {"contact_days": 60}, **stale))[0] == 412

    changed = owner("PATCH", "/v1/tenant", {"contact_days": 60, "legal_hold": "case 12"})
    assert (changed.json["contact_days"], changed.json["legal_hold"]) == (60, "case 12")
    assert run_after(merchant, "A-1") is None
    refused = owner.post("/v1/buyers/erase", {"buyer": "A-1", "force": True})
    assert problem(refused) == (409, "legal_hold") and "case 12" in refused.json["detail"]
    assert owner.post("/v1/buyers/export", {"buyer": "A-1"}).status == 202
    merchant.cloud.wait_idle()
    assert header(merchant, "A-1").contact

    assert owner("PATCH", "/v1/tenant", {"legal_hold": ""}).status == 200
    assert run_after(merchant, "A-1", days=59).clear == 0 and header(merchant, "A-1").contact
    assert run_after(merchant, "A-1", days=60).clear == 1 and not header(merchant, "A-1").contact


def test_a_hold_that_begins_later_stops_what_is_under_way(merchant, owner):
    pay(merchant, "A-1")
    tenant = wiring.tenant_now(merchant.id)
    asked = iter([tenant, replace(tenant, legal_hold="case 12")])
    assert run_after(merchant, "A-1", tenant=lambda _: next(asked)).looked_at == 0

    with still(merchant.cloud):
        job = owner.post("/v1/buyers/erase", {"buyer": "A-1"}).json["id"]
        assert owner("PATCH", "/v1/tenant", {"legal_hold": "case 12"}).status == 200
    merchant.cloud.wait_idle()
    assert owner.get(f"/v1/buyers/{job}").json["state"] == "failed"
    assert header(merchant, "A-1").contact


# ---------------------------------------------------------------- interruptions


class Died(Exception):
    """The worker was killed."""


class Watched:
    """Passes every call on, and tells of it before and after."""

    def __init__(self, inner, before=lambda name, *of: None, after=lambda: None):
        self._inner, self._before, self._after = inner, before, after

    def __getattr__(self, name):
        def call(*args, **options):
            self._before(name, *args)
            answer = getattr(self._inner, name)(*args, **options)
            self._after()
            return answer

        return call


def on(client):
    """The parts of a run whose every call to a table goes through this client, one after the other."""
    main, views = (Table(client, os.environ[f"{name}_TABLE"]) for name in ("MAIN", "VIEWS"))
    return {
        "rounds": RetentionTable(main),
        "listed": ViewsTable(views),
        "orders": OrdersTable(main),
        "records": replace(wiring.buyer_records(), main=main, views=views),
        "trail": AuditTable(main),
        "spread": map,
    }


def touched(merchant, order):
    """Everything that a run over this one order may change, by table."""
    header_pk = keys.order_pk(merchant.key_of(order))
    main = [item for item in raw_items() if header_pk in (item["pk"]["S"], item["sk"]["S"])]
    return {"MAIN_TABLE": main, "VIEWS_TABLE": raw_items("VIEWS_TABLE", f"K#{merchant.id}#")}


def bring_back(merchant, before):
    client = wiring.client("dynamodb")
    for table, items in before.items():
        puts = [{"PutRequest": {"Item": item}} for item in items]
        client.batch_write_item(RequestItems={os.environ[table]: puts})
    pk, sk = keys.retention(merchant.id)
    client.delete_item(TableName=os.environ["MAIN_TABLE"], Key={"pk": {"S": pk}, "sk": {"S": sk}})


def outcome(merchant, before):
    """What is left; not by whom, nor the trail, which may tell of a run that another one overtook."""
    names = ("contact", "search", "ver", "text", "place", "since", "reached", "left", "clear", "kept")
    found = []
    for table, items in before.items():
        homes = [(item["pk"]["S"], item["sk"]["S"]) for item in items]
        homes += [keys.retention(merchant.id)] if table == "MAIN_TABLE" else []
        found += wiring.table(os.environ[table]).get_many(homes)
    return sorted((i["pk"]["S"], i["sk"]["S"], repr([i.get(name) for name in names])) for i in found)


@pytest.mark.fault("kills: erase", "clocks: fired twice")
@pytest.mark.parametrize("how", ["dies", "loses the answer", "has company"])
def test_a_run_that_is_disturbed_at_any_call_ends_the_same(merchant, how):
    pay(merchant, "A-1")
    wiring.notes().put(merchant.key_of("A-1"), "她的电话变了", "", Actor("staff", now_ms(), "r-1"))
    merchant.cloud.wait_idle()
    client, calls = wiring.client("dynamodb"), []
    with still(merchant.cloud):
        before, now = touched(merchant, "A-1"), header(merchant, "A-1").listed_at + DAYS * DAY + 1

        def run(rid, **parts):
            replace(wiring.retention(), clock=lambda: now, **parts).run(merchant.id, rid, lambda: True)

        run("run-1", **on(Watched(client, lambda name, *of: calls.append(name))))
        wanted = outcome(merchant, before)
        assert len(wanted) < len(before["MAIN_TABLE"] + before["VIEWS_TABLE"])
        assert "她的电话" not in repr(wanted) and header(merchant, "A-1").contact is None

        for number in range(1, len(calls) + 1):
            bring_back(merchant, before)
            at = count(1)

            def strike(*_, number=number, at=at):
                if next(at) != number:
                    return
                if how != "has company":
                    raise Died
                run("run-2")

            struck = {"after": strike} if how == "loses the answer" else {"before": strike}
            with suppress(Died):
                run("run-1", **on(Watched(client, **struck)))
            run("run-3")
            assert outcome(merchant, before) == wanted, (number, calls[number - 1])


def test_a_run_without_time_goes_on_in_the_next(merchant, monkeypatch):
    monkeypatch.setattr(retaining, "PAGE", 1)
    pay(merchant, "A-1", "A-2")
    first, last = sorted(("A-1", "A-2"), key=lambda order: header(merchant, order).listed_at)
    time_for = iter([True, False])
    assert run_after(merchant, last, left=lambda: next(time_for)).clear == 1
    assert (header(merchant, first).contact, bool(header(merchant, last).contact)) == (None, True)
    assert run_after(merchant, last, rid="run-2").clear == 1
    assert header(merchant, last).contact is None
    merchant.cloud.wait_idle()
    assert [line.quantity for line in evidence(merchant)] == [1, 1]


def test_the_function_looks_at_every_tenant(merchant):
    assert merchant.cloud.run_schedule("retention") is None
