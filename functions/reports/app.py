"""The report queue: make a report that was ordered and put its files into the report bucket."""

import json
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.typing import LambdaContext

from cardcourier import wiring
from cardcourier.batches import serve_each
from cardcourier.errors import NotFound

logger, metrics = wiring.logger, wiring.metrics
runner = wiring.report_runner()


@metrics.log_metrics
@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    def serve(record: dict[str, Any]) -> None:
        body = json.loads(record["body"])
        try:
            job = runner.run(body["tenant"], body["job"])
        except NotFound:
            logger.warning("report unknown", tenant=body["tenant"], job=body["job"])
            return
        metrics.add_metric(name=f"Reports{job.state.title()}", unit=MetricUnit.Count, value=1)
        logger.info("report made", tenant=job.tenant, job=job.id, state=job.state, rows=job.data.get("rows"))

    return serve_each(event, context, serve)
