"""Turns what happened to an order into a mail. A link and a pick-up code go in, a card never does."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from cardcourier.domain.language import DEFAULT, Language, Texts
from cardcourier.domain.mail import Message
from cardcourier.domain.notification import SMS
from cardcourier.domain.wording import PLACEHOLDERS, filled

LONGEST_SUBJECT = 300
_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Item:
    """A product and how many cards of it the mail is about."""

    product_name: str
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderNotice:
    """What every mail about an order says.

    `order_number` is the shop's own number, `pickup_code` reads `XXXX-XXXX` and may be empty,
    `delivered` of `total` cards are there. `release_at` (epoch ms) is when the next presale card
    comes, `expires_at` (epoch ms) when the link ends.
    """

    tenant_name: str
    support: str
    order_number: str
    link: str = field(repr=False)
    pickup_code: str = field(repr=False)
    items: tuple[Item, ...]
    delivered: int
    total: int
    release_at: int | None = None
    expires_at: int | None = None
    time_zone: str = "Asia/Shanghai"
    own: Mapping[str, str] = field(default_factory=dict)
    """The tenant's own texts by part, as `domain/wording.py` takes them; what is missing is ours."""


def render_delivery(notice: OrderNotice, language: Language = DEFAULT) -> Message:
    """All cards of an order are there, or `delivered` of `total`."""
    return _message("delivery" if notice.delivered >= notice.total else "partly", notice, language)


def render_scheduled(notice: OrderNotice, language: Language = DEFAULT) -> Message:
    """The order is paid; its cards come at `release_at`."""
    return _message("scheduled", notice, language)


def render_replacement(notice: OrderNotice, language: Language = DEFAULT) -> Message:
    """A card was replaced; `items` are the new ones, the link may be a new one too."""
    return _message("replacement", notice, language)


def render_link_again(notice: OrderNotice, language: Language = DEFAULT) -> Message:
    """The buyer asked for the link once more."""
    return _message("again", notice, language)


_NAMES = {"delivered": "delivery", "partly": "partly", "replaced": "replacement", "again": "again"}


def our_parts(channel: str, kind: str, language: Language) -> dict[str, str]:
    """Our texts of an occasion as a tenant would write them; `kind` as in `domain/wording.py`."""
    t = _texts(language)
    if channel == SMS:
        return {"text": t(f"sms_{kind}", **{name: f"{{{name}}}" for name in PLACEHOLDERS[SMS]})}
    name, values = _NAMES[kind], {"tenant": "{shop}", "order": "{order}", "n": "{count}", "total": "{total}"}
    return {
        "subject": t(f"{name}_subject", **values),
        "headline": t(f"{name}_headline"),
        "intro": t(f"{name}_lead", **values),
    }


def _message(kind: str, notice: OrderNotice, language: Language) -> Message:
    t = _texts(language)
    tenant, number = one_line(notice.tenant_name), one_line(notice.order_number)
    counts = {"n": notice.delivered, "total": notice.total}
    items = [t("item", product=one_line(item.product_name), n=item.quantity) for item in notice.items]
    support = one_line(notice.support)
    known = {
        "shop": tenant,
        "order": number,
        "products": t("list_comma").join(items),
        "count": str(notice.delivered),
        "total": str(notice.total),
        "support": support,
        "expires": t.moment(notice.expires_at, notice.time_zone) if notice.expires_at else "",
    }
    own = {part: filled(text, known) for part, text in notice.own.items()}
    subject = own.get("subject") or t(f"{kind}_subject", tenant=tenant, order=number, **counts)
    values = {
        "t": t,
        "notice": notice,
        "tenant": tenant,
        "number": number,
        "support": support,
        "items": items,
        "headline": own.get("headline") or t(f"{kind}_headline"),
        "lead": own.get("intro") or t(f"{kind}_lead", tenant=tenant, **counts),
        "outro": own.get("outro", ""),
        "subject": one_line(subject, LONGEST_SUBJECT),
        "language": language,
    }
    return Message(
        subject=one_line(subject, LONGEST_SUBJECT),
        text=_environment().get_template("mail.txt").render(values),
        html=_environment().get_template("mail.html").render(values),
    )


_BREAKS = re.compile(r"[\x00-\x1f\x7f\u0085\u2028\u2029\s]+")


def one_line(text: str, limit: int = 80) -> str:
    """The text without line breaks or control characters, cut to `limit` characters."""
    line = _BREAKS.sub(" ", text).strip()
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


@cache
def _texts(language: Language) -> Texts:
    path = _HERE / "catalogues" / f"{language}.json"
    return Texts(language, json.loads(path.read_text(encoding="utf-8")))


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
