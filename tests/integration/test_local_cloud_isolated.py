"""Isolated functions: interpreters, variables, layers, time and memory of their own, and a kill of one."""

import os
import threading
import time

import pytest

from local.cloud import Cloud
from local.engines import ROOT
from local.faults import Switches
from local.functions import FunctionError
from tests.integration.shop import Browser, acting, merchant_of
from tests.integration.test_local_cloud import eventually

TEMPLATE = """
Parameters: { PublicUrl: { Type: String, Default: "" }, MailFrom: { Type: String, Default: "" } }
Globals: { Function: { Handler: app.handler, Timeout: 20, Layers: [!Ref CoreLayer, !Ref SharedLayer] } }
Resources:
  CoreLayer: { Type: AWS::Serverless::LayerVersion, Properties: { ContentUri: layers/core/ } }
  WebLayer: { Type: AWS::Serverless::LayerVersion, Properties: { ContentUri: layers/web/ } }
  SharedLayer: { Type: AWS::Serverless::LayerVersion, Properties: { ContentUri: shared/ } }
  Plain:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/plain/
      Timeout: 2
      MemorySize: 200
      Environment: { Variables: { OWN: plain } }
  Paged:
    Type: AWS::Serverless::Function
    Properties: { CodeUri: functions/paged/, Layers: [!Ref WebLayer] }
  Greedy:
    Type: AWS::Serverless::Function
    Properties: { CodeUri: functions/greedy/ }
"""

PLAIN = """
import importlib, os, sys, time
import boto3, cardcourier
loaded = os.getpid(), sys.flags.isolated
def handler(event, context):
    match event["do"]:
        case "import":
            importlib.import_module(event["name"])
        case "sleep":
            time.sleep(event["seconds"])
        case "eat":
            eaten = bytearray(event["megabytes"] << 20)
            time.sleep(1.5)
            return len(eaten)
        case "service":
            boto3.client(event["name"])
    return {"pid": os.getpid(), "isolated": sys.flags.isolated, "environment": dict(os.environ),
            "path": sys.path}
"""
PAGED = """
import jinja2
def handler(event, context):
    return jinja2.Template("{{ 1 + 1 }}").render()
"""
GREEDY = """
import yaml
def handler(event, context):
    return "never"
"""


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    folder = tmp_path_factory.mktemp("isolated")
    (folder / "template.yaml").write_text(TEMPLATE)
    for name in ("layers", "shared"):
        (folder / name).symlink_to(ROOT / name)
    for name, code in {"plain": PLAIN, "paged": PAGED, "greedy": GREEDY}.items():
        (folder / "functions" / name).mkdir(parents=True)
        (folder / "functions" / name / "app.py").write_text(code)
    with Cloud(folder / "data", quiet=True, template=folder / "template.yaml", isolate=True) as cloud:
        yield cloud


def plain(alone, do="tell", **wishes):
    return alone.invoke("plain", {"do": do, **wishes})


def test_an_isolated_function_has_an_interpreter_and_variables_of_its_own(alone, monkeypatch):
    told = plain(alone)
    assert told["isolated"] == 1
    assert told["environment"] == alone.environment_of("plain")
    assert not [entry for entry in told["path"] if "site-packages" in entry or entry == str(ROOT)]
    assert plain(alone)["pid"] == told["pid"]
    alone.cold_start()
    assert plain(alone)["pid"] != told["pid"]


def test_what_its_layers_do_not_hold_cannot_be_imported(alone):
    for name in ("boto3", "cryptography.fernet", "pynamodb.models", "cardcourier.domain.orders"):
        plain(alone, "import", name=name)
    for name in ("jinja2", "yaml", "pytest", "tests", "bench", "xlsxwriter"):
        with pytest.raises(FunctionError, match="ModuleNotFoundError"):
            plain(alone, "import", name=name)
    assert alone.invoke("paged", {}) == "2"


def test_botocore_knows_the_services_that_ship_and_no_others(alone):
    plain(alone, "service", name="dynamodb")
    with pytest.raises(FunctionError, match="UnknownServiceError"):
        plain(alone, "service", name="ec2")


def test_a_function_that_asks_for_more_than_its_layers_is_a_problem_from_the_start(alone):
    assert [(name, problem.kind) for name, problem in alone.problems.items()] == [
        ("greedy", "Runtime.ImportModuleError")
    ]
    with pytest.raises(FunctionError, match="No module named 'yaml'"):
        alone.invoke("greedy", {})


def test_a_call_is_cut_off_at_its_time_out_and_its_process_is_gone(alone):
    pid = plain(alone)["pid"]
    began = time.monotonic()
    with pytest.raises(FunctionError) as cut:
        plain(alone, "sleep", seconds=30)
    assert cut.value.kind == "Sandbox.Timedout"
    assert 2 <= time.monotonic() - began < 8
    assert plain(alone)["pid"] != pid


def test_a_call_that_takes_more_memory_than_it_has_is_killed(alone):
    assert plain(alone, "eat", megabytes=20) == 20 << 20
    with pytest.raises(FunctionError) as killed:
        plain(alone, "eat", megabytes=400)
    assert killed.value.kind == "Runtime.OutOfMemory"
    assert plain(alone)["isolated"] == 1


def test_a_kill_of_one_function_ends_its_calls_and_touches_no_other(alone):
    ends = []

    def call():
        try:
            ends.append(plain(alone, "sleep", seconds=1.8))
        except FunctionError as killed:
            ends.append(killed.kind)

    other = alone.functions.processes("paged")
    calls = [threading.Thread(target=call) for _ in range(2)]
    for one in calls:
        one.start()
    eventually(lambda: len(alone.functions._busy["plain"]) == 2)
    assert alone.kill("plain") == 2
    for one in calls:
        one.join()
    assert ends == ["Runtime.ExitError"] * 2
    assert plain(alone)["isolated"] == 1
    assert alone.functions.processes("paged") == other and alone.invoke("paged", {}) == "2"


def test_a_process_that_somebody_else_killed_while_idle_costs_no_call(alone):
    pid = plain(alone)["pid"]
    os.kill(pid, 9)
    eventually(lambda: alone.functions._idle["plain"][-1].lost)
    assert plain(alone)["pid"] != pid


@pytest.mark.parametrize("isolate", [False, True], ids=["forked", "isolated"])
def test_an_order_is_delivered_and_shown_in_either_mode(request, tmp_path, isolate):
    if not isolate:
        flow(request.getfixturevalue("cloud"))
        return
    with Cloud(tmp_path / "data", quiet=True, isolate=True) as cloud:
        assert cloud.problems == {}
        flow(cloud)


def flow(cloud):
    with acting(cloud), merchant_of(cloud) as merchant:
        merchant.sell("MONTH", cards=3)
        # While a fault is on, what a killed call held comes back at once.
        with cloud.faults(delay=(1, 2), only=("allocation",)):
            assert merchant.pay("A-1", ("MONTH", 2)).status == 200
            eventually(lambda: cloud.kill("allocation"))
            cloud.wait_idle(60)
        cloud.run_schedule("release")
        cloud.wait_idle(60)
        assert merchant.counts("A-1") == {"DELIVERED": 2}
        assert len(merchant.mails("A-1")) == 1
        answer = Browser(cloud).program(f"/r/{merchant.token('A-1')}/reveal")
        assert {card["code"] for card in answer.json["cards"]} < set(merchant.codes.values())


def test_no_fault_is_on_unless_asked_for():
    assert Switches().active == () and Switches().at_aws("allocation") is None
