"""ANY /v1/{proxy+}: everything a merchant does by HTTP. The routes stand in `cardcourier.api`."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from cardcourier import web, wiring
from cardcourier.api.resolver import make_resolver

logger, metrics = wiring.logger, wiring.metrics
app = make_resolver()


@metrics.log_metrics
@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> web.Answer:
    logger.append_keys(request_id=event["requestContext"].get("requestId", context.aws_request_id))
    answer: web.Answer = app.resolve(event, context)
    logger.info("request served", status=int(answer["statusCode"]))
    return answer
