"""Every five minutes: seal what is closed of each tenant's journal into its chain of segments."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from cardcourier import wiring
from cardcourier.clock import now_ms

logger, metrics = wiring.logger, wiring.metrics
catalogue = wiring.catalogue_table()


@metrics.log_metrics
@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    for tenant in catalogue.tenants():
        sealed = wiring.seal_journal(tenant, now_ms())
        logger.info("journal sealed", tenant=tenant.id, segments=sealed.segments, lines=sealed.lines)
