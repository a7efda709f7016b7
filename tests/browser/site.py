"""A small site that serves the buyer's pages from sample models, and remembers what it was asked."""

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from cardcourier.domain.redeem_page import LookupPage, NotFoundPage, OrderPage
from cardcourier.pages import render
from cardcourier.pages.card_list import card_list, disposition

SUPPORT = "kefu@xinghe.example"


@dataclass
class Order:
    """What a link shows by GET, after a reveal, and after a report."""

    masked: OrderPage
    shown: OrderPage | None = None
    reported: OrderPage | None = None


@dataclass
class Asked:
    """One request as it came in."""

    method: str
    path: str
    headers: dict
    form: dict


@dataclass
class Site:
    """`orders` by token; a test may put in what it likes, at any time."""

    server: ThreadingHTTPServer
    orders: dict = field(default_factory=dict)
    lookup: LookupPage = field(default_factory=lambda: LookupPage(support=SUPPORT))
    asked: list = field(default_factory=list)
    broken: bool = False

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}"

    def link(self, masked, shown=None, reported=None):
        """Serve an order; its address."""
        self.orders[masked.token] = Order(masked, shown, reported)
        return f"{self.url}/r/{masked.token}"

    def asked_for(self, method, ending):
        return [
            one for one in self.asked if one.method == method and urlsplit(one.path).path.endswith(ending)
        ]


class Door(BaseHTTPRequestHandler):
    """The routes of the redeem function, without what lies behind them."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        """Quiet."""

    def do_GET(self):
        self.remember({})
        _, room, *rest = urlsplit(self.path).path.split("/")
        if room == "static":
            file = render.static_files()[rest[0]]
            headers = render.STATIC_HEADERS | {"Content-Type": file.content_type}
            return self.send(200, headers, file.body)
        if room == "q":
            return self.page(200, self.site.lookup)
        order = self.site.orders.get(rest[0]) if room == "r" and len(rest) == 1 else None
        return self.page(200, order.masked) if order else self.page(404, NotFoundPage(support=SUPPORT))

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self.remember({name: values[0] for name, values in parse_qs(body).items()})
        if self.site.broken:
            return self.send(500, {}, b"")
        _, room, *rest = urlsplit(self.path).path.split("/")
        if room == "q":
            return self.page(200, LookupPage(message_kind="sent", support=SUPPORT))
        order = self.site.orders[rest[0]]
        if rest[1] == "download":
            headers = {"Content-Type": "text/plain", "Content-Disposition": disposition(order.shown)}
            return self.send(200, render.HEADERS | headers, card_list(order.shown, 0).encode())
        return self.page(200, order.shown if rest[1] == "reveal" else order.reported or order.masked)

    @property
    def site(self):
        return self.server.site

    def remember(self, form):
        self.form = form
        self.site.asked.append(Asked(self.command, self.path, dict(self.headers.items()), form))

    def page(self, status, page):
        if "application/json" in self.headers.get("Accept", ""):
            body = json.dumps(render.as_json(page)).encode()
            return self.send(status, render.HEADERS | {"Content-Type": "application/json"}, body)
        asked = self.form.get("lang") or parse_qs(urlsplit(self.path).query).get("lang", [None])[0]
        language = render.choose_language(None, self.headers.get("Accept-Language"), "zh-CN", asked)
        draw = {OrderPage: render.render_order, LookupPage: render.render_lookup}
        html = draw.get(type(page), render.render_not_found)(page, language)
        return self.send(status, render.HEADERS, html.encode())

    def send(self, status, headers, body):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A browser that hangs up is no news."""


def start():
    """A running site on a free port, and how to stop it."""
    server = Server(("127.0.0.1", 0), Door)
    server.site = Site(server)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()

    def stop():
        server.shutdown()
        thread.join()
        server.server_close()

    return server.site, stop
