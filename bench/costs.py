"""What one order costs: calls, transactions, queries, write and read units, counted at the client."""

import importlib
import json
from collections import Counter
from types import SimpleNamespace
from typing import Any

from bench.shop import SHOP, cloud, open_shop, signed_order

BATCH = 10
WARM_UP = 1


def run() -> dict[str, float]:
    """Costs per order of one unit and of five, over a batch of ten orders each."""
    with cloud(still=True) as running:
        open_shop(cards=400)
        counted = _Counter()
        rows: dict[str, float] = {}
        for quantity in (1, 5):
            for round_ in range(WARM_UP + 1):
                counted.clear()
                _serve(running, [f"C{quantity}-{round_}-{n}" for n in range(BATCH)], quantity)
            rows |= {f"{name}, {quantity} unit": value / BATCH for name, value in counted.totals().items()}
        return {name: round(value, 2) for name, value in rows.items()}


def _serve(running: Any, numbers: list[str], quantity: int) -> None:
    """Send orders through the doors as the cloud would: queue batches of ten, one batch of the stream."""
    _drain_streams(running)
    for number in numbers:
        _door("webhooks").handler(_request(*signed_order(number, quantity)), _context())
    _door("allocation").handler(_batch(running, "OrdersQueue"), _context())
    records = _drain_streams(running)
    _door("projection").handler({"Records": records}, _context())
    _door("dispatch").handler({"Records": records}, _context())
    _door("delivery").handler(_batch(running, "DeliveryQueue"), _context())
    records = _drain_streams(running)
    _door("projection").handler({"Records": records}, _context())
    _door("dispatch").handler({"Records": records}, _context())


def _door(name: str) -> Any:
    return importlib.import_module(f"functions.{name}.app")


def _context() -> Any:
    return SimpleNamespace(
        function_name="bench",
        memory_limit_in_mb=1024,
        invoked_function_arn="arn:aws:lambda:us-east-1:000000000000:function:bench",
        aws_request_id="bench",
        get_remaining_time_in_millis=lambda: 30_000,
    )


def _request(body: bytes, headers: dict[str, str]) -> dict[str, Any]:
    http = {"method": "POST", "sourceIp": "127.0.0.1"}
    return {
        "pathParameters": {"channel": "standard", "shop": SHOP},
        "requestContext": {"http": http, "requestId": "bench"},
        "headers": headers,
        "body": body.decode(),
        "isBase64Encoded": False,
    }


def _batch(running: Any, queue: str) -> dict[str, Any]:
    """Up to ten messages, taken by a client of our own so that the service's part is not counted."""
    sqs, url = running.client("sqs"), running.resource(queue)
    found: list[dict[str, Any]] = []
    for _ in range(20):
        found += sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        if len(found) >= BATCH:
            break
    for message in found:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    attributes = {"ApproximateReceiveCount": "1"}
    return {
        "Records": [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": attributes,
                "eventSource": "aws:sqs",
            }
            for message in found
        ]
    }


_seen: set[str] = set()


def _drain_streams(running: Any) -> list[dict[str, Any]]:
    """The stream's records of orders that were not served yet."""
    streams = running.client("dynamodbstreams")
    arn = running.client("dynamodb").describe_table(TableName=running.resource("MainTable"))["Table"]
    arn = arn["LatestStreamArn"]
    fresh = []
    for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        iterator = streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while iterator:
            page = streams.get_records(ShardIterator=iterator, Limit=1000)
            fresh += [record for record in page["Records"] if record["eventID"] not in _seen]
            iterator = page.get("NextShardIterator") if page["Records"] else None
    _seen.update(record["eventID"] for record in fresh)
    orders = [r for r in fresh if r["dynamodb"]["Keys"]["pk"]["S"].startswith("O#")]
    return [json.loads(json.dumps(record, default=str)) for record in orders]


class _Counter:
    """Counts what the product's own clients send."""

    def __init__(self) -> None:
        from cardcourier import wiring

        self.calls: Counter[str] = Counter()
        self.units: Counter[str] = Counter()
        for service in ("dynamodb", "sqs", "kms", "sesv2"):
            events = wiring.client(service).meta.events
            events.register("before-call", lambda model, **_: self._call(model.name))
        events = wiring.client("dynamodb").meta.events
        events.register("provide-client-params.dynamodb", self._ask)
        events.register("after-call.dynamodb", self._add)

    def clear(self) -> None:
        self.calls.clear()
        self.units.clear()

    def totals(self) -> dict[str, float]:
        return {
            "calls": self.calls.total(),
            "transactions": self.calls["TransactWriteItems"],
            "queries": self.calls["Query"],
            "write units, protocol and journal": self.units["write"] - self.units["views"],
            "write units, lists and search": self.units["views"],
            "read units": self.units["read"],
        }

    def _call(self, name: str) -> None:
        self.calls[name] += 1

    def _ask(self, params: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {**params, "ReturnConsumedCapacity": "INDEXES"}

    def _add(self, parsed: dict[str, Any], model: Any, **_: Any) -> None:
        consumed = parsed.get("ConsumedCapacity", [])
        write = model.name in {
            "PutItem",
            "UpdateItem",
            "DeleteItem",
            "TransactWriteItems",
            "BatchWriteItem",
        }
        for part in consumed if isinstance(consumed, list) else [consumed]:
            self.units["write" if write else "read"] += part.get("CapacityUnits", 0)
            if write and "Views" in part.get("TableName", ""):
                self.units["views"] += part.get("CapacityUnits", 0)


if __name__ == "__main__":
    print(json.dumps(run(), indent=1))
