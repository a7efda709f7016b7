"""Where a merchant's own systems hear of events: endpoints, their addresses, and the secrets we sign with."""

from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Self
from urllib.parse import SplitResult, urlsplit

from cardcourier.errors import Refused

MOST_ENDPOINTS = 20
MOST_URL = 500
MOST_SECRETS = 2
ROTATION = 86_400_000
"""Milliseconds for which the older secret still signs after a new one was made."""

GIVEN_UP = 5 * 86_400_000
"""Milliseconds after which an endpoint that only failed is disabled."""

ENABLED, DISABLED = "enabled", "disabled"

_WRAPPED = tuple(map(IPv6Network, ("::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16")))
"""IPv6 addresses that stand for an IPv4 one: translated and tunnelled, so anybody's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An address that hears of events; without `events` of all. Times are epoch milliseconds.

    `secrets` are sealed, the newest last; the older one signs until `old_until`. `reason` says why it is
    disabled. `failing_since` is kept beside the document, for it changes without anybody's doing.
    """

    id: str
    tenant: str
    url: str
    description: str = ""
    events: tuple[str, ...] = ()
    state: str = ENABLED
    reason: str = ""
    secrets: tuple[bytes, ...] = ()
    old_until: int = 0
    created_at: int = 0
    failing_since: int = 0

    @property
    def enabled(self) -> bool:
        return self.state == ENABLED

    def wants(self, event_type: str) -> bool:
        """Whether it is to hear of events of this type."""
        return not self.events or event_type in self.events

    def valid_secrets(self, now: int) -> tuple[bytes, ...]:
        """The sealed secrets that sign at `now`: both while one replaces the other."""
        return self.secrets if now < self.old_until else self.secrets[-1:]

    def with_secret(self, sealed: bytes, now: int, *, drop_old: bool) -> Self:
        """A new secret beside the newest one for a day, or alone."""
        kept = (*self.valid_secrets(now), sealed)[-1 if drop_old else -MOST_SECRETS :]
        return replace(self, secrets=kept, old_until=now + ROTATION if len(kept) > 1 else 0)

    def worn_out(self, now: int) -> bool:
        """Whether it has done nothing but fail for days."""
        return bool(self.failing_since) and now - self.failing_since >= GIVEN_UP


def check_url(url: str, *, local: bool = False) -> SplitResult:
    """The parts of an address that events may be sent to; raises Refused `bad_url`.

    `local` is for one machine alone: it allows this machine, and plain http to it.
    """
    if len(url) > MOST_URL or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise _bad(
            f"must be ASCII without blanks, at most {MOST_URL} characters; write other letters as xn--"
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _bad("is no address") from None
    here = local and parts.scheme == "http" and _is_here(parts.hostname or "")
    if parts.scheme != "https" and not here:
        raise _bad("must begin with https://")
    if parts.username is not None or parts.password is not None:
        raise _bad("must not hold a user name or password")
    if parts.fragment or not parts.hostname or port == 0:
        raise _bad("needs a host, and no fragment")
    try:
        address = ip_address(parts.hostname)
    except ValueError:
        return parts
    if not may_reach(str(address), local=local):
        raise _bad("must be an address of the public internet")
    return parts


def may_reach(address: str, *, local: bool = False) -> bool:
    """Whether an IP address belongs to the public internet: not to us, our cloud, or anybody's inside.

    With `local` this machine itself is reached too.
    """
    try:
        parsed: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped:
            parsed = parsed.ipv4_mapped
        elif not (local and parsed.is_loopback) and any(parsed in network for network in _WRAPPED):
            return False
    if parsed.is_loopback:
        return local
    return parsed.is_global and not parsed.is_multicast


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _bad(why: str) -> Refused:
    return Refused("bad_url", f"url {why}.")
