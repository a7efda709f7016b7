"""The HTTP API: requests become payload 2.0 events, answers become responses.

`Server` is a small threaded HTTP/1.1 server for loopback; `Gateway` is what API Gateway does between a
request and a function. Facts of the payload: AWS, "Working with AWS Lambda proxy integrations for HTTP APIs";
that `rawPath` arrives decoded, and which types of body arrive as text, is observed behaviour of the service.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import re
import socket
import socketserver
import threading
import time
import urllib.parse
import uuid
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from io import BufferedIOBase
from typing import Any, NamedTuple

from local.functions import ANSWER_LOST, NOT_STARTED, Function, FunctionError, Functions
from local.template import ACCOUNT

BODY_LIMIT = 10 * 1024 * 1024
IDLE_SECONDS = 75.0
TEXT_TYPES = ("application/json", "application/xml", "application/javascript")


class Request(NamedTuple):
    """One request: `path` as sent (still percent-encoded), header names in lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    peer: str


class Answer(NamedTuple):
    """One response; headers may repeat."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


def json_answer(status: int, value: Any) -> Answer:
    """An answer with a JSON body."""
    return Answer(
        status, [("content-type", "application/json")], json.dumps(value, ensure_ascii=False).encode()
    )


class _Refused(Exception):
    """The request cannot be read further."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.answer = json_answer(status, {"message": message})


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Server

    def _serve(self) -> None:
        headers: dict[str, str] = {}
        for name, value in self.headers.items():
            name, joint = name.lower(), "; " if name.lower() == "cookie" else ","
            headers[name] = f"{headers[name]}{joint}{value}" if name in headers else value
        path, _, query = self.path.partition("?")
        try:
            body = self._body(headers)
        except _Refused as refused:
            self._write(refused.answer)
            self._drain()
            return
        self._write(
            self.server.answer(Request(self.command, path, query, headers, body, self.client_address[0]))
        )

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _serve

    def _body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return _chunks(self.rfile)
        length = headers.get("content-length", "0")
        if not length.isdecimal():
            raise _Refused(400, "Bad Request")
        if int(length) > BODY_LIMIT:
            raise _Refused(413, "Request Entity Too Large")
        return self.rfile.read(int(length))

    def _write(self, answer: Answer) -> None:
        self.send_response_only(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value.replace("\r", " ").replace("\n", " "))
        self.send_header("content-length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)
        self.wfile.flush()

    def _drain(self) -> None:
        """Take what the client still sends, so that it gets to read the refusal instead of a reset."""
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_WR)
        self.connection.settimeout(1)
        with contextlib.suppress(OSError):
            while self.connection.recv(1 << 20):
                pass

    def log_message(self, *_: object) -> None:
        """Paths hold tokens and are logged nowhere."""

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            super().handle()


def _chunks(stream: BufferedIOBase) -> bytes:
    body = bytearray()
    while True:
        try:
            size = int(stream.readline(100).partition(b";")[0], 16)
        except ValueError:
            raise _Refused(400, "Bad Request") from None
        if len(body) + size > BODY_LIMIT:
            raise _Refused(413, "Request Entity Too Large")
        body += stream.read(size)
        stream.readline()
        if size == 0:
            return bytes(body)


