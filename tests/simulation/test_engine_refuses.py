"""What no engine takes, so that the engine in memory is no more patient than the others."""

import pytest
from botocore.exceptions import ClientError

from tests.simulation.mirror import Mirror, one_reason_for_all

A, B = {"pk": {"S": "a"}, "sk": {"S": "a"}}, {"pk": {"S": "a"}, "sk": {"S": "b"}}
REFUSED = {
    "bounds the wrong way round": (
        "query",
        {
            "KeyConditionExpression": "pk = :a AND sk BETWEEN :b AND :a",
            "ExpressionAttributeValues": {":a": {"S": "a"}, ":b": {"S": "b"}},
        },
    ),
    "an index read strongly": (
        "query",
        {
            "IndexName": "due",
            "ConsistentRead": True,
            "KeyConditionExpression": "d = :a",
            "ExpressionAttributeValues": {":a": {"S": "a"}},
        },
    ),
    "a comparison of a key with an empty text": (
        "query",
        {
            "KeyConditionExpression": "pk = :a AND sk >= :b",
            "ExpressionAttributeValues": {":a": {"S": "a"}, ":b": {"S": ""}},
        },
    ),
    "no hash key": (
        "query",
        {"KeyConditionExpression": "sk = :a", "ExpressionAttributeValues": {":a": {"S": "a"}}},
    ),
    "a filter on a key": (
        "query",
        {
            "KeyConditionExpression": "pk = :a",
            "FilterExpression": "sk <> :a",
            "ExpressionAttributeValues": {":a": {"S": "a"}},
        },
    ),
    "a text where an index sorts numbers": ("put_item", {"Item": {**A, "due": {"S": "1"}}}),
    "null where an index needs text": ("put_item", {"Item": {**A, "d": {"NULL": True}}}),
    "an empty text in an index": ("put_item", {"Item": {**A, "d": {"S": ""}}}),
    "an empty text as key": ("put_item", {"Item": {**A, "sk": {"S": ""}}}),
    "an empty set": ("put_item", {"Item": {**A, "t": {"SS": []}}}),
    "a set with one member twice": ("put_item", {"Item": {**A, "t": {"SS": ["x", "x"]}}}),
    "half a key": ("delete_item", {"Key": {"pk": {"S": "a"}}}),
    "more than a key": ("delete_item", {"Key": {**A, "n": {"N": "1"}}}),
    "an item too large": ("put_item", {"Item": {**A, "x": {"S": "x" * 410_000}}}),
    "a key changed": (
        "update_item",
        {"Key": A, "UpdateExpression": "SET sk = :b", "ExpressionAttributeValues": {":b": {"S": "b"}}},
    ),
    "an index key of the wrong type": (
        "update_item",
        {"Key": A, "UpdateExpression": "SET due = :b", "ExpressionAttributeValues": {":b": {"S": "b"}}},
    ),
    "one attribute twice": (
        "update_item",
        {
            "Key": A,
            "UpdateExpression": "SET n = :b REMOVE n",
            "ExpressionAttributeValues": {":b": {"N": "1"}},
        },
    ),
    "text added to": (
        "update_item",
        {"Key": A, "UpdateExpression": "ADD n :b", "ExpressionAttributeValues": {":b": {"S": "b"}}},
    ),
    "a sum with nothing": (
        "update_item",
        {"Key": B, "UpdateExpression": "SET n = n + :b", "ExpressionAttributeValues": {":b": {"N": "1"}}},
    ),
    "a value nobody gave": ("put_item", {"Item": A, "ConditionExpression": "n = :a"}),
    "a name nobody gave": ("put_item", {"Item": A, "ConditionExpression": "attribute_exists(#n)"}),
    "a value nobody uses": (
        "put_item",
        {
            "Item": A,
            "ConditionExpression": "attribute_exists(n)",
            "ExpressionAttributeValues": {":a": {"S": "a"}},
        },
    ),
    "no sense": ("put_item", {"Item": A, "ConditionExpression": "n = = n"}),
}
REFUSED_BATCHES = {
    "an item written twice": ("batch_write_item", [{"PutRequest": {"Item": A}}] * 2),
    "too many writes": (
        "batch_write_item",
        [{"PutRequest": {"Item": {**A, "sk": {"S": f"{n}"}}}} for n in range(26)],
    ),
    "an item read twice": ("batch_get_item", {"Keys": [A, A]}),
    "too many reads": ("batch_get_item", {"Keys": [{**A, "sk": {"S": f"{n}"}} for n in range(101)]}),
}


REFUSED_TRANSACTIONS = {
    "an item twice": [
        {"Delete": {"TableName": "MainTable", "Key": A}},
        {"Put": {"TableName": "MainTable", "Item": A}},
    ],
    "too many parts": [
        {"Delete": {"TableName": "MainTable", "Key": {**A, "sk": {"S": f"{n}"}}}} for n in range(101)
    ],
}
# Which local engine takes what DynamoDB refuses, in the words of its ValidationException.
LAX = {
    # Filter Expression can only contain non-primary key attributes
    "a filter on a key": {"ministack"},
    # Two document paths overlap with each other
    "one attribute twice": {"ministack"},
    # Value provided in ExpressionAttributeValues unused in expressions
    "a value nobody uses": {"dynoxide"},
    # The AttributeValue for a key attribute cannot contain an empty string value
    "a comparison of a key with an empty text": {"dynoxide"},
}


def refused_requests():
    for what, (method, request) in REFUSED.items():
        yield what, method, {"TableName": "MainTable", **request}
    for what, (method, items) in REFUSED_BATCHES.items():
        yield what, method, {"RequestItems": {"MainTable": items}}
    for what, parts in REFUSED_TRANSACTIONS.items():
        yield what, "transact_write_items", {"TransactItems": parts}


@pytest.mark.parametrize(
    ("what", "method", "request_"),
    list(refused_requests()),
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_refused(mirror, what, method, request_):
    taken = {name for name, client in mirror.engines.items() if code_of(client, method, request_) is None}
    for key in (A, B):
        for client in mirror.engines.values():
            client.delete_item(TableName="MainTable", Key=key)
    assert taken == LAX.get(what, set())


def code_of(client, method, request):
    """The code of a refusal as invalid; None for whatever else comes of a request."""
    try:
        getattr(client, method)(**request)
    except ClientError as refused:
        code = refused.response["Error"]["Code"]
        return code if code == "ValidationException" else None
    return None


def test_a_token_stands_for_one_transaction(mirror):
    """Ministack knows a token again only to refuse another transaction under it."""
    put = {"Put": {"TableName": "MainTable", "Item": A, "ConditionExpression": "attribute_not_exists(pk)"}}
    clients = {name: client for name, client in mirror.engines.items() if name != "ministack"}
    mirror = Mirror(one_reason_for_all, **clients)
    for _ in range(2):
        mirror.transact_write_items(TransactItems=[put], ClientRequestToken="one")
    other = [{"Delete": {"TableName": "MainTable", "Key": A}}]
    with pytest.raises(ClientError) as refused:
        mirror.transact_write_items(TransactItems=other, ClientRequestToken="one")
    assert refused.value.response["Error"]["Code"] == "IdempotentParameterMismatchException"
    mirror.transact_write_items(TransactItems=other)
