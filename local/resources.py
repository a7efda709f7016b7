"""What the template calls a resource, made on the local engines and named by logical id.

Everything is made when it is first referred to and found again on later starts, so a crash at any point is
repaired by starting again. Types that nothing at run time needs (roles, alarms, log groups) get a name and an
ARN, no more.
"""

from __future__ import annotations

import json
import secrets
import string
from typing import Any

from botocore.exceptions import ClientError

from local import engines
from local.template import ACCOUNT, PARTITION, REGION, Template, TemplateError

BUILT = (
    "AWS::DynamoDB::Table",
    "AWS::KMS::Key",
    "AWS::KMS::Alias",
    "AWS::S3::Bucket",
    "AWS::SQS::Queue",
    "AWS::SecretsManager::Secret",
)
QUEUE_ATTRIBUTES = (
    "ContentBasedDeduplication",
    "DelaySeconds",
    "FifoQueue",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds",
    "VisibilityTimeout",
)


class Resources:
    """The template's resources on two engines.

    `keys` are the KMS keys known from earlier starts (logical id -> key id): one of those that has vanished
    is an error, never replaced, because everything sealed under it would be lost without a word.
    """

    def __init__(
        self, template: Template, stack: str, url: str, tables: str, services: str, keys: dict[str, str]
    ) -> None:
        self._template, self._stack, self._url = template, stack, url
        self.endpoints = {"dynamodb": tables, "dynamodbstreams": tables, "": services}
        self._clients: dict[str, Any] = {}
        self._made: dict[str, dict[str, Any]] = {}
        self.keys = keys
        self.to_save = False

    def client(self, service: str) -> Any:
        """A boto3 client of the engine that plays this service, made once."""
        if service not in self._clients:
            endpoint = self.endpoints.get(service, self.endpoints[""])
            self._clients[service] = engines.client(service, endpoint)
        return self._clients[service]

    def close(self) -> None:
        """Close every client's connections."""
        for made in self._clients.values():
            made.close()

    def make_all(self) -> None:
        """Make or find everything; `to_save` says that the services engine has something to save."""
        self._made.clear()
        for name, spec in self._template.resources.items():
            if spec["Type"] in BUILT:
                self.lookup(name, "")

    def lookup(self, logical: str, attribute: str) -> Any:
        """What Ref (attribute "") or GetAtt gives for a resource; TemplateError for what does not exist."""
        made = self._made.get(logical)
        if made is None:
            made = self._made[logical] = self._make(logical)
        if attribute not in made:
            raise TemplateError(f"the local cloud knows no {logical}.{attribute}")
        return made[attribute]

    def resolve(self, value: Any) -> Any:
        """Resolve intrinsic functions; the address of the HTTP API becomes the local one."""
        resolved = self._template.resolve(value, self.lookup)
        if isinstance(resolved, str):
            return resolved.replace(f"https://local.execute-api.{REGION}.amazonaws.com", self._url)
        return resolved

    def outputs(self) -> dict[str, str]:
        """The template's outputs with local values."""
        return {name: self.resolve(value) for name, value in self._template.outputs(self.lookup).items()}

    def _make(self, logical: str) -> dict[str, Any]:
        if logical not in self._template.resources:
            raise TemplateError(f"{logical} is used, but no deployed resource has that name")
        kind = self._template.resources[logical]["Type"]
        makers = {
            "AWS::DynamoDB::Table": self._table,
            "AWS::KMS::Alias": self._alias,
            "AWS::KMS::Key": self._key,
            "AWS::S3::Bucket": self._bucket,
            "AWS::SQS::Queue": self._queue,
            "AWS::SecretsManager::Secret": self._secret,
        }
        if kind in makers:
            properties = self._template.resources[logical].get("Properties", {})
            return makers[kind](logical, self._template.resolve(properties, self.lookup))
        name = f"{self._stack}-{logical}"
        if kind == "AWS::Serverless::HttpApi":
            return {"": "local", "ApiEndpoint": self._url}
        service = kind.split("::")[1].lower()
        service, name = ("lambda", f"function:{name}") if kind.endswith("::Function") else (service, name)
        arn = f"arn:{PARTITION}:{service}:{REGION}:{ACCOUNT}:{name}"
        return {"": arn if kind == "AWS::SNS::Topic" else name, "Arn": arn, "TopicArn": arn}

    def _table(self, logical: str, properties: dict[str, Any]) -> dict[str, Any]:
        tables = self.client("dynamodb")
        name = engines.create_table(tables, f"{self._stack}-{logical}", properties)
        table = tables.describe_table(TableName=name)["Table"]
        return {"": name, "Arn": table["TableArn"], "StreamArn": table.get("LatestStreamArn")}

    def _key(self, logical: str, properties: dict[str, Any]) -> dict[str, Any]:
        kms = self.client("kms")
        alias = f"alias/{self._stack}-{logical}"
        try:
            known = kms.describe_key(KeyId=alias)["KeyMetadata"]
        except kms.exceptions.NotFoundException:
            if logical in self.keys:
                raise engines.EngineError(
                    f"the key {logical} of this data folder is gone, and with it all it has sealed:"
                    " restore the folder `services`, or start afresh with --fresh"
                ) from None
            known = kms.create_key(Description=properties.get("Description", ""))["KeyMetadata"]
            kms.create_alias(AliasName=alias, TargetKeyId=known["KeyId"])
            self.to_save = True
        self.keys[logical] = known["KeyId"]
        return {"": known["KeyId"], "Arn": known["Arn"], "KeyId": known["KeyId"]}

    def _alias(self, logical: str, properties: dict[str, Any]) -> dict[str, Any]:
        kms = self.client("kms")
        name = properties["AliasName"]
        try:
            kms.create_alias(AliasName=name, TargetKeyId=properties["TargetKeyId"])
            self.to_save = True
        except kms.exceptions.AlreadyExistsException:
            kms.update_alias(AliasName=name, TargetKeyId=properties["TargetKeyId"])
        return {"": name}

    def _bucket(self, logical: str, properties: dict[str, Any]) -> dict[str, Any]:
        s3 = self.client("s3")
        name = f"{self._stack}-{logical}".lower()
        present = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
        if name not in present:
            s3.create_bucket(
                Bucket=name, ObjectLockEnabledForBucket=bool(properties.get("ObjectLockEnabled"))
            )
            self.to_save = True
        if "VersioningConfiguration" in properties:
            s3.put_bucket_versioning(
                Bucket=name, VersioningConfiguration=properties["VersioningConfiguration"]
            )
        if "ObjectLockConfiguration" in properties:
            locking = properties["ObjectLockConfiguration"]
            s3.put_object_lock_configuration(Bucket=name, ObjectLockConfiguration=locking)
        if cors := properties.get("CorsConfiguration"):
            rules = [_renamed(rule, {"MaxAge": "MaxAgeSeconds", "Id": "ID"}) for rule in cors["CorsRules"]]
            s3.put_bucket_cors(Bucket=name, CORSConfiguration={"CORSRules": rules})
        host = f"{name}.s3.{REGION}.amazonaws.com"
        arn = f"arn:{PARTITION}:s3:::{name}"
        return {"": name, "Arn": arn, "DomainName": host, "RegionalDomainName": host}

    def _queue(self, logical: str, properties: dict[str, Any]) -> dict[str, Any]:
        sqs = self.client("sqs")
        name = f"{self._stack}-{logical}" + (".fifo" if properties.get("FifoQueue") else "")
        attributes = {key: _text(properties[key]) for key in QUEUE_ATTRIBUTES if key in properties}
        if redrive := properties.get("RedrivePolicy"):
            attributes["RedrivePolicy"] = json.dumps(redrive)
        try:
            url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
            sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)
        except sqs.exceptions.QueueDoesNotExist:
            url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
            self.to_save = True
        arn = f"arn:{PARTITION}:sqs:{REGION}:{ACCOUNT}:{name}"
        return {"": url, "QueueUrl": url, "QueueName": name, "Arn": arn}

    def _secret(self, logical: str, properties: dict[str, Any]) -> dict[str, Any]:
        manager = self.client("secretsmanager")
        name = f"{self._stack}-{logical}"
        try:
            arn = manager.describe_secret(SecretId=name)["ARN"]
        except manager.exceptions.ResourceNotFoundException:
            arn = manager.create_secret(Name=name, SecretString=_secret_text(properties))["ARN"]
            self.to_save = True
        return {"": arn, "Id": arn}

    def allow_sender(self, address: str) -> None:
        """Let mails leave from this address; as on AWS, senders nobody has vouched for are refused."""
        try:
            self.client("sesv2").create_email_identity(EmailIdentity=address)
        except ClientError as refused:
            if refused.response["Error"]["Code"] != "AlreadyExistsException":
                raise


def _secret_text(properties: dict[str, Any]) -> str:
    if "SecretString" in properties:
        return str(properties["SecretString"])
    wish = properties.get("GenerateSecretString", {})
    letters = string.ascii_letters + string.digits
    letters += "" if wish.get("ExcludePunctuation") else string.punctuation
    letters = "".join(set(letters) - set(wish.get("ExcludeCharacters", "")))
    password = "".join(secrets.choice(letters) for _ in range(int(wish.get("PasswordLength", 32))))
    if "GenerateStringKey" not in wish:
        return password
    return json.dumps({**json.loads(wish["SecretStringTemplate"]), wish["GenerateStringKey"]: password})


def _renamed(rule: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    return {names.get(key, key): value for key, value in rule.items()}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
