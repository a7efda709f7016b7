"""Requests and answers over HTTP: the only module that knows status codes and header names."""

import base64
import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from cardcourier.errors import CardCourierError, Conflict, Denied, NotFound, Refused, Unavailable

Event = Mapping[str, Any]
Answer = dict[str, Any]

STATUS: dict[type[CardCourierError], HTTPStatus] = {
    NotFound: HTTPStatus.NOT_FOUND,
    Denied: HTTPStatus.FORBIDDEN,
    Refused: HTTPStatus.UNPROCESSABLE_ENTITY,
    Conflict: HTTPStatus.CONFLICT,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}
BY_CODE = {
    "too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "too_many_requests": HTTPStatus.TOO_MANY_REQUESTS,
    "bad_signature": HTTPStatus.UNAUTHORIZED,
    "not_signed_in": HTTPStatus.UNAUTHORIZED,
    "bad_request": HTTPStatus.BAD_REQUEST,
}


def status_of(error: CardCourierError) -> HTTPStatus:
    """The status of an error: by its code where that says more, else by its kind."""
    if error.code in BY_CODE:
        return BY_CODE[error.code]
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def raw_body(event: Event) -> bytes:
    """The very bytes that were sent."""
    body = event.get("body") or ""
    return base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()


def headers(event: Event) -> dict[str, str]:
    return {name.lower(): value for name, value in (event.get("headers") or {}).items()}


def parameter(event: Event, name: str) -> str:
    return str((event.get("pathParameters") or {}).get(name, ""))


def method(event: Event) -> str:
    return str(event["requestContext"]["http"]["method"])


def source_ip(event: Event) -> str:
    return str(event["requestContext"]["http"].get("sourceIp", ""))


def cookies(event: Event) -> dict[str, str]:
    pairs = (cookie.partition("=") for cookie in event.get("cookies") or ())
    return {name.strip(): value for name, _, value in pairs}


def own_url(event: Event, public_url: str) -> str:
    """Where this deployment is reached: as configured, else the address that was called."""
    return public_url or f"https://{event['requestContext'].get('domainName', '')}"


def answer_json(status: int, body: Any, extra: Mapping[str, str] | None = None) -> Answer:
    return {
        "statusCode": int(status),
        "headers": {"content-type": "application/json", "cache-control": "no-store", **(extra or {})},
        "body": json.dumps(body, ensure_ascii=False),
    }


def problem(error: CardCourierError, request_id: str) -> Answer:
    """An error as `application/problem+json` (RFC 9457), with a stable `code`."""
    status = status_of(error)
    extra = {"content-type": "application/problem+json"}
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        extra["retry-after"] = "60" if status is HTTPStatus.TOO_MANY_REQUESTS else "2"
    body = {
        "type": "about:blank",
        "title": status.phrase,
        "status": int(status),
        "code": error.code,
        "detail": error.detail,
        "request_id": request_id,
    }
    return answer_json(status, body, extra)
