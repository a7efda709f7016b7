"""The merchant's own customer system in the story: it hears of events and checks who sent them."""

import base64
import hmac
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class CustomerSystem:
    """Keeps each event once, by its id, if its signature is right; `refused` counts the others."""

    def __init__(self) -> None:
        self.secret = ""
        self.types: dict[str, str] = {}
        self.refused = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/events"

    @contextmanager
    def listening(self) -> Iterator[None]:
        thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._server.shutdown()
            self._server.server_close()

    def hear(self, event_id: str, stamp: str, signatures: str, body: bytes) -> bool:
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        mac = base64.b64encode(hmac.digest(key, f"{event_id}.{stamp}.".encode() + body, "sha256")).decode()
        right = any(hmac.compare_digest(f"v1,{mac}", one) for one in signatures.split())
        if not right or not stamp.isdigit() or abs(time.time() - int(stamp)) > 300:
            self.refused += 1
            return False
        self.types[event_id] = json.loads(body)["type"]
        return True

    def counts(self) -> Counter[str]:
        return Counter(self.types.values())


def _handler_of(system: CustomerSystem) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            names = ("webhook-id", "webhook-timestamp", "webhook-signature")
            heard = system.hear(*(self.headers.get(name, "") for name in names), body)
            self.send_response(204 if heard else 401)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Requests are no part of the story."""

    return Handler
