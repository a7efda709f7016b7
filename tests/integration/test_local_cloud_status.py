"""The status page: what it shows, what its buttons do, and who may press them."""

import json
import time

import pytest

from local.faults import read_faults
from tests.integration.shop import acting, forget_messages, merchant_of, still
from tests.integration.test_local_cloud import eventually, fetch


@pytest.fixture(scope="module")
def open_cloud(cloud):
    with acting(cloud):
        yield cloud


@pytest.fixture
def quiet(open_cloud):
    """A cloud whose faults are off again afterwards, and whose messages are gone."""
    yield open_cloud
    open_cloud.switches.set()
    forget_messages(open_cloud)
    for queue in ("OrdersDeadLetters", "StreamFailures"):
        open_cloud.client("sqs").purge_queue(QueueUrl=open_cloud.resource(queue))


def status(cloud):
    return json.loads(fetch(cloud.status_url + ".json")[2])


def one(cloud, kind, **wanted):
    (found,) = [item for item in status(cloud)[kind] if wanted.items() <= item.items()]
    return found


def press(cloud, button, body, **headers):
    """As the page's own form does it; the status, and where it leads."""
    origin = {"Origin": cloud.mailbox_url.rstrip("/")} | headers
    return fetch(f"{cloud.status_url}/{button}", method="POST", body=body.encode(), headers=origin)[0]


def test_everything_that_runs_is_shown(quiet):
    quiet.run_schedule("release")
    told = status(quiet)
    assert {item["name"] for item in told["functions"]} == set(quiet.functions.functions)
    assert {item["name"] for item in told["queues"]} == set(quiet.template.of_type("AWS::SQS::Queue"))
    assert [(item["alive"], item["restarts"]) for item in told["engines"]] == [(True, 0)] * 3
    assert {item["expression"] for item in told["schedules"]} >= {"rate(1 minute)", "rate(5 minutes)"}
    assert all(item["next"] > time.time() for item in told["schedules"])
    assert {item["table"] for item in told["streams"]} == {"MainTable"}
    release = one(quiet, "functions", name="release")
    assert release["calls"] and release["processes"] and release["p95"] >= release["p50"] > 0
    assert one(quiet, "queues", name="OrdersDeadLetters")["of"] == "OrdersQueue"


def test_nothing_about_anybody_is_shown(quiet):
    with merchant_of(quiet) as merchant:
        [code] = merchant.restock("MONTH", cards=1) if merchant.sell("MONTH") else ()
        with quiet.faults(fail=1.0, only=("delivery",)):
            assert merchant.pay("SECRET-ORDER-1", ("MONTH", 1)).status == 200
            eventually(lambda: one(quiet, "functions", name="delivery")["last_error"])
        quiet.wait_idle()
        secrets = (code, merchant.address("SECRET-ORDER-1"), merchant.token("SECRET-ORDER-1"), "SECRET-ORDER")
        for path in ("", ".json"):
            text = fetch(quiet.status_url + path)[2].decode()
            assert not [secret for secret in secrets if secret in text]
            assert quiet.bootstrap_secret() not in text


def test_dead_letters_go_back_to_where_they_came_from(quiet):
    with still(quiet):
        sqs = quiet.client("sqs")
        kind = {"kind": {"DataType": "String", "StringValue": "x"}}
        for body in ("first", "second"):
            sqs.send_message(
                QueueUrl=quiet.resource("OrdersDeadLetters"), MessageBody=body, MessageAttributes=kind
            )
        assert one(quiet, "queues", name="OrdersDeadLetters")["waiting"] == 2
        assert b"redrive" in fetch(quiet.status_url)[2]
        assert press(quiet, "redrive", "queue=OrdersDeadLetters") == 200
        assert one(quiet, "queues", name="OrdersDeadLetters")["waiting"] == 0
        found = sqs.receive_message(
            QueueUrl=quiet.resource("OrdersQueue"), MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        )["Messages"]
        assert {message["Body"] for message in found} == {"first", "second"}
        assert found[0]["MessageAttributes"]["kind"]["StringValue"] == "x"
        assert press(quiet, "redrive", "queue=OrdersQueue") == 400


def test_buttons_kill_run_and_switch(quiet):
    before = one(quiet, "functions", name="sealer")["processes"] or [0]
    assert press(quiet, "kill", "function=sealer") == 200
    assert press(quiet, "run", "function=sealer") == 200
    eventually(lambda: one(quiet, "schedules", function="sealer")["last"])
    eventually(lambda: set(one(quiet, "functions", name="sealer")["processes"]) - set(before))
    assert press(quiet, "faults", "duplicate=0.25&delay=1-2&seed=5&lose=&only=allocation") == 200
    assert status(quiet)["faults"] == [{"duplicate": 0.25, "delay": "1-2", "seed": 5, "only": ["allocation"]}]
    assert b'value="0.25"' in fetch(quiet.status_url)[2]
    assert press(quiet, "faults", "duplicate=7") == 400
    assert press(quiet, "faults", "") == 200
    assert status(quiet)["faults"] == []


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Host": "evil.example:80"}]
)
def test_no_other_page_can_press_a_button(quiet, headers):
    assert press(quiet, "faults", "lose=1", **headers) == 403
    assert fetch(f"{quiet.status_url}/faults", method="POST", body=b"lose=1")[0] == 403
    assert status(quiet)["faults"] == []


def test_the_page_works_with_and_without_scripts(quiet, chromium):
    complaints = []
    for scripts in (True, False):
        context = chromium.new_context(java_script_enabled=scripts)
        page = context.new_page()
        page.on("console", lambda line: complaints.append(line.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(quiet.status_url)
        page.fill("input[name=duplicate]", "0.5")
        page.click("text=switch on")
        assert page.input_value("input[name=duplicate]") == "0.5"
        page.click("text=all off")
        assert page.input_value("input[name=duplicate]") == ""
        context.close()
    context = chromium.new_context()
    page = context.new_page()
    page.goto(quiet.mailbox_url)
    page.click("text=status")
    quiet.switches.set(*read_faults(["lose=0.75"]))
    page.wait_for_selector("input[name=lose][value='0.75']")
    context.close()
    assert complaints == []
