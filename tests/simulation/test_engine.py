"""What the table engine can do beyond answering: two phases, conflicts, lag, tokens, throttling, streams.

That its answers are those of a table engine is shown by `test_engine_agrees`.
"""

from dataclasses import dataclass, field
from decimal import Decimal

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from cardcourier.adapters.stream_records import changes
from local.engines import CREDENTIALS, ROOT
from local.template import REGION, Template
from tests.simulation.engine import Engine, Weather, refusal

MAIN = "MainTable"
TEMPLATE = Template(ROOT / "template.yaml", {"Stage": "test"})


@dataclass
class Told(Weather):
    """Weather by hand: `lags` by index, "" for the table itself; what is `slow` by hash key."""

    time: int = 1_000_000
    lags: dict = field(default_factory=dict)
    slow: set = field(default_factory=set)
    older: bool = True

    def now(self):
        return self.time

    def lag(self, table, index):
        return self.lags.get(index, 0)

    def shows_older(self, table):
        return self.older

    def throttles(self, operation, table, index, pk):
        return pk in self.slow


@pytest.fixture
def weather():
    return Told()


@pytest.fixture
def engine(weather):
    return Engine.of_template(TEMPLATE, weather)


@pytest.fixture
def client(engine):
    return engine.client()


def key(pk="P#1", sk="a"):
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def item(pk="P#1", sk="a", **more):
    return {**key(pk, sk), **more}


def number(value):
    return {"N": str(value)}


def put(client, *names, **more):
    client.put_item(TableName=MAIN, Item=item(*names, **more))


def get(client, *names, consistent=True):
    return client.get_item(TableName=MAIN, Key=key(*names), ConsistentRead=consistent).get("Item")


def putting(*names, absent=False, **more):
    condition = {"ConditionExpression": "attribute_not_exists(pk)"} if absent else {}
    return {"Put": {"TableName": MAIN, "Item": item(*names, **more), **condition}}


def deleting(*names, **more):
    return {"Delete": {"TableName": MAIN, "Key": key(*names), **more}}


def code(failed):
    return failed.value.response["Error"]["Code"]


def reasons(failed):
    return [reason["Code"] for reason in failed.value.response["CancellationReasons"]]


def prepared_by(engine, *parts):
    """The first phase alone; answers with what is prepared."""
    found = []

    def hold(call):
        found.append(call.prepare())
        return {}

    engine.client(hold).transact_write_items(TransactItems=list(parts))
    return found[0]


def refused(what, *args, **kwargs):
    with pytest.raises(ClientError) as failed:
        what(*args, **kwargs)
    return failed


# -- two phases -------------------------------------------------------------------------------------------


class TestPrepared:
    def test_reads_see_the_old_state_until_it_commits(self, engine, client):
        put(client, v=number(1))
        prepared = prepared_by(engine, putting(v=number(2)), putting("P#2"))
        assert (get(client)["v"], get(client, "P#2")) == (number(1), None)

        prepared.commit()
        assert (get(client)["v"], get(client, "P#2")) == (number(2), key("P#2"))

    def test_its_items_are_refused_to_every_other_write(self, engine, client):
        prepared = prepared_by(engine, putting())
        assert code(refused(put, client)) == "TransactionConflictException"
        assert code(refused(client.delete_item, TableName=MAIN, Key=key())) == "TransactionConflictException"
        lost = refused(client.transact_write_items, TransactItems=[putting("P#2"), deleting()])
        assert (code(lost), reasons(lost)) == (
            "TransactionCanceledException",
            ["None", "TransactionConflict"],
        )
        left = client.batch_write_item(RequestItems={MAIN: [{"PutRequest": {"Item": item()}}]})
        assert left["UnprocessedItems"] == {MAIN: [{"PutRequest": {"Item": item()}}]}

        prepared.abort()
        put(client)

    def test_checked_items_are_held_too(self, engine, client):
        check = {"TableName": MAIN, "Key": key(), "ConditionExpression": "attribute_not_exists(pk)"}
        prepared_by(engine, {"ConditionCheck": check}, putting("P#2"))
        assert code(refused(put, client)) == "TransactionConflictException"

    def test_what_was_given_up_leaves_nothing(self, engine, client):
        prepared = prepared_by(engine, putting())
        prepared.abort()
        assert prepared.commit() == {}
        assert get(client) is None

    def test_every_part_has_its_reason(self, engine, client, weather):
        put(client)
        prepared_by(engine, putting("P#2"))
        weather.slow.add("P#3")
        told = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        parts = [putting(absent=True), putting("P#2"), putting("P#3"), putting("P#4")]
        parts[0]["Put"].update(told)
        lost = refused(client.transact_write_items, TransactItems=parts)
        assert reasons(lost) == ["ConditionalCheckFailed", "TransactionConflict", "ThrottlingError", "None"]
        assert lost.value.response["CancellationReasons"][0]["Item"] == item()

    def test_no_item_twice_in_one(self, client):
        twice = refused(client.transact_write_items, TransactItems=[putting(), deleting()])
        assert code(twice) == "ValidationException"


