"""A batch of requests for passes: read all headers at once, make them findable, then run each."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from cardcourier.domain.contact_keys import KeyRow, rows_of
from cardcourier.domain.orders import Header, OrderKey, is_name
from cardcourier.domain.states import Room
from cardcourier.domain.waiting import Share
from cardcourier.services.allocating import Allocator
from cardcourier.services.draining import Drainer

Body = Mapping[str, Any]


WORDS = {"order": ("tenant", "shop", "order"), "room": ("tenant", "room", "ref")}
"""What each kind of request names."""


def request_of(text: str) -> Body:
    """A message as a request. Raises ValueError for anything else, so that it fails alone."""
    body = json.loads(text)
    words = WORDS.get(str(body.get("kind"))) if isinstance(body, dict) else None
    if words is None or not all(is_name(body.get(word)) for word in words):
        raise ValueError("a message of the orders queue names an order or a room")
    request: Body = body
    return request


class Orders(Protocol):
    def headers(self, wanted: Iterable[OrderKey]) -> dict[OrderKey, Header]: ...


class Search(Protocol):
    def put_search(self, rows: Iterable[KeyRow]) -> None: ...


@dataclass(frozen=True, slots=True)
class Passes:
    """Serves the orders queue. A body is `{"kind": "order", …}` or `{"kind": "room", …}`.

    A room may come with a `share`: then it is one of several workers who serve it.
    """

    orders: Orders
    search: Search
    allocator: Allocator
    drainer: Drainer

    def read(self, bodies: Sequence[Body]) -> dict[OrderKey, Header]:
        """The headers of all orders named, strongly; their search rows are put before any card is taken."""
        headers = self.orders.headers(_key(body) for body in bodies if body["kind"] == "order")
        self.search.put_search(row for header in headers.values() if header.paid for row in rows_of(header))
        return headers

    def run(self, body: Body, headers: dict[OrderKey, Header], rid: str, until: int, *, again: bool) -> int:
        """Serve one request; `again` says that it was tried before. Returns how many orders it touched."""
        if body["kind"] == "room":
            share = Share(**body["share"]) if "share" in body else None
            return self.drainer.drain(body["tenant"], Room(body["room"]), body["ref"], rid, until, share)
        key = _key(body)
        # A header serves the first pass only: a second request of the same batch reads it anew.
        header = headers.pop(key, None)
        units = self.allocator.run(
            key, rid, header, known=again or bool(header and header.stops), until=until
        )
        self.drainer.announce(units)
        return 1


def _key(body: Body) -> OrderKey:
    return OrderKey(body["tenant"], body["shop"], body["order"])
