"""The delivery queue: tell buyers that their cards are there, and commit that it was done."""

import json
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.typing import LambdaContext

from cardcourier import wiring
from cardcourier.domain.orders import OrderKey

logger, metrics = wiring.logger, wiring.metrics
deliverer = wiring.deliverer()
processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)


@metrics.log_metrics
@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    wanted = dict.fromkeys(_read(record) for record in event["Records"])
    orders = deliverer.look_up([key for _, key in wanted])

    def serve(record: dict[str, Any]) -> None:
        kind, key = asked = _read(record)
        # A second message of the same batch asks for what was just done.
        if key not in orders or wanted.pop(asked, "done") == "done":
            return
        if kind == "again":
            handed = deliverer.tell_again(*orders[key])
        else:
            handed = deliverer.deliver(*orders[key], context.aws_request_id)
        metrics.add_metric(name="UnitsHandedOver", unit=MetricUnit.Count, value=handed.units)
        logger.info("order handed over", order=key.order, units=handed.units)
        if handed.refused:
            metrics.add_metric(name="MailFailed", unit=MetricUnit.Count, value=1)
            logger.warning("mail refused", order=key.order, reason=handed.refused)

    return process_partial_response(event=event, record_handler=serve, processor=processor, context=context)


def _read(record: dict[str, Any]) -> tuple[str, OrderKey]:
    body = json.loads(record["body"])
    return body["kind"], OrderKey(body["tenant"], body["shop"], body["order"])
