"""How a route is declared: its scope, its answer, and what a repeat of it does.

Every request passes the same gates in this order: who calls and may they (401, 403), is it JSON (400, 415),
does it fit its schema (422), was it made before (replayed), and last, does the answer fit its schema.
"""

import json
from collections.abc import Callable, Collection
from dataclasses import replace
from inspect import cleandoc
from typing import TYPE_CHECKING, Any, TypeVar

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.middlewares.openapi_validation import (
    OpenAPIRequestValidationMiddleware,
    OpenAPIResponseValidationMiddleware,
)

from cardcourier import web, wiring
from cardcourier.api import auth, idempotency, limits, trail, versions
from cardcourier.api.auth import Caller
from cardcourier.api.idempotency import Repeat
from cardcourier.api.schemas import Shape
from cardcourier.domain.kept import Act
from cardcourier.errors import Denied, Refused

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Handler = TypeVar("Handler", bound=Callable[..., Any])
Kept = TypeVar("Kept", bound="DataclassInstance")
Version = TypeVar("Version", int, None, int | None)
Answered = TypeVar("Answered", bound=Shape)
Next = Callable[..., Response[Any]]
PUBLIC = ""
"""The scope of a route that needs no key."""

ANY_KEY = "any key"
JSON = "application/json"
_fits = OpenAPIRequestValidationMiddleware()  # type: ignore[no-untyped-call]
_answers = OpenAPIResponseValidationMiddleware(has_response_validation_error=True)


