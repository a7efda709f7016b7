"""What `template.yaml` is made of and what happens when a part fails.

Each rule takes the template and yields what is wrong with it.
"""

import json
import re

from tests.rules.reading import ROOT, events, failure_queue, functions, get_att, of_type

WITHOUT_TLS = {"Bool": {"aws:SecureTransport": "false"}}
LOGGED = {
    "requestId",
    "requestTimeEpoch",
    "identity.sourceIp",
    "routeKey",
    "status",
    "responseLength",
    "responseLatency",
    "integrationLatency",
    "integrationStatus",
}


def one_folder_per_function(template, root=ROOT):
    """Holds both ways as soon as there is any function at all."""
    folders = {path.parent.name for path in (root / "functions").glob("*/app.py")}
    named = {properties.get("CodeUri") for properties in functions(template).values()}
    yield from (
        f"functions/{name}/ is not in the template" for name in folders if f"functions/{name}/" not in named
    )
    for name, properties in functions(template).items():
        if properties.get("CodeUri") != f"functions/{name}/":
            yield f"{name}: its folder must be functions/{name}/"
        if folders and name not in folders:
            yield f"{name}: there is no functions/{name}/app.py"


def logs_end(template):
    """Every log group has a retention, and every function its own log group."""
    groups = of_type(template, "AWS::Logs::LogGroup")
    yield from (
        f"{name}: keeps its lines for ever"
        for name, group in groups.items()
        if "RetentionInDays" not in group["Properties"]
    )
    used = [
        properties.get("LoggingConfig", {}).get("LogGroup", {}).get("Ref")
        for properties in functions(template).values()
    ]
    for name, group in zip(functions(template), used, strict=True):
        if group not in groups or used.count(group) > 1:
            yield f"{name}: has no log group of its own"


def failures_are_kept(template):
    """Every queue, stream and schedule has somewhere to put what failed."""
    queues = of_type(template, "AWS::SQS::Queue")
    for name, event in events(template, "SQS"):
        queue = queues[get_att(event["Queue"]).removesuffix(".Arn")]["Properties"]
        aside = get_att(queue.get("RedrivePolicy", {}).get("deadLetterTargetArn", {})).removesuffix(".Arn")
        if aside not in queues:
            yield f"{name}: its queue has no dead-letter queue"
        if event.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
            yield f"{name}: one bad message would repeat its whole batch"
    for name, event in events(template, "DynamoDB"):
        wanted = {"BisectBatchOnFunctionError", "MaximumRetryAttempts", "DestinationConfig", "FilterCriteria"}
        if missing := wanted - set(event):
            yield f"{name}: {sorted(missing)}"
        if event.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
            yield f"{name}: one bad change would repeat its whole batch"
    for name, event in events(template, "ScheduleV2"):
        if "DeadLetterConfig" not in event or "RetryPolicy" not in event or "Name" not in event:
            yield f"{name}: its schedule needs a name, a retry policy and a dead-letter queue"
        if not failure_queue(functions(template)[name].get("EventInvokeConfig", {})):
            yield f"{name}: nobody hears of a failed run"


def hidden_long_enough(template):
    """A message stays hidden for six times the function's time-out, as Lambda asks."""
    default = template["Globals"]["Function"]["Timeout"]
    for name, event in events(template, "SQS"):
        queue = get_att(event["Queue"]).removesuffix(".Arn")
        visible = template["Resources"][queue]["Properties"].get("VisibilityTimeout", 30)
        needed = 6 * functions(template)[name].get("Timeout", default)
        if visible < needed:
            yield f"{queue}: hidden for {visible} s, {name} needs {needed} s"


def failures_are_seen(template):
    """Whatever keeps failures has an alarm on its first message."""
    watched = {
        get_att(dimension["Value"]).removesuffix(".QueueName")
        for alarm in of_type(template, "AWS::CloudWatch::Alarm").values()
        for dimension in alarm["Properties"].get("Dimensions", [])
        if alarm["Properties"]["MetricName"] == "ApproximateNumberOfMessagesVisible"
        and alarm["Properties"]["Threshold"] == 0
    }
    consumed = {get_att(event["Queue"]).removesuffix(".Arn") for _name, event in events(template, "SQS")}
    for queue in set(of_type(template, "AWS::SQS::Queue")) - consumed - watched:
        yield f"{queue}: fills up unseen"


