"""What a tenant may word himself: plain text with a fixed list of placeholders, no logic, no markup.

Link and pick-up code stand in every mail by themselves; in an SMS whose text is ours they are demanded.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from cardcourier.domain.language import LANGUAGES
from cardcourier.domain.notification import MAIL, SMS
from cardcourier.errors import NotFound, Refused

MAIL_KINDS = ("delivered", "partly", "replaced", "again")
SMS_KINDS = ("delivered", "replaced", "again")
KINDS: Mapping[str, tuple[str, ...]] = {MAIL: MAIL_KINDS, SMS: SMS_KINDS}

MAIL_PARTS: Mapping[str, int] = {"subject": 150, "headline": 80, "intro": 2000, "outro": 2000}
SMS_PARTS: Mapping[str, int] = {"text": 300}
PARTS: Mapping[str, Mapping[str, int]] = {MAIL: MAIL_PARTS, SMS: SMS_PARTS}
"""The parts of a template and how many characters each may have. A part that is left out keeps our text."""

PLACEHOLDERS: Mapping[str, frozenset[str]] = {
    MAIL: frozenset({"shop", "order", "products", "count", "total", "support", "expires"}),
    SMS: frozenset({"shop", "product", "code", "site"}),
}
DEMANDED: Mapping[str, tuple[str, ...]] = {MAIL: (), SMS: ("code", "site")}
ONE_LINE = frozenset({"subject", "headline", "text"})

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f\u0085\u2028\u2029]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """A tenant's own texts for one occasion; without `parts` ours hold."""

    tenant: str
    channel: str
    kind: str
    language: str
    parts: Mapping[str, str] = field(default_factory=dict)
    ver: int = 0


def check_place(channel: str, kind: str, language: str) -> None:
    """Raises NotFound for an occasion that there is no template of."""
    if kind not in KINDS.get(channel, ()) or language not in LANGUAGES:
        raise NotFound("not_found", "There is no such template.")


def check_parts(channel: str, parts: Mapping[str, str]) -> None:
    """Raises Refused: `unknown_part`, `unknown_placeholder`, `missing_placeholder`, `bad_text`."""
    for name, text in parts.items():
        most = PARTS[channel].get(name)
        if most is None:
            known = ", ".join(PARTS[channel])
            raise Refused("unknown_part", f"{name}: a template for {channel} has the parts {known}.")
        if not text.strip() or len(text) > most:
            raise Refused("bad_text", f"{name} must have 1 to {most} characters; leave it out for our text.")
        if _CONTROL.search(text) or (name in ONE_LINE and "\n" in text):
            raise Refused("bad_text", f"{name} must not hold control characters or, if a title, line breaks.")
        _check_placeholders(channel, name, text)


def _check_placeholders(channel: str, part: str, text: str) -> None:
    allowed = PLACEHOLDERS[channel]
    used = set(_PLACEHOLDER.findall(text))
    for name in sorted(used - allowed):
        known = ", ".join(sorted(allowed))
        raise Refused("unknown_placeholder", f"{part}: there is no {{{name}}}; there are {known}.")
    if re.search(r"[{}]", _PLACEHOLDER.sub("", text)):
        raise Refused("bad_text", f"{part}: a brace stands only around the name of a placeholder.")
    for name in DEMANDED[channel]:
        if name not in used:
            raise Refused("missing_placeholder", f"{part}: {{{name}}} must stand in it.")


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with its placeholders filled, once: what a value holds is not looked into again."""
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], ""), text)
