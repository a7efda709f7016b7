"""The orders queue: a pass over each order that is named, or over a waiting room."""

import json
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.typing import LambdaContext

from cardcourier import wiring
from cardcourier.clock import now_ms

logger, metrics = wiring.logger, wiring.metrics
passes = wiring.passes()
processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
MARGIN = 10_000


@metrics.log_metrics
@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    until = now_ms() + context.get_remaining_time_in_millis() - MARGIN
    headers = passes.read([json.loads(record["body"]) for record in event["Records"]])

    def serve(record: dict[str, Any]) -> None:
        body = json.loads(record["body"])
        again = record["attributes"]["ApproximateReceiveCount"] != "1"
        orders = passes.run(body, headers, context.aws_request_id, until, again=again)
        metrics.add_metric(name="OrdersSettled", unit=MetricUnit.Count, value=orders)
        logger.info("orders settled", kind=body["kind"], tenant=body["tenant"], orders=orders)

    return process_partial_response(event=event, record_handler=serve, processor=processor, context=context)
