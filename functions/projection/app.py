"""The stream of main: journal lines and list rows follow from every change of an order.

A batch that fails is halved until the bad record stands alone; writing a line again changes nothing.
"""

from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from cardcourier import wiring

logger, metrics = wiring.logger, wiring.metrics
projector, changes = wiring.projector(), wiring.stream_changes


@metrics.log_metrics
@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, list[dict[str, str]]]:
    lines = projector.project(changes(event))
    metrics.add_metric(name="JournalLines", unit=MetricUnit.Count, value=lines)
    logger.info("changes journalled", records=len(event["Records"]), lines=lines)
    return {"batchItemFailures": []}
