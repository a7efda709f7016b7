"""All routes together, and how each kind of error is said."""

import json
import re
from collections.abc import Iterable
from functools import partial

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.openapi.exceptions import (
    RequestValidationError,
    ResponseValidationError,
)

from cardcourier import wiring
from cardcourier.api import (
    audit,
    bootstrap,
    bulk,
    buyers,
    canary,
    cards,
    claims,
    content,
    endpoint_messages,
    endpoints,
    gates,
    imports,
    keys,
    limits,
    listings,
    notifications,
    orders,
    problems,
    products,
    refunds,
    reports,
    search,
    shop_apis,
    shops,
    stock,
    supplier_claims,
    suppliers,
    templates,
    todo,
    unread,
    users,
)
from cardcourier.api.routes import Routes, request_id
from cardcourier.errors import CardCourierError

ROUTES: tuple[Routes, ...] = tuple(
    module.routes
    for module in (
        bootstrap,
        keys,
        shops,
        shop_apis,
        products,
        content,
        gates,
        listings,
        stock,
        suppliers,
        imports,
        orders,
        claims,
        cards,
        supplier_claims,
        refunds,
        notifications,
        todo,
        templates,
        search,
        bulk,
        reports,
        buyers,
        unread,
        users,
        endpoints,
        endpoint_messages,
        audit,
        canary,
    )
)
_PARAMETER = re.compile(r"<(\w+)>")


class Resolver(APIGatewayHttpResolver):
    """Ids of shops hold letters of every script and any sign but a slash, and so do our addresses."""

    @staticmethod
    def _compile_regex(rule: str, base_regex: str = "") -> re.Pattern[str]:
        return re.compile(_PARAMETER.sub(r"(?P<\1>[^/]+)", rule) + r"\Z")


def make_resolver() -> Resolver:
    """The resolver of `/v1`."""
    app = Resolver(serializer=partial(json.dumps, ensure_ascii=False, separators=(",", ":")))
    for routes in ROUTES:
        app.include_router(routes)

    app.exception_handler_manager.update_exception_handlers(
        {
            CardCourierError: lambda error: limits.told(app, _known(app, error)),
            RequestValidationError: lambda error: limits.told(app, problems.of_request(error, _rid(app))),
            ResponseValidationError: problems.of_answer,
            NotFoundError: lambda error: _no_route(app),
        }
    )
    return app


def _known(app: Resolver, error: CardCourierError) -> Response[str]:
    evidence = {name: str(value) for name, value in error.evidence.items()}
    wiring.logger.info("request refused", code=error.code, evidence=evidence)
    return problems.of_error(error, _rid(app))


def _no_route(app: Resolver) -> Response[str]:
    methods = ", ".join(sorted(methods_of(app.current_event.path)))
    if not methods:
        return problems.problem("no_such_route", "There is nothing at this address.", 404, _rid(app))
    refused = problems.problem("method_not_allowed", f"This address takes {methods}.", 405, _rid(app))
    refused.headers["allow"] = methods
    return refused


def _rid(app: Resolver) -> str:
    return request_id(app.current_event.raw_event)


def methods_of(path: str) -> set[str]:
    """The methods with which an address may be called."""
    return {method for method, rule in every_route() if Resolver._compile_regex(rule).match(path)}


def every_route() -> Iterable[tuple[str, str]]:
    return (route for routes in ROUTES for route in routes.scopes)
