"""The template is what CloudFormation and SAM understand, in four regions and two partitions."""

import json
import re

import pytest
from cfnlint.api import ManualArgs, lint_file
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

from cardcourier.settings import Settings
from tests.rules.reading import FUNCTION, ROOT, TEXT, functions, load, of_type

REGIONS = ["us-east-1", "eu-central-1", "cn-north-1", "cn-northwest-1"]
# Of the 10,240 characters an inline policy may have; names get longer when they are known.
MOST_POLICY = 6_000


def test_the_linter_is_content_in_four_regions():
    found = lint_file(ROOT / "template.yaml", config=ManualArgs(regions=REGIONS))
    assert [str(problem) for problem in found] == []


@pytest.fixture(params=["us-east-1", "cn-north-1"])
def translated(request, monkeypatch):
    """What SAM makes of the template, as if code and layers were uploaded."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", request.param)
    template = load(TEXT)
    for resource in template["Resources"].values():
        for place in {"CodeUri", "ContentUri"} & set(resource.get("Properties", {})):
            resource["Properties"][place] = "s3://bucket/key"
    return Translator({}, Parser()).translate(template, {})["Resources"]


def test_sam_adds_no_rights_of_its_own(translated):
    roles = {
        name: item["Properties"] for name, item in translated.items() if item["Type"] == "AWS::IAM::Role"
    }
    schedules = {name for name in roles if name.endswith("ClockRole")}

    assert len(roles) - len(schedules) == len(functions(load(TEXT)))
    assert [name for name, role in roles.items() if "ManagedPolicyArns" in role] == []
    assert [name for name in schedules if '"*"' in json.dumps(roles[name]["Policies"])] == []


def test_the_orders_queue_has_a_limit_or_pollers_kept_ready(translated):
    """Lambda refuses both at once."""
    orders = translated["AllocationFunctionMessages"]["Properties"]
    nothing = {"Ref": "AWS::NoValue"}
    assert orders["ScalingConfig"]["Fn::If"][:2] == ["KeepPollers", nothing]
    assert orders["ProvisionedPollerConfig"]["Fn::If"][::2] == ["KeepPollers", nothing]


def test_no_table_is_warmed_unless_it_is_asked_for():
    template = load(TEXT)
    tables = [table["Properties"] for table in of_type(template, "AWS::DynamoDB::Table").values()]
    indexes = [index for table in tables for index in table.get("GlobalSecondaryIndexes", ())]
    warmed = [part["WarmThroughput"]["Fn::If"] for part in tables + indexes if "WarmThroughput" in part]
    asked = {name: template["Conditions"][name] for name, _, _ in warmed}
    assert len(warmed) == 5 and all(otherwise == {"Ref": "AWS::NoValue"} for _, _, otherwise in warmed)
    assert all(
        template["Parameters"][of["Fn::Not"][0]["Fn::Equals"][0]["Ref"]]["Default"] == 0
        for of in asked.values()
    )


def test_every_policy_has_room_to_grow(translated):
    for item in translated.values():
        if item["Type"] == "AWS::IAM::Role":
            assert len(json.dumps(item["Properties"]["Policies"], separators=(",", ":"))) < MOST_POLICY


def test_every_setting_of_the_code_is_given():
    template = load(TEXT)
    given = dict.fromkeys(template["Globals"]["Function"]["Environment"]["Variables"], "1")
    for properties in functions(template).values():
        given |= dict.fromkeys(properties.get("Environment", {}).get("Variables", {}), "1")

    code = (ROOT / "shared/cardcourier/settings.py").read_text()
    assert set(re.findall(r'env(?:\[|\.get\()"(\w+)"', code)) <= set(given)
    assert Settings.read(given)


def test_every_function_says_what_it_does():
    for name in of_type(load(TEXT), FUNCTION):
        assert re.search(rf"^  # [^\n]+\.\n  {name}:$", TEXT, re.MULTILINE), name
