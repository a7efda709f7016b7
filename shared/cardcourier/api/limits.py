"""Limits on requests: by API key or user, and by address for whoever cannot say who they are.

Headers as in the IETF draft "RateLimit header fields for HTTP" (draft-ietf-httpapi-ratelimit-headers-10).
"""

from hashlib import sha256
from typing import Any

from aws_lambda_powertools.event_handler import Response

from cardcourier import web, wiring
from cardcourier.domain.devices import network_of
from cardcourier.services.limiting import WINDOW, Standing

UNKNOWN = "unknown"


def kind_of(method: str, *, heavy: bool) -> str:
    return "heavy" if heavy else "read" if method == "GET" else "write"


def spend(app: Any, kind: str, who: str) -> None:
    """Count a request. Raises TooManyRequests."""
    app.append_context(standing=wiring.request_limits().spend(kind, _name(who)))


def check_address(event: web.Event) -> None:
    """Raises TooManyRequests for an address that guessed too often."""
    wiring.request_limits().check(UNKNOWN, _name(_network(event)))


def guessed(event: web.Event) -> None:
    """Count a caller that is nobody. Raises TooManyRequests."""
    wiring.request_limits().spend(UNKNOWN, _name(_network(event)))


def told(app: Any, answer: Response[Any]) -> Response[Any]:
    """The answer with what is left of the budget that it was counted on."""
    standing: Standing | None = app.context.get("standing")
    if standing is not None:
        window = WINDOW // 1000
        answer.headers["ratelimit-policy"] = f'"{standing.kind}";q={standing.most};w={window}'
        answer.headers["ratelimit"] = f'"{standing.kind}";r={standing.remaining};t={standing.seconds}'
    return answer


def _network(event: web.Event) -> str:
    """The address, or in IPv6 the network that one customer of a provider gets."""
    text = web.source_ip(event)
    return network_of(text) or text


def _name(who: str) -> str:
    return sha256(who.encode()).hexdigest()[:24]
