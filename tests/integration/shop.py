"""What the flow tests do again and again: open a merchant's shops, stock cards, sign and post, look, browse.

with acting(cloud):                     # this process has the functions' environment
    merchant = Merchant(cloud)          # a tenant of its own, with a shop on each channel
    merchant.sell("MONTH", cards=3)
    merchant.pay("A-1", ("MONTH", 2))   # signed, over HTTP
    cloud.wait_idle()
    merchant.states("A-1")
"""

import base64
import hmac
import http.client
import itertools
import json
import os
import secrets
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from http.cookies import SimpleCookie
from itertools import repeat
from urllib.parse import urlencode, urlsplit

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cardcourier import wiring
from cardcourier.adapters.keyring import EVERYWHERE
from cardcourier.adapters.tables import catalogue as names
from cardcourier.adapters.tables import keys
from cardcourier.adapters.tables.records import marker_record
from cardcourier.adapters.tables.writes import Delete
from cardcourier.adapters.vault import record_of
from cardcourier.clock import now_ms
from cardcourier.domain.cards import Card
from cardcourier.domain.catalogue import Batch, Listing, Product, Shop, Tenant
from cardcourier.domain.imports import SharedCard
from cardcourier.domain.orders import OrderKey
from cardcourier.domain.protocol import Actor, Pool
from cardcourier.domain.states import Room
from cardcourier.domain.stock import Marker, bucket_of

NUMBERS = itertools.count(1)


@contextmanager
def merchant_of(cloud, **options):
    """A new merchant for one test, which leaves no message behind."""
    try:
        yield Merchant(cloud, **options)
    finally:
        forget_messages(cloud)


@contextmanager
def acting(cloud):
    """Give this process the variables of a cloud's functions, and forget every client of another one."""
    before = dict(os.environ)
    os.environ.update(cloud.environment)
    _forget()
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        _forget()


def _forget():
    for part in vars(wiring).values():
        if hasattr(part, "cache_clear"):
            part.cache_clear()


def rfc3339(at):
    """Epoch milliseconds as shops write times."""
    return datetime.fromtimestamp(at / 1000, UTC).isoformat().replace("+00:00", "Z")


# ---------------------------------------------------------------- merchants


