"""The local cloud with the rights of the template: what a function's role does not allow is refused.

The engines of the local cloud know no rights. `guarded(folder)` gives a template whose functions ask their
role before each request, as IAM would; `refusals(folder)` says what was refused:

    with Cloud(tmp_path / "data", template=guarded(tmp_path / "guarded")) as cloud: …
    assert refusals(tmp_path / "guarded") == []
"""

import json
import os
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path

ROOT = Path(__file__).parents[1]

DOOR = """
import importlib.util, sys
sys.path.insert(0, {root!r})
from tests.rights_guard import install
install({name!r}, {folder!r})
spec = importlib.util.spec_from_file_location("door", {app!r})
door = importlib.util.module_from_spec(spec)
spec.loader.exec_module(door)
handler = door.handler
"""

# What a request needs, where the action is not the operation's name.
ACTIONS = {
    "SendMessageBatch": "SendMessage",
    "HeadObject": "GetObject",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "HeadBucket": "ListBucket",
    "ListObjectsV2": "ListBucket",
}
# Files in these buckets lie under our own key; whoever puts or gets one uses it.
SEALED_BUCKETS = {"ImportBucket"}


# ---------------------------------------------------------------- before: a template that guards


def guarded(folder):
    """Write a guarded copy of the template, and return its path."""
    from tests.rules.reading import TEXT, actions, functions, load, rights

    template, folder = load(TEXT), Path(folder)
    (folder / "functions").mkdir(parents=True)
    (folder / "template.yaml").write_text(TEXT)
    for name in ("shared", "layers"):
        (folder / name).symlink_to(ROOT / name)
    for name in functions(template):
        app = ROOT / "functions" / name / "app.py"
        if app.exists():
            door = folder / "functions" / name / "app.py"
            door.parent.mkdir()
            door.write_text(DOOR.format(root=str(ROOT), name=name, folder=str(folder), app=str(app)))
    roles = {name: [] for name in functions(template)}
    for name, statement in rights(template):
        roles[name].append(
            {**statement, "Action": sorted(actions(statement)), "Resource": place(statement["Resource"])}
        )
    variables = dict(template["Globals"]["Function"]["Environment"]["Variables"])
    for properties in functions(template).values():
        variables |= properties.get("Environment", {}).get("Variables", {})
    names = {name: place(value) for name, value in variables.items() if isinstance(value, dict)}
    (folder / "rights.json").write_text(json.dumps({"roles": roles, "names": names}))
    return folder / "template.yaml"


def place(value):
    """A resource by its logical name: `MainTable`, `MainTable/index/due`, `ImportBucket/*`, `identity`."""
    (kind, argument), *_ = value.items()
    if kind == "Fn::Sub":
        text = argument if isinstance(argument, str) else argument[0]
        return (
            "identity"
            if ":identity/" in text
            else text.replace(".Arn", "").replace("${", "").replace("}", "")
        )
    if kind == "Fn::GetAtt":
        logical, attribute = argument if isinstance(argument, list) else argument.split(".")
        return logical if attribute == "Arn" else f"{logical}.{attribute}"
    if kind == "Not":
        return "phone"
    return argument if kind == "Ref" else kind


def refusals(folder):
    """What was refused, each once, in the order of appearance."""
    log = Path(folder) / "refused.log"
    return list(dict.fromkeys(log.read_text().splitlines())) if log.exists() else []


# ---------------------------------------------------------------- what a request needs


def needs(service, operation, request, logical):
    """(action, resource, facts for conditions) of everything IAM asks for this request.

    `logical` turns the physical name of a resource into its logical one.
    """
    if service == "dynamodb":
        yield from _table_needs(operation, request, logical)
    elif service == "sqs":
        yield f"sqs:{ACTIONS.get(operation, operation)}", logical(request["QueueUrl"]), {}
    elif service == "kms":
        facts = {
            f"kms:EncryptionContext:{key}": value
            for key, value in request.get("EncryptionContext", {}).items()
        }
        yield f"kms:{operation}", logical(request.get("KeyId", "DataKey")), facts
    elif service == "secretsmanager":
        yield f"secretsmanager:{operation}", logical(request["SecretId"]), {}
    elif service == "s3":
        action, bucket = ACTIONS.get(operation, operation), logical(request["Bucket"])
        yield f"s3:{action}", f"{bucket}/{request['Key']}" if "Key" in request else bucket, {}
        if bucket in SEALED_BUCKETS and action in ("PutObject", "GetObject"):
            facts = {"kms:EncryptionContext:aws:s3:arn": bucket}
            yield "kms:GenerateDataKey" if action == "PutObject" else "kms:Decrypt", "DataKey", facts
    elif service == "sesv2":
        yield f"ses:{operation}", "identity", {"ses:FromAddress": request["FromEmailAddress"]}
    elif service == "sns":
        yield f"sns:{operation}", "phone" if "PhoneNumber" in request else "topic", {}
    else:
        yield f"{service}:{operation}", "?", {}


def _table_needs(operation, request, logical):
    """A transaction needs the rights of its parts."""
    if operation in ("TransactWriteItems", "TransactGetItems"):
        for item in request["TransactItems"]:
            for verb, part in item.items():
                yield _touches(f"{verb}Item", logical(part["TableName"]), [_leading(part)])
    elif operation in ("BatchGetItem", "BatchWriteItem"):
        for table, parts in request["RequestItems"].items():
            yield _touches(operation, logical(table), _keys_of(parts))
    elif operation == "Query":
        index = f"/index/{request['IndexName']}" if "IndexName" in request else ""
        yield _touches(operation, logical(request["TableName"]) + index, [_queried(request)])
    else:
        action, table, facts = _touches(
            operation, logical(request.get("TableName", "?")), [_leading(request)]
        )
        yield action, table, facts | _seen_of(request)


