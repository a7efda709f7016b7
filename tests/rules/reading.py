"""Reading `template.yaml`: what the rules in `rights.py` and `topology.py` ask it."""

import json
import re
from functools import cache
from pathlib import Path

from cfnlint.decode import decode_str

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "template.yaml").read_text()
FUNCTION = "AWS::Serverless::Function"


@cache
def _decoded(text):
    template, problems = decode_str(text)
    assert not problems, problems
    return json.dumps(template)


def load(text):
    """The template as plain data, short intrinsics written out as CloudFormation's own `Fn::` and `Ref`."""
    return json.loads(_decoded(text))


def listed(value):
    return value if isinstance(value, list) else [value]


def get_att(value):
    """`X.Arn` of a Fn::GetAtt, else nothing."""
    found = value.get("Fn::GetAtt", "") if isinstance(value, dict) else ""
    return ".".join(found) if isinstance(found, list) else found


def of_type(template, kind):
    return {name: item for name, item in template["Resources"].items() if item["Type"] == kind}


def functions(template):
    """Short name → properties."""
    return {
        name.removesuffix("Function").lower(): item.get("Properties", {})
        for name, item in of_type(template, FUNCTION).items()
    }


def events(template, kind):
    """(function, event's properties) of each event of one kind."""
    for name, properties in functions(template).items():
        for event in properties.get("Events", {}).values():
            if event["Type"] == kind:
                yield name, event["Properties"]


def policies(role):
    for policy in role.get("Properties", {}).get("Policies", []):
        for statement in policy["PolicyDocument"]["Statement"]:
            # A right that depends on a parameter stands in an Fn::If.
            given = statement["Fn::If"][1] if "Fn::If" in statement else statement
            # What has no name of its own is given by what it is not.
            yield {**given, "Resource": {"Not": given["NotResource"]}} if "NotResource" in given else given


def rights(template):
    """(function, statement) for every statement of every function's role."""
    roles = of_type(template, "AWS::IAM::Role")
    for name, properties in functions(template).items():
        role = get_att(properties.get("Role", {})).removesuffix(".Arn")
        for statement in policies(roles.get(role, {})):
            yield name, statement


def actions(statement):
    return set(listed(statement["Action"]))


def table_of(statement):
    """`Main`, `Main/index/due`, … or nothing when the resource is no table."""
    resource = statement["Resource"]
    if isinstance(resource, dict) and "Fn::Sub" in resource:
        found = re.fullmatch(r"\$\{(\w+)Table\.Arn\}(/index/\w+)", str(resource["Fn::Sub"]))
        return "".join(found.groups()) if found else None
    found = re.fullmatch(r"(\w+)Table\.Arn", get_att(resource))
    return found[1] if found else None


def condition(statement, operator, key):
    return listed(statement.get("Condition", {}).get(operator, {}).get(key, []))


def leading_keys(statement):
    return condition(statement, "ForAllValues:StringLike", "dynamodb:LeadingKeys")


def context(statement, name):
    return condition(statement, "StringEquals", f"kms:EncryptionContext:{name}")


def failure_queue(properties):
    """`X.Arn` of the queue that a function's or an event's failures go to, or nothing."""
    return get_att(properties.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination", {}))
