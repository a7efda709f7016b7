"""Messages that were given up: seen without their contents, moved back once and for all, never lost."""

import json

import pytest

from cardcourier.adapters.queues import order_body
from cardcourier_cli.ops import dlq
from cardcourier_cli.ops.dead_letters import Letters, redrive
from cardcourier_cli.ops.stream_failures import Stretches
from tests.integration.shop import Merchant, acting, raw_items
from tests.integration.test_cli import data

PLACES = {
    "ORDERS_DEAD_LETTERS_URL": "OrdersDeadLetters",
    "STREAM_FAILURES_URL": "StreamFailures",
    "SCHEDULE_DEAD_LETTERS_URL": "ScheduleDeadLetters",
}


@pytest.fixture(scope="module")
def open_cloud(cloud):
    with acting(cloud):
        yield cloud


@pytest.fixture
def merchant(open_cloud, monkeypatch):
    for variable, place in PLACES.items():
        monkeypatch.setenv(variable, open_cloud.resource(place))
    merchant = Merchant(open_cloud)
    merchant.sell("MONTH", cards=3)
    yield merchant
    for place in PLACES.values():
        Letters(open_cloud.client("sqs"), open_cloud.resource(place)).empty()


@pytest.fixture
def cli(merchant, monkeypatch, capsys):
    from cardcourier_cli.main import ending_of

    monkeypatch.setenv("LANG", "C.UTF-8")

    def called(reach, function, event):
        return merchant.cloud.invoke(function.rpartition(":")[2], event)

    monkeypatch.setattr(dlq._Reach, "_call", called)

    def run(*arguments):
        capsys.readouterr()
        code = ending_of(["ops", "dlq", *map(str, arguments)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def put(cloud, place, body):
    text = body if isinstance(body, str) else json.dumps(body)
    cloud.client("sqs").send_message(QueueUrl=cloud.resource(place), MessageBody=text)


def test_what_was_given_up_is_counted_and_shown_without_its_contents(cli, merchant):
    assert cli("list")[0] == 0
    put(merchant.cloud, "OrdersDeadLetters", {**order_body(merchant.key_of("A-1")), "card": "KM-SECRET-1"})
    put(merchant.cloud, "OrdersDeadLetters", "no json KM-SECRET-2")

    code, out, _ = cli("list")

    assert code == 1
    assert {"queue": "orders", "waiting": 2, "in_hand": 0} in json.loads(out)
    code, out, err = cli("show", "orders")
    found = {one["kind"]: one for one in json.loads(out)}
    assert found["order"]["names"]["order"] == "A-1"
    assert found["order"]["fields"] == ["card", "kind", "order", "shop", "tenant"]
    assert found["order"]["age_seconds"] < 60 and "unknown" in found
    assert "KM-SECRET" not in out + err
    assert json.loads(cli("list")[1])[0]["waiting"] == 2, "looking takes nothing away"


@pytest.mark.fault("queues: redrive")
def test_a_redriven_message_is_worked_on_and_gone(cli, merchant):
    merchant.cloud.wait_idle()
    put(merchant.cloud, "OrdersDeadLetters", order_body(merchant.key_of("A-2")))
    assert cli("redrive", "orders", "--dry-run")[0] == 0
    assert json.loads(cli("list")[1])[0]["waiting"] == 1

    assert data(cli("redrive", "orders", "--max-per-second", "100")) == [
        {"queue": "orders", "moved": 1, "failed": 0}
    ]

    merchant.cloud.wait_idle()
    assert json.loads(cli("list")[1])[0] == {"queue": "orders", "waiting": 0, "in_hand": 0}


def test_a_purge_wants_the_name_twice(cli, merchant):
    put(merchant.cloud, "OrdersDeadLetters", "x")
    assert cli("purge", "orders", "order")[0] == 2
    assert data(cli("purge", "orders", "orders")) == [{"queue": "orders", "deleted": 1}]
    assert cli("redrive", "nothing")[0] == 2


def stretch_of(merchant, function):
    """The note for the whole stream, as Lambda writes it for a batch that it gave up."""
    streams = merchant.cloud.client("dynamodbstreams")
    arn = streams.list_streams(TableName=merchant.cloud.resource("MainTable"))["Streams"][0]["StreamArn"]
    shard = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
    iterator = streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    numbers, position = [], iterator["ShardIterator"]
    while position:
        answer = streams.get_records(ShardIterator=position, Limit=1000)
        numbers += [
            record["dynamodb"]["SequenceNumber"]
            for record in answer["Records"]
            if merchant.id in record["dynamodb"]["Keys"]["pk"]["S"]
        ]
        position = answer.get("NextShardIterator") if answer["Records"] else None
    return {
        "requestContext": {
            "functionArn": f"arn:aws:lambda:eu-west-1:123456789012:function:{function}",
            "condition": "RetryAttemptsExhausted",
        },
        "DDBStreamBatchInfo": {
            "shardId": shard,
            "startSequenceNumber": numbers[0],
            "endSequenceNumber": numbers[-1],
            "batchSize": len(numbers),
            "streamArn": arn,
        },
    }


def journal(merchant):
    return [item for item in raw_items("JOURNAL_TABLE") if merchant.id in item["pk"]["S"]]


def forget_journal(merchant):
    table = merchant.cloud.client("dynamodb")
    for item in journal(merchant):
        key = {name: item[name] for name in ("pk", "sk")}
        table.delete_item(TableName=merchant.cloud.resource("JournalTable"), Key=key)


@pytest.mark.fault("streams: replayed")
def test_a_stretch_of_the_stream_is_read_again_while_it_exists(cli, merchant):
    merchant.pay("A-1", ("MONTH", 1))
    merchant.cloud.wait_idle()
    before = journal(merchant)
    assert before
    put(merchant.cloud, "StreamFailures", stretch_of(merchant, "projection"))
    forget_journal(merchant)
    shown = json.loads(cli("show", "stream")[1])[0]
    assert (shown["kind"], shown["names"]["function"]) == ("stream", "projection")
    assert shown["error"] == "RetryAttemptsExhausted"

    code, out, err = cli("redrive", "stream")
    assert (code, json.loads(out)) == (0, [{"queue": "stream", "moved": 1, "failed": 0}]), err

    found = {(item["pk"]["S"], item["sk"]["S"]): item for item in journal(merchant)}
    assert found == {(item["pk"]["S"], item["sk"]["S"]): item for item in before}


@pytest.mark.fault("streams: day")
def test_a_stretch_that_is_gone_is_made_good_from_the_items(cli, merchant, monkeypatch):
    merchant.pay("A-1", ("MONTH", 1))
    merchant.cloud.wait_idle()
    note = stretch_of(merchant, "projection")
    note["DDBStreamBatchInfo"]["shardId"] = "shardId-00000000000000000000-gone"
    put(merchant.cloud, "StreamFailures", note)
    views = [item for item in raw_items("VIEWS_TABLE") if item["pk"]["S"].startswith(f"A#{merchant.id}")]
    table = merchant.cloud.client("dynamodb")
    for item in views:
        key = {name: item[name] for name in ("pk", "sk")}
        table.delete_item(TableName=merchant.cloud.resource("ViewsTable"), Key=key)

    monkeypatch.setattr(Stretches, "_records", gone)
    code, _, err = cli("redrive", "stream")

    assert code == 0 and "records are gone" in err
    again = [item for item in raw_items("VIEWS_TABLE") if item["pk"]["S"].startswith(f"A#{merchant.id}")]
    assert views and again == views


def gone(self, stretch):
    from cardcourier_cli.ops.stream_failures import StreamGone

    raise StreamGone


def test_a_schedules_failed_run_is_run_again(cli, merchant):
    note = {
        "requestContext": {
            "functionArn": "arn:aws:lambda:r:1:function:release",
            "condition": "RetriesExhausted",
        },
        "requestPayload": {"source": "aws.scheduler"},
    }
    put(merchant.cloud, "ScheduleDeadLetters", note)
    put(merchant.cloud, "ScheduleDeadLetters", {"nobody": "knows"})
    assert {one["kind"] for one in json.loads(cli("show", "schedule")[1])} == {"schedule", "unknown"}

    code, out, err = cli("redrive", "schedule")

    assert (code, json.loads(out)) == (5, [{"queue": "schedule", "moved": 1, "failed": 1}])
    assert "LookupError" in err


@pytest.mark.fault("queues: redrive")
def test_a_crash_between_sending_and_deleting_leaves_the_message_twice_and_never_nowhere(merchant):
    sqs = merchant.cloud.client("sqs")
    letters = Letters(sqs, merchant.cloud.resource("ReportDeadLetters"))
    put(merchant.cloud, "ReportDeadLetters", {"n": 1})
    sent = []

    class Dies(Letters):
        def delete(self, message):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        redrive(Dies(sqs, letters.url), sent.append, per_second=100, wait=False, complain=None)
    assert len(sent) == 1 and sum(letters.counts().values()) == 1