class Merchant:
    """A tenant with a shop of its own making (`own`) and one on Shopify (`shopify`); ids are always new."""

    def __init__(self, cloud, tenant="", **options):
        self.cloud = cloud
        self.id = tenant or f"t{os.getpid()}-{next(NUMBERS)}-{secrets.token_hex(3)}"
        self.own, self.shopify = f"{self.id}-own", f"{self.id}-spf"
        self.domain = f"{self.id}.myshopify.com"
        self.key, self.client_secret = secrets.token_bytes(32), secrets.token_hex(16)
        self.codes = {}
        now = now_ms()
        support = f"help@{self.id}.example"
        tenant = Tenant(id=self.id, name="云卡小铺", support=support, created_at=now)
        wiring.catalogue_table().put(names.tenant_key(self.id), tenant, now, "test")
        wiring.key_ring().provide(self.id, "pepper")
        wiring.key_ring().provide(EVERYWHERE, "link")
        self.connect(self.own, "standard", [secret_text(self.key)], **options)
        self.connect(self.shopify, "shopify", [self.client_secret], domain=self.domain, **options)

    def connect(self, shop, channel, secrets, **options):
        """Write a shop with these signing secrets, the newest last."""
        sealed = tuple(wiring.shop_secrets().seal(self.id, shop, secret) for secret in secrets)
        made = Shop(id=shop, tenant=self.id, channel=channel, name="Shop", secrets=sealed, **options)
        wiring.catalogue_table().put(keys.shop(shop), made, now_ms(), "test")

    def sell(self, sku, cards=0, **options):
        """Put a product on sale, with so many new cards."""
        product = Product(
            **{"tenant": self.id, "sku": sku, "name": f"芒果TV {sku}", "issuer": "mgtv"} | options
        )
        wiring.catalogue_table().put(names.product_key(self.id, sku), product, now_ms(), "test")
        if cards:
            self.stock(sku, cards)
        return product

    def map(self, shop, item, *rows, variant="", floor=None):
        """Map a listing to (SKU, quantity) rows; an empty SKU says that it is not ours."""
        for number, (sku, quantity) in enumerate(rows):
            row = Listing(item=item, variant=variant, row=number, sku=sku, quantity=quantity, floor=floor)
            wiring.catalogue_table().put(names.listing_key(self.id, shop, row), row, now_ms(), "test")

    def stock(self, sku, cards, expires_at=None):
        """Put new cards into the vault and on sale; returns their codes."""
        batch, now = f"b-{next(NUMBERS)}-{secrets.token_hex(3)}", now_ms()
        cipher = AESGCM(wiring.key_ring().create(self.id, "card", batch))
        sealed, markers, codes = [], [], []
        for row in range(cards):
            code = f"KM{secrets.token_hex(8).upper()}"
            card = wiring.fingerprints().card_id(self.id, "mgtv", code)
            self.codes[card] = code
            codes.append(code)
            sealed.append(record_of(cipher, self.id, card, batch, sku, row, Card(code=code), now))
            marker = Marker(
                card=card,
                bucket=bucket_of(expires_at),
                shard=0,
                batch=batch,
                last4=code[-4:],
                cost=1500,
                currency="CNY",
                expires_at=expires_at,
            )
            markers.append(marker_record(marker, self.id, sku, 1))
        wiring.vault().table.put_many(sealed)
        wiring.main_table().put_many(markers)
        return codes

    def share(self, sku, uses):
        """Put a shared card into the vault, and on sale so many times; returns its code."""
        [code] = self.stock(sku, 1)
        card = next(card for card, known in self.codes.items() if known == code)
        [marker] = [m for m in wiring.pools().every(Pool(self.id, sku, 1, 1), 0, "") if m.card == card]
        place = (keys.pool(self.id, sku, 1, 0), f"{marker.bucket}#{card}")
        wiring.main_table().write(Delete(place))
        markers = SharedCard(0, Card(code=code), marker, uses).markers(range(1, uses + 1), repeat(0))
        wiring.main_table().put_many(marker_record(m, self.id, sku, 1) for m in markers)
        wiring.orders_queue().room(self.id, Room.BACK, sku, 0)
        return code

    def restock(self, sku, cards):
        """As `stock`, and tell the waiting orders of it, as an import does."""
        codes = self.stock(sku, cards)
        wiring.orders_queue().room(self.id, Room.BACK, sku, 0)
        return codes

    # -- posting --------------------------------------------------------------------------------

    def pay(self, order, *items, **data):
        """Tell of a paid order over our own protocol: items are (SKU, quantity)."""
        data = {"buyer": {"email": self.address(order), "ip": "198.51.100.23"}} | data
        return self.tell("order.paid", paid(order, *items, **data))

    def refund(self, order, refund="r-1", **data):
        return self.tell(
            "order.refunded", {"order_id": order, "refund_id": refund, **(data or {"full": True})}
        )

    def tell(self, kind, data, **changes):
        """Sign and post an event of our own protocol."""
        body = json.dumps({"type": kind, "timestamp": rfc3339(now_ms()), "data": data}).encode()
        return self.post(body, **changes)

    def post(self, body, *, key=None, **changes):
        headers = sign_own(key or self.key, body) | changes
        return call(self.cloud, "POST", f"/webhooks/standard/{self.own}", body, headers)

    def shopify_says(self, topic, body, **changes):
        """Sign and post a notification of Shopify."""
        raw = json.dumps(body).encode()
        headers = sign_shopify(self.client_secret, raw, topic, self.domain)
        return call(self.cloud, "POST", f"/webhooks/shopify/{self.shopify}", raw, headers | changes)

    # -- looking --------------------------------------------------------------------------------

    def key_of(self, order, shop=""):
        return OrderKey(self.id, shop or self.own, order)

    def order(self, order, shop=""):
        """Header, units, facts."""
        return wiring.orders().order(self.key_of(order, shop))

    def states(self, order, shop=""):
        """Unit → state."""
        return {unit.name: str(unit.state) for unit in self.order(order, shop)[1]}

    def counts(self, order, shop=""):
        return dict(Counter(self.states(order, shop).values()))

    def facts(self, order, shop=""):
        return sorted((fact.fact, fact.id) for fact in self.order(order, shop)[2])

    def held_for(self, order, shop=""):
        """Room and reason of every held unit."""
        units = self.order(order, shop)[1]
        return [(str(unit.room), unit.why) for unit in units if unit.state == "HELD"]

    def pool(self, sku):
        """Cards on sale."""
        return wiring.pools().count(Pool(self.id, sku, 1, 1), now_ms())

    def owners(self, *orders):
        """Every card that a unit holds, with how many hold it."""
        return Counter(unit.card for order in orders for unit in self.order(order)[1] if unit.card)

    def token(self, order, shop=""):
        return wiring.buyer_links().token_of(self.order(order, shop)[0])

    def pick_up(self, order, shop=""):
        return wiring.buyer_links().code_of(self.order(order, shop)[0])

    def address(self, order):
        """The mail address that the buyer of an order has, unless told otherwise."""
        return f"{order.lower()}@{self.id}.example"

    def mails(self, order):
        """What was mailed to the buyer of an order, newest first."""
        return self.mails_to(self.address(order))

    def mails_to(self, address):
        return [mail for mail in self.cloud.mails() if address in mail["to"]]


