"""ETags: which state of a thing an answer shows.

    "<hash>"        of what is only read: the hash of the answer
    "<ver>-<hash>"  of what can be edited; an edit that names it in `If-Match` goes by `ver`, since two
                    releases may show one version differently

A GET whose `If-None-Match` names the answer's tag is told 304 and nothing else.
"""

import json
from hashlib import sha256
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response

from cardcourier import web
from cardcourier.errors import Refused

LENGTH = 24


def header(ver: int | None) -> dict[str, str]:
    """What a route says of the version it answers with; `tagged` adds the rest."""
    return {} if ver is None else {"etag": str(ver)}


def tagged(event: web.Event, answer: Response[Any]) -> Response[Any]:
    """The answer with its tag, or 304 when the caller has it already."""
    reading = web.method(event) == "GET"
    ver = str(answer.headers.get("etag", ""))
    if answer.status_code >= HTTPStatus.MULTIPLE_CHOICES or not (ver or reading):
        return answer
    tag = f"{ver}-{_digest(answer.body)}".removeprefix("-")
    answer.headers["etag"] = f'"{tag}"'
    if reading and tag in _tags(web.headers(event).get("if-none-match", "")):
        return Response(status_code=int(HTTPStatus.NOT_MODIFIED), headers={"etag": f'"{tag}"'})
    return answer


def seen(event: web.Event, ver: int | None) -> int | None:
    """The version that the caller saw; without `If-Match` the one that is there now, None where nothing is.

    Raises Refused `version_mismatch`.
    """
    sent = web.headers(event).get("if-match", "")
    known = {tag.partition("-")[0] for tag in _tags(sent)}
    if not sent or (ver is not None and known & {str(ver), "*"}):
        return ver
    raise Refused("version_mismatch", "It changed since you read it; read it again and repeat the change.")


def _tags(text: str) -> list[str]:
    """The tags of a header; a proxy that packs an answer marks them as weak."""
    return [tag.strip().removeprefix("W/").strip('"') for tag in text.split(",")]


def _digest(body: Any) -> str:
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False, default=str)
    return sha256(text.encode()).hexdigest()[:LENGTH]
