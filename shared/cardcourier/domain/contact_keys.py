"""What an order can be found and counted by: numbers and marks of its buyer, each in one spelling.

    kind      letter   value                                                       its hash is labelled
    number    o        an order's or payment's number, folded                      search
    email     e        folded; a mailbox that ignores dots and tags without them   search
    phone     p        digits, with the country where it is known                  phone
    network   n        an IPv4 address, or the /64 of an IPv6 address              network
    device    d        what the shop calls the device                              device
    buyer     b        `<shop>/<id>`: what the platform calls the buyer            buyer

An order keeps hashes alone: `search`, and in `kinds` one letter for each. A small letter is a name under
which the order has a row. A capital one is a name of the same thing under another pepper that lives: nothing
is written there, but whoever counts looks there too, so that a count holds while the pepper is exchanged.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import AddressValueError, IPv4Address, IPv6Address, ip_address, ip_network
from typing import NamedTuple

from cardcourier.domain.order_events import Contact
from cardcourier.domain.orders import Header, OrderKey

CHINA = "86"
_CHINESE_MOBILE = re.compile(r"1[3-9]\d{9}")
_NO_DOTS = frozenset({"gmail.com", "googlemail.com"})
_NO_TAGS = _NO_DOTS | {"outlook.com", "hotmail.com", "live.com", "icloud.com", "me.com", "proton.me"}
"""Mail services that deliver to one mailbox whatever dots, or a tag behind `+`, an address has."""

_INSIDE = [
    ip_network(text)
    for text in (
        *("0.0.0.0/8", "10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"),
        *("::/127", "fc00::/7", "fe80::/10"),
    )
]
"""Addresses of a network's inside: a proxy told its own, which says nothing about the buyer."""


class Kind(StrEnum):
    """What a key is; its value is its letter."""

    NUMBER = "o"
    EMAIL = "e"
    PHONE = "p"
    NETWORK = "n"
    DEVICE = "d"
    BUYER = "b"

    @property
    def label(self) -> str:
        """The label of its hash. Numbers and addresses share the one of before there were kinds."""
        return "search" if self in (Kind.NUMBER, Kind.EMAIL) else self.name.lower()


class ContactKey(NamedTuple):
    kind: Kind
    value: str

    @property
    def counts(self) -> bool:
        """Whether it tells one buyer from another; a number tells one order from another."""
        return self.kind is not Kind.NUMBER


@dataclass(frozen=True, slots=True)
class Named:
    """The hashes of an order's keys, and in `kinds` a letter for each."""

    hashes: tuple[str, ...] = ()
    kinds: str = ""


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A row that leads from a hashed key to an order, with what is counted. `at` in epoch ms."""

    hash: str
    key: OrderKey
    at: int
    pieces: int = 0
    amount: int = 0
    currency: str = ""


def number_key(text: str) -> ContactKey:
    return ContactKey(Kind.NUMBER, folded(text))


def email_key(text: str) -> ContactKey:
    """One mailbox, one key."""
    local, at, domain = folded(text).rpartition("@")
    if domain in _NO_TAGS:
        local = local.partition("+")[0] or local
    if domain in _NO_DOTS:
        local = local.replace(".", "") or local
        domain = "gmail.com"
    return ContactKey(Kind.EMAIL, f"{local}{at}{domain}")


def phone_key(text: str, home: str = "") -> ContactKey | None:
    """`home` is the country code of a number that names none, where one can be told from its digits."""
    digits = "".join(character for character in text if character in "0123456789")
    if not text.strip().startswith("+"):
        if digits.startswith("00"):
            digits = digits[2:]
        elif home == CHINA and _CHINESE_MOBILE.fullmatch(digits):
            digits = CHINA + digits
    return ContactKey(Kind.PHONE, digits) if len(digits) >= 5 else None


def network_key(text: str) -> ContactKey | None:
    """IPv4 whole; of IPv6 the /64, for a connection has that many addresses to itself."""
    address = address_of(text)
    if address is None or any(address in network for network in _INSIDE):
        return None
    if isinstance(address, IPv4Address):
        return ContactKey(Kind.NETWORK, str(address))
    return ContactKey(Kind.NETWORK, str(ip_network((int(address) >> 64 << 64, 64))))


def address_of(text: str) -> IPv4Address | IPv6Address | None:
    """An IP address; an IPv4 one that came in the clothes of IPv6 without them."""
    try:
        address = ip_address(text.strip())
    except (ValueError, AddressValueError):
        return None
    if isinstance(address, IPv6Address):
        return None if address.scope_id else address.ipv4_mapped or address
    return address


def keys_of(contact: Contact, shop: str, home: str = "") -> list[ContactKey]:
    """Everything a shop told of a buyer that identifies him."""
    found = (
        email_key(contact.email) if contact.email else None,
        phone_key(contact.phone, home) if contact.phone else None,
        network_key(contact.ip) if contact.ip else None,
        ContactKey(Kind.DEVICE, contact.device) if contact.device else None,
        ContactKey(Kind.BUYER, f"{shop}/{contact.buyer}") if contact.buyer else None,
    )
    return [key for key in found if key is not None]


def keys_like(text: str) -> list[ContactKey]:
    """What a text in a search box may be; the spelling of a number or address as it is comes first."""
    network = network_key(text)
    return [*keys_of_buyer(text), *([network] if network else [])]


def keys_of_buyer(text: str) -> list[ContactKey]:
    """What a text that names one buyer may be: a network may be that of many."""
    found = [number_key(text)]
    if "@" in text:
        found.append(email_key(text))
    elif sum(character.isdigit() for character in text) >= 5:
        found += [key for home in ("", CHINA) if (key := phone_key(text, home))]
    return list(dict.fromkeys(found))


def rows_of(header: Header) -> Iterator[KeyRow]:
    """The rows under which an order is found and counted."""
    pieces = sum(line.quantity for line in header.lines)
    for hashed, letter in _lettered(header):
        if letter.islower():
            yield KeyRow(hashed, header.key, header.listed_at, pieces, header.amount, header.currency)


def names_of(header: Header, kind: Kind) -> tuple[str, ...]:
    """Under which rows of other orders of the same buyer may lie; nothing if the shop did not tell."""
    return tuple(hashed for hashed, letter in _lettered(header) if letter.lower() == kind.value)


@dataclass(frozen=True, slots=True)
class Tally:
    """What rows come to. `amount` counts those of one currency."""

    orders: int = 0
    pieces: int = 0
    amount: int = 0


def tally(rows: Iterable[KeyRow], but: OrderKey, currency: str = "") -> Tally:
    """Add up orders, each once, without `but`."""
    orders = {row.key: row for row in rows if row.key != but}.values()
    amounts = (row.amount for row in orders if row.currency == currency)
    return Tally(len(orders), sum(row.pieces for row in orders), sum(amounts))


def folded(text: str) -> str:
    """In any case and spacing."""
    return "".join(text.split()).casefold()


def _lettered(header: Header) -> Sequence[tuple[str, str]]:
    """Orders of before there were kinds have names alone: each leads to them, none is counted."""
    kinds = header.kinds.ljust(len(header.search), Kind.NUMBER.value)
    return list(zip(header.search, kinds, strict=False))
