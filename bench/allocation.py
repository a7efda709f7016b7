"""Allocations per second against a bare boto3 loop that sends the same requests with the same threads."""

import json
import threading
import time
from collections.abc import Callable
from typing import Any

from bench.shop import SHOP, SKU, TENANT, cloud, open_shop

ORDERS, THREADS, BATCH, ROUNDS = 1_200, 4, 10, 3


def run() -> dict[str, float]:
    """Both take turns on the same engine; the ratio is between their best rounds."""
    with cloud(still=True):
        open_shop(cards=ORDERS * (ROUNDS + 1) + 200)
        recorded = _record()
        ours, bare = [], []
        for round_ in range(ROUNDS):
            ours.append(_ours(f"A{round_}"))
            bare.append(_bare(recorded, f"B{round_}"))
        shape = _shape(recorded)
    return {
        "allocations/s": round(max(ours), 1),
        "bare boto3 loop/s": round(max(bare), 1),
        "allocation ÷ bare boto3": round(max(ours) / max(bare), 3),
        **shape,
    }


def paid_headers(prefix: str, orders: int) -> list[dict[str, str]]:
    """Paid headers without a webhook, and the messages that ask for their passes."""
    from cardcourier import wiring
    from cardcourier.adapters.tables import keys
    from cardcourier.adapters.tables.records import HeaderRecord, line_value, order_names
    from cardcourier.clock import now_ms
    from cardcourier.domain.orders import OrderKey, OrderLine

    now, bodies, records = now_ms(), [], []
    for n in range(orders):
        key = OrderKey(TENANT, SHOP, f"{prefix}-{n}")
        line = OrderLine("1", "", "", SKU, 1, 2500)
        record = HeaderRecord(*keys.header(key), **order_names(key, "order"), ver=1, paid_at=now, amount=2500)
        record.total, record.currency, record.lines, record.listed_at = 2500, "CNY", [line_value(line)], now
        record.search = [f"{n:032x}", f"{n + orders:032x}"]
        records.append(record)
        bodies.append({"kind": "order", "tenant": TENANT, "shop": SHOP, "order": key.order})
    wiring.main_table().put_many(records)
    return bodies


def _ours(prefix: str) -> float:
    from cardcourier import wiring
    from cardcourier.clock import now_ms

    bodies, passes = paid_headers(prefix, ORDERS), wiring.passes()

    def batch(first: int) -> None:
        part = bodies[first : first + BATCH]
        headers = passes.read(part)
        for body in part:
            passes.run(body, headers, "bench", now_ms() + 60_000, again=False)

    return _rate(batch)


def _record() -> list[tuple[str, dict[str, Any]]]:
    """The very requests of one batch, as they leave the product's client."""
    from cardcourier import wiring
    from cardcourier.clock import now_ms

    seen: list[tuple[str, dict[str, Any]]] = []
    client = wiring.client("dynamodb")
    passes = wiring.passes()
    for kept in range(2):
        bodies = paid_headers(f"R{kept}", BATCH)
        if kept:
            event = "provide-client-params.dynamodb"
            client.meta.events.register(
                event, lambda params, model, **_: seen.append((model.name, params)), "rec"
            )
        headers = passes.read(bodies)
        for body in bodies:
            passes.run(body, headers, "bench", now_ms() + 60_000, again=False)
    client.meta.events.unregister("provide-client-params.dynamodb", unique_id="rec")
    return seen


def _bare(recorded: list[tuple[str, dict[str, Any]]], prefix: str) -> float:
    """The recorded requests with other keys, prepared beforehand, sent by nothing but boto3."""
    from cardcourier import wiring

    client, texts = wiring.client("dynamodb"), [(name, json.dumps(request)) for name, request in recorded]
    markers = _put_markers(prefix)
    calls = {
        "BatchGetItem": client.batch_get_item,
        "BatchWriteItem": client.batch_write_item,
        "TransactWriteItems": client.transact_write_items,
        "Query": client.query,
        "GetItem": client.get_item,
    }
    ready: list[list[tuple[Callable[..., Any], dict[str, Any]]]] = []
    for first in range(0, ORDERS, BATCH):
        batch = []
        for name, text in texts:
            request = json.loads(text.replace("R1-", f"{prefix}-{first}-"))
            if name == "TransactWriteItems":
                request["TransactItems"][0]["Delete"]["Key"] = markers.pop()
                request.pop("ClientRequestToken", None)
            batch.append((calls[name], request))
        ready.append(batch)

    def batch_of(first: int) -> None:
        for call, request in ready[first // BATCH]:
            call(**request)

    return _rate(batch_of)


def _put_markers(prefix: str) -> list[dict[str, Any]]:
    from cardcourier import wiring
    from cardcourier.adapters.tables.records import marker_record
    from cardcourier.domain.stock import Marker

    records = [
        marker_record(
            Marker(card=f"c1{prefix}{n:08d}", bucket="9999", shard=0, batch="b1"), TENANT, "BARE", 1
        )
        for n in range(ORDERS)
    ]
    wiring.main_table().put_many(records)
    return [{"pk": {"S": record.pk}, "sk": {"S": record.sk}} for record in records]


def _rate(batch: Callable[[int], None]) -> float:
    firsts = list(range(0, ORDERS, BATCH))
    lock, wrong = threading.Lock(), []

    def work() -> None:
        while True:
            with lock:
                if not firsts:
                    return
                first = firsts.pop()
            try:
                batch(first)
            except BaseException as error:
                wrong.append(error)
                raise

    workers = [threading.Thread(target=work) for _ in range(THREADS)]
    began = time.monotonic()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if wrong:
        raise RuntimeError("a batch failed") from wrong[0]
    return ORDERS / (time.monotonic() - began)


def _shape(recorded: list[tuple[str, dict[str, Any]]]) -> dict[str, float]:
    names = [name for name, _ in recorded]
    return {
        "transactions per order, dense stock": names.count("TransactWriteItems") / BATCH,
        "queries per order, dense stock": names.count("Query") / BATCH,
    }


if __name__ == "__main__":
    print(json.dumps(run(), indent=1))
