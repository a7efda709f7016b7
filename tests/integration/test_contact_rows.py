"""The rows by which a buyer's orders are counted, on both table engines."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from cardcourier.adapters.tables.views import ViewsTable
from cardcourier.domain.contact_keys import KeyRow, tally
from cardcourier.domain.orders import OrderKey
from tests.integration.order_ground import table_of

NOON = 1_790_000_000_000
MINUTE = 60_000


@pytest.fixture(scope="module")
def views(engine_endpoint, real_template):
    return ViewsTable(table_of(engine_endpoint, real_template, "ViewsTable"))


def order(n, tenant="acme"):
    return OrderKey(tenant, "main", f"{n:04d}")


def row(n, name="net", at=NOON, **more):
    return KeyRow(name, order(n), at, **({"pieces": 2, "amount": 10, "currency": "CNY"} | more))


def test_a_count_reaches_back_over_its_window_and_no_further(views):
    views.put_search(row(n, at=NOON - n * MINUTE) for n in range(8))

    found = views.since("acme", ["net"], NOON - 5 * MINUTE, 100)

    assert [each.key.order for each in found] == ["0000", "0001", "0002", "0003", "0004", "0005"]
    assert found[0] == row(0)
    assert tally(found, order(0), "CNY").pieces == 10
    assert len(views.since("acme", ["net"], NOON - 5 * MINUTE, 3)) == 3
    assert views.since("other", ["net"], 0, 10) == views.since("acme", ["nobody"], -5, 10) == []


def test_both_names_of_one_thing_are_counted_together_and_each_order_once(views):
    views.put_search([row(21, "old"), row(22, "new"), row(23, "new"), row(23, "old")])
    found = views.since("acme", ["old", "new"], 0, 10)
    assert tally(found, order(22), "CNY").orders == 2


def test_of_orders_that_come_at_once_the_last_to_count_sees_all(views):
    """Rows first, then the count: of any number at least one sees everybody."""

    def come(n):
        views.put_search([row(100 + n, "burst")])
        return tally(views.since("acme", ["burst"], NOON - MINUTE, 100), order(100 + n)).orders

    with ThreadPoolExecutor(16) as threads:
        seen = sorted(threads.map(come, range(32)))

    assert seen[-1] == 31
    assert all(count >= rank for rank, count in enumerate(seen))
