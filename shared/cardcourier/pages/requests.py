"""What a browser, or a program, asks of the buyer's pages, and the answers as HTTP."""

import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from secrets import token_urlsafe
from urllib.parse import parse_qsl, urlsplit

from cardcourier import web
from cardcourier.domain.language import Language, choose_language
from cardcourier.domain.redeem_page import (
    LockedPage,
    LookupPage,
    NotFoundPage,
    OrderPage,
    Page,
    UnavailablePage,
)
from cardcourier.errors import Refused
from cardcourier.pages.card_list import card_list, disposition
from cardcourier.pages.json_form import as_json
from cardcourier.pages.render import (
    HEADERS,
    render_locked,
    render_lookup,
    render_not_found,
    render_order,
    render_unavailable,
)

MOST_FORM_BYTES = 8_192
COOKIE_SECONDS = 30 * 86_400
SLOWED_SECONDS = 60
AWAY_SECONDS = 5
_MARK = re.compile(r"[\w-]{24}", re.ASCII)
PROTECTED = {name.lower(): value for name, value in HEADERS.items()}


def form_of(event: web.Event) -> dict[str, str]:
    """The fields of a form or a flat JSON object. Raises Refused `too_large` or `bad_request`."""
    raw = web.raw_body(event)
    if len(raw) > MOST_FORM_BYTES:
        raise Refused("too_large", "The form is too large.")
    try:
        if web.headers(event).get("content-type", "").startswith("application/json"):
            fields = json.loads(raw)
            return {name: value for name, value in fields.items() if isinstance(value, str)}
        return dict(parse_qsl(raw.decode(), max_num_fields=20))
    except (ValueError, AttributeError, RecursionError) as error:
        raise Refused("bad_request", "The form cannot be read.") from error


def check_origin(event: web.Event, base_url: str) -> None:
    """A form may only be sent from our own page; browsers hide the origin of a page without referrer."""
    headers = web.headers(event)
    site = headers.get("sec-fetch-site", "same-origin")
    origin = headers.get("origin", "null")
    own = origin == "null" or urlsplit(origin).netloc == urlsplit(base_url).netloc
    if site not in ("same-origin", "none") or not own:
        raise Refused("bad_request", "The form was sent from another site.")


def language_of(event: web.Event, form: Mapping[str, str] | None = None) -> Language:
    query = event.get("queryStringParameters") or {}
    asked = (form or {}).get("lang") or query.get("lang")
    return choose_language(
        web.cookies(event).get("lang"), web.headers(event).get("accept-language"), None, asked
    )


def viewer_of(event: web.Event, base_url: str, mark: str = "") -> tuple[str, str]:
    """The browser's mark, and the cookie to set when it had none. Only a POST sets it.

    `mark` is the one that came with the form: who sends a form again, because its answer was lost, has no
    cookie yet and is the same browser all the same.
    """
    secure = base_url.startswith("https:")
    name = "__Host-viewer" if secure else "viewer"
    kept = web.cookies(event).get(name, "")
    if 20 <= len(kept) <= 64:
        return kept, ""
    fresh = mark if _MARK.fullmatch(mark) else token_urlsafe(18)
    tail = "; Secure" if secure else ""
    return fresh, f"{name}={fresh}; Path=/; Max-Age={COOKIE_SECONDS}; HttpOnly; SameSite=Lax{tail}"


def answer(event: web.Event, page: Page, language: Language, cookie: str = "") -> web.Answer:
    """The page as HTML, or as JSON for who asks for it."""
    as_program = "application/json" in web.headers(event).get("accept", "")
    status, html = _rendered(page, language)
    reply: web.Answer = {"statusCode": int(status), "headers": PROTECTED | _when(status), "body": html}
    if as_program:
        reply["headers"]["content-type"] = "application/json"
        reply["body"] = json.dumps(as_json(page), ensure_ascii=False)
    if web.method(event) == "HEAD":
        reply["body"] = ""
    if cookie:
        reply["cookies"] = [cookie]
    return reply


def _rendered(page: Page, language: Language) -> tuple[HTTPStatus, str]:
    match page:
        case OrderPage():
            return HTTPStatus.OK, render_order(page, language)
        case LookupPage():
            limited = page.message_kind == "limited"
            return (
                HTTPStatus.TOO_MANY_REQUESTS if limited else HTTPStatus.OK,
                render_lookup(page, language),
            )
        case LockedPage():
            return HTTPStatus.TOO_MANY_REQUESTS, render_locked(page, language)
        case NotFoundPage():
            return HTTPStatus.NOT_FOUND, render_not_found(page, language)
        case UnavailablePage():
            return HTTPStatus.SERVICE_UNAVAILABLE, render_unavailable(page, language)


def _when(status: HTTPStatus) -> dict[str, str]:
    """When asking again makes sense."""
    if status is HTTPStatus.TOO_MANY_REQUESTS:
        return {"retry-after": str(SLOWED_SECONDS)}
    return {"retry-after": str(AWAY_SECONDS)} if status is HTTPStatus.SERVICE_UNAVAILABLE else {}


def file_answer(page: OrderPage, language: Language, now: int, cookie: str = "") -> web.Answer:
    """The cards as a text file to keep."""
    headers = {
        "content-type": "text/plain; charset=utf-8",
        "content-disposition": disposition(page, language),
    }
    body = card_list(page, now, language)
    reply = protected({"statusCode": int(HTTPStatus.OK), "headers": headers, "body": body})
    return reply | ({"cookies": [cookie]} if cookie else {})


def go_to(address: str) -> web.Answer:
    """303: a form's answer is another page."""
    return protected({"statusCode": 303, "headers": {"location": address}, "body": ""})


def protected(reply: web.Answer) -> web.Answer:
    """An answer that is no page, with the headers of one."""
    return reply | {"headers": PROTECTED | reply["headers"]}
