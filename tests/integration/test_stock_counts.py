"""How much there is to sell: cards that have ended are none."""

import pytest

from cardcourier.adapters.tables.pools import PoolsTable
from cardcourier.adapters.tables.records import marker_record
from cardcourier.adapters.tables.writes import Table
from cardcourier.domain.protocol import Pool
from cardcourier.domain.stock import Marker, bucket_of
from local.engines import client

NOW = 1_790_000_000_000
DAY = 86_400_000
POOL = Pool("acme", "MONTH", 1, 2)


def marker(n, expires_at=None, card=""):
    where = {"bucket": bucket_of(expires_at), "shard": n % 2}
    return Marker(card=card or f"c{n}", batch="b", expires_at=expires_at, **where)


@pytest.fixture
def pools(each_engine_endpoint, each_engine_tables):
    table = Table(client("dynamodb", each_engine_endpoint), each_engine_tables["MainTable"])
    gone = [marker(n, NOW - 40 * DAY) for n in range(3)] + [marker(n, NOW) for n in range(3, 6)]
    there = [marker(6, NOW + DAY), marker(7, NOW + 1), marker(8), marker(9, card="c8.2")]
    table.put_many(marker_record(one, "acme", "MONTH", 1) for one in (*gone, *there))
    return PoolsTable(table)


def test_a_card_counts_until_it_ends(pools):
    assert pools.count(POOL, NOW - 1) == 7
    assert pools.count(POOL, NOW) == 4
    assert pools.count(POOL, NOW + DAY) == 2
    assert pools.cards(POOL, NOW) == 3


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 100])
def test_counting_ends_at_the_limit_and_not_at_what_has_ended(pools, limit):
    assert pools.count(POOL, NOW, limit) == min(4, limit)