# -- tokens -----------------------------------------------------------------------------------------------


class TestTokens:
    def counting(self, pk="P#1"):
        values = {":one": number(1)}
        return {
            "Update": {
                "TableName": MAIN,
                "Key": key(pk),
                "UpdateExpression": "ADD n :one",
                "ExpressionAttributeValues": values,
            }
        }

    def test_a_repeat_has_no_second_effect_for_ten_minutes(self, client, weather):
        asked = {"TransactItems": [self.counting()], "ClientRequestToken": "t"}
        client.transact_write_items(**asked)
        weather.time += 599_999
        client.transact_write_items(**asked)
        assert get(client)["n"] == number(1)

        weather.time += 1
        client.transact_write_items(**asked)
        assert get(client)["n"] == number(2)

    def test_another_request_under_the_same_token(self, client):
        client.transact_write_items(TransactItems=[self.counting()], ClientRequestToken="t")
        other = refused(
            client.transact_write_items, TransactItems=[self.counting("P#2")], ClientRequestToken="t"
        )
        assert code(other) == "IdempotentParameterMismatchException"

    def test_a_repeat_before_the_commit(self, engine):
        codes = []

        def retry_first(call):
            prepared = call.prepare()
            codes.append(code(refused(call.send)))
            prepared.commit()
            return call.send()

        client = engine.client(retry_first)
        client.transact_write_items(TransactItems=[self.counting()])
        assert codes == ["TransactionInProgressException"]
        assert engine.items(MAIN)["P#1", "a"]["n"] == number(1)

    def test_what_was_cancelled_may_come_again(self, client):
        put(client)
        asked = {"TransactItems": [putting(absent=True)], "ClientRequestToken": "t"}
        refused(client.transact_write_items, **asked)
        client.delete_item(TableName=MAIN, Key=key())
        client.transact_write_items(**asked)
        assert get(client) == item()

    def test_without_them_a_repeat_is_a_second_request(self, engine):
        def twice(call):
            call.send()
            return call.send()

        for tokens, times in ((True, 1), (False, 2)):
            pk = f"P#{tokens}"
            engine.client(twice, tokens=tokens).transact_write_items(TransactItems=[self.counting(pk)])
            assert engine.items(MAIN)[pk, "a"]["n"] == number(times)


# -- lag --------------------------------------------------------------------------------------------------


def due(client, part, **options):
    answer = client.query(
        TableName=MAIN,
        IndexName="due",
        KeyConditionExpression="d = :d",
        ExpressionAttributeValues={":d": {"S": part}},
        **options,
    )
    return [(found["pk"]["S"], int(found["due"]["N"])) for found in answer["Items"]]


class TestLag:
    def test_an_index_shows_a_change_when_its_lag_is_over(self, client, weather):
        weather.lags = {"due": 50}
        put(client, d={"S": "D"}, due=number(7))
        weather.time += 49
        assert due(client, "D") == []
        weather.time += 1
        assert due(client, "D") == [("P#1", 7)]

    def test_the_old_entry_stays_until_it_is_replaced(self, client, weather):
        put(client, d={"S": "D"}, due=number(7))
        weather.lags = {"due": 50}
        put(client, d={"S": "E"}, due=number(8))
        assert (due(client, "D"), due(client, "E")) == ([("P#1", 7)], [])
        client.delete_item(TableName=MAIN, Key=key())
        assert due(client, "D") == [("P#1", 7)]
        weather.time += 50
        assert (due(client, "D"), due(client, "E")) == ([], [])

    def test_the_changes_of_one_entry_keep_their_order(self, client, weather):
        weather.lags = {"due": 50}
        put(client, d={"S": "D"}, due=number(7))
        weather.lags = {}
        client.delete_item(TableName=MAIN, Key=key())
        weather.time += 50
        assert due(client, "D") == []

    def test_a_lagging_table_shows_older_versions_to_weak_reads_alone(self, client, weather):
        put(client, v=number(1))
        weather.lags = {"": 50}
        put(client, v=number(2))
        client.delete_item(TableName=MAIN, Key=key(), ConditionExpression="v = :v", **value_of(2))
        assert get(client) is None
        assert get(client, consistent=False)["v"] == number(1)
        assert rows(client, ConsistentRead=True) == []
        assert rows(client) == [number(1)]
        weather.older = False
        assert (get(client, consistent=False), rows(client)) == (None, [])
        weather.older = True
        weather.time += 50
        assert (get(client, consistent=False), rows(client)) == (None, [])

    def test_a_new_item_is_not_there_yet(self, client, weather):
        weather.lags = {"": 50}
        put(client, v=number(1))
        assert (get(client, consistent=False), rows(client)) == (None, [])
        assert rows(client, ConsistentRead=True) == [number(1)]
        assert client.scan(TableName=MAIN)["Items"] == []


