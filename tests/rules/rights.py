"""Who may do what, by `template.yaml`. Each rule takes the template and yields what is wrong with it."""

import json
import re

from tests.rules.reading import (
    actions,
    condition,
    context,
    events,
    failure_queue,
    functions,
    get_att,
    leading_keys,
    of_type,
    rights,
    table_of,
)

# Table → the kinds of items it holds; an index is searched by its own keys.
KINDS = {
    "Main": {
        "P#*",
        "O#*",
        "O#*#canary-*",
        "R#*",
        "W#*",
        "S#*",
        "S#canary-*",
        "AK#*",
        "U#*",
        "C#*",
        "C#-",
        "L#*",
        "B#*",
        "X#*",
        "H#*",
        "E#*",
    },
    "Main/index/card": {"C#*"},
    "Main/index/due": {"D#*", "W#*"},
    "Vault": {"V#*"},
    "Journal": {"J#*", "SEAL#*", "LATE#*"},
    "Views": {"A#*", "K#*", "4#*", "B#*", "Q#*", "T#*"},
}
STREAM_READING = {
    f"dynamodb:{name}" for name in ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")
}
QUEUE_TAKING = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
# Purpose of the encryption context → who may open what it sealed.
OPENERS = {
    "card": {"redeem", "inventory"},
    "contact": {"delivery", "retention"},
    "secret": {"webhooks", "outbound", "delivery", "canary"},
    "link": {"delivery", "retention", "redeem", "api"},
    "pepper": {"webhooks", "inventory", "api"},
}
NO_TOPIC = {"Not": {"Fn::Sub": "arn:${AWS::Partition}:sns:*:*:*"}}
VAULT_RIGHTS = {
    "redeem": {"dynamodb:BatchGetItem"},
    "inventory": {"dynamodb:BatchGetItem", "dynamodb:ConditionCheckItem", "dynamodb:PutItem"},
    "api": {"dynamodb:GetItem"},
}
# What the API may see of a sealed card.
LABELS = {"pk", "batch", "sku", "row", "at"}


def own_role(template):
    """A role per function, written out: a generated one carries ready-made rights over the whole account."""
    roles = of_type(template, "AWS::IAM::Role")
    used = [get_att(properties.get("Role", {})) for properties in functions(template).values()]
    for name, role in zip(functions(template), used, strict=True):
        if role.removesuffix(".Arn") not in roles or used.count(role) > 1:
            yield f"{name}: has no role of its own"
        if "Policies" in functions(template)[name]:
            yield f"{name}: rights stand in its role"
    yield from (
        f"{name}: ready-made policy"
        for name, role in roles.items()
        if "ManagedPolicyArns" in role["Properties"]
    )


def readable_rights(template):
    """Each statement is an Allow with a Sid that no other of the function has, on one resource."""
    seen = set()
    for name, statement in rights(template):
        sid = statement.get("Sid", "")
        if not re.fullmatch(r"[A-Z][a-z]\w+", sid) or (name, sid) in seen:
            yield f"{name}: statement {sid or statement['Action']} needs a Sid of its own"
        if statement["Effect"] != "Allow" or isinstance(statement["Resource"], list):
            yield f"{name}/{sid}: one resource, allowed"
        seen.add((name, sid))


def no_star(template):
    """No star in an action, and in a resource only as the objects of one bucket.

    A telephone number has no name: delivery may publish to whatever is no topic.
    """
    for name, statement in rights(template):
        where = f"{name}/{statement.get('Sid')}"
        if any("*" in action for action in actions(statement)):
            yield f"{where}: star in an action"
        resource = json.dumps(statement["Resource"])
        if actions(statement) == {"sns:Publish"} and statement["Resource"] == NO_TOPIC:
            continue
        if "*" in resource and not re.fullmatch(
            r'\{"Fn::Sub": "\$\{\w+Bucket\.Arn\}/(\w+/)?\*(\.[\w.]+)?"\}', resource
        ):
            yield f"{where}: star in a resource"


def no_scan(template):
    """Nobody scans, nobody uses PartiQL (its leading keys are easy to leave out), nobody changes a table."""
    verbs = ("Get", "BatchGet", "Put", "Update", "Delete", "BatchWrite", "ConditionCheck")
    allowed = STREAM_READING | {f"dynamodb:{verb}Item" for verb in verbs}
    for name, statement in rights(template):
        for action in actions(statement) - allowed - {"dynamodb:Query"}:
            if action.startswith("dynamodb:"):
                yield f"{name}/{statement.get('Sid')}: {action}"


def kinds_are_named(template):
    """Each right on a table is held to kinds of items, and to kinds which that table has."""
    for name, statement in rights(template):
        touched = {action for action in actions(statement) if action.startswith("dynamodb:")} - STREAM_READING
        table, where = table_of(statement), f"{name}/{statement.get('Sid')}"
        if touched and table is None:
            yield f"{where}: not on a table"
        elif touched and not (set(leading_keys(statement)) and set(leading_keys(statement)) <= KINDS[table]):
            yield f"{where}: kinds {leading_keys(statement)} on {table}"
        elif table and "/index/" in table and touched != {"dynamodb:Query"}:
            yield f"{where}: an index is only queried"


