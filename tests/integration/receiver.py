"""Somebody's own system that hears of our events: a plain server on this machine that answers as told."""

import base64
import hmac
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Heard:
    """One request as it came."""

    def __init__(self, path, headers, body):
        self.path, self.headers, self.body = path, headers, body

    @property
    def id(self):
        return self.headers["webhook-id"]

    @property
    def event(self):
        return json.loads(self.body)

    @property
    def type(self):
        return self.event["type"]

    def signed_by(self, secret):
        """Whether one of its signatures is that of this secret, computed from the standard's text alone."""
        key = base64.b64decode(secret.removeprefix("whsec_"))
        text = f"{self.id}.{self.headers['webhook-timestamp']}.".encode() + self.body
        mac = base64.b64encode(hmac.digest(key, text, "sha256")).decode()
        return f"v1,{mac}" in self.headers["webhook-signature"].split()


class Receiver:
    """Answers with `status`, or one after the other what `script` says; `wait` seconds later."""

    def __init__(self):
        self.status, self.script, self.wait, self.answer_headers = 200, [], 0.0, {}
        self.heard, self._lock = [], threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                with receiver._lock:
                    receiver.heard.append(Heard(self.path, self.headers, body))
                    status = receiver.script.pop(0) if receiver.script else receiver.status
                receiver._stopped.wait(receiver.wait)
                self.send_response(status)
                for name, value in receiver.answer_headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_):
                pass

        self._stopped = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_port}/hook"

    def of(self, event_type):
        return [one for one in self.heard if one.type == event_type]

    def types(self):
        return sorted(one.type for one in self.heard)

    def stop(self):
        self._stopped.set()
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def receiving():
    receiver = Receiver()
    try:
        yield receiver
    finally:
        receiver.stop()
