"""Every error as `application/problem+json` (RFC 9457) with a stable `code`, and nothing secret in it."""

import json
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, NoReturn

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.exceptions import (
    RequestValidationError,
    ResponseValidationError,
)

from cardcourier import web
from cardcourier.errors import CardCourierError

CONTENT_TYPE = "application/problem+json"
BY_CODE = {
    "invalid_json": HTTPStatus.BAD_REQUEST,
    "bad_cursor": HTTPStatus.BAD_REQUEST,
    "bad_idempotency_key": HTTPStatus.BAD_REQUEST,
    "method_not_allowed": HTTPStatus.METHOD_NOT_ALLOWED,
    "version_mismatch": HTTPStatus.PRECONDITION_FAILED,
    "unsupported_media_type": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "daily_limit": HTTPStatus.TOO_MANY_REQUESTS,
}
RETRY_AFTER = {"daily_limit": "3600", "already_running": "2"}
MOST_FLAWS = 20
LONGEST = 200


class BadAnswer(Exception):
    """An answer of ours does not fit its own schema: a fault of the code, and it shall be loud."""


def problem(
    code: str, detail: str, status: int, request_id: str, flaws: Iterable[dict[str, str]] = ()
) -> Response[str]:
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "request_id": request_id,
    }
    if found := list(flaws):
        body["errors"] = found
    headers = {"cache-control": "no-store"}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = "Bearer"
    if retry := RETRY_AFTER.get(code) or {503: "2", 429: "60"}.get(status):
        headers["retry-after"] = retry
    text = json.dumps(body, ensure_ascii=False)
    return Response(status_code=int(status), content_type=CONTENT_TYPE, body=text, headers=headers)


def status_of(error: CardCourierError) -> int:
    """The status that an error is answered with."""
    return int(BY_CODE.get(error.code) or web.status_of(error))


def of_error(error: CardCourierError, request_id: str) -> Response[str]:
    """An error that was raised on purpose."""
    told = problem(error.code, error.detail, status_of(error), request_id)
    if "retry_after" in error.evidence:
        told.headers["retry-after"] = str(error.evidence["retry_after"])
    return told


def of_request(error: RequestValidationError, request_id: str) -> Response[str]:
    """Which fields are wrong and how; what was in them is not repeated."""
    flaws = [_flaw(flaw) for flaw in error.errors()[:MOST_FLAWS]]
    first = f"{flaws[0]['where']}: {flaws[0]['detail']}" if flaws else "see errors"
    return problem("invalid_request", f"The request does not fit: {first}.", 422, request_id, flaws)


def of_answer(error: ResponseValidationError) -> NoReturn:
    where = ", ".join(".".join(map(str, flaw["loc"])) for flaw in error.errors())
    raise BadAnswer(f"the answer does not fit its schema at {where}") from None


def _flaw(flaw: dict[str, Any]) -> dict[str, str]:
    where = ".".join(str(part) for part in flaw["loc"])[:LONGEST]
    detail = str(flaw.get("msg", "")).removeprefix("Value error, ")[:LONGEST]
    return {"where": where, "code": str(flaw["type"]), "detail": detail}
