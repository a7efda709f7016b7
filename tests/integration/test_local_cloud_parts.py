"""What the local cloud understands of a template, a pattern, a schedule and an answer."""

import json

import pytest

from local.engines import EngineError, client, create_tables, require_loopback
from local.filters import parse, passes
from local.queues import failed_ids
from local.schedules import seconds_between
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


def test_schedules_are_rates():
    assert seconds_between("rate(1 minute)") == 60
    assert seconds_between("rate(5 minutes)") == 300
    assert seconds_between("rate(2 hours)") == 7200
    with pytest.raises(TemplateError, match="cron"):
        seconds_between("cron(0 3 * * ? *)")


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
