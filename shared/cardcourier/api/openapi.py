"""The OpenAPI document, made from the routes themselves."""

import json
from typing import Any

from aws_lambda_powertools.event_handler.openapi.models import HTTPBearer, Server

from cardcourier import VERSION
from cardcourier.api.idempotency import LONGEST, SHORTEST
from cardcourier.api.resolver import make_resolver
from cardcourier.api.schemas import Problem

TITLE = "CardCourier"
DESCRIPTION = """\
Everything a merchant does by program: shops, products, imports, orders, search, reports.

Times are RFC 3339 in UTC, amounts whole minor units with their currency, errors `application/problem+json`
with a stable `code`. Only additions happen within /v1."""
_OF_THE_FRAMEWORK = ("HTTPValidationError", "ResponseValidationError", "ValidationError")
_PROBLEM = {
    "description": "What went wrong, with a stable `code`.",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
_REPEATS = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key with the same request gives the same answer for 24 hours.",
    "schema": {"type": "string", "minLength": SHORTEST, "maxLength": LONGEST},
}
_IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "description": "The `ETag` that was read: the change is made only if nobody changed it since.",
    "schema": {"type": "string"},
}

_IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "The `ETag` of an earlier answer: 304 if nothing changed since.",
    "schema": {"type": "string"},
}


def document() -> dict[str, Any]:
    """The document as plain values, in a stable order."""
    text = make_resolver().get_openapi_json_schema(
        title=TITLE,
        version=VERSION,
        description=DESCRIPTION,
        servers=[Server(url="/")],
        security_schemes={"api_key": HTTPBearer(bearerFormat="ck_<stage>_<id>_<secret>")},
    )
    made: dict[str, Any] = json.loads(text)
    schemas = made["components"]["schemas"]
    for name in _OF_THE_FRAMEWORK:
        schemas.pop(name, None)
    schemas["Problem"] = Problem.model_json_schema()
    for place in made["paths"].values():
        for method, operation in place.items():
            _complete(method, operation)
    return made


def _complete(method: str, operation: dict[str, Any]) -> None:
    """What every operation has and no signature says."""
    operation["responses"].get("204", {}).pop("content", None)
    operation["responses"]["default"] = _PROBLEM
    if method == "post" and operation.get("security"):
        operation.setdefault("parameters", []).append(_REPEATS)
    if method in ("patch", "put", "delete"):
        operation.setdefault("parameters", []).append(_IF_MATCH)
    if method == "get" and operation.get("security"):
        operation.setdefault("parameters", []).append(_IF_NONE_MATCH)
        operation["responses"]["304"] = {"description": "Nothing changed: the `ETag` you named is right."}
