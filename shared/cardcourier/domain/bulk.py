"""One action over many orders: a job with its orders in parts, each with what became of them."""

from dataclasses import dataclass

KIND = "bulk"
PREFIX = "bulk-"
MOST_ORDERS = 1_000
PART = 50

OVER = frozenset({"done", "cancelled"})
DONE = "done"

Result = tuple[str, str]
"""`done` and nothing more, or the code of a refusal and its text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkPart:
    """Up to fifty orders of a job, as (shop, order), and their results in the same order once there are any.

    `begun_at` (epoch ms) is when it was first tried: with the job's id it makes a repeat of an interrupted
    part the very same acts again.
    """

    tenant: str
    job: str
    n: int
    orders: tuple[tuple[str, str], ...]
    begun_at: int = 0
    results: tuple[Result, ...] = ()
    ver: int = 1


def parts_of(tenant: str, job: str, orders: list[tuple[str, str]]) -> list[BulkPart]:
    """The orders of a job, fifty to a part."""
    return [
        BulkPart(tenant=tenant, job=job, n=n, orders=tuple(orders[start : start + PART]))
        for n, start in enumerate(range(0, len(orders), PART))
    ]
