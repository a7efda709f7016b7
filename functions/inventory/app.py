"""The import queue: look a card file through, bring in its cards, take them off sale; seal fixed content."""

import json
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.typing import LambdaContext

from cardcourier import wiring
from cardcourier.batches import serve_each
from cardcourier.clock import now_ms
from cardcourier.domain.catalogue import Job
from cardcourier.errors import NotFound

logger, metrics = wiring.logger, wiring.metrics
importer, undoer, queue = wiring.importer(), wiring.undoer(), wiring.queue(wiring.settings().import_queue)
MARGIN = 20_000
UNFINISHED = {"committing": "commit", "cancelling": "commit", "undoing": "undo"}


@metrics.log_metrics
@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    until = now_ms() + context.get_remaining_time_in_millis() - MARGIN

    def serve(record: dict[str, Any]) -> None:
        body = json.loads(record["body"])
        try:
            job = _work(body, context.aws_request_id, until)
        except NotFound as unknown:
            logger.warning("import unknown", tenant=body["tenant"], job=body["job"], reason=unknown.code)
            return
        if next_kind := _goes_on(job, body["kind"]):
            queue.send({**body, "kind": next_kind})
        _tell(job)

    return serve_each(event, context, serve)


def _work(body: dict[str, str], rid: str, until: int) -> Job:
    if body["kind"] == "preview":
        return importer.preview(body["tenant"], body["job"], rid)
    if body["kind"] == "content":
        return wiring.content_sealer().seal(body["tenant"], body["job"], rid)
    if body["kind"] == "undo":
        return undoer.undo(body["tenant"], body["job"], rid, until)
    return importer.commit(body["tenant"], body["job"], rid, until)


def _goes_on(job: Job, kind: str) -> str | None:
    """What to ask for next: the same while it is unfinished, or the commit that nobody else asks for."""
    if UNFINISHED.get(job.state) == kind:
        return kind
    if job.state == "previewed" and job.data.get("straight") and not job.data.get("blocking"):
        return "commit"
    return None


def _tell(job: Job) -> None:
    facts = {name: job.data[name] for name in ("rows", "accepted", "done_rows", "voided") if name in job.data}
    reason = job.data.get("error", {}).get("code")
    logger.info("import moved on", tenant=job.tenant, job=job.id, state=job.state, reason=reason, **facts)
    if job.state == "failed":
        metrics.add_metric(name="ImportFailed", unit=MetricUnit.Count, value=1)
    elif job.state == "committed":
        metrics.add_metric(name="CardsImported", unit=MetricUnit.Count, value=job.data["accepted"])
