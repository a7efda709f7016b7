"""The bulk queue: one action over many orders, as far as the time of one run goes."""

import json
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.typing import LambdaContext

from cardcourier import wiring
from cardcourier.batches import serve_each
from cardcourier.clock import now_ms
from cardcourier.domain.bulk import OVER
from cardcourier.errors import NotFound

logger, metrics = wiring.logger, wiring.metrics
runner, queue = wiring.bulk_runner(), wiring.queue(wiring.settings().bulk_queue)
MARGIN = 30_000


@metrics.log_metrics
@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    until = now_ms() + context.get_remaining_time_in_millis() - MARGIN

    def serve(record: dict[str, Any]) -> None:
        body = json.loads(record["body"])
        try:
            job = runner.run(body["tenant"], body["job"], until)
        except NotFound:
            logger.warning("bulk action unknown", tenant=body["tenant"], job=body["job"])
            return
        if job.state not in OVER and not job.data["until"]:
            queue.send(body)
        counts = {name: job.data[name] for name in ("count", "done", "refused")}
        logger.info("bulk action moved on", tenant=job.tenant, job=job.id, state=job.state, **counts)
        if job.state == "done":
            metrics.add_metric(name="BulkActionsDone", unit=MetricUnit.Count, value=1)

    return serve_each(event, context, serve)
