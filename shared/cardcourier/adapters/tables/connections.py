"""How shops are called: one document for each shop with an API, its token sealed.

They lie beside the endpoints, for the function that calls strangers' addresses has rights there alone.
"""

from dataclasses import dataclass

from cardcourier.adapters.tables import keys
from cardcourier.adapters.tables.catalogue import CatalogueTable
from cardcourier.adapters.tables.records import Record
from cardcourier.adapters.tables.writes import ConditionFailed, Delete
from cardcourier.domain.shop_apis import Connection


@dataclass(frozen=True, slots=True)
class ConnectionsTable:
    documents: CatalogueTable

    def connection(self, tenant: str, shop: str) -> Connection | None:
        """None for a shop that cannot be called."""
        return self.documents.get(Connection, keys.connection(tenant, shop))

    def connections(self, tenant: str) -> list[Connection]:
        """Every shop of a tenant that can be called."""
        return self.documents.all(Connection, keys.endpoints(tenant), "API#")

    def put(self, connection: Connection, by: str) -> None:
        """Whoever says it last decides: a new token takes the place of the one before."""
        key = keys.connection(connection.tenant, connection.shop)
        self.documents.put(key, connection, connection.at, by)

    def remove(self, seen: Connection) -> bool:
        """False when the shop was connected anew since; what is gone already is gone."""
        gone, same = Record.pk.does_not_exist(), Record.at == seen.at
        try:
            self.documents.table.write(Delete(keys.connection(seen.tenant, seen.shop), gone | same))
        except ConditionFailed:
            return False
        return True
