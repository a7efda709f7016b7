"""The queues: they make things fast; timers make them certain. A body names things, never shows them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from cardcourier.domain.orders import OrderKey
from cardcourier.domain.outbox import MessageKey
from cardcourier.domain.states import Room
from cardcourier.domain.waiting import Share
from cardcourier.errors import Unavailable

BATCH = 10
MOST_DELAY = 900


def order_body(key: OrderKey, kind: str = "order") -> dict[str, str]:
    return {"kind": kind, "tenant": key.tenant, "shop": key.shop, "order": key.order}


def room_body(tenant: str, room: Room, ref: str) -> dict[str, Any]:
    return {"kind": "room", "tenant": tenant, "room": room.value, "ref": ref}


def key_of(body: dict[str, Any]) -> OrderKey:
    return OrderKey(body["tenant"], body["shop"], body["order"])


@dataclass(frozen=True, slots=True)
class Queue:
    """One queue, by its address."""

    client: Any
    url: str

    def send(self, body: dict[str, Any], delay: int = 0) -> None:
        """`delay` in seconds, at most 900."""
        try:
            self.client.send_message(
                QueueUrl=self.url, MessageBody=json.dumps(body), DelaySeconds=min(delay, MOST_DELAY)
            )
        except (BotoCoreError, ClientError) as error:
            raise Unavailable("queue_unavailable", "The queue did not answer.") from error

    def send_all(self, bodies: Sequence[dict[str, Any]], delay: int = 0) -> None:
        """Raises Unavailable unless every message was taken."""
        for start in range(0, len(bodies), BATCH):
            entries = [
                {"Id": str(n), "MessageBody": json.dumps(body), "DelaySeconds": min(delay, MOST_DELAY)}
                for n, body in enumerate(bodies[start : start + BATCH])
            ]
            try:
                answer = self.client.send_message_batch(QueueUrl=self.url, Entries=entries)
            except (BotoCoreError, ClientError) as error:
                raise Unavailable("queue_unavailable", "The queue did not answer.") from error
            if answer.get("Failed"):
                raise Unavailable("queue_unavailable", "The queue did not take every message.")


@dataclass(frozen=True, slots=True)
class OrdersQueue:
    """Asks for passes over orders and over waiting rooms."""

    queue: Queue

    def order(self, key: OrderKey) -> None:
        self.queue.send(order_body(key))

    def orders(self, wanted: Sequence[OrderKey]) -> None:
        self.queue.send_all([order_body(key) for key in wanted])

    def room(self, tenant: str, room: Room, ref: str, delay: int) -> None:
        """`delay` in seconds; the room opens to the second, not to the sweeper's minute."""
        self.queue.send(room_body(tenant, room, ref), delay)

    def share(self, tenant: str, room: Room, ref: str, share: Share) -> None:
        """Have one of several workers serve its share of a crowded room; alone, so that none gets two."""
        self.queue.send({**room_body(tenant, room, ref), "share": asdict(share)})


@dataclass(frozen=True, slots=True)
class DeliveryQueue:
    """Asks for handing over what is allocated."""

    queue: Queue

    def deliver(self, wanted: Sequence[OrderKey]) -> None:
        self.queue.send_all([order_body(key, "deliver") for key in wanted])

    def again(self, key: OrderKey, ask: str) -> None:
        """Have the link sent once more: once for each `ask`, however often the message arrives."""
        self.queue.send({**order_body(key, "again"), "ask": ask})

    def test(self, asked: Mapping[str, str]) -> None:
        """Have a sample sent; the address in `asked` is sealed."""
        self.queue.send({"kind": "test", **asked})

    def notify(self, wanted: Sequence[tuple[OrderKey, str]]) -> None:
        """Have these notifications tried again."""
        self.queue.send_all([{**order_body(key, "notify"), "note": note} for key, note in wanted])


@dataclass(frozen=True, slots=True)
class OutboundQueue:
    """Asks for sending events to endpoints."""

    queue: Queue

    def events(self, wanted: Sequence[MessageKey], delay: int = 0) -> None:
        """`delay` in seconds."""
        self.queue.send_all([_event_body(key) for key in wanted], delay)

    def replay(self, tenant: str, job: str) -> None:
        """Have a replay go on."""
        self.queue.send({"kind": "replay", "tenant": tenant, "job": job})


def _event_body(key: MessageKey) -> dict[str, str]:
    return {"kind": "event", "tenant": key.tenant, "endpoint": key.endpoint, "event": key.event}
