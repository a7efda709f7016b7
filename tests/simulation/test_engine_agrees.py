"""The engine in memory answers as both local engines do: to random requests, and to the product's own.

A difference names the request, both answers and the seed. Where a local engine does otherwise than DynamoDB
is told in `mirror.one_reason_for_all` and `test_engine_refuses.LAX`.
"""

from itertools import islice

import pytest
from botocore.exceptions import ClientError

from cardcourier.adapters.tables.writes import Table
from tests.integration.order_ground import EngineStore
from tests.order_scenarios import SCENARIOS
from tests.order_world import KEY, OF_WRITES, Gate, World
from tests.simulation.mirror import Disagreement
from tests.simulation.product_tables import ACTS
from tests.simulation.random_requests import Requests


@pytest.mark.parametrize("seed", range(5))
def test_random_requests(mirror, seed):
    codes = set()
    for number, (method, request) in enumerate(islice(Requests(seed), 300)):
        try:
            answer = getattr(mirror, method)(**request)
            while method == "query" and "IndexName" not in request and "LastEvaluatedKey" in answer:
                request = {**request, "ExclusiveStartKey": answer["LastEvaluatedKey"]}
                answer = mirror.query(**request)
        except ClientError as refused:
            codes.add(refused.response["Error"]["Code"])
        except Disagreement as differing:
            raise Disagreement(f"seed {seed}, request {number}: {differing}") from None
    assert codes >= {"ConditionalCheckFailedException", "TransactionCanceledException"}


def test_orders_in_every_kind_of_trouble(mirror):
    """Passes over orders as the product makes them, one call of each going wrong."""
    for number, scenario in enumerate(SCENARIOS[::4]):
        world = World(store=EngineStore(Table(mirror, "MainTable")), watching=False)
        scenario.begin(world)
        trouble = OF_WRITES[number % len(OF_WRITES)]
        gate = Gate(1 + number % 7, trouble, lambda s=scenario, w=world: s.meanwhile(w))
        world.run(KEY, known=scenario.known, gate=gate)
        world.land()
        world.settle()
        mirror.empty("MainTable")


@pytest.mark.parametrize("act", ACTS)
def test_the_tables_of_the_product(mirror, act):
    """Twice, so that each write also meets what it wrote before."""
    before = mirror.asked
    act(mirror)
    act(mirror)
    assert mirror.asked > before


def test_a_difference_is_seen(mirror):
    """The comparison itself: an engine that forgets a write is caught."""
    forgetful = mirror.engines["dynoxide"]
    put = {"TableName": "MainTable", "Item": {"pk": {"S": "a"}, "sk": {"S": "b"}, "n": {"N": "1"}}}
    mirror.put_item(**put)
    forgetful.delete_item(TableName="MainTable", Key={"pk": {"S": "a"}, "sk": {"S": "b"}})
    with pytest.raises(Disagreement):
        mirror.get_item(TableName="MainTable", Key={"pk": {"S": "a"}, "sk": {"S": "b"}}, ConsistentRead=True)
    forgetful.put_item(**put)
