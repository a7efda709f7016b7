"""Supplier claims: bad cards bundled with their evidence, told to whom they were bought from, and settled."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from pydantic import Field

from cardcourier import wiring
from cardcourier.api.idempotency import Repeat
from cardcourier.api.paging import Cursor, Limit, read_cursor, write_cursor
from cardcourier.api.routes import Routes, answer
from cardcourier.api.schemas import (
    Count,
    List,
    LongText,
    Minor,
    Moment,
    Money,
    PathId,
    Shape,
    Text,
    money,
)
from cardcourier.domain.supplier_claims import BadCard, SupplierClaim, as_csv
from cardcourier.services.handling_orders import Who

routes = Routes("supplier-claims")
PLACE = "/v1/supplier-claims"
CLAIM = f"{PLACE}/<claim>"


class NewSupplierClaim(Shape):
    """Of one batch, or of all that were bought from the supplier."""

    supplier: Annotated[Text, Field(min_length=1)]
    batch: Text = ""
    note: LongText = ""


class BadCardShape(Shape):
    """A card and what speaks for it; never its code."""

    card: str
    last4: str
    batch: str
    sku: str
    reason: str
    claimed_at: Moment
    first_shown_at: Moment
    redeemed_at: Moment | None
    redeemed_where: str
    evidence: str
    shop: str
    order: str
    claim: str


class SupplierClaimShape(Shape):
    """`state` is draft, dropped, sent, accepted, partly, rejected or credited; `why` is of its last move.

    `accepted` cards are those the supplier takes the blame for.
    """

    id: str
    supplier: str
    batch: str
    state: str
    cards: int
    accepted: int
    credit: Money | None
    created_at: Moment
    sent_at: Moment | None
    at: Moment
    by: str
    why: str


class OneSupplierClaim(SupplierClaimShape):
    bad_cards: list[BadCardShape]


class SupplierFile(Shape):
    """What the supplier gets: `text` is CSV with ids and last characters of the cards, no order, no buyer."""

    file_name: str
    text: str


class Why(Shape):
    reason: Annotated[LongText, Field(min_length=1)]


class Answered(Why):
    """All, some or none of the cards."""

    accepted: Count


class Credit(Why):
    """Booked as `cost_recovery`, once."""

    amount: Minor
    currency: Text = "CNY"


@routes.on("GET", PLACE, "Supplier claims, the newest first", scope="claims:read")
def supplier_claims(limit: Limit = 50, cursor: Cursor = None) -> List[SupplierClaimShape]:
    page = wiring.supplier_claims_desk().list(routes.caller.tenant, read_cursor(PLACE, cursor), limit)
    return List(items=[_shape(one) for one in page.items], next_cursor=write_cursor(PLACE, page.next))


@routes.on("POST", PLACE, "Bundle bad cards", scope="claims:supplier", status=201, repeat=Repeat.AGAIN)
def draft(body: NewSupplierClaim) -> Response[OneSupplierClaim]:
    """Takes up to 500 claimed cards of which no supplier was told yet, the longest claimed first."""
    desk = wiring.supplier_claims_desk()
    made = desk.draft(routes.caller.tenant, body.supplier, body.batch, body.note, routes.act, _who())
    return answer(_whole(made), 201)


@routes.on("GET", CLAIM, "One supplier claim with its cards", scope="claims:read")
def one_supplier_claim(claim: PathId) -> OneSupplierClaim:
    return _whole(wiring.supplier_claims_desk().one(routes.caller.tenant, claim))


@routes.on("GET", f"{CLAIM}/file", "The list for the supplier", scope="claims:read")
def supplier_file(claim: PathId) -> SupplierFile:
    found = wiring.supplier_claims_desk().one(routes.caller.tenant, claim)
    return SupplierFile(file_name=f"{found.supplier}_{found.id}.csv", text=as_csv(found.cards))


@routes.on("POST", f"{CLAIM}/drop", "End a draft", scope="claims:supplier", repeat=Repeat.ANSWER)
def drop(claim: PathId, body: Why) -> SupplierClaimShape:
    return _shape(wiring.supplier_claims_desk().drop(routes.caller.tenant, claim, body.reason, _who()))


@routes.on(
    "POST", f"{CLAIM}/sent", "Say that the supplier has it", scope="claims:supplier", repeat=Repeat.ANSWER
)
def sent(claim: PathId, body: Why) -> SupplierClaimShape:
    return _shape(wiring.supplier_claims_desk().sent(routes.caller.tenant, claim, body.reason, _who()))


@routes.on(
    "POST", f"{CLAIM}/answered", "Keep the supplier's answer", scope="claims:supplier", repeat=Repeat.ANSWER
)
def answered(claim: PathId, body: Answered) -> SupplierClaimShape:
    desk = wiring.supplier_claims_desk()
    return _shape(desk.answered(routes.caller.tenant, claim, body.accepted, body.reason, _who()))


@routes.on(
    "POST", f"{CLAIM}/credited", "Book the supplier's credit", scope="claims:supplier", repeat=Repeat.ANSWER
)
def credited(claim: PathId, body: Credit) -> SupplierClaimShape:
    desk = wiring.supplier_claims_desk()
    tenant, who = routes.caller.tenant, _who()
    return _shape(desk.credited(tenant, claim, body.amount, body.currency, body.reason, who))


def _who() -> Who:
    caller = routes.caller
    return Who(caller.by, caller.holder.role, caller.rid)


def _fields(found: SupplierClaim) -> dict[str, object]:
    return {
        "id": found.id,
        "supplier": found.supplier,
        "batch": found.of_batch,
        "state": found.stage,
        "cards": len(found.cards),
        "accepted": found.accepted,
        "credit": money(found.credit, found.currency) if found.credit else None,
        "created_at": found.created_at,
        "sent_at": found.sent_at,
        "at": found.at,
        "by": found.by,
        "why": found.why,
    }


def _shape(found: SupplierClaim) -> SupplierClaimShape:
    return SupplierClaimShape.model_validate(_fields(found))


def _whole(found: SupplierClaim) -> OneSupplierClaim:
    return OneSupplierClaim.model_validate(
        _fields(found) | {"bad_cards": [_card(one) for one in found.cards]}
    )


def _card(one: BadCard) -> BadCardShape:
    return BadCardShape(
        card=one.card,
        last4=one.last4,
        batch=one.batch,
        sku=one.sku,
        reason=one.reason,
        claimed_at=one.claimed_at,
        first_shown_at=one.shown_at,
        redeemed_at=one.redeemed_at,
        redeemed_where=one.place,
        evidence=one.evidence,
        shop=one.shop,
        order=one.order,
        claim=one.claim,
    )