def alarms_have_runbooks(template, root=ROOT):
    """One alarm, one runbook, both ways; and an alarm always tells someone.

    An alarm that is a part of another rings through that one and tells nobody itself.
    """
    books = []
    composites = of_type(template, "AWS::CloudWatch::CompositeAlarm")
    rules = json.dumps([alarm["Properties"]["AlarmRule"] for alarm in composites.values()])
    single = of_type(template, "AWS::CloudWatch::Alarm")
    parts = {name for name in single if f"${{{name}}}" in rules}
    yield from (f"{name}: rings twice" for name in parts if "AlarmActions" in single[name]["Properties"])
    for name, alarm in {**single, **composites}.items():
        if name in parts:
            continue
        text = alarm["Properties"].get("AlarmDescription", "")
        found = re.search(r"Runbook: (docs/runbooks/[a-z0-9-]+\.md)$", text)
        books.append(found[1] if found else None)
        if not found or not (root / found[1]).is_file():
            yield f"{name}: names no runbook that is there: {text}"
        if alarm["Properties"].get("AlarmActions") != [{"Ref": "AlarmTopic"}]:
            yield f"{name}: tells nobody"
    files = {f"docs/runbooks/{path.name}" for path in (root / "docs/runbooks").glob("*.md")}
    files -= {"docs/runbooks/README.md"}
    yield from (f"{book}: no alarm names it" for book in files - set(books))
    yield from (f"{book}: named by several alarms" for book in set(books) if books.count(book) > 1)


def data_survives(template):
    """Tables, their key and the seals outlive the stack; tables can be restored and are guarded."""
    resources = template["Resources"]
    tables = of_type(template, "AWS::DynamoDB::Table")
    for name in [*tables, "DataKey", "SealBucket"]:
        if {resources[name].get("DeletionPolicy"), resources[name].get("UpdateReplacePolicy")} != {"Retain"}:
            yield f"{name}: goes with the stack"
    for name, table in tables.items():
        properties = table["Properties"]
        if properties.get("BillingMode") != "PAY_PER_REQUEST":
            yield f"{name}: not on demand"
        if not properties.get("PointInTimeRecoverySpecification", {}).get("PointInTimeRecoveryEnabled"):
            yield f"{name}: cannot be restored"
        if properties.get("DeletionProtectionEnabled") != {"Fn::If": ["Guarded", True, False]}:
            yield f"{name}: not guarded"
        for index in properties.get("GlobalSecondaryIndexes", []):
            if index["Projection"]["ProjectionType"] != "KEYS_ONLY":
                yield f"{name}: the index {index['IndexName']} carries more than keys"
    if resources["DataKey"]["Properties"].get("EnableKeyRotation") is not True:
        yield "DataKey: does not rotate"


def buckets_are_closed(template):
    """No public access, encrypted, TLS only; card files only under our own key."""
    policies = {
        policy["Properties"]["Bucket"]["Ref"]: policy["Properties"]["PolicyDocument"]["Statement"]
        for policy in of_type(template, "AWS::S3::BucketPolicy").values()
    }
    for name, bucket in of_type(template, "AWS::S3::Bucket").items():
        block = bucket["Properties"].get("PublicAccessBlockConfiguration", {})
        if list(block.values()) != [True] * 4:
            yield f"{name}: may become public"
        if "BucketEncryption" not in bucket["Properties"]:
            yield f"{name}: not encrypted"
        if not any(s["Effect"] == "Deny" and s["Condition"] == WITHOUT_TLS for s in policies.get(name, [])):
            yield f"{name}: readable without TLS"
    if "DataKey" not in json.dumps(template["Resources"]["ImportBucket"]["Properties"]["BucketEncryption"]):
        yield "ImportBucket: card files must lie under our own key"


def queues_are_encrypted(template):
    for name, queue in of_type(template, "AWS::SQS::Queue").items():
        if queue["Properties"].get("SqsManagedSseEnabled") is not True:
            yield f"{name}: not encrypted"


def paths_are_not_logged(template):
    """The access log knows the route, never the path or the query: a path may hold a token."""
    written = template["Resources"]["HttpApi"]["Properties"]["AccessLogSettings"]["Format"]
    if "$context.routeKey" not in written:
        yield "the access log does not name the route"
    shown = set(re.findall(r"\$context\.([\w.]+)", written))
    yield from (f"the access log shows {name}" for name in shown - LOGGED)


def any_partition(template):
    """No literal partition, region, account or host; service names of roles are the same everywhere."""
    text = json.dumps(template["Resources"]) + json.dumps(template["Globals"])
    text = re.sub(r'\{"Service": "lambda\.amazonaws\.com"\}', "", text)
    for found in re.findall(r"arn:aws[\w-]*:|amazonaws\.com|\b(?:us|eu|cn|ap)-[a-z]+-\d\b|\b\d{12}\b", text):
        yield f"only one partition knows {found}"


def one_environment(template):
    """Two functions never give one name different values; and no function on the API refers to the API."""
    everywhere, own = template["Globals"]["Function"]["Environment"]["Variables"], {}
    on_api = {name for name, _event in events(template, "HttpApi")}
    for name, properties in functions(template).items():
        for variable, value in properties.get("Environment", {}).get("Variables", {}).items():
            if own.setdefault(variable, value) != value or variable in everywhere:
                yield f"{name}: {variable} has two values"
            if name in on_api and "HttpApi" in json.dumps(value):
                yield f"{name}: {variable} closes a circle with the API"


RULES = [
    one_folder_per_function,
    logs_end,
    failures_are_kept,
    hidden_long_enough,
    failures_are_seen,
    alarms_have_runbooks,
    data_survives,
    buckets_are_closed,
    queues_are_encrypted,
    paths_are_not_logged,
    any_partition,
    one_environment,
]
