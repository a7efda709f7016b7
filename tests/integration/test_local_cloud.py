"""The local cloud on a small system of its own: HTTP, a queue, a table, its stream, a schedule."""

import base64
import http.client
import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from local import engines
from local.cloud import Cloud
from local.engines import EngineError
from local.functions import FunctionError
from local.template import TemplateError

TEMPLATE = """
Parameters:
  PublicUrl: { Type: String, Default: "" }
  MailFrom: { Type: String, Default: "" }
Globals:
  Function:
    Handler: app.handler
    Timeout: 5
    Environment: { Variables: { THINGS: !Ref Things, SEEN: !Ref Seen, JOBS: !Ref Jobs } }
Resources:
  Things:
    Type: AWS::DynamoDB::Table
    Properties:
      AttributeDefinitions: [{ AttributeName: pk, AttributeType: S }]
      KeySchema: [{ AttributeName: pk, KeyType: HASH }]
      StreamSpecification: { StreamViewType: NEW_AND_OLD_IMAGES }
  Seen:
    Type: AWS::DynamoDB::Table
    Properties:
      AttributeDefinitions: [{ AttributeName: pk, AttributeType: S }]
      KeySchema: [{ AttributeName: pk, KeyType: HASH }]
  DeadLetters: { Type: AWS::SQS::Queue }
  Jobs:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: 1
      RedrivePolicy: { deadLetterTargetArn: !GetAtt DeadLetters.Arn, maxReceiveCount: 2 }
  Failures: { Type: AWS::SQS::Queue }
  Key: { Type: AWS::KMS::Key, Properties: { Description: wraps } }
  KeyAlias: { Type: AWS::KMS::Alias, Properties: { AliasName: alias/sample, TargetKeyId: !Ref Key } }
  Files:
    Type: AWS::S3::Bucket
    Properties: { CorsConfiguration: { CorsRules: [{ AllowedMethods: [POST], AllowedOrigins: ["*"] }] } }
  BootstrapSecret:
    Type: AWS::SecretsManager::Secret
    Properties: { GenerateSecretString: { PasswordLength: 48, ExcludePunctuation: true } }
  Role: { Type: AWS::IAM::Role }
  Api: { Type: AWS::Serverless::HttpApi }
  Front:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/front/
      Timeout: 1
      Environment: { Variables: { OWN: front, KEY: !GetAtt Key.Arn } }
      Events:
        Make: { Type: HttpApi, Properties: { ApiId: !Ref Api, Method: POST, Path: "/things/{id}" } }
        Echo: { Type: HttpApi, Properties: { ApiId: !Ref Api, Method: ANY, Path: "/echo/{proxy+}" } }
        Exact: { Type: HttpApi, Properties: { ApiId: !Ref Api, Method: GET, Path: /echo/exact } }
        One: { Type: HttpApi, Properties: { ApiId: !Ref Api, Method: GET, Path: "/echo/{one}" } }
  Work:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/work/
      Events:
        Messages:
          Type: SQS
          Properties:
            Queue: !GetAtt Jobs.Arn
            BatchSize: 10
            FunctionResponseTypes: [ReportBatchItemFailures]
  Watch:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/watch/
      Events:
        Changes:
          Type: DynamoDB
          Properties:
            Stream: !GetAtt Things.StreamArn
            StartingPosition: TRIM_HORIZON
            BatchSize: 20
            FunctionResponseTypes: [ReportBatchItemFailures]
            BisectBatchOnFunctionError: true
            MaximumRetryAttempts: 1
            DestinationConfig: { OnFailure: { Type: SQS, Destination: !GetAtt Failures.Arn } }
            FilterCriteria: { Filters: [{ Pattern: '{"dynamodb":{"Keys":{"pk":{"S":[{"prefix":"O#"}]}}}}' }] }
  Tick:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/tick/
      Events: { Clock: { Type: ScheduleV2, Properties: { ScheduleExpression: rate(1 minute) } } }
Outputs:
  Url: { Value: !Sub "https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}" }
"""

