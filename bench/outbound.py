"""Events sent to endpoints, against a bare loop that posts the same bytes and one that also writes."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from bench.shop import TENANT, cloud

MESSAGES, ENDPOINTS, BATCH, THREADS = 300, 6, 10, 10
PLACE = "a place beside the outbox"
RECEIVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(204)
        self.end_headers()
    def log_message(self, *_): pass
class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 256
server = Server(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""


def run() -> dict[str, Any]:
    """Deliveries per second of one worker, and how they compare with doing less."""
    with cloud(still=True), _receiver() as url:
        told, body = _fill(url)
        bare = _rate(lambda: _spread(lambda _: _post(url, body), told))
        written = _rate(lambda: _spread(lambda key: _post_and_write(url, body, key.event), told))
        ours = _rate(lambda: _send(told))
        left = _unsent()
    return {
        "deliveries/s of one worker, signed, claimed and recorded": ours,
        "÷ a bare urllib3 loop with as many threads": f"{100 * ours / bare:.0f} %",
        "÷ the same loop with two bare table writes for each": f"{100 * ours / written:.0f} %",
        "posts/s of the bare loop": bare,
        "messages not sent": left,
    }


@contextmanager
def _receiver() -> Iterator[str]:
    """Somebody's server, in a process of its own."""
    argv = [sys.executable, "-c", RECEIVER]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}/hook"
        finally:
            process.terminate()


def _fill(url: str) -> tuple[list[Any], bytes]:
    """Endpoints, and a message of a usual payment for each of them in turn."""
    from cardcourier import wiring
    from cardcourier.clock import now_ms
    from cardcourier.domain.endpoints import Endpoint
    from cardcourier.domain.kept import Act
    from cardcourier.domain.outbound import make_event
    from cardcourier.domain.outbox import Message, MessageKey

    now, desk = now_ms(), wiring.endpoints_desk()
    ids = [
        desk.create(Endpoint(id="", tenant=TENANT, url=url), Act(f"{n:016x}", now), "bench").endpoint.id
        for n in range(ENDPOINTS)
    ]
    line = {"line": "1", "item": "MGTV", "variant": "", "sku": "MGTV-MONTH", "quantity": 1}
    data = {"shop": "bench-web", "order_id": "A-1001", "number": "A-1001", "lines": [line] * 3}
    keys, body = [], b""
    for n in range(MESSAGES):
        event = make_event(TENANT, "order.paid", now + n, str(n), data)
        keys.append(MessageKey(TENANT, ids[n % ENDPOINTS], event.id))
        body = event.body.encode()
        wiring.outbox().put_new(Message(key=keys[-1], type=event.type, at=event.at, body=event.body), now)
    return keys, body


def _rate(work: Callable[[], None]) -> float:
    began = time.monotonic()
    work()
    return round(MESSAGES / (time.monotonic() - began), 1)


def _spread(work: Callable[[Any], None], keys: Sequence[Any]) -> None:
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(work, keys))


def _post(url: str, body: bytes) -> None:
    import urllib3

    with urllib3.PoolManager(retries=False) as pool:
        assert pool.request("POST", url, body=body, headers={"connection": "close"}).status == 204


def _post_and_write(url: str, body: bytes, name: str) -> None:
    from cardcourier import wiring

    client, table = wiring.client("dynamodb"), wiring.settings().main_table
    key = {"pk": {"S": PLACE}, "sk": {"S": name}}
    for value in ("claimed", "sent"):
        client.update_item(
            TableName=table,
            Key=key,
            UpdateExpression="SET st = :st",
            ExpressionAttributeValues={":st": {"S": value}},
        )
    _post(url, body)


def _send(keys: Sequence[Any]) -> None:
    """As the function does, a batch of the queue after the other."""
    from cardcourier import wiring

    sender = wiring.event_sender()
    for start in range(0, len(keys), BATCH):
        sender.send(keys[start : start + BATCH])


def _unsent() -> int:
    from cardcourier import wiring
    from cardcourier.clock import now_ms
    from cardcourier.domain.outbox import Wanted

    everything = Wanted(since=0, until=now_ms() + 10**9, states=("pending", "failed", "skipped"))
    ids = [endpoint.id for endpoint in wiring.endpoints().endpoints(TENANT)]
    return sum(len(list(wiring.outbox().messages(TENANT, one, everything, None, now_ms()))) for one in ids)


if __name__ == "__main__":
    print(json.dumps(run(), indent=1))