def value_of(value):
    return {"ExpressionAttributeValues": {":v": number(value)}}


def rows(client, **options):
    values = {":pk": {"S": "P#1"}}
    answer = client.query(
        TableName=MAIN, KeyConditionExpression="pk = :pk", ExpressionAttributeValues=values, **options
    )
    return [found["v"] for found in answer["Items"]]


# -- throttling -------------------------------------------------------------------------------------------


class TestThrottling:
    def test_of_single_requests(self, client, weather):
        weather.slow.add("P#1")
        for call in (lambda: put(client), lambda: get(client), lambda: rows(client)):
            assert code(refused(call)) == "ProvisionedThroughputExceededException"
        put(client, "P#2")

    def test_of_batches(self, client, weather):
        put(client, "P#2")
        weather.slow.add("P#1")
        puts = [{"PutRequest": {"Item": item(pk)}} for pk in ("P#1", "P#3")]
        assert client.batch_write_item(RequestItems={MAIN: puts})["UnprocessedItems"] == {MAIN: puts[:1]}
        asked = {MAIN: {"Keys": [key("P#1"), key("P#2")], "ConsistentRead": True}}
        answer = client.batch_get_item(RequestItems=asked)
        assert answer["Responses"] == {MAIN: [item("P#2")]}
        assert answer["UnprocessedKeys"] == {MAIN: {"Keys": [key("P#1")], "ConsistentRead": True}}
        alone = refused(client.batch_get_item, RequestItems={MAIN: {"Keys": [key("P#1")]}})
        assert code(alone) == "ProvisionedThroughputExceededException"


# -- streams, observers, snapshots ------------------------------------------------------------------------


class TestStream:
    def test_the_product_reads_it(self, engine, client):
        put(client, n=number(1), sealed={"B": b"x"}, tags={"SS": ["b", "a"]})
        put(client, n=number(2), list={"L": [{"M": {"x": number(1)}}]})
        put(client, n=number(2), list={"L": [{"M": {"x": number(1)}}]})
        client.delete_item(TableName=MAIN, Key=key())
        client.put_item(TableName="VaultTable", Item={"pk": {"S": "v"}})

        records = engine.records(MAIN)
        read = changes({"Records": [record.event() for record in records]})
        names = {"pk": "P#1", "sk": "a"}
        first, second = {**names, "n": 1, "tags": {"a", "b"}}, {**names, "n": 2, "list": [{"x": 1}]}
        assert [(one.key, one.before, one.after) for one in read] == [
            (names, None, first),
            (names, first, second),
            (names, second, None),
        ]
        assert [record.event()["eventName"] for record in records] == ["INSERT", "MODIFY", "REMOVE"]
        assert records[0].event()["dynamodb"]["NewImage"]["sealed"] == {"B": "eA=="}
        assert sorted(record.number for record in records) == [record.number for record in records]

    def test_observers_see_each_commit_as_a_whole(self, engine, client):
        seen = []
        put(client)
        engine.observers.append(seen.append)
        client.transact_write_items(TransactItems=[deleting(), putting("P#2")])
        put(client, "P#2")
        ((gone, came),) = seen
        assert (gone.table, gone.key, gone.old, gone.new) == (MAIN, ("P#1", "a"), item(), None)
        assert (came.key, came.old, came.new) == (("P#2", "a"), None, item("P#2"))

    def test_a_snapshot_is_all_there_was(self, engine, client, weather):
        put(client, d={"S": "D"}, due=number(7))
        weather.lags = {"due": 50, "": 50}
        put(client, d={"S": "D"}, due=number(8))
        state = engine.snapshot()
        client.delete_item(TableName=MAIN, Key=key())
        put(client, "P#2")
        engine.restore(state)
        assert list(engine.items(MAIN)) == [("P#1", "a")]
        assert (due(client, "D"), len(engine.records(MAIN))) == ([("P#1", 7)], 2)
        assert get(client, consistent=False)["due"] == number(7)
        weather.time += 50
        assert due(client, "D") == [("P#1", 8)]


