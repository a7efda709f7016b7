"""The delivery queue: tell buyers that their cards are there, and commit that it was done."""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.typing import LambdaContext

from cardcourier import wiring
from cardcourier.domain.orders import Header, OrderKey, Unit
from cardcourier.errors import CardCourierError

Asked = tuple[str, OrderKey]

logger, metrics = wiring.logger, wiring.metrics
deliverer = wiring.deliverer()


class Processor(BatchProcessor):
    """Says why a message goes back into the queue; on its own it would keep that to itself."""

    def failure_handler(self, record: Any, exception: Any) -> Any:
        logger.error("message failed", message_id=record.message_id, exc_info=exception)
        return super().failure_handler(record, exception)


processor = Processor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)


@metrics.log_metrics
@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    wanted = dict.fromkeys(_readable(event))
    orders = _look_up([key for _, key in wanted])

    def serve(record: dict[str, Any]) -> None:
        kind, key = asked = _read(record)
        # A second message of the same batch asks for what was just done.
        if wanted.pop(asked, "done") == "done":
            return
        found = orders or deliverer.look_up([key])
        if key not in found:
            return
        if kind == "again":
            handed = deliverer.tell_again(*found[key])
        else:
            handed = deliverer.deliver(*found[key], context.aws_request_id)
        metrics.add_metric(name="UnitsHandedOver", unit=MetricUnit.Count, value=handed.units)
        logger.info("order handed over", order=key.order, units=handed.units)
        if handed.refused:
            metrics.add_metric(name="MailFailed", unit=MetricUnit.Count, value=1)
            logger.warning("mail refused", order=key.order, reason=handed.refused)

    return process_partial_response(event=event, record_handler=serve, processor=processor, context=context)


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
    if not isinstance(body, dict) or not all(isinstance(body.get(word), str) for word in words):
        raise ValueError("a message of the delivery queue names an order")
    return body["kind"], OrderKey(body["tenant"], body["shop"], body["order"])
