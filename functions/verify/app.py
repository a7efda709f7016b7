"""Every night: whether the day before adds up. Each kind of finding has its own figure and its own alarm."""

from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from cardcourier import wiring
from cardcourier.clock import now_ms
from cardcourier.domain.journal import DAY
from cardcourier.services.auditing import MOST_NAMED, Audit

logger, metrics = wiring.logger, wiring.metrics
auditor, catalogue = wiring.auditor(), wiring.catalogue_table()
SPARE_MS = 30_000


@metrics.log_metrics
@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    now = now_ms()
    yesterday = now - now % DAY - DAY
    for tenant in catalogue.tenants():
        _report(
            tenant.id,
            auditor.audit(tenant.id, yesterday, lambda: context.get_remaining_time_in_millis() > SPARE_MS),
        )


def _report(tenant: str, audit: Audit) -> None:
    metrics.add_metric(name="AuditDoubled", unit=MetricUnit.Count, value=audit.count("doubled"))
    metrics.add_metric(name="AuditMoney", unit=MetricUnit.Count, value=audit.count("money"))
    metrics.add_metric(name="AuditGaps", unit=MetricUnit.Count, value=audit.count("gaps"))
    metrics.add_metric(name="AuditSeals", unit=MetricUnit.Count, value=audit.count("seals"))
    metrics.add_metric(name="AuditCut", unit=MetricUnit.Count, value=int(audit.cut))
    for finding in audit.findings[:MOST_NAMED]:
        logger.error("does not add up", tenant=tenant, kind=finding.kind, subject=finding.subject)
    logger.info("day audited", tenant=tenant, lines=audit.lines, findings=len(audit.findings), cut=audit.cut)
