"""Every night: erase buyers' data that are older than their merchant keeps them."""

from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from cardcourier import wiring
from cardcourier.clock import now_ms
from cardcourier.domain.retention import day_at
from cardcourier.errors import CardCourierError

logger, metrics = wiring.logger, wiring.metrics
retention, catalogue = wiring.retention(), wiring.catalogue_table()
SPARE_MS = 120_000
"""For a page of orders, or a long stretch of days without any."""


@metrics.log_metrics
@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    tenants, failed = catalogue.tenants(), 0
    for number, tenant in enumerate(tenants):
        # Each an equal share of what is left: one long list does not keep the others waiting for ever.
        left = context.get_remaining_time_in_millis() - SPARE_MS
        until = now_ms() + left // (len(tenants) - number)
        try:
            _erase(tenant.id, context.aws_request_id, until)
        except CardCourierError:
            failed += 1
            logger.exception("erasure by age failed", tenant=tenant.id)
        metrics.add_metric(name="RetentionCut", unit=MetricUnit.Count, value=int(now_ms() >= until))
    if failed:
        raise RuntimeError(f"erasure by age failed for {failed} tenants; the log names them")


def _erase(tenant: str, rid: str, until: int) -> None:
    done = retention.run(tenant, rid, lambda: now_ms() < until)
    if done is None:
        return logger.info("nothing erased: a legal hold, or another run", tenant=tenant)
    metrics.add_metric(name="OrdersClear", unit=MetricUnit.Count, value=done.clear)
    logger.info("erased by age", tenant=tenant, clear=done.clear, kept=done.kept, until=day_at(done.place))
