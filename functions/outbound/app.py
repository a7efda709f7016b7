"""The outbound queue: send events to the endpoints of merchants, and go on with replays.

It may open the secrets with which we sign, and nothing else: it calls addresses that strangers chose.
"""

import json
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from cardcourier import wiring
from cardcourier.domain.outbox import MessageKey, read_key
from cardcourier.errors import CardCourierError, NotFound
from cardcourier.services.sending_events import Outcome, Sent

logger, metrics = wiring.logger, wiring.metrics
sender, replayer = wiring.event_sender(), wiring.replayer()


@metrics.log_metrics
@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, list[dict[str, str]]]:
    """What fails is named, and comes back after a while; the rest of the batch is done."""
    named: dict[str, MessageKey] = {}
    failed: list[str] = []
    for record in event["Records"]:
        name = record["messageId"]
        try:
            body = json.loads(record["body"])
            if body["kind"] == "replay":
                _replay(str(body["tenant"]), str(body["job"]))
            else:
                named[name] = read_key(body)
        except (ValueError, TypeError, KeyError, CardCourierError) as error:
            logger.error("message failed", message_id=name, exc_info=error)
            failed.append(name)
    found = sender.send(list(named.values()))
    _count(list(found.values()))
    for key, sent in found.items():
        _tell(key, sent)
    failed += [name for name, key in named.items() if found[key].outcome is Outcome.BUSY]
    return {"batchItemFailures": [{"itemIdentifier": name} for name in failed]}


def _replay(tenant: str, job: str) -> None:
    try:
        done = replayer.step(tenant, job)
    except NotFound:
        logger.warning("no such replay", job=job)
        return
    logger.info("messages replayed", job=job, state=done.state, replayed=done.data["replayed"])


def _count(found: list[Sent]) -> None:
    outcomes = [sent.outcome for sent in found]
    disabled = sum(bool(sent.disabled) for sent in found)
    metrics.add_metric(name="EventsSent", unit=MetricUnit.Count, value=outcomes.count(Outcome.SENT))
    metrics.add_metric(name="EventsFailed", unit=MetricUnit.Count, value=outcomes.count(Outcome.FAILED))
    metrics.add_metric(name="EventsGivenUp", unit=MetricUnit.Count, value=outcomes.count(Outcome.GIVEN_UP))
    metrics.add_metric(name="EndpointsDisabled", unit=MetricUnit.Count, value=disabled)


def _tell(key: MessageKey, sent: Sent) -> None:
    say = logger.warning if sent.outcome is Outcome.GIVEN_UP else logger.info
    say("event asked for", endpoint=key.endpoint, event=key.event, outcome=sent.outcome.value)
    if sent.disabled:
        logger.warning("endpoint disabled", endpoint=key.endpoint, reason=sent.disabled)
