"""Every minute: send on its way what is due, to the second where a presale opens."""

from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from cardcourier import wiring

logger, metrics = wiring.logger, wiring.metrics
sweeper = wiring.sweeper()


@metrics.log_metrics
@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    swept = sweeper.sweep()
    metrics.add_metric(name="OverdueOrders", unit=MetricUnit.Count, value=swept.orders)
    metrics.add_metric(name="OldestOverdueSeconds", unit=MetricUnit.Seconds, value=swept.oldest // 1000)
    metrics.add_metric(name="SoldOutProducts", unit=MetricUnit.Count, value=swept.sold_out)
    logger.info("swept", orders=swept.orders, units=swept.units, rooms=swept.rooms, notes=swept.notes)
