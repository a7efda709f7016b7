"""The order protocol's table on a real engine, and a network that fails on purpose."""

import json
import uuid
from collections.abc import Callable
from contextlib import contextmanager

import boto3
from botocore.config import Config
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from cardcourier.adapters.tables.orders import OrdersTable
from cardcourier.adapters.tables.pools import PoolsTable
from cardcourier.adapters.tables.records import header_of, marker_of, marker_record, unit_of
from cardcourier.adapters.tables.waiting import WaitingTable
from cardcourier.adapters.tables.writes import Delete, Put, Table
from cardcourier.domain.states import Room
from local import engines
from local.template import REGION
from tests.order_world import Dump


def client(endpoint: str):
    """A client with the product's own settings: three attempts, standard retries."""
    return boto3.client(
        "dynamodb",
        endpoint_url=engines.require_loopback(endpoint),
        region_name=REGION,
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(
            connect_timeout=1,
            read_timeout=10,
            max_pool_connections=64,
            parameter_validation=False,
            retries={"mode": "standard", "total_max_attempts": 3},
        ),
    )


def main_table(endpoint: str, template) -> Table:
    """A main table of its own, as the template describes it."""
    return table_of(endpoint, template, "MainTable")


def table_of(endpoint: str, template, logical: str, shared=None) -> Table:
    """A new table of the template, through a client of its own or a shared one."""
    name = f"t{uuid.uuid4().hex[:8]}-{logical}"
    spec = template.of_type("AWS::DynamoDB::Table")[logical]
    shared = shared or client(endpoint)
    engines.create_table(shared, name, template.resolve(spec, lambda *_: None))
    return Table(shared, name)


class EngineStore:
    """The product's own tables with the words of `tests.order_world.MemoryStore`."""

    def __init__(self, table: Table):
        self.table = table
        self.orders, self.pools, self.index = OrdersTable(table), PoolsTable(table), WaitingTable(table)

    def __getattr__(self, name):
        return getattr(self.orders if hasattr(self.orders, name) else self.pools, name)

    def put_marker(self, tenant, sku, epoch, marker):
        self.table.write(Put(marker_record(marker, tenant, sku, epoch)))

    def waiting(self, tenant, room, ref):
        return list(self.index.waiting(tenant, room, ref))

    def clear(self):
        for key in self.items():
            self.table.write(Delete(key))

    def items(self):
        """Every item by its key, in the table's own JSON."""
        pages = self.table.client.get_paginator("scan").paginate(
            TableName=self.table.name, ConsistentRead=True
        )
        return {(i["pk"]["S"], i["sk"]["S"]): i for page in pages for i in page["Items"]}

    def dump(self):
        found = Dump({}, [], [], [], {})
        for (pk, sk), item in sorted(self.items().items()):
            match pk[0], sk[0]:
                case "O", "H":
                    header = header_of(item)
                    found.headers[header.key] = header
                case "O", "U":
                    found.units.append(unit_of(item))
                case "P", _:
                    found.markers.append((pk.split("#")[2], marker_of(item)))
                case "X", _:
                    found.burnt.append(item["card"]["S"])
                case "W", "R":
                    room = Room(sk.removeprefix("ROOM#"))
                    found.rooms[room, pk.split("#", 2)[2]] = (
                        int(item["touched_at"]["N"]),
                        int(item["due"]["N"]),
                    )
        return found


# -- a network that fails -------------------------------------------------------------------------------


@contextmanager
def network(shared, *faults: Callable):
    """Treat the next requests of a client as `faults` say, one each; the SDK's own retries take part."""
    endpoint, waiting = shared._endpoint, list(faults)
    honest = endpoint._send

    def send(request):
        fault = waiting.pop(0) if waiting else through
        return fault(lambda: honest(request), request)

    endpoint._send = send
    try:
        yield waiting
    finally:
        del endpoint._send


def through(send, request):
    return send()


def answer_lost(send, request):
    """The request was served; nobody hears of it."""
    send()
    raise ReadTimeoutError(endpoint_url=request.url)


def never_sent(send, request):
    raise EndpointConnectionError(endpoint_url=request.url)


@contextmanager
def no_request_tokens(shared):
    """Transactions without the SDK's idempotency token: the conditions alone must recognise a repeat."""

    def strip(params, **_):
        body = json.loads(params["body"])
        if body.pop("ClientRequestToken", None):
            params["body"] = json.dumps(body).encode()

    shared.meta.events.register("before-call.dynamodb.TransactWriteItems", strip)
    try:
        yield
    finally:
        shared.meta.events.unregister("before-call.dynamodb.TransactWriteItems", strip)
