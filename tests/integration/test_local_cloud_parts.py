"""What the local cloud understands of a template, a pattern, a schedule and an answer."""

import json
import socket
from datetime import UTC, datetime

import pytest

from local import engines
from local.cron import Cron, seconds_between
from local.engines import EngineError, client, create_tables, require_loopback
from local.faults import FaultError, Faults, Switches, read_faults
from local.figures import redacted
from local.filters import parse, passes
from local.queues import failed_ids
from local.template import Template, TemplateError

TEMPLATE = """
Parameters:
  Stage: { Type: String, Default: dev, AllowedValues: [dev, local] }
  Url: { Type: String, Default: "", AllowedPattern: "^$|^https?://.+$" }
Mappings: { Days: { dev: { Keep: 3 }, local: { Keep: 1 } } }
Conditions:
  HasUrl: !Not [!Equals [!Ref Url, ""]]
  Both: !And [!Condition HasUrl, !Or [!Equals [!Ref Stage, local], !Equals [a, b]]]
Globals:
  Function: { Timeout: 9, Layers: [one], Environment: { Variables: { A: shared, B: shared } } }
Resources:
  Table: { Type: T, Properties: {} }
  Odd: { Type: T, Condition: Both }
  Work:
    Type: AWS::Serverless::Function
    Properties:
      Timeout: 5
      Layers: [two]
      Environment: { Variables: { B: own, C: !If [HasUrl, !Sub "${Url}/${Table.Arn}", !Ref AWS::NoValue] } }
Outputs:
  Name: { Value: !Join ["-", [!Select [1, [x, y]], !FindInMap [Days, !Ref Stage, Keep], !Sub "${!kept}"]] }
"""


def named(logical, attribute):
    return f"{logical}.{attribute}" if attribute else logical


@pytest.fixture
def template(tmp_path):
    def read(**parameters):
        path = tmp_path / "template.yaml"
        path.write_text(TEMPLATE)
        return Template(path, parameters)

    return read


def test_parameters_decide_conditions_and_resources(template):
    assert "Odd" not in template().resources
    assert "Odd" in template(Stage="local", Url="http://127.0.0.1:1").resources


def test_a_function_has_the_globals_and_what_is_its_own(template):
    read = template(Url="http://x")
    function = read.resolve(read.function_properties()["Work"], named)
    assert function == {
        "Timeout": 5,
        "Layers": ["one", "two"],
        "Environment": {"Variables": {"A": "shared", "B": "own", "C": "http://x/Table.Arn"}},
    }


def test_no_value_takes_its_key_away(template):
    read = template()
    variables = read.resolve(read.function_properties()["Work"], named)["Environment"]["Variables"]
    assert variables == {"A": "shared", "B": "own"}


def test_outputs_are_resolved(template):
    assert template(Stage="local").outputs(named) == {"Name": "y-1-${kept}"}


@pytest.mark.parametrize("wrong", [{"Stage": "prod"}, {"Url": "ftp://x"}])
def test_a_value_the_deployment_would_refuse_is_refused(template, wrong):
    with pytest.raises(TemplateError, match=next(iter(wrong))):
        template(**wrong)


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ({"pk": {"S": [{"prefix": "O#"}]}}, True),
        ({"pk": {"S": [{"prefix": "P#"}]}}, False),
        ({"pk": {"S": ["O#1", "x"]}}, True),
        ({"pk": {"S": [{"anything-but": ["O#1"]}]}}, False),
        ({"pk": {"S": [{"anything-but": {"prefix": "P#"}}]}}, True),
        ({"gone": {"S": [{"exists": False}]}}, True),
        ({"gone": {"S": [{"exists": True}]}}, False),
        ({"gone": {"S": [{"anything-but": ["x"]}]}}, False),
        ({"n": [1], "pk": {"S": [{"exists": True}]}}, True),
        ({"n": ["1"]}, False),
        ({"n": [None, 1]}, True),
    ],
)
def test_a_filter_lets_through_what_matches(pattern, matches):
    criteria = {"Filters": [{"Pattern": json.dumps(pattern)}]}
    assert passes(parse(criteria), {"pk": {"S": "O#1"}, "n": 1}) is matches