HANDLERS = {
    "front": """
        import boto3, json, os, time
        tables = boto3.client("dynamodb")
        queues = boto3.client("sqs")
        calls = []
        def handler(event, context):
            path = event["rawPath"]
            if path.startswith("/things"):
                thing = event["pathParameters"]["id"]
                tables.put_item(TableName=os.environ["THINGS"], Item={"pk": {"S": "A#" + thing}})
                queues.send_message(QueueUrl=os.environ["JOBS"], MessageBody=json.dumps({"id": thing}))
                return {"made": thing}
            if path == "/echo/crash":
                raise ValueError("crash")
            if path == "/echo/slow":
                time.sleep(30)
            if path == "/echo/alone":
                calls.append(path)
                time.sleep(0.2)
                busy = len(calls)
                calls.pop()
                return {"busy": busy, "pid": os.getpid()}
            if path == "/echo/environment":
                return dict(os.environ)
            if path == "/echo/binary":
                return {"statusCode": 201, "isBase64Encoded": True, "body": "AAE=",
                        "headers": {"Content-Type": "image/png"}, "cookies": ["a=1", "b=2"]}
            return event
        """,
    "work": """
        import boto3, json, os
        tables = boto3.client("dynamodb")
        def handler(event, context):
            failed = []
            for record in event["Records"]:
                job = json.loads(record["body"])
                if job["id"].startswith("bad"):
                    failed.append({"itemIdentifier": record["messageId"]})
                    continue
                tables.update_item(TableName=os.environ["THINGS"], Key={"pk": {"S": "O#" + job["id"]}},
                    UpdateExpression="SET kept = :r ADD times :one",
                    ExpressionAttributeValues={":r": {"S": json.dumps(record)}, ":one": {"N": "1"}})
            return {"batchItemFailures": failed}
        """,
    "watch": """
        import boto3, json, os
        tables = boto3.client("dynamodb")
        def handler(event, context):
            for record in event["Records"]:
                if "poison" in record["dynamodb"]["Keys"]["pk"]["S"]:
                    raise ValueError("poison")
            for record in event["Records"]:
                tables.update_item(TableName=os.environ["SEEN"], Key=record["dynamodb"]["Keys"],
                    UpdateExpression="SET kept = :r ADD times :one",
                    ExpressionAttributeValues={":r": {"S": json.dumps(record)}, ":one": {"N": "1"}})
        """,
    "tick": """
        def handler(event, context):
            print("ticked")
            return {"event": event, "left": context.get_remaining_time_in_millis(),
                    "name": context.function_name, "arn": context.invoked_function_arn,
                    "memory": context.memory_limit_in_mb, "id": context.aws_request_id}
        """,
}

