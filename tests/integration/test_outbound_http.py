"""Calling a stranger's address: where it may lead, how long it may take, and what is learned from it."""

import socket
import ssl
import threading
import time

import pytest

from cardcourier.adapters import outbound_http
from cardcourier.adapters.outbound_http import Poster
from tests.integration.receiver import receiving

NOW = 1_793_520_000_000
POSTER = Poster("test/1", lambda: NOW, local=True, total=2.0)
STRICT = Poster("test/1", lambda: NOW, total=2.0)


@pytest.fixture
def receiver():
    with receiving() as receiver:
        yield receiver


def post(poster, url, **headers):
    return poster.post(url, {"content-type": "application/json", **headers}, b'{"a":1}')


@pytest.fixture
def names(monkeypatch):
    """What names resolve to, for the length of a test, and where connections went."""
    known, connected = {}, []
    honest, numbers = socket.create_connection, socket.getaddrinfo

    def resolve(host, port, *args, **options):
        if host in connected:
            return numbers(host, port, *args, **options)
        if host not in known:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        answers = known[host].pop(0) if isinstance(known[host][0], list) else known[host]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in answers]

    def connect(address, timeout):
        connected.append(address[0])
        return honest(address, timeout)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(outbound_http.socket, "create_connection", connect)
    return known, connected


def test_the_bytes_the_path_and_the_headers_arrive(receiver):
    answer = post(POSTER, f"{receiver.url}?a=1&b=%20", **{"webhook-id": "evt_1"})
    [heard] = receiver.heard

    assert (answer.status, answer.error, answer.good) == (200, "", True)
    assert (heard.path, heard.body, heard.id) == ("/hook?a=1&b=%20", b'{"a":1}', "evt_1")
    assert heard.headers["user-agent"] == "test/1" and heard.headers["host"].startswith("127.0.0.1:")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_no_redirect_is_followed(receiver, status):
    with receiving() as inside:
        receiver.status, receiver.answer_headers = status, {"location": inside.url}
        answer = post(POSTER, receiver.url)

        assert (answer.status, answer.good, inside.heard) == (status, False, [])


def test_outside_of_one_machine_nothing_here_is_called(receiver):
    assert post(STRICT, receiver.url).error == "bad_url"
    assert (
        post(STRICT, receiver.url.replace("http://127.0.0.1", "https://localhost")).error == "blocked_address"
    )
    assert receiver.heard == []


@pytest.mark.parametrize(
    "addresses",
    [
        ["10.0.0.7"],
        ["169.254.169.254"],
        ["127.0.0.1"],
        ["8.8.8.8", "10.0.0.7"],
        ["::ffff:10.0.0.7"],
        ["fe80::1%2"],
    ],
    ids=str,
)
def test_a_name_that_leads_inside_is_not_called(names, addresses):
    known, connected = names
    known["crm.example.com"] = addresses

    assert post(STRICT, "https://crm.example.com/").error == "blocked_address"
    assert connected == []


def test_a_name_is_asked_once_and_its_checked_address_is_called(names, receiver):
    known, connected = names
    port = receiver.url.rpartition(":")[2].partition("/")[0]
    known["localhost"] = [["127.0.0.1"], ["10.0.0.7"]]
    answer = post(POSTER, f"http://localhost:{port}/hook")

    assert (answer.status, connected) == (200, ["127.0.0.1"])
    assert receiver.heard[0].headers["host"] == f"localhost:{port}"


def test_unknown_names_and_closed_doors_have_their_error(names):
    known, _ = names
    known["closed.example.com"] = ["127.0.0.1"]
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port = door.getsockname()[1]
    assert post(POSTER, "https://nowhere.example.com/").error == "no_such_host"
    assert post(POSTER, f"https://closed.example.com:{port}/").error == "connection"


def test_a_server_without_a_certificate_we_trust_is_not_spoken_to(receiver):
    answer = post(POSTER, receiver.url.replace("http:", "https:"))

    assert (answer.status, answer.error, receiver.heard) == (None, "tls", [])
    trust = POSTER.trust
    assert trust.verify_mode is ssl.CERT_REQUIRED and trust.check_hostname


def serve(talk):
    """One connection, served by `talk(connection)`."""
    server = socket.create_server(("127.0.0.1", 0))

    def run():
        connection, _ = server.accept()
        with connection, server:
            connection.recv(65_536)
            talk(connection)

    threading.Thread(target=run, daemon=True).start()
    return f"http://127.0.0.1:{server.getsockname()[1]}/"


def drip(connection):
    try:
        while True:
            connection.sendall(b"H")
            time.sleep(0.05)
    except OSError:
        return


def flood(connection):
    try:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(200):
            connection.sendall(bytes(65_536))
    except OSError:
        return


@pytest.mark.parametrize(
    ("talk", "error"),
    [
        (drip, "timeout"),
        (lambda connection: time.sleep(3), "timeout"),
        (lambda connection: None, "connection"),
        (lambda connection: connection.sendall(b"SSH-2.0-x\r\n"), "connection"),
    ],
    ids=["drip", "silence", "hang-up", "no-http"],
)
def test_whatever_the_other_side_does_ends_in_time(talk, error):
    quick = Poster("test/1", lambda: NOW, local=True, total=0.4)
    begun = time.monotonic()
    answer = post(quick, serve(talk))

    assert (answer.status, answer.error) == (None, error)
    assert time.monotonic() - begun < 1.5


def test_of_a_long_answer_only_the_beginning_is_read():
    assert post(POSTER, serve(flood)).status == 200


@pytest.mark.parametrize(
    ("status", "header", "asked"),
    [
        (503, "120", 120_000),
        (429, "Sun, 01 Nov 2026 08:01:00 GMT", 60_000),
        (429, "Sun, 01 Nov 2020 08:01:00 GMT", 0),
        (503, "soon", 0),
        (503, "-5", 0),
        (503, "9" * 40, 999_999_999_000),
        (500, "120", 0),
    ],
)
def test_who_asks_for_patience_is_heard(receiver, status, header, asked):
    receiver.status, receiver.answer_headers = status, {"retry-after": header}

    assert post(POSTER, receiver.url).asked == asked
