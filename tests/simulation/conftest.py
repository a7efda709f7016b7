"""The engine in memory beside both local engines, as one client.

mirror  all three, empty; what a test leaves behind is compared at its end
"""

from contextlib import ExitStack

import pytest

from local import engines
from local.template import Template
from tests.simulation.engine import Engine
from tests.simulation.mirror import Mirror, one_reason_for_all

TABLES = ("MainTable", "VaultTable", "JournalTable", "ViewsTable")


@pytest.fixture(scope="session")
def all_engines():
    template = Template(engines.ROOT / "template.yaml", {"Stage": "test"})
    with ExitStack() as running:
        clients = {
            kind: engines.client("dynamodb", running.enter_context(engines.table_engine(kind)))
            for kind in ("dynoxide", "ministack")
        }
        for client in clients.values():
            engines.create_tables(client, template)
            running.callback(client.close)
        yield Mirror(one_reason_for_all, memory=Engine.of_template(template).client(), **clients)


@pytest.fixture
def mirror(all_engines):
    yield all_engines
    for table in TABLES:
        all_engines.empty(table)
