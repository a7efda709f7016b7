"""The trail: a line for every request that may change something, written before its answer leaves.

A line names the fields that were sent and none of their values. Requests that do not fit their schema, or are
beyond a limit, did nothing and leave none; nor does an answer that is only told again.
"""

import json
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.event_handler import Response

from cardcourier import web, wiring
from cardcourier.api import problems
from cardcourier.api.auth import Caller
from cardcourier.api.idempotency import REPLAYED
from cardcourier.clock import now_ms
from cardcourier.domain.audit import AuditLine
from cardcourier.errors import CardCourierError

MOST_FIELDS = 50
LONGEST = 300


def kept(event: web.Event, caller: Caller, action: str, run: Callable[[], Response[Any]]) -> Response[Any]:
    """Serve a request and keep its line. Raises what it raises, and Unavailable when no line can be kept."""
    try:
        answer = run()
    except CardCourierError as error:
        _put(event, caller, action, int(problems.status_of(error)), error.code)
        raise
    if not REPLAYED.keys() & answer.headers.keys():
        _put(event, caller, action, int(answer.status_code), "")
    return answer


def _put(event: web.Event, caller: Caller, action: str, status: int, code: str) -> None:
    wiring.audit_table().put(
        AuditLine(
            tenant=caller.tenant,
            at=now_ms(),
            by=caller.by,
            role=caller.holder.role,
            action=action,
            target=str(event["rawPath"])[:LONGEST],
            fields=_fields(event),
            status=status,
            code=code,
            rid=caller.rid,
            address=web.source_ip(event),
        )
    )


def _fields(event: web.Event) -> tuple[str, ...]:
    try:
        sent = json.loads(web.raw_body(event) or b"{}")
    except (ValueError, RecursionError):
        return ()
    names = sent if isinstance(sent, dict) else {}
    return tuple(sorted(name[:LONGEST] for name in names))[:MOST_FIELDS]
