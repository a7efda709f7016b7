"""Whom a tenant lets through and whom it stops: entries of its two lists, and whether one fits a buyer.

    match     field                                  value
    exact     email, phone, network, device, buyer   the keyed hashes of the contact, never the contact itself
    prefix    email, phone, device, buyer            text as typed, folded
    domain    email                                  `x.example`, its subdomains included
    cidr      network                                `198.51.100.0/24`, `2001:db8::/32`

Only what has no exact name has to be kept as text, and that is what the merchant typed.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_network

from cardcourier.domain.contact_keys import Kind, address_of, folded
from cardcourier.errors import Refused

ALLOW, BLOCK = "allow", "block"
MOST_ENTRIES = 500
LONGEST = 254
FIELDS: Mapping[str, Kind] = {
    kind.name.lower(): kind for kind in (Kind.EMAIL, Kind.PHONE, Kind.NETWORK, Kind.DEVICE, Kind.BUYER)
}
_MATCHES: Mapping[str, Collection[str]] = {
    "exact": FIELDS,
    "prefix": ("email", "phone", "device", "buyer"),
    "domain": ("email",),
    "cidr": ("network",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry. `hashes` names an exact contact under every pepper that lives, `text` is any other value."""

    id: str
    list: str
    field: str
    match: str
    text: str = ""
    hashes: tuple[str, ...] = ()
    note: str = ""


def checked_entry(entry: Entry) -> Entry:
    """An entry as it may be kept, its text in one spelling. Raises Refused."""
    if entry.list not in (ALLOW, BLOCK):
        raise Refused("bad_entry", "list must be allow or block.")
    if entry.field not in _MATCHES.get(entry.match, ()):
        known = ", ".join(match for match, fields in _MATCHES.items() if entry.field in fields)
        raise Refused("bad_entry", f"{entry.field or 'this field'} matches by {known or 'nothing we know'}.")
    if entry.match == "exact":
        if not entry.hashes or entry.text:
            raise Refused("bad_entry", "An exact contact is kept as its hashes alone.")
        return entry
    if entry.hashes or not 1 <= len(entry.text) <= LONGEST:
        raise Refused("bad_entry", f"The value must have 1 to {LONGEST} characters.")
    return Entry(**{**{name: getattr(entry, name) for name in Entry.__slots__}, "text": _spelt(entry)})


def checked_entries(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """All entries of a tenant. Raises Refused: too many, an id used twice, or one that cannot be."""
    found = tuple(map(checked_entry, entries))
    if len(found) > MOST_ENTRIES:
        raise Refused("too_many_entries", f"There may be {MOST_ENTRIES} entries; these are {len(found)}.")
    if len({entry.id for entry in found}) != len(found):
        raise Refused("bad_entry", "Each entry needs an id of its own.")
    return found


def fits(entry: Entry, hashes: Collection[str], told: Mapping[str, str]) -> bool:
    """Whether an entry is about a buyer with these keyed hashes, of whom the shop told this by field."""
    if entry.match == "exact":
        return not set(entry.hashes).isdisjoint(hashes)
    text = told.get(entry.field, "")
    match entry.match:
        case "cidr":
            address = address_of(text)
            return address is not None and address in ip_network(entry.text)
        case "domain":
            domain = folded(text).rpartition("@")[2]
            return domain == entry.text or domain.endswith(f".{entry.text}")
        case _:
            return bool(text) and folded(text).startswith(entry.text)


def fitting(entries: Iterable[Entry], hashes: Collection[str], told: Mapping[str, str]) -> tuple[Entry, ...]:
    """The entries that are about a buyer."""
    return tuple(entry for entry in entries if fits(entry, hashes, told))


def _spelt(entry: Entry) -> str:
    text = folded(entry.text)
    if entry.match == "domain":
        text = text.removeprefix("@").strip(".")
        if not text or "@" in text:
            raise Refused("bad_entry", "A domain is written as x.example.")
    if entry.match == "cidr":
        try:
            return str(ip_network(text))
        except ValueError as error:
            raise Refused("bad_entry", "A network is written as 198.51.100.0/24 or 2001:db8::/32.") from error
    return text
