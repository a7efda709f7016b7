"""Cursors: where a list goes on, opaque to whoever sends one back. A cursor gives no rights."""

import base64
import binascii
import json
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from cardcourier.errors import Refused

MOST = 100
USUAL = 50

Limit = Annotated[int, Query(ge=1, le=MOST, description="How many items a page holds.")]
Cursor = Annotated[
    str | None, Query(max_length=1024, description="`next_cursor` of the page before.", alias="cursor")
]


def write_cursor(kind: str, place: str | None) -> str | None:
    """`kind` names the list, so that a cursor of another list is refused."""
    if place is None:
        return None
    text = json.dumps([kind, place], ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(kind: str, cursor: str | None) -> str | None:
    """Raises Refused for what is no cursor of this list."""
    if cursor is None:
        return None
    try:
        found = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error) as error:
        raise _bad() from error
    match found:
        case [str(of), str(place)] if of == kind and place and "\x00" not in place:
            return place
    raise _bad()


def _bad() -> Refused:
    return Refused("bad_cursor", "cursor is not one of this list; begin again without it.")