def paid(order, *items, price="25.00", **data):
    """The data of an `order.paid` event; `items` are (SKU, quantity) or whole items."""
    lines = [
        item
        if isinstance(item, dict)
        else {"line_id": str(at), "sku": item[0], "quantity": item[1], "unit_price": price}
        for at, item in enumerate(items, 1)
    ]
    total = sum(round(100 * float(line.get("unit_price") or 0)) * line["quantity"] for line in lines)
    told = {"order_id": order, "currency": "CNY", "total": f"{total / 100:.2f}", "items": lines}
    return told | {"paid_at": rfc3339(now_ms())} | data


def secret_text(key):
    return "whsec_" + base64.b64encode(key).decode()


def sign_own(key, body, *, at=None, event=""):
    """Headers of Standard Webhooks v1, made from its document alone."""
    event, stamp = event or f"msg_{secrets.token_hex(8)}", str(int(at if at is not None else time.time()))
    mac = base64.b64encode(hmac.digest(key, f"{event}.{stamp}.".encode() + body, "sha256")).decode()
    return {
        "content-type": "application/json",
        "webhook-id": event,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{mac}",
    }


def sign_shopify(secret, body, topic, domain):
    mac = base64.b64encode(hmac.digest(secret.encode(), body, "sha256")).decode()
    return {
        "content-type": "application/json",
        "x-shopify-topic": topic,
        "x-shopify-shop-domain": domain,
        "x-shopify-webhook-id": secrets.token_hex(8),
        "x-shopify-hmac-sha256": mac,
    }


def shopify_order(order, *items, **changes):
    """An order as Shopify tells it; items are (product, SKU, quantity, price)."""
    now = rfc3339(now_ms())
    lines = [
        {
            "id": order * 10 + at,
            "sku": sku,
            "product_id": product,
            "variant_id": None,
            "title": "芒果TV会员",
            "quantity": quantity,
            "current_quantity": quantity,
            "price": price,
        }
        for at, (product, sku, quantity, price) in enumerate(items, 1)
    ]
    total = sum(round(100 * float(line["price"])) * line["quantity"] for line in lines) / 100
    told = {
        "id": order,
        "name": f"#{order}",
        "test": False,
        "financial_status": "paid",
        "currency": "CNY",
        "total_price": f"{total:.2f}",
        "email": f"shopify-{order}@example.com",
        "created_at": now,
        "updated_at": now,
        "cancelled_at": None,
        "line_items": lines,
        "refunds": [],
    }
    return told | changes


