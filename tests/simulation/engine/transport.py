"""A real client of boto3 on this engine: its own serializer, retries and tokens above, no network below."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from io import BytesIO
from typing import TYPE_CHECKING, Any

import urllib3
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError

from tests.simulation.engine.calls import Call, Hook

if TYPE_CHECKING:
    from tests.simulation.engine.core import Engine

KIND = {"content-type": "application/x-amz-json-1.0"}
ERRORS = "com.amazonaws.dynamodb.v20120810#"


def carry(engine: Engine, client: Any, hook: Hook) -> None:
    """Answer whatever the client sends. What the hook raises of botocore's transport errors reaches the SDK
    as a failed connection, and a ClientError as the answer of a server."""

    def answer(request: Any, **_: Any) -> AWSResponse:
        target = request.headers["X-Amz-Target"]
        operation = (target.decode() if isinstance(target, bytes) else target).rpartition(".")[2]
        asked = _with_bytes(json.loads(request.body))
        try:
            return _response(request.url, 200, hook(Call(engine, operation, asked)))
        except ClientError as error:
            told = {name: value for name, value in error.response.items() if name not in _APART}
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
            code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
            return _response(request.url, status, {**told, "__type": ERRORS + code, "message": message})

    client.meta.events.register("before-send.dynamodb", answer)


_APART = ("Error", "ResponseMetadata")


def _response(url: str, status: int, told: Any) -> AWSResponse:
    body = json.dumps(told, default=_bytes_as_text).encode()
    raw = urllib3.HTTPResponse(body=BytesIO(body), status=status, preload_content=False)
    return AWSResponse(url, status, KIND, raw)


def _bytes_as_text(value: Any) -> str:
    if isinstance(value, bytes):
        return b64encode(value).decode()
    raise TypeError(f"{type(value)} in an answer")


def _with_bytes(told: Any) -> Any:
    """Binary values as bytes, wherever an attribute value may stand."""
    if isinstance(told, list):
        return [_with_bytes(one) for one in told]
    if not isinstance(told, dict):
        return told
    if len(told) == 1:
        ((kind, held),) = told.items()
        if kind == "B" and isinstance(held, str):
            return {"B": b64decode(held)}
        if kind == "BS" and isinstance(held, list):
            return {"BS": [b64decode(one) for one in held]}
    return {name: _with_bytes(value) for name, value in told.items()}
