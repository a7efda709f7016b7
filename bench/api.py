"""Every GET of the API and its main POSTs under 32 clients: how long an answer takes, and how many a second.

The local cloud runs two environments of `api`, so 32 clients wait for one another: the figures compare routes
and releases on one machine, they are not those of Lambda, where each client would have an environment.
"""

import http.client
import itertools
import json
import secrets
import threading
import time
from pathlib import Path
from statistics import quantiles
from typing import Any
from urllib.parse import urlsplit

from bench.shop import SHOP, SKU, TENANT, cloud, open_shop, signed_order

CLIENTS, SECONDS = 32, 0.7
ORDERS = 60
DOCUMENT = Path(__file__).parents[1] / "docs/openapi.json"
ORDER = f"/v1/orders/{SHOP}/bench-1"
NUMBERS = itertools.count(1)

# What is posted, anew for each request where the same again would be refused.
POSTS = {
    "/v1/products": lambda: {"sku": f"B-{next(NUMBERS)}", "name": "Bench"},
    f"{ORDER}/notes": lambda: {"text": "called back"},
    f"{ORDER}/retry": lambda: None,
    "/v1/bulk/preview": lambda: {"action": "retry", "where": {}},
    "/v1/imports": lambda: {"sku": SKU, "text": f"KM-BENCH-{secrets.token_hex(8)}\n"},
    "/v1/reports": lambda: {"report": "R1", "from": "2026-01-01", "to": "2026-02-01"},
}


def run() -> dict[str, str]:
    """By route: p50 and p95 in milliseconds, and answers a second."""
    with cloud(concurrency=2, parameters={"ApiLimits": ""}) as running:
        open_shop(cards=2 * ORDERS)
        key = _owner()
        door = _Door(running.url, key)
        for number in range(ORDERS):
            body, headers = signed_order(f"bench-{number}", mail=False)
            door.ask("POST", f"/webhooks/standard/{SHOP}", body, headers)
        for path in ("/v1/imports", "/v1/reports"):
            door.ask("POST", path, json.dumps(POSTS[path]()).encode())
        door.ask("POST", "/v1/bulk", json.dumps({"action": "retry", "where": {}}).encode())
        running.wait_idle(200)
        routes = {path: address for path in _reads() if (address := _address(path, door))}
        _measured(running.url, key, "GET", "/v1/me")  # until every environment has started
        rows = {f"GET {path}": _measured(running.url, key, "GET", at) for path, at in routes.items()}
        rows |= {f"POST {_named(at)}": _measured(running.url, key, "POST", at) for at in POSTS}
        rows["GET routes without an example here"] = str(len(_reads()) - len(routes))
        running.wait_idle(200)
    return rows


def _owner() -> str:
    from cardcourier import wiring
    from cardcourier.clock import now_ms
    from cardcourier.services.managing.api_keys import make_key

    made = make_key(TENANT, "bench", "owner", (), 1, "local", now_ms(), secrets.token_bytes)
    wiring.merchants().add_key(made.key, now_ms(), "bench")
    return made.text


def _reads() -> list[str]:
    places = json.loads(DOCUMENT.read_text("utf-8"))["paths"]
    return sorted(path for path, place in places.items() if "get" in place)


def _named(path: str) -> str:
    return path.replace(ORDER, "/v1/orders/{shop}/{order}")


def _address(path: str, door: "_Door") -> str:
    """A route with names of things that are there; empty where nothing is."""
    found = path.replace("{shop}/{order}", f"{SHOP}/bench-1").replace("{shop}", SHOP).replace("{sku}", SKU)
    if "{" in found:
        above, _, rest = found.partition("/{")
        items = door.items(above)
        named = str(items[0].get("id", "")) if items else ""
        found = f"{above}/{named}{rest.partition('}')[2]}" if named else ""
    if "{" in found:
        return ""
    return f"{found}?q=bench-1" if found.endswith("/search") else found


def _measured(url: str, key: str, method: str, path: str) -> str:
    took: list[float] = []
    wrong: list[int] = []
    end = time.monotonic() + SECONDS

    def client() -> None:
        door = _Door(url, key)
        while time.monotonic() < end:
            body = POSTS[path]() if method == "POST" else None
            began = time.monotonic()
            status, _ = door.ask(method, path, None if body is None else json.dumps(body).encode())
            took.append((time.monotonic() - began) * 1000)
            if status >= 400:
                wrong.append(status)

    clients = [threading.Thread(target=client) for _ in range(CLIENTS)]
    began = time.monotonic()
    for thread in clients:
        thread.start()
    for thread in clients:
        thread.join()
    cuts = quantiles(took, n=100)
    rate = len(took) / (time.monotonic() - began)
    refused = f", {len(wrong)} refused" if wrong else ""
    return f"p50 {cuts[49]:.0f} ms, p95 {cuts[94]:.0f} ms, {rate:.0f}/s{refused}"


class _Door:
    """One connection of one client."""

    def __init__(self, url: str, key: str) -> None:
        place = urlsplit(url)
        self.connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=60)
        self.key = key

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        sent = headers or {"authorization": f"Bearer {self.key}", "content-type": "application/json"}
        self.connection.request(method, path, body, sent)
        answer = self.connection.getresponse()
        return answer.status, answer.read()

    def items(self, path: str) -> list[dict[str, Any]]:
        status, body = self.ask("GET", path)
        return list(json.loads(body).get("items", ())) if status == 200 else []


if __name__ == "__main__":
    print(json.dumps(run(), indent=1))
