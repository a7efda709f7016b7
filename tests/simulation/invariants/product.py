"""The product's own judges, who have to find nothing as well: `verify` over all tables, and the nightly
audit.
"""

from cardcourier.adapters.tables.history import HistoryTable
from cardcourier.adapters.tables.journal import JournalTable
from cardcourier.adapters.tables.orders import OrdersTable
from cardcourier.adapters.tables.writes import Table
from cardcourier.services.auditing import Auditor
from cardcourier.services.verifying import verify
from cardcourier_cli.ops.scanning import Scanner
from tests.simulation.ground import NOON, TENANTS
from tests.simulation.violations import must

MIDNIGHT = NOON - NOON % 86_400_000


def check(engine) -> None:
    client = engine.client()
    offences, _ = verify(Scanner(client, "MainTable", "VaultTable", ""))
    must(not offences, "verify", [offence.subject for offence in offences], str(offences))
    main = Table(client, "MainTable")
    journal = JournalTable(client, "JournalTable")
    auditor = Auditor(journal, OrdersTable(main), HistoryTable(main), lambda tenant, start, end: ())
    for tenant in TENANTS:
        audit = auditor.audit(tenant, MIDNIGHT, lambda: True)
        must(
            not audit.findings, "audit", [finding.subject for finding in audit.findings], str(audit.findings)
        )
