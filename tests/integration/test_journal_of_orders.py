"""What the real writes of the order protocol leave in the journal: no gap, and money that adds up."""

from dataclasses import replace

import pytest
from boto3.dynamodb.types import TypeDeserializer

from cardcourier.adapters.tables.orders import OrdersTable
from cardcourier.adapters.tables.writes import Table
from cardcourier.domain.facts import ALL, Fact, FirstPayment, Paid
from cardcourier.domain.journal import encode, lines_of
from cardcourier.domain.orders import OrderKey, OrderLine, Unit
from cardcourier.domain.protocol import Actor, Pool
from cardcourier.domain.segments import gaps
from cardcourier.domain.states import Room, State
from cardcourier.domain.stock import Marker
from local.engines import client

NOON = 1_790_000_000_000
KEY = OrderKey("acme", "main", "1001")
POOL = Pool("acme", "MGTV", 1, 1)
SECRET = b"sealed-contact-of-the-buyer"


class Scene:
    """The store, and after each write the journal lines that follow from what it changed."""

    def __init__(self, orders):
        self.orders, self.now, self.seen, self.lines = orders, NOON, {}, []

    def __getattr__(self, name):
        write = getattr(self.orders, name)

        def tell(*arguments):
            self.now += 1000
            answer = write(*arguments, Actor("tester", self.now, f"r{self.now}", ""))
            self._follow()
            return answer

        return tell

    def _follow(self):
        request = {
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": "O#acme#main#1001"}},
        }
        answer = self.orders.table.client.query(
            TableName=self.orders.table.name, ConsistentRead=True, **request
        )
        read = TypeDeserializer().deserialize
        for item in answer["Items"]:
            image = {name: read(value) for name, value in item.items()}
            before = self.seen.get(image["sk"])
            if before != image:
                key = {"pk": image["pk"], "sk": image["sk"]}
                self.lines += lines_of(before, image, key)
            self.seen[image["sk"]] = image

    def kinds(self):
        return [line.kind for line in self.lines]

    def money(self):
        return [(leg.kind.value, leg.amount) for line in self.lines for leg in line.legs]

    def take(self, n, card, cost=1200):
        unit = self.holding(n, card, cost)
        return self.allocate_new(unit, self.marker(card, cost), POOL)

    def holding(self, n, card, cost):
        return Unit(
            key=KEY,
            line="a",
            n=n,
            piece=n,
            state=State.ALLOCATED,
            sku="MGTV",
            card=card,
            batch="b1",
            bucket="9999",
            last4="0001",
            cost=cost,
            cost_currency="CNY",
            at=self.now + 1000,
        )

    def marker(self, card, cost=1200):
        self.orders.table.client.put_item(
            TableName=self.orders.table.name,
            Item={"pk": {"S": "P#acme#MGTV#1#0"}, "sk": {"S": f"9999#{card}"}, "batch": {"S": "b1"}},
        )
        return Marker(card=card, bucket="9999", shard=0, batch="b1", cost=cost, currency="CNY")


@pytest.fixture
def scene(tables, engine_endpoint):
    return Scene(OrdersTable(Table(client("dynamodb", engine_endpoint), tables["MainTable"])))


def payment(amount=5000, quantity=2):
    return FirstPayment(
        key=KEY,
        number="#1001",
        payments=(Paid("p-1", amount, NOON),),
        paid_at=NOON,
        created_at=NOON,
        total=amount,
        currency="CNY",
        lines=(OrderLine("a", "item", "variant", "MGTV", quantity, 2500),),
        contact=SECRET,
        search=("hash-of-contact",),
    )


def refund(amount=5000, **what):
    return Fact(key=KEY, kind="refund", id="r-1", at=NOON, amount=amount, currency="CNY", **what)


def assert_sound(scene):
    assert list(gaps(scene.lines)) == []
    text = "".join(map(encode, scene.lines))
    assert "sealed-contact" not in text
    assert "hash-of-contact" not in text


def test_an_order_sold_replaced_and_refunded(scene):
    scene.record_payment(payment())
    first, second = scene.take(1, "c1"), scene.take(2, "c2")
    first = scene.hand_over(first, replace(first, state=State.DELIVERED, delivered_by="mail"))
    second = scene.hand_over(second, replace(second, state=State.DELIVERED, delivered_by="mail"))
    shown = scene.expose(first, replace(first, state=State.REVEALED))
    new = replace(scene.holding(1, "c3", 1300), gen=1)
    fresh = scene.replace(shown, new, scene.marker("c3", 1300), POOL)
    fresh = scene.hand_over(fresh, replace(fresh, state=State.DELIVERED))
    fresh = scene.expose(fresh, replace(fresh, state=State.REVEALED))
    scene.record_stop(refund(stops=ALL))
    scene.burn(fresh, replace(fresh, state=State.REFUNDED, gen=2))
    scene.return_card(second, replace(second, state=State.RETURNED, gen=1), scene_marker(), POOL)

    assert_sound(scene)
    assert scene.money() == [
        ("sale", 5000),
        ("card_cost", -1200),
        ("card_cost", -1200),
        ("replacement_cost", -1300),
        ("refund", -5000),
        ("cost_recovery", 1200),
    ]
    assert scene.kinds()[0] == "order.paid"
    assert scene.kinds()[-4:] == ["order.refunded", "order.stopped", "unit.refunded", "unit.returned"]


def scene_marker():
    return Marker(card="c2", bucket="9999", shard=0, batch="b1", cost=1200, currency="CNY")


def test_an_order_refunded_before_it_was_paid_and_never_delivered(scene):
    scene.record_stop(refund(stops=ALL))
    scene.record_payment(payment())
    scene.tombstone(Unit(key=KEY, line="a", n=1, piece=1, state=State.CANCELLED, at=scene.now + 1000))

    assert_sound(scene)
    assert scene.kinds() == ["order.refunded", "order.stopped", "order.paid", "unit.cancelled"]
    assert sum(amount for _, amount in scene.money()) == 0


def test_waiting_choosing_and_approving_leave_lines_without_money(scene):
    scene.record_payment(payment())
    waiting = Unit(
        key=KEY, line="a", n=1, piece=1, state=State.HELD, room=Room.AMOUNT, ref="main", at=scene.now + 1000
    )
    scene.orders.park(waiting, NOON, Actor("tester", scene.now + 1000, "r", ""))
    scene._follow()
    scene.approve(KEY)
    scene.record_stop(refund(2500, owed=(("a", 1),)))
    scene.choose(scene.orders.header(KEY), frozenset({"a/2"}))
    scene.orders.clear_timer(KEY, scene.orders.header(KEY).ver)
    scene._follow()
    scene.end_waiting(waiting, replace(waiting, state=State.CANCELLED))
    scene.record_fact(Fact(key=KEY, kind="pay", id="p-2", at=NOON, amount=100, currency="CNY"))

    assert_sound(scene)
    assert scene.kinds() == [
        "order.paid",
        "unit.held",
        "order.approved",
        "order.refunded",
        "order.stopped",
        "order.stopped",
        "unit.cancelled",
        "order.payment_added",
    ]
    assert [line.after for line in scene.lines if line.kind == "order.stopped"] == ["a*1", "a/2"]
    assert scene.money() == [("sale", 5000), ("refund", -2500), ("adjustment", 100)]