def test_one_matching_filter_is_enough_and_none_lets_all_through():
    patterns = [{"Pattern": '{"n": [2]}'}, {"Pattern": '{"n": [1]}'}]
    assert passes(parse({"Filters": patterns}), {"n": 1})
    assert passes(parse(None), {"n": 1})


def test_a_rule_nobody_follows_is_refused_at_the_start():
    with pytest.raises(TemplateError, match="numeric"):
        parse({"Filters": [{"Pattern": '{"a": {"b": [{"numeric": [">", 1]}]}}'}]})


@pytest.mark.parametrize(
    ("answer", "failed"),
    [
        (None, set()),
        ({}, set()),
        ("done", set()),
        ({"batchItemFailures": []}, set()),
        ({"batchItemFailures": None}, set()),
        ({"batchItemFailures": [{"itemIdentifier": "b"}]}, {"b"}),
        ({"batchItemFailures": [{"itemIdentifier": ""}]}, None),
        ({"batchItemFailures": [{"itemIdentifier": None}]}, None),
        ({"batchItemFailures": [{"itemIdentifier": "stranger"}]}, None),
        ({"batchItemFailures": [{"other": "b"}]}, None),
        ({"batchItemFailures": "b"}, None),
    ],
)
def test_what_a_function_reports_as_failed(answer, failed):
    assert failed_ids(answer, {"a", "b"}) == failed


def test_rates_are_times_between_runs():
    assert seconds_between("rate(1 minute)") == 60
    assert seconds_between("rate(5 minutes)") == 300
    assert seconds_between("rate(2 hours)") == 7200
    assert seconds_between("rate(0 minutes)") is None


@pytest.mark.parametrize(
    ("expression", "runs"),
    [
        ("0 3 * * ? *", ["2026-11-25 03:00", "2026-11-26 03:00"]),
        ("*/20 23 * * ? *", ["2026-11-24 23:00", "2026-11-24 23:20", "2026-11-24 23:40", "2026-11-25 23:00"]),
        ("15 10 ? * MON-FRI *", ["2026-11-25 10:15", "2026-11-26 10:15", "2026-11-27 10:15"]),
        ("0 0 ? * FRI-MON *", ["2026-11-27 00:00", "2026-11-28 00:00", "2026-11-29 00:00"]),
        ("0 8,20 1 * ? *", ["2026-12-01 08:00", "2026-12-01 20:00", "2027-01-01 08:00"]),
        ("0 0 L * ? *", ["2026-11-30 00:00", "2026-12-31 00:00"]),
        ("0 0 ? * 6L *", ["2026-11-27 00:00", "2026-12-25 00:00"]),
        ("0 9 ? * TUE#1 *", ["2026-12-01 09:00", "2027-01-05 09:00"]),
        ("0 9 15W 8 ? *", ["2027-08-16 09:00", "2028-08-15 09:00"]),
        ("0 0 29 FEB ? *", ["2028-02-29 00:00", "2032-02-29 00:00"]),
        ("0 0 1 1 ? 2027-2028", ["2027-01-01 00:00", "2028-01-01 00:00", None]),
    ],
)
def test_crons_run_when_eventbridge_would(expression, runs):
    moment, found = datetime(2026, 11, 24, 22, 30, tzinfo=UTC), []
    for _ in runs:
        moment = moment and Cron(f"cron({expression})").after(moment)
        found.append(f"{moment:%Y-%m-%d %H:%M}" if moment else None)
    assert found == runs


