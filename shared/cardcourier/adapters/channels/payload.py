"""Reading a signed JSON body field by field, so that what is wrong can be said by its name.

Texts of errors name fields and never repeat what was in them: they end up in logs and alarms, and the body
holds the buyer's data. Numbers with a point are read as `Decimal`, never as float.
"""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal, DecimalException
from typing import Any, NoReturn

from cardcourier.domain.money import currency_code, parse_minor
from cardcourier.domain.order_events import (
    CONTACT_LENGTHS,
    Contact,
    NotUnderstood,
    OrderEvent,
    key_text,
    plain_text,
)
from cardcourier.errors import Refused

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_PHONE = frozenset("+0123456789 -().")
_IP = frozenset("0123456789abcdefABCDEF.:")


def understood(read: Callable[[], tuple[OrderEvent, ...]]) -> tuple[OrderEvent, ...]:
    """What `read` says, or NotUnderstood with the reason: signed bytes never end in an error."""
    try:
        return read()
    except Refused as refused:
        return (NotUnderstood(refused.detail),)


def load(body: bytes) -> "Fields":
    """The JSON object of a body; raises Refused for anything else, however deep or odd."""
    try:
        value = json.loads(body.decode("utf-8-sig"), parse_float=Decimal, parse_constant=_no_number)
    except (ValueError, RecursionError, DecimalException) as error:
        raise Refused("bad_body", "the body must be JSON in UTF-8") from error
    if not isinstance(value, dict):
        raise Refused("bad_body", "the body must be a JSON object")
    return Fields(value, "")


def milliseconds(text: str) -> int:
    """Epoch milliseconds of an RFC 3339 time such as 2026-11-01T08:00:00Z; raises ValueError."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None or text[10:11].upper() not in ("T", " "):
            raise ValueError("no time zone")
        since = (moment - _EPOCH) // _MILLISECOND
    except OverflowError as error:
        raise ValueError("out of range") from error
    if since < 0:
        raise ValueError("before 1970")
    return since


class Fields:
    """A JSON object and where it stands in the body. What is absent or null is None or the default."""

    def __init__(self, values: dict[str, Any], path: str) -> None:
        self._values = values
        self._path = path

    def __contains__(self, name: str) -> bool:
        return self._values.get(name) is not None

    def key(self, name: str, default: str | None = None) -> str:
        """An id, text or whole number, as `key_text`; required unless there is a default."""
        value = self._values.get(name)
        if value is None or value == "":
            return self._required(name, default)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value) if abs(value) < 10**40 else ""
        if not isinstance(value, str) or not value:
            self._wrong(name, "must be text or a whole number")
        try:
            return key_text(value)
        except Refused:
            self._wrong(name, "is longer than 120 bytes")

    def text(self, name: str, default: str = "") -> str:
        """Text for people, cleaned and cut; whole numbers count as text, anything else as nothing."""
        value = self._values.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        return (plain_text(value) if isinstance(value, str) else "") or default

    def word(self, name: str) -> str:
        """A word the protocol knows, such as a status; empty if absent, never cleaned."""
        value = self._values.get(name)
        return value if isinstance(value, str) else ""

    def yes(self, name: str, default: bool = False) -> bool:
        """True or false; anything else is refused, because a guess could spend real stock."""
        value = self._values.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            self._wrong(name, "must be true or false")
        return value

    def currency(self, name: str = "currency") -> str:
        """An ISO 4217 code."""
        try:
            return currency_code(self._values.get(name))
        except Refused as refused:
            raise Refused("bad_body", f"{self._path}{name}: {refused.detail}") from refused

    def money(self, name: str, currency: str) -> int | None:
        """Minor units of an amount, None if absent; negative ones are refused."""
        value = self._values.get(name)
        if value is None:
            return None
        try:
            minor = parse_minor(value, currency)
        except Refused as refused:
            raise Refused("bad_body", f"{self._path}{name}: {refused.detail}") from refused
        if minor < 0:
            self._wrong(name, "must not be negative")
        return minor

    def required_money(self, name: str, currency: str) -> int:
        """As `money`, but it has to be there."""
        minor = self.money(name, currency)
        if minor is None:
            self._wrong(name, "is missing")
        return minor

    def count(self, name: str, default: int | None = None) -> int:
        """A whole number from 0; required unless there is a default."""
        value = self._values.get(name)
        if value is None and default is not None:
            return default
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 10**9:
            self._wrong(name, "must be a whole number from 0 to 1000000000")
        return value

    def moment(self, *names: str, default: int | None = None) -> int:
        """Milliseconds of the first of these times that is there; required unless there is a default."""
        for name in names:
            value = self._values.get(name)
            if value is None:
                continue
            try:
                return milliseconds(value if isinstance(value, str) else "")
            except ValueError:
                self._wrong(name, "must be a time with zone such as 2026-11-01T08:00:00Z")
        if default is None:
            self._wrong(names[0], "is missing")
        return default

    def inside(self, name: str) -> "Fields":
        """The object in this field; an empty one if there is none."""
        value = self._values.get(name)
        return Fields(value if isinstance(value, dict) else {}, f"{self._path}{name}.")

    def each(self, name: str) -> list["Fields"]:
        """The objects of a list; empty if there is none. Raises Refused for anything that is no list."""
        values = self._values.get(name)
        if values is None:
            return []
        if not isinstance(values, list):
            self._wrong(name, "must be a list")
        for at, value in enumerate(values):
            if not isinstance(value, dict):
                self._wrong(f"{name}[{at}]", "must be an object")
        return [Fields(value, f"{self._path}{name}[{at}].") for at, value in enumerate(values)]

    def _required(self, name: str, default: str | None) -> str:
        if default is None:
            self._wrong(name, "is missing")
        return default

    def _wrong(self, name: str, what: str) -> NoReturn:
        raise Refused("bad_body", f"{self._path}{name} {what}")


def contact(
    *,
    emails: Iterable[str] = (),
    phones: Iterable[str] = (),
    ips: Iterable[str] = (),
    user_agent: str = "",
    language: str = "",
    name: str = "",
    buyer: str = "",
    device: str = "",
) -> Contact:
    """A contact of the first usable address, number and ip; what cannot be used is left out."""
    return Contact(
        email=_first(emails, _is_email, "email"),
        phone=_first(phones, _is_phone, "phone"),
        ip=_first(ips, _IP.issuperset, "ip"),
        user_agent=plain_text(user_agent, CONTACT_LENGTHS["user_agent"]) or None,
        language=_first([language], str.isascii, "language"),
        name=plain_text(name, CONTACT_LENGTHS["name"]) or None,
        buyer=plain_text(buyer, CONTACT_LENGTHS["buyer"]) or None,
        device=plain_text(device, CONTACT_LENGTHS["device"]) or None,
    )


def _first(candidates: Iterable[str], usable: Callable[[str], bool], kind: str) -> str | None:
    for candidate in candidates:
        value = candidate.strip()
        if value and len(value) <= CONTACT_LENGTHS[kind] and value.isprintable() and usable(value):
            return value
    return None


def _is_email(text: str) -> bool:
    local, _, domain = text.rpartition("@")
    return bool(local) and "." in domain.strip(".") and " " not in text


def _is_phone(text: str) -> bool:
    return _PHONE.issuperset(text) and sum(c.isdigit() for c in text) >= 5


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a JSON number")