# ---------------------------------------------------------------- HTTP


class Response:
    """An answer: status, headers (names in lower case, repeated ones joined) and body."""

    def __init__(self, answer, body):
        self.status, self.body = answer.status, body
        self.pairs = [(name.lower(), value) for name, value in answer.getheaders()]
        self.headers = dict(self.pairs)

    @cached_property
    def json(self):
        return json.loads(self.body)

    @cached_property
    def text(self):
        return self.body.decode()

    @property
    def cookies(self):
        return [value for name, value in self.pairs if name == "set-cookie"]


def call(cloud, method, path, body=b"", headers=None, ip="127.0.0.1"):
    """One request from an address of this machine: limits count by address, so visitors have their own."""
    parts = urlsplit(cloud.url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60, source_address=(ip, 0))
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return Response(answer, answer.read())
    finally:
        connection.close()


class Browser:
    """One visitor: an address of its own and the cookies it was given."""

    def __init__(self, cloud, **headers):
        number = next(NUMBERS)
        self.cloud, self.ip = cloud, f"127.7.{number // 250 % 250}.{number % 250 + 1}"
        self.headers, self.cookies = {"accept": "text/html"} | headers, {}

    def get(self, path, **headers):
        return self._call("GET", path, b"", headers)

    def head(self, path, **headers):
        return self._call("HEAD", path, b"", headers)

    def form(self, path, fields=None, **headers):
        sent = {"content-type": "application/x-www-form-urlencoded", "origin": self.cloud.url} | headers
        return self._call("POST", path, urlencode(fields or {}).encode(), sent)

    def program(self, path, fields=None, **headers):
        """As `form`, sent and answered as JSON."""
        sent = {"content-type": "application/json", "accept": "application/json"} | headers
        return self._call("POST", path, json.dumps(fields or {}).encode(), sent)

    def _call(self, method, path, body, headers):
        sent = self.headers | {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = call(self.cloud, method, path, body, sent, self.ip)
        for cookie in answer.cookies:
            for name, morsel in SimpleCookie(cookie).items():
                self.cookies[name] = morsel.value
        return answer


# ---------------------------------------------------------------- what the functions said


class Log:
    """What the functions log from now on."""

    def __init__(self, cloud):
        self.path = cloud.log
        self.start = self.path.stat().st_size if self.path.exists() else 0

    @property
    def text(self):
        with self.path.open("rb") as log:
            log.seek(self.start)
            return log.read().decode()

    def metric(self, name):
        """The sum of a metric."""
        found = (line for line in self.text.splitlines() if f'"{name}"' in line and '"_aws"' in line)
        return sum(sum(json.loads(line)[name]) for line in found)


def raw_items(table="MAIN_TABLE", prefix="", having=()):
    """Every item of a table, as the engine keeps it: whose key begins so, and that has one of these."""
    client, found = wiring.client("dynamodb"), []
    request, filters = {"TableName": os.environ[table], "ConsistentRead": True}, []
    if prefix:
        filters.append("begins_with(pk, :prefix)")
        request["ExpressionAttributeValues"] = {":prefix": {"S": prefix}}
    if having:
        filters.append(" OR ".join(f"attribute_exists(#{name})" for name in having))
        request["ExpressionAttributeNames"] = {f"#{name}": name for name in having}
    if filters:
        request["FilterExpression"] = " AND ".join(f"({one})" for one in filters)
    while True:
        page = client.scan(**request)
        found += page["Items"]
        if "LastEvaluatedKey" not in page:
            return found
        request["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def count_batches(merchant):
    """Write down what each batch holds, as an import does."""
    lie = Counter((i["batch"]["S"], i["sku"]["S"]) for i in raw_items("VAULT_TABLE", f"V#{merchant.id}#"))
    for (batch, sku), count in lie.items():
        counted = Batch(tenant=merchant.id, id=batch, sku=sku, imported=count)
        wiring.catalogue_table().put(names.batch_key(merchant.id, batch), counted, now_ms(), "test")


def raw_item(key, table="MAIN_TABLE"):
    """One item as the engine keeps it, or None."""
    client = wiring.client("dynamodb")
    return client.get_item(TableName=os.environ[table], Key=_raw_key(key), ConsistentRead=True).get("Item")


def _raw_key(key):
    pk, sk = key
    return {"pk": {"S": pk}, "sk": {"S": sk}} if sk else {"pk": {"S": pk}}


def change_item(key, table="MAIN_TABLE", **values):
    """Overwrite attributes of one item behind everybody's back; values in the table's own JSON."""
    wiring.client("dynamodb").update_item(
        TableName=os.environ[table],
        Key=_raw_key(key),
        UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in values),
        ExpressionAttributeNames={f"#{name}": name for name in values},
        ExpressionAttributeValues={f":{name}": value for name, value in values.items()},
    )


@contextmanager
def still(cloud):
    """Meanwhile nothing calls a function by itself: no queue, no stream, no schedule."""
    cloud._stop_sources()
    cloud._sources.clear()
    try:
        yield
    finally:
        cloud._start_sources()


def messages(queue, *bodies):
    """What a function gets from a queue; a body is text or becomes JSON."""
    return {
        "Records": [
            {
                "messageId": f"m{number}",
                "receiptHandle": f"r{number}",
                "body": body if isinstance(body, str) else json.dumps(body),
                "attributes": {"ApproximateReceiveCount": "1"},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": f"arn:aws:sqs:us-east-1:000000000000:{queue}",
                "awsRegion": "us-east-1",
            }
            for number, body in enumerate(bodies)
        ]
    }


def failed(answer):
    """Which messages a function gave back."""
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def forget_messages(cloud):
    """Lose every message in every queue, so that no test waits for what another one left."""
    for queue in ("Orders", "Delivery", "Import", "Report", "Outbound"):
        cloud.client("sqs").purge_queue(QueueUrl=cloud.resource(f"{queue}Queue"))


def taken(cloud, queue):
    """The bodies of a queue, taken out of it."""
    sqs, url = cloud.client("sqs"), cloud.resource(f"{queue}Queue")
    found = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            found.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


def overdue(merchant, order, shop=""):
    """Push an order's timer into the past."""
    change_item(keys.header(merchant.key_of(order, shop)), due={"N": str(now_ms() - 1000)})


def wait_until(true, seconds=45.0):
    """Wait for something to become true, looking twenty times a second; returns what it became."""
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline, "it never became true"
        time.sleep(0.05)
    return found


def withdraw(merchant, order):
    """End every link of an order, as a merchant does."""
    header = merchant.order(order)[0]
    assert wiring.orders().raise_seq(header.key, header.seq, Actor("staff", now_ms(), secrets.token_hex(8)))
    return replace(header, seq=header.seq + 1)


def settle(merchant, patience=60):
    """What the clock does within minutes: whatever is still timed is due now, and whoever claimed a
    notification and failed is given up.
    """
    for _ in range(6):
        merchant.cloud.wait_idle(patience)
        items = raw_items(prefix=f"O#{merchant.id}#", having=("d", "until"))
        left = [item for item in items if item.get("d", {}).get("S", "").startswith("D#")]
        if not left:
            return
        past = {"N": str(now_ms() - 1)}
        for item in left:
            change_item((item["pk"]["S"], item["sk"]["S"]), due=past)
        for item in items:
            if held := {name: past for name in ("until", "not_before") if name in item}:
                change_item((item["pk"]["S"], item["sk"]["S"]), **held)
        merchant.cloud.run_schedule("release")
    states = {order: merchant.states(order) for order in {keys.order_of(i["pk"]["S"]).order for i in left}}
    raise AssertionError(f"orders do not settle: {states}")
