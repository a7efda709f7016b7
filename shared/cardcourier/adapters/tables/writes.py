"""One write, or several in one transaction, told in the terms of the records.

Conditions and changes are written with PynamoDB's expressions and sent through the shared low-level
client, because only that returns the old item when a single condition fails.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import SystemRandom
from typing import Any, NoReturn

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action, Update
from pynamodb.models import Model

from cardcourier.adapters.tables.keys import Key
from cardcourier.errors import Unavailable

Item = dict[str, Any]
"""An item in DynamoDB's own JSON: `{"name": {"S": "text"}}`."""

BATCH_GET = 100
BATCH_WRITE = 25
ROUNDS = 20
"""How often a batch is sent again for what a busy table left out."""

FIRST_WAIT, DOUBLINGS = 0.01, 5
"""Seconds that are waited at most before that, and how often they double while nothing is taken at all."""


@dataclass(frozen=True, slots=True)
class Put:
    """Write a whole item, on a condition."""

    record: Model
    condition: Condition | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """Change an item, creating it when it is absent, on a condition."""

    key: Key
    actions: Sequence[Action]
    condition: Condition | None = None
    returning: str = "NONE"


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove an item, on a condition."""

    key: Key
    condition: Condition | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """Leave an item alone, but let the transaction happen only on a condition of it."""

    key: Key
    condition: Condition


Write = Put | Change | Delete


class ConditionFailed(Exception):
    """The condition of a single write did not hold; `old` is the item it met, None when there is none."""

    def __init__(self, old: Item | None) -> None:
        super().__init__("condition failed")
        self.old = old


@dataclass(frozen=True, slots=True)
class Reason:
    """Why one part of a transaction stopped it; `code` is `None` for the innocent parts."""

    code: str
    old: Item | None = None

    @property
    def failed(self) -> bool:
        return self.code == "ConditionalCheckFailed"

    @property
    def conflict(self) -> bool:
        return self.code == "TransactionConflict"

    @property
    def innocent(self) -> bool:
        """Its condition held. Of a part that met a conflict or a throttle nobody knows that."""
        return self.code == "None"


class TransactionLost(Exception):
    """A transaction was cancelled; `reasons` are in the order of its writes."""

    def __init__(self, reasons: Sequence[Reason]) -> None:
        super().__init__("transaction cancelled")
        self.reasons = reasons

    @property
    def failed(self) -> bool:
        """Whether a condition did not hold; otherwise others were in the way."""
        return any(reason.failed for reason in self.reasons)


@dataclass(slots=True)
class Table:
    """One table through the shared client. Whatever it cannot say for sure becomes `Unavailable`."""

    client: Any
    name: str
    sleep: Callable[[float], None] = time.sleep

    def write(self, write: Write) -> Item:
        """Send one write; answers with what its `returning` asks for.

        Raises ConditionFailed with the item that was met.
        """
        verb, request = _request(write, self.name)
        call = {"Put": "put_item", "Update": "update_item", "Delete": "delete_item"}[verb]
        if isinstance(write, Change):
            request["ReturnValues"] = write.returning
        try:
            answer = getattr(self.client, call)(**request)
            changed: Item = answer.get("Attributes", {})
            return changed
        except ClientError as error:
            if code_of(error) == "ConditionalCheckFailedException":
                raise ConditionFailed(error.response.get("Item")) from error
            unavailable(error)
        except BotoCoreError as error:
            unavailable(error)

    def get(self, key: Key, *, consistent: bool = True) -> Item | None:
        try:
            answer = self.client.get_item(TableName=self.name, Key=_key(key), ConsistentRead=consistent)
        except (BotoCoreError, ClientError) as error:
            unavailable(error)
        item: Item | None = answer.get("Item")
        return item

    def get_many(self, keys: Iterable[Key]) -> list[Item]:
        """Read several items strongly; absent ones are simply missing from the answer."""
        wanted = [_key(key) for key in dict.fromkeys(keys)]
        found: list[Item] = []
        stuck = 0
        for _ in range(ROUNDS + len(wanted) // BATCH_GET):
            if not wanted:
                return found
            page, wanted = wanted[:BATCH_GET], wanted[BATCH_GET:]
            try:
                answer = self.client.batch_get_item(
                    RequestItems={self.name: {"Keys": page, "ConsistentRead": True}}
                )
            except (BotoCoreError, ClientError) as error:
                unavailable(error)
            found += answer["Responses"].get(self.name, [])
            left = answer.get("UnprocessedKeys", {}).get(self.name, {}).get("Keys", [])
            stuck = self._wait(stuck, len(left), len(page))
            wanted += left
        raise Unavailable("table_busy", "The table did not show all items; try again.")

    def put_many(self, records: Iterable[Model]) -> None:
        """Put items without a condition: only for what may be written again and again."""
        self._batch([{"PutRequest": {"Item": item_of(record)}} for record in records])

    def delete_many(self, keys: Iterable[Key]) -> None:
        """Remove items without a condition: only for what nobody puts again."""
        self._batch([{"DeleteRequest": {"Key": _key(key)}} for key in keys])

    def _batch(self, wanted: list[dict[str, Any]]) -> None:
        stuck = 0
        for _ in range(ROUNDS + len(wanted) // BATCH_WRITE):
            if not wanted:
                return
            page, wanted = wanted[:BATCH_WRITE], wanted[BATCH_WRITE:]
            try:
                answer = self.client.batch_write_item(RequestItems={self.name: page})
            except (BotoCoreError, ClientError) as error:
                unavailable(error)
            left = answer.get("UnprocessedItems", {}).get(self.name, [])
            stuck = self._wait(stuck, len(left), len(page))
            wanted = left + wanted
        raise Unavailable("table_busy", "The table did not take every change; try again.")

    def _wait(self, stuck: int, left: int, asked: int) -> int:
        """Give a busy table a moment, at random; longer, the more answers in a row brought nothing."""
        if not left:
            return 0
        stuck = stuck + 1 if left == asked else 0
        self.sleep(SystemRandom().random() * FIRST_WAIT * 2 ** min(stuck, DOUBLINGS))
        return stuck

    def query(self, condition: Condition, **options: Any) -> Iterator[Item]:
        """All items that match, page after page. `options` are those of the API's Query."""
        request = self.query_request(condition, **options)
        while True:
            answer = self.query_page(request)
            yield from answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def query_request(
        self, condition: Condition, only: Condition | None = None, **options: Any
    ) -> dict[str, Any]:
        """A Query by its keys; what `only` does not hold for is read and left out of the answer."""
        names: dict[str, str] = {}
        values: dict[str, Any] = {}
        expression = condition.serialize(names, values)
        filters = {} if only is None else {"FilterExpression": only.serialize(names, values)}
        return {
            "TableName": self.name,
            "KeyConditionExpression": expression,
            **filters,
            "ExpressionAttributeNames": _names(names),
            "ExpressionAttributeValues": values,
            **options,
        }

    def query_page(self, request: Mapping[str, Any]) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = self.client.query(**request)
        except (BotoCoreError, ClientError) as error:
            unavailable(error)
        return answer


