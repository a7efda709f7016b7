"""Posts to addresses that merchants choose: a stranger's server, which must never become a way into ours.

The name is resolved once, every address it has is checked, and the connection goes to a checked one: a name
that changes its mind in between changes nothing. No redirect is followed, no proxy asked.
"""

import io
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse
from time import monotonic
from typing import Any
from urllib.parse import SplitResult

from cardcourier.domain.endpoints import check_url, may_reach
from cardcourier.domain.outbox import RETRY_LATER, Answer
from cardcourier.errors import Refused

CONNECT_SECONDS = 3.0
TOTAL_SECONDS = 15.0
MOST_BODY = 65_536
MOST_TRIED = 2
"""Addresses of one name that are tried, one after the other."""


class Blocked(Exception):
    """The name leads somewhere that nobody outside may reach."""


@dataclass(frozen=True, slots=True)
class Poster:
    """Posts once and says what came of it. `local` is for one machine alone."""

    agent: str
    clock: Callable[[], int]
    local: bool = False
    total: float = TOTAL_SECONDS
    trust: ssl.SSLContext = field(default_factory=ssl.create_default_context)

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Every failure is an answer with the kind of error and no words of the other side."""
        return self.ask(url, headers, body)[0]

    def ask(self, url: str, headers: Mapping[str, str], body: bytes) -> tuple[Answer, bytes]:
        """As `post`, with what was answered, for who has an agreement with the other side."""
        begun = monotonic()
        error = ""
        try:
            status, later, text = self._post(url, headers, body, begun + self.total)
            return Answer(status, "", _since(begun), self._asked(status, later)), text
        except Refused:
            error = "bad_url"
        except Blocked:
            error = "blocked_address"
        except socket.gaierror:
            error = "no_such_host"
        except TimeoutError:
            error = "timeout"
        except ssl.SSLError:
            error = "tls"
        except (OSError, HTTPException):
            error = "connection"
        return Answer(None, error, _since(begun)), b""

    def _post(self, url: str, headers: Mapping[str, str], body: bytes, end: float) -> tuple[int, str, bytes]:
        parts = check_url(url, local=self.local)
        connection = HTTPConnection(parts.netloc)
        sock = self._connect(parts, end)
        try:
            connection.sock = _Timed(sock, end)
            sent = {"user-agent": self.agent, "connection": "close", **headers}
            connection.request("POST", _target(parts), body, sent)
            answer = connection.getresponse()
            text = _read(answer)
            return answer.status, answer.headers.get("retry-after", ""), text
        finally:
            sock.close()

    def _connect(self, parts: SplitResult, end: float) -> socket.socket:
        host, secure = str(parts.hostname), parts.scheme == "https"
        failed: OSError | None = None
        for address in self._addresses(host, parts.port or (443 if secure else 80))[:MOST_TRIED]:
            try:
                sock = socket.create_connection(address, timeout=min(CONNECT_SECONDS, _left(end)))
            except OSError as error:
                failed = error
                continue
            if not secure:
                return sock
            try:
                return self.trust.wrap_socket(sock, server_hostname=host)
            except OSError:
                sock.close()
                raise
        raise failed or socket.gaierror(socket.EAI_NONAME, "no address")

    def _addresses(self, host: str, port: int) -> list[tuple[str, int]]:
        """Where the name leads; a name that leads inside with one of its addresses leads nowhere."""
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
        addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))
        if not all(may_reach(address, local=self.local) for address in addresses):
            raise Blocked
        return [(address, port) for address in addresses]

    def _asked(self, status: int, retry_after: str) -> int:
        """Retry-After in milliseconds: seconds, or a date (RFC 9110, 10.2.3)."""
        if status not in RETRY_LATER or not retry_after:
            return 0
        if retry_after.isascii() and retry_after.isdigit():
            return int(retry_after[:9]) * 1000
        try:
            at = parsedate_to_datetime(retry_after).timestamp()
        except (ValueError, TypeError, OverflowError):
            return 0
        return max(0, int(at * 1000) - self.clock())


class _Timed:
    """A socket that is given up at a fixed moment, however slowly the other side drips."""

    def __init__(self, sock: socket.socket, end: float) -> None:
        self._sock, self._end = sock, end

    def sendall(self, data: bytes) -> None:
        self._sock.settimeout(_left(self._end))
        self._sock.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self._sock, self._end))

    def close(self) -> None:
        """Whoever opened the socket closes it."""


class _Reader(io.RawIOBase):
    def __init__(self, sock: socket.socket, end: float) -> None:
        self._sock, self._end = sock, end

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(_left(self._end))
        return self._sock.recv_into(buffer)


def _read(answer: HTTPResponse) -> bytes:
    """A little of the body, so that the other side can finish."""
    return b"" if answer.status == 204 else answer.read(MOST_BODY)


def _target(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _left(end: float) -> float:
    left = end - monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _since(begun: float) -> int:
    return int((monotonic() - begun) * 1000)
