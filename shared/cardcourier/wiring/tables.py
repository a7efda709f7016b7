"""The tables, in the words of the domain."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from cardcourier.clock import now_ms
from cardcourier.wiring.clients import client, settings

if TYPE_CHECKING:
    from cardcourier.adapters.tables.card_homes import CardHomes
    from cardcourier.adapters.tables.catalogue import CachedCatalogue, CatalogueTable
    from cardcourier.adapters.tables.claims import ClaimsTable
    from cardcourier.adapters.tables.connections import ConnectionsTable
    from cardcourier.adapters.tables.endpoints import EndpointsTable
    from cardcourier.adapters.tables.history import HistoryTable
    from cardcourier.adapters.tables.journal import JournalTable
    from cardcourier.adapters.tables.notes import NotesTable
    from cardcourier.adapters.tables.notifications import NotificationsTable
    from cardcourier.adapters.tables.orders import OrdersTable
    from cardcourier.adapters.tables.outbox import OutboxTable
    from cardcourier.adapters.tables.pools import PoolsTable
    from cardcourier.adapters.tables.redemptions import RedemptionsTable
    from cardcourier.adapters.tables.refunds import RefundsTable
    from cardcourier.adapters.tables.slots import SlotsTable
    from cardcourier.adapters.tables.supplier_claims import SupplierClaimsTable
    from cardcourier.adapters.tables.tasks import MarksTable, TasksView
    from cardcourier.adapters.tables.tokens import TokensTable
    from cardcourier.adapters.tables.views import ViewsTable
    from cardcourier.adapters.tables.waiting import WaitingTable
    from cardcourier.adapters.tables.writes import Table
    from cardcourier.adapters.vault_labels import VaultLabels


@cache
def table(name: str) -> Table:
    from cardcourier.adapters.tables.writes import Table

    return Table(client("dynamodb"), name)


def main_table() -> Table:
    return table(settings().main_table)


@cache
def orders() -> OrdersTable:
    from cardcourier.adapters.tables.orders import OrdersTable

    return OrdersTable(main_table())


@cache
def pools() -> PoolsTable:
    from cardcourier.adapters.tables.pools import PoolsTable

    return PoolsTable(main_table())


@cache
def waiting() -> WaitingTable:
    from cardcourier.adapters.tables.waiting import WaitingTable

    return WaitingTable(main_table())


@cache
def refunds() -> RefundsTable:
    from cardcourier.adapters.tables.refunds import RefundsTable

    return RefundsTable(main_table())


@cache
def catalogue_table() -> CatalogueTable:
    from cardcourier.adapters.tables.catalogue import CatalogueTable

    return CatalogueTable(main_table())


@cache
def catalogue() -> CachedCatalogue:
    from cardcourier.adapters.tables.catalogue import CachedCatalogue

    return CachedCatalogue(catalogue_table(), now_ms)


@cache
def tokens() -> TokensTable:
    from cardcourier.adapters.tables.tokens import TokensTable

    return TokensTable(main_table())


@cache
def tasks_view() -> TasksView:
    from cardcourier.adapters.tables.tasks import TasksView

    return TasksView(table(settings().views_table))


@cache
def marks() -> MarksTable:
    from cardcourier.adapters.tables.tasks import MarksTable

    return MarksTable(main_table())


@cache
def notes() -> NotesTable:
    from cardcourier.adapters.tables.notes import NotesTable

    return NotesTable(main_table())


@cache
def notifications() -> NotificationsTable:
    from cardcourier.adapters.tables.notifications import NotificationsTable

    return NotificationsTable(main_table())


@cache
def views() -> ViewsTable:
    from cardcourier.adapters.tables.views import ViewsTable

    return ViewsTable(table(settings().views_table))


@cache
def journal() -> JournalTable:
    from cardcourier.adapters.tables.journal import JournalTable

    return JournalTable(client("dynamodb"), settings().journal_table)


@cache
def endpoints() -> EndpointsTable:
    from cardcourier.adapters.tables.endpoints import EndpointsTable

    return EndpointsTable(catalogue_table())


@cache
def connections() -> ConnectionsTable:
    from cardcourier.adapters.tables.connections import ConnectionsTable

    return ConnectionsTable(catalogue_table())


@cache
def outbox() -> OutboxTable:
    from cardcourier.adapters.tables.outbox import OutboxTable

    return OutboxTable(main_table())


@cache
def history() -> HistoryTable:
    from cardcourier.adapters.tables.history import HistoryTable

    return HistoryTable(main_table())


@cache
def claims() -> ClaimsTable:
    from cardcourier.adapters.tables.claims import ClaimsTable

    return ClaimsTable(main_table())


@cache
def slots() -> SlotsTable:
    from cardcourier.adapters.tables.slots import SlotsTable

    return SlotsTable(main_table())


@cache
def redemptions() -> RedemptionsTable:
    from cardcourier.adapters.tables.redemptions import RedemptionsTable

    return RedemptionsTable(main_table())


@cache
def supplier_claims() -> SupplierClaimsTable:
    from cardcourier.adapters.tables.supplier_claims import SupplierClaimsTable

    return SupplierClaimsTable(main_table())


@cache
def card_homes() -> CardHomes:
    from cardcourier.adapters.tables.card_homes import CardHomes

    return CardHomes(main_table())


@cache
def vault_labels() -> VaultLabels:
    from cardcourier.adapters.vault_labels import VaultLabels

    return VaultLabels(table(settings().vault_table))