# A runner of its own for the crash tests: says where it is, then waits to be killed.
RUNNER = """
import sys
from pathlib import Path
from local.cloud import Cloud
with Cloud(Path(sys.argv[1]), template=Path(sys.argv[2])) as cloud:
    print("ready", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def sample_template(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample")
    for name, code in HANDLERS.items():
        (folder / "functions" / name).mkdir(parents=True)
        lines = code.strip("\n").splitlines()
        (folder / "functions" / name / "app.py").write_text("\n".join(line[8:] for line in lines))
    (folder / "template.yaml").write_text(TEMPLATE)
    return folder / "template.yaml"


@pytest.fixture(scope="module")
def sample(tmp_path_factory, sample_template):
    with pytest.MonkeyPatch.context() as user:
        user.setenv("AWS_PROFILE", "somebody")
        user.setenv("AWS_ACCESS_KEY_ID", "AKIASOMEBODY")
        user.setenv("AWS_REGION", "eu-west-3")
        user.setenv("AWS_ENDPOINT_URL", "https://somewhere.example")
        user.setenv("AWS_ENDPOINT_URL_DYNAMODB", "https://somewhere.example")
        user.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        with Cloud(
            tmp_path_factory.mktemp("data"), fresh=True, quiet=True, template=sample_template
        ) as cloud:
            yield cloud


def fetch(url, method="GET", body=None, headers=None):
    """Status, headers, body, without any proxy."""
    request = urllib.request.Request(url, data=body, method=method, headers=headers or {})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.headers, refused.read()


def event_of(cloud, path, **request):
    return json.loads(fetch(cloud.url + path, **request)[2])


def eventually(check, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.02)
    return found


def item(cloud, table, pk):
    return (
        cloud.client("dynamodb").get_item(TableName=cloud.resource(table), Key={"pk": {"S": pk}}).get("Item")
    )


def send(cloud, thing, **how):
    body = json.dumps({"id": thing})
    cloud.client("sqs").send_message(QueueUrl=cloud.resource("Jobs"), MessageBody=body, **how)


def take_all(cloud, queue):
    """Every message of a queue, taken off it."""
    sqs, url, found = cloud.client("sqs"), cloud.resource(queue), []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            found.append(json.loads(message["Body"]))
    return found


def test_an_event_has_the_shape_of_payload_2(sample):
    headers = {"Cookie": "a=1; b=2", "X-Mixed": "Case", "User-Agent": "test"}
    event = event_of(sample, "/echo/a%20b/%C3%A9?x=1&x=2&y=%26", headers=headers)
    assert event["routeKey"] == "ANY /echo/{proxy+}"
    assert event["rawPath"] == "/echo/a b/é"
    assert event["rawQueryString"] == "x=1&x=2&y=%26"
    assert event["queryStringParameters"] == {"x": "1,2", "y": "&"}
    assert event["pathParameters"] == {"proxy": "a b/é"}
    assert event["cookies"] == ["a=1", "b=2"]
    assert event["headers"]["x-mixed"] == "Case"
    assert "cookie" not in event["headers"]
    assert "body" not in event
    context = event["requestContext"]
    assert context["http"]["sourceIp"] == "127.0.0.1"
    assert context["http"]["userAgent"] == "test"
    assert sample.url == f"http://{context['domainName']}"
    assert re.fullmatch(r"\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000", context["time"])
    assert abs(context["timeEpoch"] - time.time() * 1000) < 5000


def test_the_most_specific_route_wins(sample):
    assert event_of(sample, "/echo/exact")["routeKey"] == "GET /echo/exact"
    assert event_of(sample, "/echo/other")["routeKey"] == "GET /echo/{one}"
    assert event_of(sample, "/echo/exact", method="PUT")["routeKey"] == "ANY /echo/{proxy+}"
    assert fetch(sample.url + "/elsewhere")[0] == 404
    assert json.loads(fetch(sample.url + "/things/1")[2]) == {"message": "Not Found"}


@pytest.mark.parametrize(
    ("kind", "body", "text"),
    [
        ("application/json; charset=utf-8", '{"名": 1}'.encode(), True),
        ("text/csv", b"a,b", True),
        ("application/x-www-form-urlencoded", b"a=b", False),
        ("application/octet-stream", b"\x00\xff", False),
        ("application/json", b"\xff\xfe", False),
    ],
)
def test_bodies_arrive_as_text_or_base64(sample, kind, body, text):
    event = event_of(sample, "/echo/body/x", method="POST", body=body, headers={"Content-Type": kind})
    assert event["isBase64Encoded"] is not text
    assert (event["body"].encode() if text else base64.b64decode(event["body"])) == body


def test_an_answer_keeps_status_cookies_and_bytes(sample):
    status, headers, body = fetch(sample.url + "/echo/binary")
    assert (status, body, headers["content-type"]) == (201, b"\x00\x01", "image/png")
    assert headers.get_all("set-cookie") == ["a=1", "b=2"]
    status, headers, body = fetch(sample.url + "/echo/binary", method="HEAD")
    assert (status, body, headers["content-length"]) == (201, b"", "2")


def test_one_connection_serves_many_requests_and_chunked_bodies(sample):
    connection = http.client.HTTPConnection(sample.url.removeprefix("http://"))
    for _ in range(3):
        connection.request("GET", "/echo/again/x")
        assert json.loads(connection.getresponse().read())["version"] == "2.0"
    connection.request(
        "POST", "/echo/chunks/x", iter([b"ab", b"cd"]), {"Content-Type": "text/plain"}, encode_chunked=True
    )
    assert json.loads(connection.getresponse().read())["body"] == "abcd"
    connection.close()


def test_failures_look_like_those_of_the_gateway(sample):
    assert fetch(sample.url + "/echo/crash")[::2] == (500, b'{"message": "Internal Server Error"}')
    assert fetch(sample.url + "/echo/slow")[::2] == (503, b'{"message": "Service Unavailable"}')
    assert fetch(sample.url + "/echo/fine")[0] == 200
    assert fetch(sample.url + "/echo/x", method="POST", body=bytes(10 * 1024 * 1024 + 1))[0] == 413


def test_a_process_has_one_call_at_a_time(sample):
    answers = []
    calls = [
        threading.Thread(target=lambda: answers.append(event_of(sample, "/echo/alone"))) for _ in range(6)
    ]
    for call in calls:
        call.start()
    for call in calls:
        call.join()
    assert {answer["busy"] for answer in answers} == {1}
    assert len({answer["pid"] for answer in answers}) == 2


def test_a_function_sees_its_own_variables_and_nothing_of_the_users_account(sample):
    seen = event_of(sample, "/echo/environment")
    assert seen["OWN"] == "front"
    assert seen["KEY"].endswith(sample.resource("Key"))
    assert seen["THINGS"] == sample.resource("Things")
    assert seen["AWS_ACCESS_KEY_ID"] == "local"
    assert seen["AWS_REGION"] == "us-east-1"
    assert "AWS_PROFILE" not in seen
    assert not [name for name, value in seen.items() if "somewhere" in value]
    assert seen["NO_PROXY"] == "127.0.0.1,localhost"
    assert "OWN" not in sample.environment_of("work")
    assert sample.environment["OWN"] == "front"


def test_a_request_goes_through_queue_table_and_stream(sample):
    assert fetch(sample.url + "/things/whole", method="POST")[::2] == (200, b'{"made": "whole"}')
    sample.wait_idle()
    record = json.loads(item(sample, "Things", "O#whole")["kept"]["S"])
    assert record["eventSource"] == "aws:sqs"
    assert record["eventSourceARN"].endswith(":cardcourier-local-Jobs")
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    change = json.loads(item(sample, "Seen", "O#whole")["kept"]["S"])
    assert change["eventName"] == "INSERT"
    assert change["dynamodb"]["NewImage"]["pk"] == {"S": "O#whole"}
    assert isinstance(change["dynamodb"]["ApproximateCreationDateTime"], int | float)
    assert item(sample, "Seen", "A#whole") is None


def test_message_attributes_arrive_in_lambdas_shape(sample):
    send(sample, "attributes", MessageAttributes={"kind": {"DataType": "String", "StringValue": "x"}})
    sample.wait_idle()
    record = json.loads(item(sample, "Things", "O#attributes")["kept"]["S"])
    assert record["messageAttributes"]["kind"]["stringValue"] == "x"
    assert record["messageAttributes"]["kind"]["dataType"] == "String"


@pytest.mark.fault("queues: partial", "queues: poison")
def test_only_the_failed_message_of_a_batch_comes_back_and_dies(sample):
    entries = [{"Id": name, "MessageBody": json.dumps({"id": name})} for name in ("p1", "bad", "p2", "p3")]
    sample.client("sqs").send_message_batch(QueueUrl=sample.resource("Jobs"), Entries=entries)
    dead = eventually(lambda: take_all(sample, "DeadLetters"))
    assert dead == [{"id": "bad"}]
    for name in ("p1", "p2", "p3"):
        assert item(sample, "Things", f"O#{name}")["times"] == {"N": "1"}


def test_a_delayed_message_comes_late_and_counts_as_work(sample):
    began = time.monotonic()
    send(sample, "late", DelaySeconds=2)
    with pytest.raises(TimeoutError, match="cardcourier-local-Jobs"):
        sample.wait_idle(1)
    sample.wait_idle()
    assert time.monotonic() - began >= 2
    assert item(sample, "Things", "O#late")


@pytest.mark.fault("streams: bisected")
def test_a_poisoned_record_is_cut_out_and_reported_by_position_only(sample):
    tables, name = sample.client("dynamodb"), sample.resource("Things")
    keys = [f"O#pool-{n}" for n in range(7)] + ["O#poison"] + [f"O#pool-{n}" for n in range(7, 15)]
    for key in keys:
        tables.put_item(TableName=name, Item={"pk": {"S": key}})
    sample.wait_idle()
    assert all(item(sample, "Seen", key) for key in keys if "pool" in key)
    (note,) = take_all(sample, "Failures")
    info = note["DDBStreamBatchInfo"]
    assert info["batchSize"] == 1
    assert info["startSequenceNumber"] == info["endSequenceNumber"]
    assert note["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert "poison" not in json.dumps(note)


def test_a_write_that_changes_nothing_is_no_change(sample):
    for _ in range(3):
        sample.client("dynamodb").put_item(TableName=sample.resource("Things"), Item={"pk": {"S": "O#same"}})
    sample.wait_idle()
    assert item(sample, "Seen", "O#same")["times"] == {"N": "1"}


def test_a_schedule_runs_when_told_to(sample):
    answer = sample.run_schedule("tick")
    assert answer["event"]["source"] == "aws.scheduler"
    assert 4000 < answer["left"] <= 5000
    assert (answer["name"], answer["memory"]) == ("tick", 128)
    assert "ticked" in sample.log.read_text()


def test_a_function_can_be_called_by_either_name_and_its_failure_is_an_error(sample):
    assert sample.invoke("Front", {"rawPath": "/echo/x"}) == {"rawPath": "/echo/x"}
    with pytest.raises(FunctionError, match="front: ValueError: crash"):
        sample.invoke("front", {"rawPath": "/echo/crash"})
    with pytest.raises(TemplateError, match="no function is called back"):
        sample.invoke("back", {})


def test_an_expired_or_altered_link_is_refused(sample):
    s3, bucket = sample.client("s3"), sample.resource("Files")
    s3.put_object(Bucket=bucket, Key="a/report.csv", Body=b"1,2")
    place = {"Bucket": bucket, "Key": "a/report.csv"}
    link = s3.generate_presigned_url("get_object", Params=place, ExpiresIn=1)
    assert fetch(link)[::2] == (200, b"1,2")
    assert fetch(link[:-4] + "0000")[0] == 403
    time.sleep(2)
    assert fetch(link)[0] == 403


def test_mails_are_shown_newest_first_and_harmless(sample):
    for subject, page in (
        ("first", "<b>1</b>"),
        ("卡密 <2>", '<script>alert(1)</script><a href="/x">"go"</a>'),
    ):
        text = {"Text": {"Data": "plain"}, "Html": {"Data": page}}
        content = {"Simple": {"Subject": {"Data": subject}, "Body": text}}
        to = {"ToAddresses": ["buyer@example.com"]}
        sender = "cards@cardcourier.example"
        sample.client("sesv2").send_email(FromEmailAddress=sender, Destination=to, Content=content)
    newest, first = sample.mails()
    assert (newest["subject"], first["subject"]) == ("卡密 <2>", "first")
    assert newest["to"] == ["buyer@example.com"]
    assert json.loads(fetch(sample.mailbox_url + "messages.json")[2]) == [newest, first]
    status, headers, page = fetch(sample.mailbox_url)
    assert status == 200
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "卡密 &lt;2&gt;" in page.decode()
    assert b"<script" not in page
    assert b'<iframe sandbox="allow-popups' in page
    assert fetch(sample.mailbox_url, headers={"Host": "evil.example"})[0] == 403


def test_outputs_and_secret_are_those_of_this_machine(sample):
    assert sample.outputs == {"Url": sample.url}
    assert re.fullmatch(r"[A-Za-z0-9]{48}", sample.bootstrap_secret())


def test_nothing_listens_beyond_this_machine(sample):
    ports = {sample.tables.port, sample.services.port, int(sample.url.rpartition(":")[2])}
    listening = [line.split()[1:4:2] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    open_at = {
        int(local.split(":")[1], 16): local.split(":")[0] for local, state in listening if state == "0A"
    }
    assert {open_at[port] for port in ports} == {"0100007F"}


@pytest.mark.parametrize("which", [("services",), ("tables",), ("parent",), ("tables", "services", "parent")])
def test_what_dies_is_started_again(sample, which):
    before, killed = sample.restarts.copy(), [getattr(sample, name) for name in which]
    for one in killed:
        one.process.kill()
    eventually(lambda: sum((sample.restarts - before).values()) == len(killed))
    assert sample.restarts - before == {one.name: 1 for one in killed}
    name = f"revived-{len(which)}-{which[0]}"
    eventually(lambda: fetch(f"{sample.url}/things/{name}", method="POST")[0] == 200)
    sample.wait_idle()
    assert item(sample, "Seen", f"O#{name}")

    def told():
        pids = json.loads((sample.data / "cloud.json").read_text())["pids"]
        return {pids["services"], pids["tables"], pids["functions"]}

    # What commands beside us are told is written last, once everything that was made is there again.
    running = [sample.services, sample.tables, sample.parent]
    eventually(lambda: told() == {one.process.pid for one in running})


def test_an_outage_ends(sample):
    with sample.outage():
        assert fetch(sample.url + "/things/lost", method="POST")[0] in (500, 503)
    eventually(lambda: fetch(sample.url + "/things/found", method="POST")[0] == 200)
    sample.wait_idle()
    assert item(sample, "Seen", "O#found")


def test_a_function_with_an_endpoint_elsewhere_is_not_started(sample, monkeypatch):
    work = sample.functions.functions["work"]
    away = {"AWS_ENDPOINT_URL_KMS": "https://kms.us-east-1.amazonaws.com"}
    monkeypatch.setitem(sample.functions.functions, "work", replace(work, variables=away))
    with pytest.raises(EngineError, match=r"kms\.us-east-1"):
        sample.environment_of("work")
    with pytest.raises(EngineError, match=r"kms\.us-east-1"):
        sample.functions.warm()


def test_two_functions_with_different_values_for_one_name_are_refused(sample, monkeypatch):
    work = sample.functions.functions["work"]
    monkeypatch.setitem(sample.functions.functions, "work", replace(work, variables={"OWN": "work"}))
    with pytest.raises(TemplateError, match="OWN is 'work' in work and 'front' in another"):
        _ = sample.environment


def test_a_second_table_engine_steps_in_and_says_so(sample_template, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(engines, "dynoxide", lambda: None)
    with Cloud(tmp_path / "second", template=sample_template) as cloud:
        assert "dynoxide is not installed" in capsys.readouterr().err
        assert cloud.tables is cloud.services
        assert fetch(cloud.url + "/things/x", method="POST")[0] == 200
        cloud.wait_idle()
        assert item(cloud, "Seen", "O#x")["times"] == {"N": "1"}
    with Cloud(tmp_path / "second", template=sample_template, quiet=True) as cloud:
        assert item(cloud, "Seen", "O#x")["times"] == {"N": "1"}


@contextmanager
def running(data, template):
    """A cloud in a process of its own."""
    command = [sys.executable, "-c", RUNNER, str(data), str(template)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=engines.ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            assert process.stdout.readline() == "ready\n"
            yield process, json.loads((data / "cloud.json").read_text())
        finally:
            process.kill()


def test_nothing_acknowledged_is_lost_when_everything_is_killed(sample_template, tmp_path):
    data = tmp_path / "crash"
    acknowledged = []

    def keep_posting(url):
        for n in range(10_000):
            try:
                if fetch(f"{url}/things/k{n}", method="POST")[0] == 200:
                    acknowledged.append(f"k{n}")
            except OSError:
                return

    with running(data, sample_template) as (process, state):
        services = engines.client("kms", f"http://127.0.0.1:{state['ports']['services']}")
        context = {"purpose": "card"}
        key = services.generate_data_key(
            KeyId=state["environment"]["KEY"], NumberOfBytes=32, EncryptionContext=context
        )
        objects = engines.client("s3", f"http://127.0.0.1:{state['ports']['services']}")
        objects.put_object(Bucket="cardcourier-local-files", Key="kept", Body=b"kept")
        posting = threading.Thread(target=keep_posting, args=(state["url"],))
        posting.start()
        eventually(lambda: len(acknowledged) > 20)
        for pid in (state["pids"]["tables"], state["pids"]["services"], process.pid):
            os.kill(pid, 9)
        posting.join()

    with Cloud(data, quiet=True, template=sample_template) as cloud:
        assert cloud.url == state["url"]
        for thing in acknowledged:
            assert item(cloud, "Things", f"A#{thing}"), f"{thing} was acknowledged and is gone"
        opened = cloud.client("kms").decrypt(CiphertextBlob=key["CiphertextBlob"], EncryptionContext=context)
        assert opened["Plaintext"] == key["Plaintext"]
        assert (
            cloud.client("s3").get_object(Bucket=cloud.resource("Files"), Key="kept")["Body"].read()
            == b"kept"
        )
        cloud.wait_idle()
        stored = cloud.client("dynamodb").scan(TableName=cloud.resource("Things"))["Items"]
        for thing in [one["pk"]["S"] for one in stored if one["pk"]["S"].startswith("O#")]:
            assert item(cloud, "Seen", thing), f"the stream lost {thing}"

    (data / "services" / "state" / "kms.json").unlink()
    with pytest.raises(EngineError, match="the key Key of this data folder is gone"):
        Cloud(data, quiet=True, template=sample_template).__enter__()
    with Cloud(data, quiet=True, fresh=True, template=sample_template) as cloud:
        assert cloud.client("dynamodb").scan(TableName=cloud.resource("Things"))["Count"] == 0


def test_a_restart_reads_the_stream_on_from_where_it_was(sample_template, tmp_path, monkeypatch):
    with Cloud(tmp_path / "twice", quiet=True, template=sample_template) as cloud:
        fetch(cloud.url + "/things/once", method="POST")
        cloud.wait_idle()
        monkeypatch.setattr("local.cloud.LOCK_SECONDS", 0.1)
        with pytest.raises(EngineError, match="another local cloud"):
            Cloud(tmp_path / "twice", quiet=True, template=sample_template).__enter__()
    with Cloud(tmp_path / "twice", quiet=True, template=sample_template) as cloud:
        cloud.wait_idle()
        assert item(cloud, "Seen", "O#once")["times"] == {"N": "1"}


def test_everything_the_real_template_deploys_runs_here(cloud):
    assert cloud.problems == {}
    folders = {path.parent.name for path in (engines.ROOT / "functions").glob("*/app.py")}
    assert set(cloud.functions.functions) == folders
    assert cloud.outputs["ApiUrl"] == cloud.url == cloud.environment["PUBLIC_URL"]
    for scheduled in ("release", "sealer"):
        cloud.run_schedule(scheduled)
    cloud.wait_idle()
