"""Set up how a shop is called: its address and the token that it takes from us."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from cardcourier.domain.catalogue import Shop
from cardcourier.domain.kept import Kept
from cardcourier.domain.shop_apis import Connection, sealed_as
from cardcourier.errors import Conflict, NotFound, Refused

SECRET_BYTES = 32
OWN_SITE = "standard"


class Shops(Protocol):
    def shop(self, tenant: str, shop: str) -> Kept[Shop]: ...


class Connections(Protocol):
    def connection(self, tenant: str, shop: str) -> Connection | None: ...
    def put(self, connection: Connection, by: str) -> None: ...
    def remove(self, seen: Connection) -> bool: ...


class Api(Protocol):
    """The part of a channel's module that knows which settings can work."""

    def check(self, connection: Connection, token: str) -> None: ...


class Sealer(Protocol):
    def seal(self, tenant: str, shop: str, secret: str) -> bytes: ...


@dataclass(frozen=True, slots=True)
class MadeConnection:
    """A connection, and the token if it was made by us, which nobody can read again."""

    connection: Connection
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ConnectionsDesk:
    """Connects the APIs of shops."""

    shops: Shops
    connections: Connections
    apis: Mapping[str, Api]
    sealer: Sealer
    make_secret: Callable[[bytes], str]
    random: Callable[[int], bytes]
    clock: Callable[[], int]

    def connection(self, tenant: str, shop: str) -> Connection:
        """Raises NotFound, also for a shop that is not called."""
        self.shops.shop(tenant, shop)
        found = self.connections.connection(tenant, shop)
        if found is None:
            raise NotFound("not_connected", "This shop's API is not connected.")
        return found

    def connect(
        self, tenant: str, shop: str, token: str | None, url: str, location: str, by: str
    ) -> MadeConnection:
        """Set or exchange how a shop is called. The token of a merchant's own site is ours to make.

        Raises Refused for what can never work, NotFound for no such shop.
        """
        found = self.shops.shop(tenant, shop).thing
        if found.channel not in self.apis:
            raise Refused("no_api", f"Shops of the channel {found.channel} cannot be called.")
        if token is None and found.channel != OWN_SITE:
            raise Refused("bad_token", f"token: {found.channel} makes it; copy it from there.")
        secret = token if token is not None else self.make_secret(self.random(SECRET_BYTES))
        connection = Connection(
            shop=shop,
            tenant=tenant,
            channel=found.channel,
            token=b"",
            url=url,
            domain=found.domain,
            location=location,
            at=self.clock(),
        )
        self.apis[found.channel].check(connection, secret)
        connection = replace(connection, token=self.sealer.seal(tenant, sealed_as(shop), secret))
        self.connections.put(connection, by)
        return MadeConnection(connection, None if token is not None else secret)

    def disconnect(self, seen: Connection) -> None:
        """The shop is not called any more. Raises Conflict when it was connected anew since it was seen."""
        if not self.connections.remove(seen):
            raise Conflict("changed_meanwhile", "The shop was connected anew meanwhile; look again.")
