"""The delivery queue: tell buyers that their cards are there, and commit that it was done."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.typing import LambdaContext

from cardcourier import wiring
from cardcourier.batches import serve_each
from cardcourier.clock import now_ms
from cardcourier.domain.canary import is_canary
from cardcourier.domain.notification import MAIL
from cardcourier.domain.orders import Header, OrderKey, Unit, is_name
from cardcourier.errors import CardCourierError
from cardcourier.services.delivering import Handed

IN_TIME_MS = 60_000
"""What is promised from payment to hand-over; the objective of `docs/operations.md`."""

SPARE_MS = 12_000
"""What one more try may take: with less time left messages are only written down, for later."""


@dataclass(frozen=True, slots=True)
class Asked:
    """`deliver` an order, tell of it `again` (once for each `of`), or `notify`: the notification `of`."""

    kind: str
    key: OrderKey
    of: str = ""


logger, metrics = wiring.logger, wiring.metrics
deliverer = wiring.deliverer()


@metrics.log_metrics
@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    wanted = dict.fromkeys(_readable(event))
    orders = _look_up([asked.key for asked in wanted])
    until = now_ms() + context.get_remaining_time_in_millis() - SPARE_MS

    def serve(record: dict[str, Any]) -> None:
        if sample := _sample(record):
            _send_sample(sample, record["messageId"])
            return
        body = json.loads(record["body"])
        if isinstance(body, dict) and body.get("kind") == "buyer":
            done = wiring.buyer_worker().run(str(body["tenant"]), str(body["job"]), context.aws_request_id)
            return logger.info("buyer's wish done", job=done.id, wish=done.data["wish"])
        asked = _read(record)
        # A second message of the same batch asks for what was just done.
        if wanted.pop(asked, "done") == "done":
            return
        found = orders or deliverer.look_up([asked.key])
        if asked.key in found:
            _report(asked.key, _served(asked, *found[asked.key], context.aws_request_id, until))

    return serve_each(event, context, serve)


def _sample(record: dict[str, Any]) -> dict[str, str] | None:
    """What is asked for, if it is a message with made-up data."""
    body = json.loads(record["body"])
    if not isinstance(body, dict) or body.get("kind") != "test":
        return None
    return {str(name): str(value) for name, value in body.items()}


def _send_sample(sample: dict[str, str], message_id: str) -> None:
    """Tried once: whoever wants to see it asks again."""
    try:
        wiring.samples().send(sample, message_id)
    except CardCourierError as error:
        reason = str(error.evidence.get("reason") or error.code)
        logger.warning("sample not sent", tenant=sample["tenant"], channel=sample["channel"], reason=reason)


def _served(asked: Asked, header: Header, units: list[Unit], rid: str, until: int) -> Handed:
    if asked.kind == "again":
        return deliverer.tell_again(header, units, asked.of, rid)
    if asked.kind == "notify":
        return deliverer.try_again(header, units, asked.of, rid)
    return deliverer.deliver(header, units, rid, until)


def _report(key: OrderKey, handed: Handed) -> None:
    metrics.add_metric(name="UnitsHandedOver", unit=MetricUnit.Count, value=handed.units)
    # A canary's order has figures of its own, and no buyer to whom anything was promised.
    # Once for an order: a metric takes a hundred values of one call, and an order may have more units.
    if handed.since_paid and not is_canary(key.tenant, key.shop):
        slowest = max(handed.since_paid)
        late = sum(waited > IN_TIME_MS for waited in handed.since_paid)
        metrics.add_metric(name="PaidToDelivered", unit=MetricUnit.Milliseconds, value=slowest)
        metrics.add_metric(name="UnitsPromised", unit=MetricUnit.Count, value=len(handed.since_paid))
        metrics.add_metric(name="UnitsLate", unit=MetricUnit.Count, value=late)
    logger.info("order handed over", order=key.order, units=handed.units)
    for trouble in handed.troubles:
        if trouble.channel == MAIL:
            metrics.add_metric(name="MailFailed", unit=MetricUnit.Count, value=1)
        else:
            metrics.add_metric(name="SmsFailed", unit=MetricUnit.Count, value=1)
        if trouble.gave_up:
            metrics.add_metric(name="NotificationFailed", unit=MetricUnit.Count, value=1)
        logger.warning(
            "buyer not told",
            order=key.order,
            channel=trouble.channel,
            reason=trouble.reason,
            gave_up=trouble.gave_up,
        )


def _look_up(keys: list[OrderKey]) -> Mapping[OrderKey, tuple[Header, list[Unit]]]:
    """All orders of the batch at once; nothing when one of them stands in the way of the others."""
    try:
        return deliverer.look_up(keys)
    except CardCourierError as error:
        logger.warning("orders are looked up one by one", code=error.code)
        return {}


def _readable(event: dict[str, Any]) -> list[Asked]:
    """What a batch asks for; what cannot be read fails later and alone."""
    found = []
    for record in event["Records"]:
        with suppress(ValueError):
            found.append(_read(record))
    return found


def _read(record: dict[str, Any]) -> Asked:
    body = json.loads(record["body"])
    words = ("kind", "tenant", "shop", "order")
    if not isinstance(body, dict) or not all(is_name(body.get(word)) for word in words):
        raise ValueError("a message of the delivery queue names an order")
    of = body.get({"again": "ask", "notify": "note"}.get(body["kind"], ""), "")
    if not isinstance(of, str):
        raise ValueError("an ask and a notification are named by text")
    # A message of an earlier version names no ask: its own id is the same whenever it arrives.
    of = of or (record["messageId"] if body["kind"] == "again" else "")
    return Asked(body["kind"], OrderKey(body["tenant"], body["shop"], body["order"]), of)
