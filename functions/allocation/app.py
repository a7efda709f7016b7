"""The orders queue: a pass over each order that is named, or over a waiting room."""

from contextlib import suppress
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.typing import LambdaContext

from cardcourier import wiring
from cardcourier.batches import serve_each
from cardcourier.clock import now_ms
from cardcourier.services.passing import Body, request_of

logger, metrics = wiring.logger, wiring.metrics
passes = wiring.passes()
MARGIN = 10_000


@metrics.log_metrics
@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    until = now_ms() + context.get_remaining_time_in_millis() - MARGIN
    # A room may take all the time there is: whoever stands behind one would be late.
    event = {**event, "Records": sorted(event["Records"], key=_asks_for_a_room)}
    headers = passes.read(_readable(event))

    def serve(record: dict[str, Any]) -> None:
        body = request_of(record["body"])
        again = record["attributes"]["ApproximateReceiveCount"] != "1"
        orders = passes.run(body, headers, context.aws_request_id, until, again=again)
        metrics.add_metric(name="OrdersSettled", unit=MetricUnit.Count, value=orders)
        logger.info("orders settled", kind=body["kind"], tenant=body["tenant"], orders=orders)

    return serve_each(event, context, serve)


def _readable(event: dict[str, Any]) -> list[Body]:
    """The requests of a batch; what cannot be read fails later and alone."""
    found = []
    for record in event["Records"]:
        with suppress(ValueError):
            found.append(request_of(record["body"]))
    return found


def _asks_for_a_room(record: dict[str, Any]) -> bool:
    with suppress(ValueError):
        return bool(request_of(record["body"])["kind"] == "room")
    return False
