"""Pause and resume: nothing is lost, nothing goes out, everybody is served by time of payment afterwards."""

import json
from dataclasses import dataclass, replace

import boto3
import pytest

from cardcourier import wiring
from cardcourier.adapters.tables.catalogue import CachedCatalogue, CatalogueTable, tenant_key
from cardcourier.adapters.tables.orders import OrdersTable
from cardcourier.adapters.tables.waiting import WaitingTable
from cardcourier.adapters.tables.writes import Table
from cardcourier.domain.catalogue import Tenant
from cardcourier.domain.gates import MOST_AGE, Gate
from cardcourier.domain.protocol import Actor
from cardcourier.domain.states import Room, State
from cardcourier.errors import Conflict
from cardcourier.services.gates import closed_for
from cardcourier.services.managing.gates import DeploymentGate
from cardcourier.services.managing.products import RoomOpener
from cardcourier.services.redeeming import Visitor
from cardcourier_cli.main import ending_of
from tests.integration.api_client import caller, listed, problem
from tests.integration.shop import Merchant, acting, rfc3339

NOON = 1_790_000_000_000


@pytest.fixture(scope="module")
def open_cloud(cloud):
    with acting(cloud):
        yield cloud


@pytest.fixture
def house(open_cloud):
    merchant = listed(Merchant(open_cloud))
    merchant.sell("MONTH", cards=2)
    return merchant, caller(merchant)


def pay(merchant, *orders, sku="MONTH"):
    """The later named paid earlier."""
    for n, order in enumerate(orders):
        assert merchant.pay(order, (sku, 1), paid_at=rfc3339(NOON - n * 1000)).status == 200
    merchant.cloud.wait_idle()


@pytest.mark.parametrize(
    ("what", "ref"),
    [("shops/{shop}", "shop/{shop}"), ("products/MONTH", "sku/MONTH"), ("tenant", "tenant")],
    ids=["shop", "product", "tenant"],
)
def test_a_paused_sale_is_recorded_waits_and_goes_to_the_earliest_payment(house, what, ref):
    merchant, owner = house
    path, ref = f"/v1/{what}".format(shop=merchant.own), ref.format(shop=merchant.own)
    paused = owner.post(f"{path}/pause", {"reason": "bad batch"}).json
    assert (paused["paused"], paused["reason"]) == (True, "bad batch")
    assert paused["in_flight"] == {"orders": 0, "more": False}

    pay(merchant, "A-1", "A-2", "A-3")

    assert merchant.pool("MONTH") == 2
    order = owner.get(f"/v1/orders/{merchant.own}/A-1").json
    assert order["status"] == "paused"
    assert "paused: bad batch" in str(order)
    assert owner.get("/v1/orders?status=paused").json["items"]
    rooms = [w.key.order for w in wiring.waiting().waiting(merchant.id, Room.PAUSE, ref)]
    assert rooms == ["A-3", "A-2", "A-1"]
    assert owner.get(f"{path}/drain").json == {"orders": 0, "more": False}

    resumed = owner.post(f"{path}/resume").json
    merchant.cloud.wait_idle()

    assert (resumed["paused"], resumed["effective_at"]) == (False, None)
    assert [merchant.counts(order) for order in ("A-3", "A-2", "A-1")] == [
        {"DELIVERED": 1},
        {"DELIVERED": 1},
        {"BACKORDER": 1},
    ]


def test_the_sweeper_finds_a_resume_whose_message_was_lost(house):
    merchant, owner = house
    owner.post("/v1/products/MONTH/pause", {"reason": "r"})
    pay(merchant, "A-1")
    kept = wiring.merchants().product(merchant.id, "MONTH")
    wiring.merchants().change_product(replace(kept.thing, paused=""), kept.ver, NOON, "test")
    wiring.waiting().open_room(merchant.id, Room.PAUSE, "sku/MONTH", NOON)

    merchant.cloud.run_schedule("release")
    merchant.cloud.wait_idle()

    assert merchant.counts("A-1") == {"DELIVERED": 1}


def test_refunds_and_cancels_work_while_paused(house):
    merchant, owner = house
    owner.post("/v1/tenant/pause", {"reason": "r"})
    pay(merchant, "A-1", "A-2")

    assert merchant.refund("A-1").status == 200
    assert owner.post(f"/v1/orders/{merchant.own}/A-2/cancel", {"reason": "r"}).status == 200
    merchant.cloud.wait_idle()
    owner.post("/v1/tenant/resume")
    merchant.cloud.wait_idle()

    assert (merchant.counts("A-1"), merchant.counts("A-2")) == ({"CANCELLED": 1}, {"CANCELLED": 1})
    assert merchant.pool("MONTH") == 2


def test_a_paused_shop_does_not_hold_up_another_in_the_same_room(house):
    merchant, owner = house
    merchant.sell("RARE")
    pay(merchant, "A-1", sku="RARE")
    merchant.map(merchant.shopify, "7", ("RARE", 1))
    assert merchant.counts("A-1") == {"BACKORDER": 1}
    owner.post(f"/v1/shops/{merchant.own}/pause", {"reason": "r"})
    merchant.restock("RARE", 1)
    merchant.cloud.wait_idle()

    # The earliest payment waits behind its shop's gate now; the card is there for whoever may have it.
    assert (merchant.counts("A-1"), merchant.pool("RARE")) == ({"SCHEDULED": 1}, 1)
    owner.post(f"/v1/shops/{merchant.own}/resume")
    merchant.cloud.wait_idle()
    assert merchant.counts("A-1") == {"DELIVERED": 1}


