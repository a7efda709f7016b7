"""What the functions do, done by hand in this process: one thing at a time, while nothing runs by itself."""

import json
import secrets

from boto3.dynamodb.types import TypeDeserializer

from cardcourier import wiring
from cardcourier.adapters.tables import keys
from cardcourier.clock import now_ms
from cardcourier.domain.changes import Changed
from cardcourier.services.showing import Visitor
from tests.integration.shop import paid, raw_items, rfc3339, sign_own


def new_request():
    """Each call is a request of its own: by its name a worker knows what it did itself."""
    return secrets.token_hex(8)


def notification(kind, data):
    return json.dumps({"type": kind, "timestamp": rfc3339(now_ms()), "data": data}).encode()


def receive(merchant, body):
    headers = sign_own(merchant.key, body, event="msg_the_same")
    return wiring.intake().receive("standard", merchant.own, headers, body, new_request())


def pay(merchant, order, quantity=2, **changes):
    data = paid(order, ("MONTH", quantity), buyer={"email": merchant.address(order)}, **changes)
    receive(merchant, notification("order.paid", data))


def allocate(merchant, order, again=True):
    body = {"kind": "order", "tenant": merchant.id, "shop": merchant.own, "order": order}
    headers = wiring.passes().read([body])
    wiring.passes().run(body, headers, new_request(), now_ms() + 60_000, again=again)


def deliver(merchant, order):
    found = wiring.deliverer().look_up([merchant.key_of(order)])
    for header, units in found.values():
        wiring.deliverer().deliver(header, units, new_request(), now_ms() + 60_000)


def show(merchant, order):
    visitor = Visitor(f"203.0.113.{hash(order) % 250}/{order}", "browser", new_request(), "http://x")
    return wiring.redeem().reveal(merchant.token(order), visitor, "")


def changes_of(merchant, order):
    """The items of an order as the stream tells of them when they are new."""
    read = TypeDeserializer().deserialize
    items = raw_items(prefix=keys.order_pk(merchant.key_of(order)))
    images = [{name: read(value) for name, value in item.items()} for item in items]
    return [Changed({"pk": image["pk"], "sk": image["sk"]}, None, image) for image in images]
