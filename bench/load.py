"""Sends signed orders from a process of its own.

`python -m bench.load ADDRESS PREFIX ORDERS THREADS RATE mail|link`

Prints one JSON object: when each order was sent (epoch ms), and every status that was not 200.
"""

import http.client
import json
import sys
import threading
import time
from urllib.parse import urlsplit

from bench.shop import SHOP, signed_order


def send(
    address: str, prefix: str, orders: int, threads: int, rate: float, *, mail: bool
) -> dict[str, object]:
    """`rate` in orders per second, 0 for as fast as possible; at most 10,000 orders."""
    place = urlsplit(address)
    ready = [(f"{prefix}-{n}", *signed_order(f"{prefix}-{n}", mail=mail)) for n in range(min(orders, 10_000))]
    sent: dict[str, int] = {}
    wrong: list[int] = []
    began = time.monotonic()

    def work(first: int) -> None:
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=30)
        for n in range(first, len(ready), threads):
            number, body, headers = ready[n]
            if rate:
                time.sleep(max(0.0, began + n / rate - time.monotonic()))
            sent[number] = time.time_ns() // 1_000_000
            connection.request("POST", f"/webhooks/standard/{SHOP}", body, headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                wrong.append(answer.status)
        connection.close()

    workers = [threading.Thread(target=work, args=(n,)) for n in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return {"sent": sent, "wrong": wrong, "seconds": time.monotonic() - began}


if __name__ == "__main__":
    address, prefix, orders, threads, rate, mail = sys.argv[1:]
    print(json.dumps(send(address, prefix, int(orders), int(threads), float(rate), mail=mail == "mail")))
