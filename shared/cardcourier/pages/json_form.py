"""The same pages for programs: snake_case, RFC 3339 times in UTC, absent means not known."""

from collections.abc import Mapping
from datetime import UTC, datetime

from cardcourier.domain.redeem_page import (
    CardBlock,
    LockedPage,
    LookupPage,
    NotFoundPage,
    OrderPage,
    Page,
    UnavailablePage,
)

Json = dict[str, object]


def as_json(page: Page) -> Json:
    """The page as a JSON object, its `kind` saying which one it is. Values that are `None` are left out."""
    match page:
        case OrderPage():
            return _order(page)
        case LookupPage():
            return {"kind": "lookup", "message": page.message_kind, "support": page.support}
        case LockedPage():
            return _known({"kind": "locked", "until": _rfc3339(page.until), "support": page.support})
        case NotFoundPage():
            return {"kind": "not_found", "support": page.support}
        case UnavailablePage():
            return {"kind": "unavailable", "support": page.support}


def _order(page: OrderPage) -> Json:
    proof = {
        "needed": page.proof_needed,
        "failed": page.proof_failed,
        "tries_left": page.tries_left,
        "locked_until": _rfc3339(page.locked_until),
    }
    return _known(
        {
            "kind": "order",
            "tenant": page.tenant_name,
            "order_number": page.order_number_masked,
            "total": page.total,
            "delivered": page.delivered,
            "revealed": page.revealed_now,
            "views_left": page.views_left,
            "once_minutes": page.once_minutes,
            "proof": _known(proof),
            "problem_sent": page.problem_sent,
            "cards": [_card(block) for block in page.blocks],
            "support": page.support,
        }
    )


def _card(block: CardBlock) -> Json:
    return _known(
        {
            "ref": block.ref,
            "product": block.product_name,
            "state": block.state,
            "head": block.head or None,
            "last4": block.last4,
            "number": block.number,
            "code": block.code,
            "release_at": _rfc3339(block.release_at),
            "expires_at": _rfc3339(block.expires_at),
            "redeem_url": block.redeem_url,
            "steps": list(block.steps),
            "claim": block.claim or None,
        }
    )


def _known(values: Mapping[str, object]) -> Json:
    return {name: value for name, value in values.items() if value is not None}


def _rfc3339(at: int | None) -> str | None:
    """Epoch milliseconds as `2026-11-23T04:00:00.000Z`."""
    if at is None:
        return None
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