def purposes_are_named(template):
    """Each use of the key is held to purposes, or to the files of the import bucket."""
    for name, statement in rights(template):
        if not any(action.startswith("kms:") for action in actions(statement)):
            continue
        known = set(context(statement, "purpose")) <= set(OPENERS) and context(statement, "purpose")
        file = context(statement, "aws:s3:arn") == [{"Fn::GetAtt": ["ImportBucket", "Arn"]}]
        if not (known or file) or get_att(statement["Resource"]) != "DataKey.Arn":
            yield f"{name}/{statement.get('Sid')}: no purpose"


def openers(template):
    """Who may open what. Card files are opened by inventory; the API hands out the rows it rejected."""
    wanted = {**OPENERS, "file": {"inventory", "api"}, "anything": set()}
    found = {purpose: set() for purpose in wanted}
    for name, statement in rights(template):
        if "kms:Decrypt" in actions(statement):
            other = "file" if context(statement, "aws:s3:arn") else "anything"
            for purpose in context(statement, "purpose") or [other]:
                found[purpose].add(name)
    for purpose, names in wanted.items():
        if found[purpose] != names:
            yield f"{purpose}: opened by {sorted(found[purpose])}, not {sorted(names)}"


def shops_secrets_are_closed(template):
    """Of secrets, delivery opens those for sending alone, and canary its own shops'."""
    for name, statement in rights(template):
        opens = "kms:Decrypt" in actions(statement) and "secret" in context(statement, "purpose")
        if name == "delivery" and opens and set(context(statement, "id")) != {"sms", "test"}:
            yield f"{name}/{statement['Sid']}: opens shops' secrets"
        like = condition(statement, "StringLike", "kms:EncryptionContext:id")
        if name == "canary" and opens and like != ["canary-*"]:
            yield f"{name}/{statement['Sid']}: opens shops' secrets"


def vault_is_closed(template):
    """Sealed cards are read by redeem, and by inventory to find duplicates; only inventory writes them.

    The API reads the labels beside them, and may not ask for a whole item.
    """
    for name, statement in rights(template):
        if table_of(statement) == "Vault" and actions(statement) - VAULT_RIGHTS.get(name, set()):
            yield f"{name}/{statement['Sid']}: {sorted(actions(statement))} on the vault"
        if table_of(statement) != "Vault" or name != "api":
            continue
        seen = condition(statement, "ForAllValues:StringEquals", "dynamodb:Attributes")
        select = condition(statement, "StringEquals", "dynamodb:Select")
        if not seen or set(seen) - LABELS or select != ["SPECIFIC_ATTRIBUTES"]:
            yield f"{name}/{statement['Sid']}: may read sealed bytes"


def card_files_are_closed(template):
    """A card file is read by inventory alone; of that bucket the API may read rejected rows and papers."""
    for name, statement in rights(template):
        resource = json.dumps(statement["Resource"])
        if "s3:GetObject" not in actions(statement) or "ImportBucket" not in resource or name == "inventory":
            continue
        if name != "api" or not resource.endswith(('/*.rejected.csv"}', '/authorisations/*"}')):
            yield f"{name}/{statement['Sid']}: may read card files"


def allocation_is_blind(template):
    """Whoever picks cards can neither see nor open one."""
    for name, statement in rights(template):
        services = {action.partition(":")[0] for action in actions(statement)}
        if name == "allocation" and (
            table_of(statement) == "Vault" or services - {"dynamodb", "sqs", "logs"}
        ):
            yield f"allocation/{statement['Sid']}: {sorted(actions(statement))}"


def orders_stay(template):
    """No function deletes an order, a unit, a fact, a journal line, a seal or a sealed card.

    A batch may delete as well as put: only projection has that right on journal lines, which it may
    write any number of times.
    """
    for name, statement in rights(template):
        gone = set(leading_keys(statement)) & {"O#*", "J#*", "SEAL#*", "V#*"}
        if name == "projection":
            gone.discard("J#*")
        if actions(statement) & {"dynamodb:DeleteItem", "dynamodb:BatchWriteItem"} and gone:
            yield f"{name}/{statement['Sid']}: deletes {sorted(gone)}"


def failures_may_be_sent(template):
    """A function may take from what starts it, and write to the queue that keeps its failures."""
    needed = set()
    for name, event in events(template, "SQS"):
        needed |= {(name, action, get_att(event["Queue"])) for action in QUEUE_TAKING}
    for name, event in events(template, "DynamoDB"):
        needed |= {(name, action, get_att(event["Stream"])) for action in STREAM_READING}
        needed.add((name, "sqs:SendMessage", failure_queue(event)))
    for name, properties in functions(template).items():
        if "EventInvokeConfig" in properties:
            needed.add((name, "sqs:SendMessage", failure_queue(properties["EventInvokeConfig"])))
    given = {(name, action, get_att(s["Resource"])) for name, s in rights(template) for action in actions(s)}
    yield from (f"{name}: may not {action} {where}" for name, action, where in needed - given)


RULES = [
    own_role,
    readable_rights,
    no_star,
    no_scan,
    kinds_are_named,
    purposes_are_named,
    openers,
    shops_secrets_are_closed,
    vault_is_closed,
    card_files_are_closed,
    allocation_is_blind,
    orders_stay,
    failures_may_be_sent,
]
