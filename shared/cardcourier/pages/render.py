"""Turns view models into pages. Pure: the same model gives the same bytes."""

import json
import re
from functools import cache
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from cardcourier.adapters.qr import qr_data_uri
from cardcourier.domain.language import DEFAULT, LANGUAGES, Language, Texts, choose_language
from cardcourier.domain.redeem_page import (
    PROBLEMS,
    WITH_CARD,
    LockedPage,
    LookupPage,
    NotFoundPage,
    OrderPage,
    Page,
    UnavailablePage,
)
from cardcourier.pages.code_text import grouped
from cardcourier.pages.json_form import as_json
from cardcourier.pages.outline import outline
from cardcourier.pages.static import STATIC_HEADERS, StaticFile, static_files, static_path

__all__ = [
    "HEADERS",
    "STATIC_HEADERS",
    "StaticFile",
    "as_json",
    "choose_language",
    "render_locked",
    "render_lookup",
    "render_not_found",
    "render_order",
    "render_unavailable",
    "static_files",
]

_HERE = Path(__file__).parent

HEADERS = MappingProxyType(
    {
        "Content-Type": "text/html; charset=utf-8",
        "Cache-Control": "no-store",
        "Content-Security-Policy": (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
            "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        ),
        "Referrer-Policy": "no-referrer",
        "X-Robots-Tag": "noindex, nofollow, noarchive, nosnippet",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()",
        "Vary": "Accept, Accept-Language, Cookie",
    }
)
"""Headers of every page, whatever its status. JSON answers change only `Content-Type`."""


def render_order(page: OrderPage, language: Language = DEFAULT) -> str:
    """The page behind a link; answer 200. Holds plaintext only if the model does."""
    return _render(
        "order.html",
        language,
        f"/r/{quote(page.token, safe='')}",
        page=page,
        outline=outline(page),
        revealed=page.revealed_now,
    )


def render_not_found(page: NotFoundPage, language: Language = DEFAULT) -> str:
    """The same page for every link that does not work; answer 404."""
    return _render("not_found.html", language, "", page=page)


def render_lookup(page: LookupPage, language: Language = DEFAULT) -> str:
    """The form that finds an order; answer 200, or 429 when `limited`."""
    return _render("lookup.html", language, "/q", page=page)


def render_locked(page: LockedPage, language: Language = DEFAULT) -> str:
    """Too many tries; answer 429."""
    return _render("locked.html", language, "/q", page=page)


def render_unavailable(page: UnavailablePage, language: Language = DEFAULT) -> str:
    """Something behind the page does not answer; answer 503."""
    return _render("unavailable.html", language, "", page=page)


def _render(
    template: str, language: Language, here: str, *, page: Page, revealed: bool = False, **more: object
) -> str:
    """`here` is the address that shows the page without changing anything; empty means the present one."""
    values = {"t": texts(language), "language": language, "here": here, "page": page, "revealed": revealed}
    return _environment().get_template(template).render(values | more)


@cache
def texts(language: Language) -> Texts:
    """The texts of the pages in one language."""
    path = _HERE / "catalogues" / f"{language}.json"
    return Texts(language, json.loads(path.read_text(encoding="utf-8")))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals.update(
        static=static_path,
        problems=PROBLEMS,
        with_card=WITH_CARD,
        grouped=grouped,
        qr=qr_data_uri,
        languages=[(language, texts(language)("language_name")) for language in LANGUAGES],
    )
    environment.filters.update(contact_link=contact_link, web_address=web_address)
    return environment


_MAIL = re.compile(r"[^\s@:/?&]+@[^\s@:/?&]+\.[^\s@:/?&]+")


def contact_link(contact: str) -> str | None:
    """Where a support contact leads when tapped: a mail or web address; nothing for free text."""
    if _MAIL.fullmatch(contact):
        return f"mailto:{contact}"
    return web_address(contact)


def web_address(url: str | None) -> str | None:
    """The address if it is a web address; nothing else may become a link."""
    parts = urlsplit(url or "")
    return url if parts.scheme in {"https", "http"} and parts.netloc else None
