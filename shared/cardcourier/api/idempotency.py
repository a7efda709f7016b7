"""`Idempotency-Key`: the same key with the same request gives the same answer for a day.

The key names the request together with the caller; the request's content is compared by a hash keyed with
the key itself, so that nothing of a body can be guessed from what is kept.
"""

import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from typing import Any

from aws_lambda_powertools.event_handler import Response

from cardcourier import wiring
from cardcourier.api.auth import Caller
from cardcourier.clock import now_ms
from cardcourier.domain.kept import Act
from cardcourier.domain.repeats import Begun, Mismatch, Running, Told
from cardcourier.errors import CardCourierError, Conflict, Refused

HEADER = "idempotency-key"
SHORTEST, LONGEST = 8, 255
REPLAYED = {"idempotent-replayed": "true"}


class Repeat(Enum):
    """What a repeat of a request is answered."""

    ANSWER = "the first answer"
    ONCE = "that it was done: the first answer held something that is shown once"
    AGAIN = "what it does anew: it finds its own earlier work and does nothing twice"


@dataclass(frozen=True, slots=True)
class Request:
    """What makes a request the same one."""

    method: str
    path: str
    body: str
    key: str


def act_of(caller: Caller, request: Request, at: int) -> Act:
    """The same for every repeat, if there is a key; else new for each request."""
    seed = _name(caller, request.key) if request.key else sha256(caller.rid.encode()).hexdigest()
    return Act(seed[:24], at)


def check_key(key: str) -> str:
    """Raises Refused."""
    if key and not (SHORTEST <= len(key) <= LONGEST and key.isascii() and key.isprintable()):
        raise Refused(
            "bad_idempotency_key",
            f"Idempotency-Key must have {SHORTEST} to {LONGEST} printable ASCII characters.",
        )
    return key


def once(
    caller: Caller, request: Request, repeat: Repeat, run: Callable[[Act], Response[Any]]
) -> Response[Any]:
    """Run a request, or tell what came of it before. Raises Refused, Conflict."""
    if not request.key:
        return run(act_of(caller, request, now_ms()))
    name, print_ = _name(caller, request.key), _print(request)
    repeats = wiring.repeats()
    match repeats.begin(caller.tenant, name, print_, now_ms(), caller.rid):
        case Mismatch():
            raise Refused(
                "idempotency_mismatch",
                "This Idempotency-Key was used for a different request; take a new one.",
            )
        case Running():
            raise Conflict("already_running", "The same request is being served; ask again in a moment.")
        case Told(status, body, begun_at):
            return (
                _told(status, body) if repeat is not Repeat.AGAIN else run(act_of(caller, request, begun_at))
            )
        case Begun(begun_at):
            return _run(caller, name, repeat, lambda: run(act_of(caller, request, begun_at)))
    raise AssertionError("unreachable")


def _run(caller: Caller, name: str, repeat: Repeat, run: Callable[[], Response[Any]]) -> Response[Any]:
    try:
        answer = run()
    except CardCourierError:
        wiring.repeats().release(caller.tenant, name)
        raise
    kept = json.dumps(answer.body, ensure_ascii=False) if repeat is Repeat.ANSWER else None
    wiring.repeats().finish(caller.tenant, name, answer.status_code, kept)
    return answer


def _told(status: int, body: str | None) -> Response[Any]:
    if body is None:
        raise Conflict(
            "already_created", "This was done before; its secret was shown then and cannot be shown again."
        )
    return Response(status_code=status, content_type="application/json", body=body, headers=dict(REPLAYED))


def _name(caller: Caller, key: str) -> str:
    return sha256(f"{caller.holder.id}\n{key}".encode()).hexdigest()


def _print(request: Request) -> str:
    text = f"{request.method} {request.path}\n{request.body}"
    return hmac.digest(request.key.encode(), text.encode(), "sha256").hex()
