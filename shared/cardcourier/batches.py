"""Messages of a queue, served one by one: the one module that knows how some of them are given back."""

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.typing import LambdaContext

from cardcourier.wiring import logger


class _Processor(BatchProcessor):
    """Says why a message goes back into the queue; on its own it would keep that to itself."""

    def failure_handler(self, record: Any, exception: Any) -> Any:
        logger.error("message failed", message_id=record.message_id, exc_info=exception)
        return super().failure_handler(record, exception)


# A batch of which every message failed is answered like any other: its messages go back one by one.
_processor = _Processor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)


def serve_each(
    event: dict[str, Any], context: LambdaContext, serve: Callable[[dict[str, Any]], None]
) -> PartialItemFailureResponse:
    """Give each message to `serve`; those it raises for are logged and go back into the queue alone."""
    return process_partial_response(event=event, record_handler=serve, processor=_processor, context=context)