def test_stopped_reveals_show_nothing_and_change_nothing(house):
    merchant, owner = house
    pay(merchant, "A-1")
    owner.post("/v1/products/MONTH/pause", {"reason": "r", "stop_reveals": True})
    wiring.catalogue().forget()
    link = owner.get(f"/v1/orders/{merchant.own}/A-1/link").json

    assert link["url"]
    token = link["url"].rpartition("/")[2]
    visitor = Visitor("198.51.100.9", "viewer", "rid-1", "https://x.example")
    page = wiring.redeem().reveal(token, visitor, "")
    assert ([block.state for block in page.blocks], page.can_reveal) == (["paused"], False)
    assert merchant.counts("A-1") == {"DELIVERED": 1}

    owner.post("/v1/products/MONTH/resume")
    wiring.catalogue().forget()
    assert wiring.redeem().reveal(token, visitor, "").revealed_now


def test_a_card_is_not_replaced_while_its_product_is_paused(house):
    merchant, owner = house
    pay(merchant, "A-1")
    unit = merchant.order("A-1")[1][0]
    wiring.orders().expose(unit, replace(unit, state=State.REVEALED, exposed_at=NOON), Actor("t", NOON, "r"))
    owner.post("/v1/products/MONTH/pause", {"reason": "r"})
    wiring.catalogue().forget()

    with pytest.raises(Conflict) as refused:
        wiring.replacer().replace(merchant.key_of("A-1"), "1", 1, "me", "bad", "rid")

    assert refused.value.code == "paused"
    assert merchant.pool("MONTH") == 1


def test_the_deployment_is_closed_and_opened_for_everybody(tables):
    catalogue = CatalogueTable(Table(boto3.client("dynamodb"), tables["MainTable"]))
    waiting = WaitingTable(catalogue.table)
    orders = OrdersTable(catalogue.table)
    told = Told([])
    gate = DeploymentGate(catalogue, RoomOpener(waiting, told, lambda: NOON), lambda: NOON)
    for name in ("one", "two", "three"):
        tenant = Tenant(id=name, name=name)
        catalogue.put(tenant_key(name), tenant, NOON, "test")
    for name in ("one", "two"):
        orders.touch_room(name, Room.PAUSE, "all", NOON, NOON + 60_000)
    now = [NOON]
    seen = CachedCatalogue(catalogue, lambda: now[0])
    assert seen.gate() is None

    gate.close("restored, being checked", "operator:test", stop_reveals=True)

    assert seen.gate() is None, "a worker may go on for half a minute"
    now[0] += MOST_AGE
    assert seen.gate() == Gate(paused="restored, being checked", paused_at=NOON, stop_reveals=True)
    assert closed_for(seen, "three", "any", None).ref == "all"
    gate.open("operator:test")
    seen.forget()
    assert closed_for(seen, "three", "any", None) is None
    assert told.rooms == [("one", Room.PAUSE, "all"), ("two", Room.PAUSE, "all")]


@dataclass
class Told:
    rooms: list

    def room(self, tenant, room, ref, delay):
        self.rooms.append((tenant, room, ref))


def test_orders_on_their_way_are_counted_until_they_are_quiet(house):
    merchant, owner = house
    pay(merchant, "A-1", "A-2")
    assert owner.get("/v1/tenant/drain").json == {"orders": 0, "more": False}
    wiring.orders().raise_seq(merchant.key_of("A-1"), 0, Actor("test", NOON, "r"))

    for path in ("tenant", f"shops/{merchant.own}"):
        assert owner.get(f"/v1/{path}/drain").json == {"orders": 1, "more": False}
    assert owner.get(f"/v1/shops/{merchant.shopify}/drain").json["orders"] == 0
    assert owner.get("/v1/products/MONTH/drain").json["orders"] == 0, "its card is handed over"
    merchant.cloud.run_schedule("release")
    merchant.cloud.wait_idle()
    assert owner.get("/v1/tenant/drain").json["orders"] == 0


def test_a_pause_needs_a_reason_and_something_to_pause(house):
    _, owner = house
    assert problem(owner.post("/v1/tenant/pause", {"reason": ""})) == (422, "invalid_request")
    assert problem(owner.post("/v1/products/NONE/pause", {"reason": "r"})) == (404, "not_found")


def test_a_pause_may_be_repeated_and_says_from_when_it_holds(house):
    merchant, owner = house
    path = f"/v1/shops/{merchant.own}"
    first = owner.post(f"{path}/pause", {"reason": "one"}).json
    second = owner.post(f"{path}/pause", {"reason": "two"}).json

    assert (first["reason"], second["reason"]) == ("one", "two")
    assert second["effective_at"] >= first["effective_at"]
    assert owner.get(path).json["paused"] == "two"


def test_an_operator_closes_and_opens_the_deployment_from_the_terminal(tables, monkeypatch, capsys):
    monkeypatch.setenv("ORDERS_QUEUE_URL", "http://127.0.0.1:9/nobody-waits-so-nothing-is-sent")
    monkeypatch.setenv("LANG", "C.UTF-8")

    def gate(*arguments):
        capsys.readouterr()
        code = ending_of([*arguments[:-1], "ops", "gate", *arguments[-1].split()])
        return code, json.loads(capsys.readouterr().out)

    assert gate("show") == (0, OPEN)
    assert gate("--dry-run", "close --reason restored")[1]["closed"]
    assert gate("show") == (0, OPEN), "nothing was changed"
    code, closed = gate("close --reason restored --stop-reveals")
    assert (code, closed["reason"], closed["stop_reveals"]) == (0, "restored", True)
    assert gate("show") == (1, closed)
    assert gate("open") == gate("show") == (0, OPEN)


OPEN = {"closed": False, "reason": "", "effective_at": None, "stop_reveals": False}