def test_a_cron_may_follow_the_clocks_of_a_place():
    night = datetime(2026, 11, 24, 22, 30, tzinfo=UTC)
    assert Cron("cron(0 8 * * ? *)", "Asia/Shanghai").after(night) == datetime(2026, 11, 25, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("at(2026-11-24T00:00:00)", "follows rate"),
        ("cron(0 3 * * *)", "follows rate"),
        ("cron(0 3 * * * *)", "must be [?]"),
        ("cron(0 3 ? * ? *)", "must be [?]"),
        ("cron(60 3 * * ? *)", "60 is not from 0 to 59"),
        ("cron(0 3 ? * XYZ *)", "XYZ"),
        ("cron(0/0 3 * * ? *)", "step"),
    ],
)
def test_a_schedule_eventbridge_would_refuse_is_refused(expression, why):
    with pytest.raises(TemplateError, match=why):
        Cron(expression)


def test_faults_are_read_from_words():
    everywhere, allocation = read_faults(["duplicate=0.3", "delay=50-400", "seed=7", "allocation:lose=0.2"])
    assert (everywhere.duplicate, everywhere.delay, everywhere.seed) == (0.3, (50, 400), 7)
    assert (allocation.lose, allocation.seed, allocation.only) == (0.2, 7, {"allocation"})
    for wrong in ("duplicate", "duplicate=2", "duplicate=x", "delay=9-1", "explode=1", "seed=x"):
        with pytest.raises(FaultError):
            read_faults([wrong])


def test_the_same_seed_gives_the_same_faults_and_another_others():
    def drawn(seed):
        switches = Switches()
        switches.set(Faults(lose=0.5, seed=seed))
        return [switches.strikes("lose", "allocation") for _ in range(40)]

    assert drawn(1) == drawn(1) != drawn(2)
    assert {True, False} == set(drawn(1))


def test_faults_of_one_function_leave_the_others_alone():
    switches = Switches()
    with switches.on(Faults(lose=1.0, error=1.0, seed=3, only=frozenset({"allocation"}))) as happened:
        assert switches.strikes("lose", "allocation") and not switches.strikes("lose", "delivery")
        assert switches.at_aws("allocation")["error"] == 1.0 and switches.at_aws("delivery") is None
    assert happened == {"lose": 1}
    assert not switches.strikes("lose", "allocation")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("'card'", "'card'"),
        ("card AB12-CD34 is gone", "card … is gone"),
        ("buyer@example.com refused", "… refused"),
        ("first line\nsecond line", "first line"),
        ("x" * 30, "…"),
    ],
)
def test_the_text_of_an_error_tells_nothing_about_anybody(text, told):
    assert redacted(text) == told


@pytest.mark.parametrize(
    "url",
    ["https://dynamodb.us-east-1.amazonaws.com", "http://10.0.0.1:8000", "http://127.0.0.1.evil.example"],
)
def test_an_endpoint_elsewhere_is_refused(url):
    with pytest.raises(EngineError, match="not on this machine"):
        require_loopback(url)


def test_tables_are_made_on_either_engine_and_once(each_engine_endpoint, real_template):
    tables = client("dynamodb", each_engine_endpoint)
    names = create_tables(tables, real_template, prefix="parts-")
    assert create_tables(tables, real_template, prefix="parts-") == names
    main = tables.describe_table(TableName=names["MainTable"])["Table"]
    assert {index["IndexName"] for index in main["GlobalSecondaryIndexes"]} == {"card", "due"}
    assert main["StreamSpecification"]["StreamViewType"] == "NEW_AND_OLD_IMAGES"


def test_an_engine_whose_port_was_taken_meanwhile_starts_on_another(tmp_path, monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        ports, free = [taken.getsockname()[1]], engines.free_port
        monkeypatch.setattr(engines, "free_port", lambda wish=0: ports.pop() if ports else free())
        engine = engines.start_tables(tmp_path / "tables")
        try:
            assert engine.alive and engine.port != taken.getsockname()[1]
        finally:
            engine.stop()
