"""Refusals as boto3 raises them."""

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

CONDITION_FAILED = "The conditional request failed"
CONFLICT = "Transaction is ongoing for the item"
TOO_FAST = "The level of configured provisioned throughput for the table was exceeded."
IN_PROGRESS = "The transaction with the given request token is already in progress."


def refusal(code: str, operation: str = "", message: str = "", **more: Any) -> ClientError:
    """A ClientError of this code; `more` stands beside the error, as `Item` or `CancellationReasons` do."""
    status = 500 if code == "InternalServerError" else 400
    told = {
        "Error": {"Code": code, "Message": message or code},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError({**told, **more}, operation)


def invalid(message: str) -> ClientError:
    """A request that can never be served."""
    return refusal("ValidationException", "", message)


def cancelled(reasons: list[dict[str, Any]]) -> ClientError:
    """A transaction of which one part or more could not be: one reason per part, in order."""
    codes = ", ".join(reason["Code"] for reason in reasons)
    message = f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]"
    return refusal("TransactionCanceledException", "TransactWriteItems", message, CancellationReasons=reasons)


def known(request: Mapping[str, Any], allowed: frozenset[str], operation: str) -> None:
    """An option that is not known must not be passed over."""
    if unknown := request.keys() - allowed:
        raise NotImplementedError(f"{operation} with {', '.join(sorted(unknown))}")
