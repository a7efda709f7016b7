"""The guard of the local cloud asks what IAM would ask, and allows what the roles of the template allow."""

import json

import pytest

from tests.rights_guard import allowed, guarded, needs
from tests.rules.reading import TEXT, functions, load


@pytest.fixture(scope="module")
def roles(tmp_path_factory):
    folder = tmp_path_factory.mktemp("guard") / "guarded"
    guarded(folder)
    return json.loads((folder / "rights.json").read_text())["roles"]


def may(roles, function, service, operation, **request):
    asked = list(needs(service, operation, request, lambda name: name))
    assert asked
    return all(allowed(roles[function], *need) for need in asked)


def key(pk):
    return {"pk": {"S": pk}, "sk": {"S": "x"}}


def test_every_function_is_guarded(roles):
    assert set(roles) == set(functions(load(TEXT)))


@pytest.mark.parametrize(
    ("function", "pk", "answer"),
    [
        ("redeem", "R#1", True),
        ("redeem", "AK#1", False),
        ("dispatch", "O#t#s#1", False),
        ("redeem", "RR#1", False),
    ],
)
def test_an_item_is_read_by_its_kind(roles, function, pk, answer):
    assert may(roles, function, "dynamodb", "GetItem", TableName="MainTable", Key=key(pk)) is answer


def test_a_transaction_needs_the_rights_of_all_its_parts(roles):
    take = {"Delete": {"TableName": "MainTable", "Key": key("P#t#sku#1#0")}}
    unit = {"Put": {"TableName": "MainTable", "Item": key("O#t#s#1")}}
    card = {"Put": {"TableName": "VaultTable", "Item": key("V#t#c1")}}
    assert may(roles, "allocation", "dynamodb", "TransactWriteItems", TransactItems=[take, unit])
    assert not may(roles, "allocation", "dynamodb", "TransactWriteItems", TransactItems=[take, unit, card])
    assert not may(roles, "redeem", "dynamodb", "TransactWriteItems", TransactItems=[take, unit])


def test_one_foreign_kind_in_a_batch_refuses_it(roles):
    def batch(*pks):
        return {"MainTable": {"Keys": [key(pk) for pk in pks]}}

    assert may(roles, "delivery", "dynamodb", "BatchGetItem", RequestItems=batch("O#1", "O#2"))
    assert not may(roles, "delivery", "dynamodb", "BatchGetItem", RequestItems=batch("O#1", "AK#2"))
    put = [{"PutRequest": {"Item": key("K#t#1")}}]
    assert may(roles, "allocation", "dynamodb", "BatchWriteItem", RequestItems={"ViewsTable": put})
    gone = [{"DeleteRequest": {"Key": key("A#t#1")}}]
    assert not may(roles, "allocation", "dynamodb", "BatchWriteItem", RequestItems={"ViewsTable": put + gone})


@pytest.mark.parametrize(
    ("condition", "names", "answer"),
    [
        ("#0 = :0", {"#0": "d"}, True),
        ("(#0 = :0 AND #1 <= :1)", {"#0": "d", "#1": "due"}, True),
        ("#1 <= :1 AND #0 = :0", {"#0": "d", "#1": "due"}, True),
        ("d = :0 AND due <= :1", {}, True),
        ("d = :2", {}, False),
        ("due = :0", {}, False),
    ],
)
def test_an_index_is_queried_by_its_own_partition_key(roles, condition, names, answer):
    request = {
        "TableName": "MainTable",
        "IndexName": "due",
        "KeyConditionExpression": condition,
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": {":0": {"S": "D#ORDER#00"}, ":1": {"N": "1"}, ":2": {"S": "O#t"}},
    }
    assert may(roles, "release", "dynamodb", "Query", **request) is answer
    assert not may(roles, "redeem", "dynamodb", "Query", **request)


def test_a_scan_is_never_allowed(roles):
    assert not any(may(roles, name, "dynamodb", "Scan", TableName="MainTable") for name in roles)


@pytest.mark.parametrize(
    ("function", "purpose", "answer"),
    [
        ("redeem", "card", True),
        ("redeem", "contact", False),
        ("delivery", "card", False),
        ("api", "card", False),
    ],
)
def test_a_key_is_opened_by_its_purpose(roles, function, purpose, answer):
    context = {"tenant": "t", "purpose": purpose, "id": "1"}
    assert may(roles, function, "kms", "Decrypt", EncryptionContext=context) is answer


def test_a_key_without_a_purpose_opens_nothing(roles):
    assert not any(may(roles, name, "kms", "Decrypt") for name in roles)


def test_a_card_file_needs_the_bucket_and_its_key(roles):
    request = {"Bucket": "ImportBucket", "Key": "imports/t/j"}
    assert may(roles, "api", "s3", "PutObject", **request)
    assert may(roles, "inventory", "s3", "GetObject", **request)
    assert not may(roles, "api", "s3", "GetObject", **request)
    assert may(roles, "api", "s3", "GetObject", Bucket="ImportBucket", Key="imports/t/j.rejected.csv")
    assert not may(roles, "inventory", "s3", "GetObject", Bucket="ImportBucket", Key="authorisations/t/s/1")
    without = [s for s in roles["inventory"] if s["Sid"] != "OpenUploadedFileAndSealRejects"]
    assert not may({"inventory": without}, "inventory", "s3", "GetObject", **request)


def test_mail_goes_out_under_our_own_address(roles, monkeypatch):
    monkeypatch.setenv("MAIL_FROM", "cards@shop.example")
    assert may(roles, "delivery", "sesv2", "SendEmail", FromEmailAddress="cards@shop.example")
    assert not may(roles, "delivery", "sesv2", "SendEmail", FromEmailAddress="other@shop.example")
    assert not may(roles, "api", "sesv2", "SendEmail", FromEmailAddress="cards@shop.example")
