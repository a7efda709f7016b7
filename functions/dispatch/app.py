"""The stream of main: every unit that got a card is to be handed over."""

from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from cardcourier import wiring

logger, metrics = wiring.logger, wiring.metrics
dispatcher, changes = wiring.dispatcher(), wiring.stream_changes


@metrics.log_metrics
@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, list[dict[str, str]]]:
    orders = dispatcher.dispatch(changes(event))
    metrics.add_metric(name="DeliveriesAsked", unit=MetricUnit.Count, value=orders)
    logger.info("deliveries asked for", records=len(event["Records"]), orders=orders)
    return {"batchItemFailures": []}
