"""One client in front of several table engines: each request goes to all of them, and all must agree.

Answers are compared in one form: numbers and sets as the engine in memory keeps them, batches in any order,
and an index in the order of its keys alone, since what shares a key has no order. Messages are free; codes,
reasons, items, order and pages are not.
"""

import json
from itertools import groupby

from botocore.exceptions import ClientError

from tests.simulation.engine.items import stored
from tests.simulation.engine.values import rank

INDEX_KEYS = {"card": ("c", None), "due": ("d", "due")}
MOST_PAGES = 200


class Disagreement(AssertionError):
    """Two engines answered one request differently."""


class Mirror:
    """Stands where boto3's client stands. `engines` are clients by name, the first one's answer counts.

    `deviates(name, told, own)` says whether what the engine `name` told is a known fault of it, given what
    the first one told.
    """

    def __init__(self, deviates, **engines):
        self.engines, self.deviates = engines, deviates
        self.asked = self.deviations = 0

    def empty(self, table):
        """Remove all items of a table; what they are is compared by being read."""
        self.scan(TableName=table, ConsistentRead=True)
        for client in self.engines.values():
            pages = client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
            for item in [item for page in pages for item in page["Items"]]:
                names = ("pk",) if table == "VaultTable" else ("pk", "sk")
                client.delete_item(TableName=table, Key={name: item[name] for name in names})

    def get_paginator(self, operation):
        return next(iter(self.engines.values())).get_paginator(operation)

    def __getattr__(self, method):
        def call(**request):
            self.asked += 1
            pages = _every_page if _is_free_in_order(method, request) else _once
            outcomes = {name: pages(client, method, request) for name, client in self.engines.items()}
            told = {name: _comparable(method, request, *outcome) for name, outcome in outcomes.items()}
            (name, first), *others = told.items()
            for other, answer in others:
                if answer == first:
                    continue
                if self.deviates(other, answer, first):
                    self.deviations += 1
                    continue
                raise Disagreement(
                    f"{method} of {json.dumps(request, default=repr, ensure_ascii=False)}\n"
                    f"{name}: {_text(first)}\n{other}: {_text(answer)}"
                )
            answer, error = next(iter(outcomes.values()))
            if error is not None:
                raise error
            return answer[0] if isinstance(answer, list) else answer

        return call


def _text(told):
    return json.dumps(told, default=repr, ensure_ascii=False, sort_keys=True)


def _is_free_in_order(method, request):
    return method == "scan" or (method == "query" and "IndexName" in request)


def _once(client, method, request):
    try:
        return getattr(client, method)(**request), None
    except ClientError as error:
        return None, error


def _every_page(client, method, request):
    """All pages from here on: where the order within a page is free, so is where a page ends."""
    pages = []
    for _ in range(MOST_PAGES):
        page, error = _once(client, method, request)
        if error is not None:
            return None, error
        pages.append(page)
        if "LastEvaluatedKey" not in page:
            return pages, None
        request = {**request, "ExclusiveStartKey": page["LastEvaluatedKey"]}
    raise Disagreement(f"{method} has no last page: {request}")


def _comparable(method, request, answer, error):
    if error is not None:
        return _comparable_error(error)
    if isinstance(answer, list):
        return _comparable_pages(request, answer)
    told = {}
    for name, value in answer.items():
        match name:
            case "ResponseMetadata" | "ConsumedCapacity":
                continue
            case "Item" | "Attributes":
                told[name] = dict(stored(value))
            case "Items":
                told[name] = [dict(stored(item)) for item in value]
            case "Responses":
                told[name] = {table: _in_any_order(items) for table, items in value.items()}
            case "UnprocessedItems" | "UnprocessedKeys":
                told |= {name: value} if value else {}
            case _:
                told[name] = value
    return told


def _comparable_pages(request, pages):
    """The sizes of all pages; what shares a key in one bag, bags in their order."""
    counts = [sum(page["Count"] for page in pages), *(page["ScannedCount"] for page in pages)]
    items = [stored(item) for page in pages for item in page.get("Items", [])]
    _, by = INDEX_KEYS.get(request.get("IndexName"), (None, None))
    if by is None or request.get("ProjectionExpression"):
        return [counts, _in_any_order(items)]
    groups = groupby(items, lambda item: rank(item[by]))
    return [counts, [(str(shared), _in_any_order(group)) for shared, group in groups]]


def _in_any_order(items):
    return sorted((dict(stored(item)) for item in items), key=_text)


def _comparable_error(error):
    told = {"Code": error.response["Error"]["Code"]}
    if item := error.response.get("Item"):
        told["Item"] = dict(stored(item))
    if "CancellationReasons" in error.response:
        told["Reasons"] = [
            (reason.get("Code") or "None", dict(stored(reason["Item"])) if reason.get("Item") else None)
            for reason in error.response["CancellationReasons"]
        ]
    return told


def one_reason_for_all(name, told, own):
    """Ministack gives the reason of the first part that failed alone, and looks for faults of updates before
    conditions; DynamoDB gives one for each part ("CancellationReasons", API reference of TransactWriteItems).
    """
    if name != "ministack" or "Reasons" not in told or "Reasons" not in own:
        return False
    pairs = list(zip(told["Reasons"], own["Reasons"], strict=True))
    failed = [pair for pair in pairs if pair[0][0] != "None"]
    return len(failed) == 1 and all(theirs == ours for theirs, ours in failed)
