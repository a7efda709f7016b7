"""Every five minutes: seal what is closed of each tenant's journal into its chain of segments.

Where a table knows less than what was sealed before, it was restored: sales are closed and nothing is sealed.
"""

from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from cardcourier import wiring
from cardcourier.clock import now_ms

logger, metrics = wiring.logger, wiring.metrics
catalogue = wiring.catalogue_table()


@metrics.log_metrics
@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    tenants = catalogue.tenants()
    if wiring.watch().set_back(tenant.id for tenant in tenants):
        metrics.add_metric(name="TablesSetBack", unit=MetricUnit.Count, value=1)
        return logger.error("a table was set back: sales are closed until the restore check")
    for tenant in tenants:
        sealed = wiring.seal_journal(tenant, now_ms())
        logger.info("journal sealed", tenant=tenant.id, segments=sealed.segments, lines=sealed.lines)