# -- what it does not know --------------------------------------------------------------------------------


class TestRefusals:
    @pytest.mark.parametrize(
        "request_",
        [
            {"ReturnConsumedCapacity": "TOTAL"},
            {"Expected": {}},
            {"ConditionalOperator": "AND"},
        ],
    )
    def test_no_option_is_passed_over(self, client, request_):
        with pytest.raises(NotImplementedError):
            client.put_item(TableName=MAIN, Item=item(), **request_)

    def test_no_operation_is_made_up(self, client):
        with pytest.raises(NotImplementedError):
            client.transact_get_items(TransactItems=[])
        with pytest.raises(NotImplementedError):
            client.query(
                TableName=MAIN,
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": {"S": "x"}},
                Select="SPECIFIC_ATTRIBUTES",
            )

    def test_items_are_no_larger_than_the_real_ones(self, client):
        put(client, text={"S": "x" * (400 * 1024 - 15)})
        assert code(refused(put, client, text={"S": "x" * (400 * 1024)})) == "ValidationException"

    def test_a_page_is_no_larger_than_a_megabyte(self, client):
        for name in "abcdef":
            put(client, "P#1", name, v=number(1), text={"S": "x" * 300_000})
        values = {":pk": {"S": "P#1"}}
        page = client.query(
            TableName=MAIN, KeyConditionExpression="pk = :pk", ExpressionAttributeValues=values
        )
        assert (page["Count"], page["LastEvaluatedKey"]) == (4, key("P#1", "d"))

    def test_sums_are_exact(self, client):
        put(client, n=number("0.1"))
        client.update_item(
            TableName=MAIN,
            Key=key(),
            UpdateExpression="ADD n :n",
            ExpressionAttributeValues={":n": number("0.20")},
        )
        assert Decimal(get(client)["n"]["N"]) == Decimal("0.3")


# -- a real client ----------------------------------------------------------------------------------------


class TestCarried:
    @pytest.fixture
    def real(self):
        config = Config(parameter_validation=False, retries={"mode": "standard", "total_max_attempts": 3})
        client = boto3.client(
            "dynamodb",
            region_name=REGION,
            endpoint_url="http://127.0.0.1:9",
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            config=config,
        )
        yield client
        client.close()

    @pytest.fixture(autouse=True)
    def no_waiting(self, monkeypatch):
        monkeypatch.setattr("botocore.endpoint.time.sleep", lambda seconds: None)

    def test_it_speaks_with_the_engine(self, engine, real):
        engine.carry(real)
        sealed = {"M": {"B": {"B": b"\0\xff"}, "set": {"BS": [b"1"]}}}
        put(real, sealed=sealed, n=number(1))
        assert get(real) == item(sealed=sealed, n=number(1)) == engine.items(MAIN)["P#1", "a"]
        parts = [putting(absent=True), putting("P#2")]
        parts[0]["Put"]["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        lost = refused(real.transact_write_items, TransactItems=parts)
        assert reasons(lost) == ["ConditionalCheckFailed", "None"]
        assert lost.value.response["CancellationReasons"][0]["Item"] == get(real)
        failed = refused(
            real.put_item,
            TableName=MAIN,
            Item=item(),
            ConditionExpression="attribute_not_exists(pk)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
        assert (code(failed), failed.value.response["Item"]) == (
            "ConditionalCheckFailedException",
            get(real),
        )

    def test_its_own_retries_meet_the_faults(self, engine, real):
        def lost_answer(call):
            call.send()
            raise ReadTimeoutError(endpoint_url="engine")

        def never_sent(call):
            raise ConnectionClosedError(endpoint_url="engine")

        def throttled(call):
            raise refusal("ProvisionedThroughputExceededException", call.operation)

        def broken(call):
            raise refusal("InternalServerError", call.operation)

        faults = []
        engine.carry(real, lambda call: faults.pop(0)(call) if faults else call.send())

        faults[:] = [lost_answer, throttled]
        real.transact_write_items(TransactItems=[putting(absent=True)])
        assert (get(real), faults) == (item(), [])

        faults[:] = [lost_answer]
        condition = {"ConditionExpression": "attribute_not_exists(pk)"}
        own = refused(real.put_item, TableName=MAIN, Item=item("P#2"), **condition)
        assert code(own) == "ConditionalCheckFailedException"

        faults[:] = [never_sent, broken, throttled]
        assert code(refused(put, real, "P#3")) == "ProvisionedThroughputExceededException"
        assert get(real, "P#3") is None