class Routes(Router):
    """The routes of one resource."""

    def __init__(self, tag: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.tag = tag
        self.scopes: dict[tuple[str, str], str] = {}
        self.repeats: dict[tuple[str, str], Repeat] = {}
        self.traced: set[tuple[str, str]] = set()

    def on(
        self,
        method: str,
        rule: str,
        summary: str,
        *,
        scope: str,
        status: int = 200,
        repeat: Repeat | None = None,
        heavy: bool = False,
        shows: bool = False,
    ) -> Callable[[Handler], Handler]:
        """Declare a route. `repeat` says what an idempotency key does, for those that create or act.

        `heavy` ones order work that takes minutes, and have a budget of their own. Whatever is no GET, and a
        GET that `shows` what few may see, leaves a line in the trail.
        """
        self.scopes[method, rule] = scope
        if repeat:
            self.repeats[method, rule] = repeat
        once = [_Once(repeat)] if repeat else []
        kind = limits.kind_of(method, heavy=heavy)
        if scope and (shows or method != "GET"):
            self.traced.add((method, rule))

        def declare(handler: Handler) -> Handler:
            name = handler.__name__
            action = name if self.tag in name else f"{self.tag}_{name}"
            gate = _Gate(scope, kind, action if (method, rule) in self.traced else "")
            gates: list[Callable[..., Any]] = [gate, _is_json, _fits, *once, _answers]
            return self.route(
                rule,
                method,
                summary=summary,
                description=cleandoc(handler.__doc__ or ""),
                tags=[self.tag],
                operation_id=action,
                status_code=status,
                security=[{"api_key": []}] if scope else [],
                openapi_extensions={"x-scope": scope} if scope else None,
                middlewares=gates,
            )(handler)

        return declare

    @property
    def caller(self) -> Caller:
        caller: Caller = self.context["caller"]
        return caller

    @property
    def act(self) -> Act:
        """What names the things that this request creates."""
        act: Act = self.context["act"]
        return act

    @property
    def rid(self) -> str:
        return request_id(self.event)

    @property
    def event(self) -> web.Event:
        return self.current_event.raw_event

    @property
    def own_url(self) -> str:
        """Where this deployment is reached, without a slash at its end."""
        return web.own_url(self.event, wiring.settings().public_url)

    def if_match(self, ver: Version) -> Version:
        """The version that the caller saw, or without `If-Match` this one. Raises Refused."""
        versions.seen(self.event, ver)
        return ver

    def patched(self, thing: Kept, patch: Shape, clearable: Collection[str] = ()) -> Kept:
        """The thing with the fields that were sent. Raises Refused when one is null that must not be."""
        changes = given(patch)
        empty = [name for name in changes if changes[name] is None and name not in clearable]
        if empty:
            raise Refused("invalid_request", f"{', '.join(empty)} must not be null; leave it out instead.")
        return replace(thing, **changes)


def given(shape: Shape) -> dict[str, Any]:
    """The fields that were sent, as our dataclasses hold them."""
    return {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in shape.model_dump(exclude_unset=True).items()
    }


def answer(shape: Answered, status: int = 200, *, ver: int | None = None) -> Response[Answered]:
    """An answer with a status of its own, and the version for the next `If-Match`."""
    return Response(
        status_code=status, content_type="application/json", body=shape, headers=versions.header(ver)
    )


class _Gate:
    """Lets nobody by who may not. `action` names the request in the trail, where it leaves a line."""

    def __init__(self, scope: str, kind: str, action: str) -> None:
        self.scope, self.kind, self.action = scope, kind, action
        self.__name__ = "gate"

    def __call__(self, app: Any, next_middleware: Next) -> Response[Any]:
        app.append_context(standing=None)
        answer = self._serve(app, next_middleware) if self.scope else next_middleware(app)
        answer = versions.tagged(app.current_event.raw_event, answer)
        answer.headers.setdefault("cache-control", "no-store")
        return limits.told(app, answer)

    def _serve(self, app: Any, next_middleware: Next) -> Response[Any]:
        """Raises Denied, TooManyRequests."""
        event = app.current_event.raw_event
        caller = self._recognise(app, event)

        def run() -> Response[Any]:
            if self.scope != ANY_KEY:
                auth.allow(caller, self.scope)
            app.append_context(caller=caller)
            return next_middleware(app)

        return trail.kept(event, caller, self.action, run) if self.action else run()

    def _recognise(self, app: Any, event: web.Event) -> Caller:
        limits.check_address(event)
        try:
            caller = auth.recognise(web.headers(event).get("authorization", ""), request_id(event))
        except Denied:
            limits.guessed(event)
            raise
        wiring.logger.append_keys(tenant=caller.tenant, key=caller.holder.id)
        limits.spend(app, self.kind, caller.by)
        return caller


def _is_json(app: Any, next_middleware: Next) -> Response[Any]:
    """A body is JSON, of a depth and length that can be read, or it is refused."""
    event = app.current_event.raw_event
    body = web.raw_body(event)
    if body:
        kind = web.headers(event).get("content-type", JSON).partition(";")[0].strip().lower()
        if kind != JSON:
            raise Refused("unsupported_media_type", "Send the body as application/json.")
        try:
            # Half of a surrogate pair can be written in JSON, but in no table.
            json.dumps(json.loads(body.decode()), ensure_ascii=False).encode()
        except (ValueError, RecursionError) as error:
            raise Refused("invalid_json", "The body is not JSON in UTF-8.") from error
    return next_middleware(app)


class _Once:
    """Serves a request that creates or acts, once for each idempotency key."""

    def __init__(self, repeat: Repeat) -> None:
        self.repeat = repeat
        self.__name__ = "once"

    def __call__(self, app: Any, next_middleware: Next) -> Response[Any]:
        event = app.current_event.raw_event
        request = idempotency.Request(
            method=web.method(event),
            path=str(event["rawPath"]),
            body=web.raw_body(event).decode("utf-8", "replace"),
            key=idempotency.check_key(web.headers(event).get(idempotency.HEADER, "")),
        )

        def run(act: Act) -> Response[Any]:
            app.append_context(act=act)
            return next_middleware(app)

        return idempotency.once(app.context["caller"], request, self.repeat, run)


def request_id(event: web.Event) -> str:
    return str(event["requestContext"].get("requestId", ""))