def transact(client: Any, *parts: tuple[Table, Write | Check]) -> None:
    """Send all writes or none. Raises TransactionLost with one reason per write."""
    items = []
    for table, write in parts:
        verb, request = _request(write, table.name)
        items.append({verb: request})
    try:
        client.transact_write_items(TransactItems=items)
    except ClientError as error:
        if code_of(error) == "TransactionCanceledException":
            reasons = error.response.get("CancellationReasons", [])
            raise TransactionLost(
                [Reason(r.get("Code") or "None", r.get("Item")) for r in reasons]
            ) from error
        unavailable(error)
    except BotoCoreError as error:
        unavailable(error)


def item_of(record: Model) -> Item:
    """A record in the table's own JSON."""
    return record.serialize()


def _request(write: Write | Check, table: str) -> tuple[str, dict[str, Any]]:
    names: dict[str, str] = {}
    values: dict[str, Any] = {}
    request: dict[str, Any] = {
        "TableName": table,
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    match write:
        case Put(record):
            verb = "Put"
            request["Item"] = item_of(record)
        case Change(key, actions):
            verb = "Update"
            request["Key"] = _key(key)
            request["UpdateExpression"] = Update(*actions).serialize(names, values)
        case Check(key):
            verb = "ConditionCheck"
            request["Key"] = _key(key)
        case Delete(key):
            verb = "Delete"
            request["Key"] = _key(key)
    if write.condition is not None:
        request["ConditionExpression"] = write.condition.serialize(names, values)
    if names:
        request["ExpressionAttributeNames"] = _names(names)
    if values:
        request["ExpressionAttributeValues"] = values
    return verb, request


def _names(names: Mapping[str, str]) -> dict[str, str]:
    return {placeholder: name for name, placeholder in names.items()}


def _key(key: Key) -> Item:
    pk, sk = key
    return {"pk": {"S": pk}, "sk": {"S": sk}} if sk else {"pk": {"S": pk}}


def code_of(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def unavailable(error: BotoCoreError | ClientError) -> NoReturn:
    """The write may or may not have happened: whoever goes on must read again."""
    code = code_of(error) if isinstance(error, ClientError) else type(error).__name__
    if code in {"ValidationException", "AccessDeniedException", "ResourceNotFoundException"}:
        raise error
    raise Unavailable(
        "table_unavailable", "The table did not answer for sure; try again.", cause=code
    ) from error


def busy(lost: TransactionLost) -> Exception:
    """A conflict or throttle: nothing happened, asking again helps."""
    codes = ",".join(reason.code for reason in lost.reasons)
    return Unavailable("table_busy", "Another write was in the way; try again.", cause=codes)