def _keys_of(parts):
    """Leading keys of one table's part of a batch, be it of reads or of writes."""
    if isinstance(parts, dict):
        return [key["pk"]["S"] for key in parts["Keys"]]
    return [_leading(written) for part in parts for written in part.values()]


def _touches(operation, table, keys):
    return f"dynamodb:{operation}", table, {"dynamodb:LeadingKeys": keys}


def _seen_of(request):
    """Of a read that names what it wants to see: the attributes, the key's own with them."""
    if "ProjectionExpression" not in request:
        return {}
    names = request.get("ExpressionAttributeNames", {})
    asked = [names.get(one.strip(), one.strip()) for one in request["ProjectionExpression"].split(",")]
    return {"dynamodb:Attributes": ["pk", *asked], "dynamodb:Select": "SPECIFIC_ATTRIBUTES"}


def _leading(request):
    return (request.get("Key") or request.get("Item") or {"pk": {"S": ""}})["pk"]["S"]


def _queried(request):
    """The partition a query names: the value that its key condition holds equal to the partition key."""
    for part in request["KeyConditionExpression"].replace("(", " ").replace(")", " ").split(" AND "):
        name, sign, value, *_ = [*part.split(), "", "", ""]
        if sign == "=" and request.get("ExpressionAttributeNames", {}).get(name, name) in ("pk", "c", "d"):
            return request["ExpressionAttributeValues"][value]["S"]
    return ""


# ---------------------------------------------------------------- what a role allows


def allowed(role, action, resource, facts):
    """Whether one of the role's statements allows this, by IAM's rules as far as the template uses them."""
    return any(
        action in statement["Action"]
        and fnmatchcase(resource, statement["Resource"])
        and all(
            _holds(operator, wanted, facts) for operator, wanted in statement.get("Condition", {}).items()
        )
        for statement in role
    )


def _holds(operator, wanted, facts):
    if operator == "ForAllValues:StringLike":
        return all(
            any(fnmatchcase(value, pattern) for pattern in patterns)
            for key, patterns in wanted.items()
            for value in facts.get(key, [])
        )
    if operator == "StringLike":
        return all(
            any(fnmatchcase(facts.get(key, ""), pattern) for pattern in _texts(patterns))
            for key, patterns in wanted.items()
        )
    if operator == "ForAllValues:StringEquals":
        return all(value in values for key, values in wanted.items() for value in facts.get(key, []))
    if operator == "StringEquals":
        return all(facts.get(key) in _texts(values) for key, values in wanted.items())
    raise NotImplementedError(operator)


def _texts(values):
    values = values if isinstance(values, list) else [values]
    return [
        os.environ["MAIL_FROM"] if v == {"Ref": "MailFrom"} else v if isinstance(v, str) else place(v)
        for v in values
    ]


# ---------------------------------------------------------------- inside a function's process


def install(name, folder):
    """Ask the role of function `name` before each request and each signed link of this process.

    Returns what ends it. Clients must be made afterwards for their links to be asked about.
    """
    import botocore.client
    import botocore.signers
    from botocore.exceptions import ClientError

    known = json.loads((Path(folder) / "rights.json").read_text())
    logical = {
        os.environ[variable]: where for variable, where in known["names"].items() if variable in os.environ
    }

    def ask(service, operation, request):
        for action, resource, facts in needs(
            service, operation, request, lambda real: logical.get(real, real)
        ):
            if not allowed(known["roles"][name], action, resource, facts):
                what = f"{name} may not {action} on {resource} {json.dumps(kinds_of(facts))}"
                with (Path(folder) / "refused.log").open("a") as log:
                    log.write(what + "\n")
                raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": what}}, operation)

    call = botocore.client.BaseClient._make_api_call
    link, form = botocore.signers.generate_presigned_url, botocore.signers.generate_presigned_post

    def asked_call(self, operation, request):
        ask(self.meta.service_model.service_name, operation, request)
        return call(self, operation, request)

    def asked_link(self, method, Params=None, **options):
        ask(self.meta.service_model.service_name, self.meta.method_to_api_mapping[method], Params or {})
        return link(self, method, Params=Params, **options)

    def asked_form(self, bucket, key, **options):
        ask("s3", "PutObject", {"Bucket": bucket, "Key": key})
        return form(self, bucket, key, **options)

    botocore.client.BaseClient._make_api_call = asked_call
    botocore.signers.generate_presigned_url = asked_link
    botocore.signers.generate_presigned_post = asked_form

    def undo():
        botocore.client.BaseClient._make_api_call = call
        botocore.signers.generate_presigned_url, botocore.signers.generate_presigned_post = link, form

    return undo


@contextmanager
def acting_as(name, folder):
    """For the length of a `with` this process has the rights of function `name`."""
    undo = install(name, folder)
    try:
        yield
    finally:
        undo()


def kinds_of(facts):
    """Facts without what is somebody's: of keys only the kind."""
    return {
        name: sorted({key.partition("#")[0] + "#" for key in value}) if isinstance(value, list) else value
        for name, value in facts.items()
        if name not in ("kms:EncryptionContext:tenant", "kms:EncryptionContext:id")
    }