class Server(socketserver.ThreadingTCPServer):
    """Answers requests on 127.0.0.1, a thread a connection; `answer` must not raise."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, port: int, answer: Callable[[Request], Answer]) -> None:
        super().__init__(("127.0.0.1", port), _Connection)
        self.answer = answer
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self._open: set[socket.socket] = set()
        self._thread = threading.Thread(
            target=self.serve_forever, args=(0.2,), name=f"http-{port}", daemon=True
        )

    def start(self) -> None:
        """Begin to accept; connections made before wait in the kernel."""
        self._thread.start()

    def stop(self) -> None:
        """Take no more connections and close the open ones."""
        if self._thread.is_alive():
            self.shutdown()
        self.server_close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._open.discard(request)


class _Route(NamedTuple):
    method: str
    pattern: re.Pattern[str]
    key: str
    function: str
    rank: tuple[Any, ...]


def _route(function: Function, spec: dict[str, Any]) -> _Route:
    method, path = spec.get("Method", "ANY").upper(), spec.get("Path", "/{proxy+}")
    pattern, rank = "", []
    for part in path.strip("/").split("/"):
        name = part.strip("{}").rstrip("+")
        greedy, variable = part.endswith("+}"), part.startswith("{")
        pattern += "/" + (f"(?P<{name}>{'.+' if greedy else '[^/]+'})" if variable else re.escape(part))
        rank.append(greedy * 2 or int(variable))
    method = "ANY" if method in ("ANY", "*", "X-AMAZON-APIGATEWAY-ANY-METHOD") else method
    return _Route(method, re.compile(pattern), f"{method} {path}", function.name, (rank, method == "ANY"))


class Gateway:
    """Routes requests as an HTTP API does: the most specific path first, then the exact method."""

    def __init__(self, functions: Functions) -> None:
        self._functions = functions
        routes = [
            _route(function, event.get("Properties", {}))
            for function in functions.functions.values()
            for event in function.events.values()
            if event["Type"] == "HttpApi"
        ]
        self._routes = sorted(routes, key=lambda route: route.rank)

    def answer(self, request: Request) -> Answer:
        """Call the function of the route; 404 without one, 500 when it failed, 503 when it took too long.

        Faults that were asked for: 503 where it never began, 502 where its answer was lost.
        """
        for route in self._routes:
            if route.method in ("ANY", request.method) and (match := route.pattern.fullmatch(request.path)):
                break
        else:
            return json_answer(404, {"message": "Not Found"})
        event = _event(request, route.key, match.groupdict())
        try:
            return _answer(self._functions.invoke(route.function, event))
        except FunctionError as failed:
            status, message = _FAILURES.get(failed.kind, (500, "Internal Server Error"))
            return json_answer(status, {"message": message})


_FAILURES = {
    "Sandbox.Timedout": (503, "Service Unavailable"),
    NOT_STARTED: (503, "Service Unavailable"),
    ANSWER_LOST: (502, "Bad Gateway"),
}


def _event(request: Request, route_key: str, variables: dict[str, str]) -> dict[str, Any]:
    headers = {**request.headers, "x-forwarded-for": request.peer, "x-forwarded-proto": "http"}
    host = headers.get("host", "")
    headers["x-forwarded-port"] = host.rpartition(":")[2] if ":" in host else "80"
    cookies = headers.pop("cookie", "")
    path, now = urllib.parse.unquote(request.path), time.time()
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": path,
        "rawQueryString": request.query,
        "headers": headers,
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": "local",
            "domainName": host,
            "domainPrefix": host.partition(".")[0],
            "http": {
                "method": request.method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": request.peer,
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": str(uuid.uuid4()),
            "routeKey": route_key,
            "stage": "$default",
            "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
            "timeEpoch": int(now * 1000),
        },
        "isBase64Encoded": False,
    }
    if cookies:
        event["cookies"] = [cookie.strip() for cookie in cookies.split(";")]
    if request.query:
        pairs = urllib.parse.parse_qs(request.query, keep_blank_values=True)
        event["queryStringParameters"] = {name: ",".join(values) for name, values in pairs.items()}
    if variables:
        event["pathParameters"] = {name: urllib.parse.unquote(value) for name, value in variables.items()}
    if request.body:
        event["body"], event["isBase64Encoded"] = _event_body(request)
    return event


def _event_body(request: Request) -> tuple[str, bool]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind.startswith("text/") or kind in TEXT_TYPES:
        with contextlib.suppress(UnicodeDecodeError):
            return request.body.decode("utf-8"), False
    return base64.b64encode(request.body).decode("ascii"), True


def _answer(result: Any) -> Answer:
    """A response object, or (without statusCode) anything at all as the body of a 200."""
    if not isinstance(result, dict) or "statusCode" not in result:
        body = result if isinstance(result, str) else json.dumps(result)
        return Answer(200, [("content-type", "application/json")], body.encode())
    try:
        body = result.get("body") or ""
        raw = base64.b64decode(body, validate=True) if result.get("isBase64Encoded") else body.encode()
        headers = [(name.lower(), _text(value)) for name, value in (result.get("headers") or {}).items()]
        headers += [("set-cookie", cookie) for cookie in result.get("cookies") or []]
        if "content-type" not in dict(headers):
            headers.append(("content-type", "text/plain;charset=utf-8"))
        return Answer(int(result["statusCode"]), headers, raw)
    except (AttributeError, TypeError, ValueError, binascii.Error):
        return json_answer(500, {"message": "Internal Server Error"})


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
