"""A shop at Shopify as far as stock goes: variants, quantities, what is shown, and its bad days."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

VARIANT, PRODUCT = "gid://shopify/ProductVariant/", "gid://shopify/Product/"


class FakeShopify:
    """`script` holds what happens to the next calls, in their order: `ok`, `throttled`, `lost` (done, and the
    answer is), `stale`, `user error`, `denied`, or a status."""

    def __init__(self, token="shpat_0123456789"):
        self.token, self.script, self.calls = token, [], []
        self.variants, self.status, self.done = {}, {}, {}
        self._lock = threading.Lock()
        shop = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                with shop._lock:
                    how = shop.script.pop(0) if shop.script else "ok"
                    status, answer = shop.answer(self.path, self.headers, body, how)
                if how == "lost":
                    self.close_connection = True
                    return
                text = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def base(self):
        return f"http://127.0.0.1:{self._server.server_port}"

    def add(self, variant, product, quantity=0, *, tracked=True, places=("1",), policy="DENY"):
        self.variants[VARIANT + variant] = {
            "product": PRODUCT + product,
            "tracked": tracked,
            "policy": policy,
            "at": {f"gid://shopify/Location/{place}": quantity for place in places},
        }
        self.status.setdefault(PRODUCT + product, "ACTIVE")

    def of(self, variant):
        """Quantity, policy and status, as buyers meet them."""
        one = self.variants[VARIANT + variant]
        return sum(one["at"].values()), one["policy"], self.status[one["product"]]

    def answer(self, path, headers, body, how):
        name = body["query"].split()[1].partition("(")[0]
        self.calls.append((name, body["variables"]))
        assert path == "/admin/api/2026-10/graphql.json"
        if headers["x-shopify-access-token"] != self.token:
            return 401, {"errors": "[API] Invalid API key or access token"}
        if isinstance(how, int):
            return how, {}
        if how == "throttled":
            bucket = {"maximumAvailable": 2000, "currentlyAvailable": 2, "restoreRate": 100}
            cost = {"requestedQueryCost": 12, "actualQueryCost": None, "throttleStatus": bucket}
            error = {"message": "Throttled", "extensions": {"code": "THROTTLED"}}
            return 200, {"errors": [error], "extensions": {"cost": cost}}
        if how == "denied":
            return 200, {"errors": [{"message": "Access denied", "extensions": {"code": "ACCESS_DENIED"}}]}
        if name == "Listing":
            return 200, {"data": {"productVariant": self._listing(body["variables"]["variant"])}}
        wrong = {"stale": "CHANGE_FROM_QUANTITY_STALE", "user error": "INVALID_QUANTITY_TOO_HIGH"}
        errors = (
            [{"code": wrong[how], "message": "no"}] if how in wrong else self._do(name, body["variables"])
        )
        field = {
            "Quantity": "inventorySetQuantities",
            "Policy": "productVariantsBulkUpdate",
            "Status": "productUpdate",
        }[name]
        return 200, {"data": {field: {"userErrors": errors}}}

    def _listing(self, variant):
        one = self.variants.get(variant)
        if one is None:
            return None
        nodes = [
            {"location": {"id": place}, "quantities": [{"name": "available", "quantity": quantity}]}
            for place, quantity in one["at"].items()
        ]
        item = {"id": variant.replace("ProductVariant", "InventoryItem"), "tracked": one["tracked"]}
        return {
            "id": variant,
            "inventoryPolicy": one["policy"],
            "product": {"id": one["product"], "status": self.status[one["product"]]},
            "inventoryItem": item | {"inventoryLevels": {"nodes": nodes}},
        }

    def _do(self, name, told):
        if name == "Status":
            self.status[told["product"]["id"]] = told["product"]["status"]
        elif name == "Policy":
            for one in told["variants"]:
                self.variants[one["id"]]["policy"] = one["inventoryPolicy"]
        else:
            [change] = told["input"]["quantities"]
            before = self.done.setdefault(told["key"], change)
            assert before == change, "IDEMPOTENCY_KEY_PARAMETER_MISMATCH"
            at = self.variants[change["inventoryItemId"].replace("InventoryItem", "ProductVariant")]["at"]
            if before is not change:
                return []
            if at[change["locationId"]] != change["changeFromQuantity"]:
                del self.done[told["key"]]
                return [{"code": "CHANGE_FROM_QUANTITY_STALE", "message": "stale"}]
            at[change["locationId"]] = change["quantity"]
        return []

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def selling():
    shop = FakeShopify()
    try:
        yield shop
    finally:
        shop.stop()
