"""POST /webhooks/{channel}/{shop}: a shop tells that an order was paid, cancelled or refunded.

Every wrong call gets the same 401; what is signed is answered 200, understood or not.
"""

from time import monotonic
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from cardcourier import web, wiring
from cardcourier.errors import CardCourierError, Denied

logger, metrics = wiring.logger, wiring.metrics
intake = wiring.intake()


IN_TIME_SECONDS = 1.0
"""The shortest limit that a platform sets for the answer."""


@metrics.log_metrics
@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> web.Answer:
    began = monotonic()
    answer = _receive(event, context)
    bad = monotonic() - began > IN_TIME_SECONDS or int(answer["statusCode"]) >= 500
    metrics.add_metric(name="NotificationsAnswered", unit=MetricUnit.Count, value=1)
    metrics.add_metric(name="NotificationsAnsweredBadly", unit=MetricUnit.Count, value=int(bad))
    return answer


def _receive(event: dict[str, Any], context: LambdaContext) -> web.Answer:
    channel, shop = web.parameter(event, "channel"), web.parameter(event, "shop")
    rid = event["requestContext"].get("requestId", context.aws_request_id)
    logger.append_keys(channel=channel, shop=shop, request_id=rid)
    try:
        received = intake.receive(channel, shop, web.headers(event), web.raw_body(event), rid)
    except CardCourierError as error:
        if isinstance(error, Denied):
            metrics.add_metric(name="SignatureFailure", unit=MetricUnit.Count, value=1)
        if error.code == "key_service":
            metrics.add_metric(name="KeyServiceFailed", unit=MetricUnit.Count, value=1)
        logger.info("notification refused", code=error.code)
        return web.problem(error, rid)
    if received.not_understood:
        metrics.add_metric(name="NotUnderstood", unit=MetricUnit.Count, value=1)
        logger.warning("notification not understood", reason=received.not_understood)
    metrics.add_metric(name="FactsReceived", unit=MetricUnit.Count, value=received.facts)
    logger.info("notification received", facts=received.facts, ignored=received.ignored)
    return web.answer_json(200, {"received": True})
