"""Every five minutes: an order of our own through the front door, for each tenant that wants it tried."""

from datetime import datetime
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from cardcourier import wiring
from cardcourier.domain.canary import slot_of
from cardcourier.services.probing import Probe

logger, metrics = wiring.logger, wiring.metrics
prober, catalogue, side_by_side = wiring.prober(), wiring.catalogue_table(), wiring.side_by_side()
SPARE_MS = 25_000
"""What one canary may take: with less time left the rest waits for the next run, uncounted."""


@metrics.log_metrics
@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    slot = slot_of(int(datetime.fromisoformat(event["time"]).timestamp() * 1000))

    def probe(tenant: str) -> Probe | None:
        if context.get_remaining_time_in_millis() < SPARE_MS:
            return Probe(tenant)
        return prober.probe(tenant, slot, context.aws_request_id)

    tenants = [tenant.id for tenant in catalogue.tenants()]
    _report([found for found in side_by_side.map(probe, tenants) if found is not None])


def _report(probes: list[Probe]) -> None:
    judged = [verdict for probe in probes for verdict in probe.verdicts]
    failed = sum(len(probe.failures) for probe in probes)
    metrics.add_metric(name="CanaryOn", unit=MetricUnit.Count, value=len(probes))
    metrics.add_metric(name="CanaryJudged", unit=MetricUnit.Count, value=len(judged))
    metrics.add_metric(name="CanaryFailed", unit=MetricUnit.Count, value=failed)
    # The slowest alone: a metric takes a hundred values of one call, and there may be more tenants.
    if took := [verdict.took for verdict in judged if verdict.took is not None]:
        metrics.add_metric(name="CanarySeconds", unit=MetricUnit.Seconds, value=max(took) / 1000)
    for probe in probes:
        for verdict in probe.failures:
            logger.error("canary failed", tenant=probe.tenant, order=probe.order, reason=verdict.reason)
    logger.info("canaries sent", on=len(probes), judged=len(judged), failed=failed)
