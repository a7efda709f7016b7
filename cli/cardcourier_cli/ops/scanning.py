"""Direct sight of the tables, for an operator: the product's own functions have no right to scan.

Names come from the environment (MAIN_TABLE, VAULT_TABLE, JOURNAL_TABLE, SEAL_BUCKET) or from a stack.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cardcourier.adapters.tables import keys
from cardcourier.adapters.tables.catalogue import thing_of
from cardcourier.adapters.tables.orders import OrdersTable
from cardcourier.adapters.tables.records import BurntRecord, marker_of, unit_of
from cardcourier.adapters.tables.stock_entry import chunk_of
from cardcourier.domain.catalogue import Batch, Job, Tenant
from cardcourier.domain.orders import Header, OrderKey, Unit
from cardcourier.services.verifying import Burnt, InVault, Issued, OnSale, Seen
from cardcourier_cli.ops.names import Names

Item = dict[str, Any]
RESOURCES = {
    "MAIN_TABLE": "MainTable",
    "VAULT_TABLE": "VaultTable",
    "JOURNAL_TABLE": "JournalTable",
    "SEAL_BUCKET": "SealBucket",
    "KMS_KEY_ID": "DataKey",
    "ORDERS_QUEUE_URL": "OrdersQueue",
}
# What is needed of an item and no more: no ciphertext leaves the table.
_VAULT = {
    "ProjectionExpression": "pk, #batch, sku",
    "ExpressionAttributeNames": {"#batch": "batch"},
}


def names_of_stack(stack: str, cloudformation: Any) -> dict[str, str]:
    """The names of a deployed stack's tables and bucket."""
    found = Names.of_stack(stack, cloudformation)
    return {name: found.of(logical) for name, logical in RESOURCES.items()}


def names_of_environment(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    env = os.environ if environ is None else environ
    return {name: env.get(name, "") for name in RESOURCES}


@dataclass(frozen=True, slots=True)
class Scanner:
    """Reads both tables from end to end, strongly, a page at a time. `tenant` narrows what is seen."""

    dynamodb: Any
    main_table: str
    vault_table: str
    tenant: str = ""

    def vault(self) -> Iterator[InVault]:
        for item in self._items(self.vault_table, **_VAULT):
            _, tenant, card = item["pk"]["S"].split("#")
            if self._ours(tenant):
                yield InVault(tenant, card, item["batch"]["S"], item["sku"]["S"])

    def main(self) -> Iterator[Seen]:
        for item in self._items(self.main_table):
            read = _READ.get(item["pk"]["S"].partition("#")[0])
            seen = read(item) if read else None
            if seen is not None and self._ours(_tenant(seen)):
                yield seen

    def tenants(self) -> list[str]:
        """Every tenant, or the one that was asked for."""
        request = {
            "TableName": self.main_table,
            "KeyConditionExpression": "pk = :pk AND begins_with(sk, :sk)",
        }
        values = {":pk": {"S": "C#-"}, ":sk": {"S": "TENANT#"}}
        pages = self.dynamodb.get_paginator("query").paginate(**request, ExpressionAttributeValues=values)
        found = [thing_of(Tenant, item).id for page in pages for item in page["Items"]]
        return [name for name in found if self._ours(name)]

    def _ours(self, tenant: str) -> bool:
        return self.tenant in ("", tenant)

    def _items(self, table: str, **options: Any) -> Iterator[Item]:
        pages = self.dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True, **options)
        return (item for page in pages for item in page["Items"])


def _tenant(seen: Seen) -> str:
    return seen.key.tenant if hasattr(seen, "key") else seen.tenant


def _marker(item: Item) -> Seen:
    pk = item["pk"]["S"]
    _, tenant, rest = pk.split("#", 2)
    sku = rest.rsplit("#", 2)[0]
    marker = marker_of(item)
    return OnSale(tenant, marker.card, marker.batch, sku, f"{pk}/{item['sk']['S']}")


def _of_order(item: Item) -> Seen | None:
    return unit_of(item) if item["sk"]["S"].startswith("U#") else None


def _burnt(item: Item) -> Seen:
    record = BurntRecord.from_raw_data(item)
    tenant = record.pk.split("#")[1]
    return Burnt(tenant, record.card, record.batch or "", record.sku or "", record.unit or "void")


def _of_batch(item: Item) -> Seen | None:
    """Of a batch's content, what its shared cards were issued for."""
    if not item["sk"]["S"].startswith("M#") or "uses" not in item:
        return None
    _, tenant, batch = item["pk"]["S"].split("#", 2)
    chunk = chunk_of(item)
    return Issued(tenant, batch, tuple(zip(chunk.cards, chunk.uses, strict=True)))


def _of_catalogue(item: Item) -> Seen | None:
    sk = item["sk"]["S"]
    if sk.startswith("BATCH#"):
        return thing_of(Batch, item)
    return thing_of(Job, item) if sk.startswith("JOB#") else None


_READ: Mapping[str, Callable[[Item], Seen | None]] = {
    "P": _marker,
    "O": _of_order,
    "X": _burnt,
    "B": _of_batch,
    "C": _of_catalogue,
}


@dataclass(frozen=True, slots=True)
class TouchedOrders:
    """Which orders changed since a moment, found by reading the whole table."""

    dynamodb: Any
    main_table: str
    orders: OrdersTable

    def touched(self, since: int) -> Iterator[OrderKey]:
        """`since` in epoch milliseconds."""
        pages = self.dynamodb.get_paginator("scan").paginate(
            TableName=self.main_table,
            ConsistentRead=True,
            ProjectionExpression="pk, #at",
            FilterExpression="begins_with(pk, :order) AND #at >= :since",
            ExpressionAttributeNames={"#at": "at"},
            ExpressionAttributeValues={":order": {"S": "O#"}, ":since": {"N": str(since)}},
        )
        return (keys.order_of(item["pk"]["S"]) for page in pages for item in page["Items"])

    def snapshots(self, wanted: Iterable[OrderKey]) -> Mapping[OrderKey, tuple[Header, list[Unit]]]:
        return self.orders.snapshots(wanted)
