"""The template keeps the rules of `topology.py`, and each rule notices when it is broken."""

import re

import pytest

from tests.rules import topology as rules
from tests.rules.breaking import cases, drop, event, properties, put, remove, variable
from tests.rules.reading import FUNCTION, ROOT, TEXT, load


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.__name__)
def test_the_template_keeps_the_rule(rule):
    assert list(rule(load(TEXT))) == []


def access_log(text):
    return lambda template: properties(template, "HttpApi")["AccessLogSettings"].update(Format=text)


def one_more_function(template):
    template["Resources"]["OtherFunction"] = {"Type": FUNCTION, "Properties": {"CodeUri": "functions/x/"}}


def open_bucket(template):
    properties(template, "ReportBucket")["PublicAccessBlockConfiguration"].update(BlockPublicAcls=False)


def foreign_key(template):
    other = properties(template, "ReportBucket")["BucketEncryption"]
    properties(template, "ImportBucket").update(BucketEncryption=other)


def wide_index(template):
    indexes = properties(template, "MainTable")["GlobalSecondaryIndexes"]
    indexes[0].update(Projection={"ProjectionType": "ALL"})


def goes_with_the_stack(name, key):
    return lambda template: template["Resources"][name].update({key: "Delete"})


# Rule → changes it must not let pass.
BREAKS = {
    rules.one_folder_per_function: [put("ApiFunction", CodeUri="functions/other/"), one_more_function],
    rules.logs_end: [
        drop("ApiLogs", "RetentionInDays"),
        drop("ApiFunction", "LoggingConfig"),
        put("ApiFunction", LoggingConfig={"LogGroup": {"Ref": "RedeemLogs"}}),
    ],
    rules.failures_are_kept: [
        drop("OrdersQueue", "RedrivePolicy"),
        event("Allocation", "Messages", "FunctionResponseTypes"),
        event("Dispatch", "Changes", "DestinationConfig"),
        event("Dispatch", "Changes", "MaximumRetryAttempts"),
        event("Dispatch", "Changes", "FunctionResponseTypes"),
        event("Release", "Clock", "DeadLetterConfig"),
        event("Release", "Clock", "Name"),
        drop("ReleaseFunction", "EventInvokeConfig"),
    ],
    rules.hidden_long_enough: [put("OrdersQueue", VisibilityTimeout=30), put("ReportsFunction", Timeout=900)],
    rules.failures_are_seen: [remove("StreamFailuresAlarm"), put("OrdersDeadLettersAlarm", Threshold=10)],
    rules.alarms_have_runbooks: [
        drop("ApiLatencyAlarm", "AlarmDescription"),
        put("ApiLatencyAlarm", AlarmDescription="Runbook: docs/runbooks/none.md"),
        put("ApiLatencyAlarm", AlarmDescription="Runbook: docs/runbooks/mail-failed.md"),
        drop("ApiLatencyAlarm", "AlarmActions"),
        remove("ApiLatencyAlarm"),
        drop("ApiBurnAlarm", "AlarmActions"),
        put("ApiFastShortAlarm", AlarmActions=[{"Ref": "AlarmTopic"}]),
        put("ApiBurnAlarm", AlarmRule={"Fn::Sub": 'ALARM("${ApiFastShortAlarm}")'}),
    ],
    rules.data_survives: [
        goes_with_the_stack("VaultTable", "DeletionPolicy"),
        goes_with_the_stack("DataKey", "UpdateReplacePolicy"),
        drop("MainTable", "PointInTimeRecoverySpecification"),
        put("MainTable", DeletionProtectionEnabled=False),
        put("MainTable", BillingMode="PROVISIONED"),
        wide_index,
        put("DataKey", EnableKeyRotation=False),
    ],
    rules.buckets_are_closed: [
        open_bucket,
        drop("ReportBucket", "BucketEncryption"),
        foreign_key,
        remove("SealBucketPolicy"),
    ],
    rules.queues_are_encrypted: [drop("OrdersQueue", "SqsManagedSseEnabled")],
    rules.paths_are_not_logged: [
        access_log('{"routeKey":"$context.routeKey","path":"$context.path"}'),
        access_log('{"id":"$context.requestId"}'),
    ],
    rules.any_partition: [
        put("AlarmTopic", DisplayName="arn:aws:sns:x"),
        put("AlarmTopic", DisplayName="in eu-central-1"),
        variable("Delivery", "LINK_BASE_URL", "https://x.amazonaws.com"),
    ],
    rules.one_environment: [
        variable("Api", "STAGE", "other"),
        variable("Api", "MAIL_FROM", "other"),
        variable("Api", "SELF", {"Ref": "HttpApi"}),
    ],
}


def test_every_rule_is_tried():
    assert set(BREAKS) == set(rules.RULES)


@pytest.mark.parametrize(("rule", "change"), **cases(BREAKS))
def test_a_broken_rule_is_noticed(rule, change):
    template = load(TEXT)
    before = set(rule(template))
    change(template)
    assert set(rule(template)) - before


@pytest.mark.parametrize(
    "book",
    sorted(set((ROOT / "docs/runbooks").glob("*.md")) - {ROOT / "docs/runbooks/README.md"}),
    ids=lambda b: b.stem,
)
def test_a_runbook_has_six_parts_and_its_links_lead_somewhere(book):
    text = book.read_text()
    parts = ["**Meaning.**", "**Who is hurt.**", "## First look", "## Fix", "## Verify", "## Prevent"]
    assert [part for part in parts if part not in text] == []
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert (book.parent / target).exists(), target


def test_every_metric_with_an_alarm_is_counted_by_a_function():
    template = load(TEXT)
    alarms = rules.of_type(template, "AWS::CloudWatch::Alarm").values()
    own = [alarm["Properties"] for alarm in alarms if alarm["Properties"].get("Namespace") == "CardCourier"]
    parts = [
        part["MetricStat"]["Metric"]
        for alarm in alarms
        for part in alarm["Properties"].get("Metrics", [])
        if "MetricStat" in part
    ]
    own += [metric for metric in parts if metric["Namespace"] == "CardCourier"]
    doors = "".join(path.read_text() for path in (ROOT / "functions").glob("*/app.py"))

    variables = template["Globals"]["Function"]["Environment"]["Variables"]
    for alarm in own:
        assert f'add_metric(name="{alarm["MetricName"]}"' in doors
        assert alarm["Dimensions"] == [{"Name": "service", "Value": variables["POWERTOOLS_SERVICE_NAME"]}]
