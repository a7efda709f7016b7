"""Claims: what buyers say does not work, what speaks for whom, and the decision in one call."""

from typing import Annotated, Literal

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import Field

from cardcourier import wiring
from cardcourier.api import auth
from cardcourier.api.idempotency import Repeat
from cardcourier.api.paging import Cursor, Limit, read_cursor, write_cursor
from cardcourier.api.routes import Routes, answer
from cardcourier.api.schemas import List, LongText, Moment, PathId, Shape, Text
from cardcourier.domain.claims import Case, Claim
from cardcourier.domain.orders import OrderKey
from cardcourier.domain.redemptions import Redemption
from cardcourier.errors import Refused
from cardcourier.services.claims import Outcome
from cardcourier.services.handling_orders import Who

routes = Routes("claims")
OF_ORDER = "/v1/orders/<shop>/<order>/claims"
CLAIM = f"{OF_ORDER}/<claim>"
OVERRIDE = "cards:override"
Reason = Annotated[LongText, Field(min_length=1)]
Said = Literal["invalid", "used", "region", "mistyped", "other"]


class RedemptionShape(Shape):
    """What an issuer said: `where` is its own text, `source` who told us."""

    redeemed_at: Moment
    where: str
    source: str
    told_at: Moment


class ClaimShape(Shape):
    """A claim on one card. `state` is open, waiting_supplier, replaced, refunded, rejected or withdrawn.

    `reason` is what the buyer chose, `note` what they wrote. `outcome` names what closed it: the new card, or
    the refund. `supplier_claim` is the bundle in which the supplier was told.
    """

    shop: str
    order: str
    claim: str
    unit: str
    card: str
    last4: str
    batch: str
    sku: str
    reason: str
    note: str
    state: str
    opened_at: Moment
    opened_by: str
    first_shown_at: Moment
    decided_at: Moment | None
    decided_by: str
    why: str
    outcome: str
    supplier_claim: str


class CaseShape(ClaimShape):
    """`card_now`: held, replaced or gone (its piece ended). `evidence`: redeemed_before_shown speaks for the
    buyer, redeemed_after_shown against, none says nothing.
    """

    card_now: str
    evidence: str
    redemption: RedemptionShape | None


class NewClaim(Shape):
    """`unit` is `<line>#<nnnn>`. A claim that was rejected or withdrawn is opened again."""

    unit: Text
    reason: Said
    note: LongText = ""


class Decision(Shape):
    reason: Reason


class ReplaceDecision(Decision):
    """`override` replaces beyond the warranty; it needs the scope cards:override."""

    override: bool = False


class BatchDecision(ReplaceDecision):
    """One decision on the undecided claims of a batch."""

    batch: Annotated[Text, Field(min_length=1)]
    action: Literal["replace", "refund", "reject", "wait"]


class OutcomeShape(Shape):
    """What became of one claim; `code` and `detail` say why it was not decided."""

    shop: str
    order: str
    claim: str
    state: str
    code: str
    detail: str


class Outcomes(Shape):
    """At most a hundred are decided in one call; ask again while any of them is `done`."""

    items: list[OutcomeShape]


@routes.on("GET", "/v1/claims", "Claims that wait for a decision, the oldest first", scope="claims:read")
def claims(
    batch: Annotated[str, Query(max_length=100)] = "", limit: Limit = 50, cursor: Cursor = None
) -> List[CaseShape]:
    """With `batch`, every claim on its cards on one page, decided or not; that list may be a moment old."""
    tenant, desk = routes.caller.tenant, wiring.claims_desk()
    if batch:
        return List(items=[_case(case) for case in desk.of_batch(tenant, batch)])
    try:
        page = desk.undecided(tenant, read_cursor("claims", cursor), limit)
    except ValueError as error:
        raise Refused("bad_cursor", "cursor is not one of this list; begin again without it.") from error
    return List(items=[_case(case) for case in page.items], next_cursor=write_cursor("claims", page.next))


@routes.on(
    "POST",
    "/v1/claims/decide",
    "Decide the claims on a batch's cards",
    scope="claims:act",
    repeat=Repeat.ANSWER,
)
def decide_batch(body: BatchDecision) -> Outcomes:
    """Each as if it were decided alone: caps, warranty and stock count for each."""
    if body.action == "replace":
        auth.allow(routes.caller, "cards:replace")
    _may_override(body.override)
    done = wiring.claims_desk().decide_batch(
        routes.caller.tenant, body.batch, body.action, body.reason, _who(), override=body.override
    )
    return Outcomes(items=[_outcome(one) for one in done])


@routes.on("POST", OF_ORDER, "Open a claim", scope="claims:act", status=201, repeat=Repeat.ANSWER)
def open_claim(shop: PathId, order: PathId, body: NewClaim) -> Response[ClaimShape]:
    """For a buyer who came by other ways. Only a card that was shown can be claimed, and once."""
    found = wiring.claims_desk().open(_key(shop, order), body.unit, body.reason, body.note, _who())
    return answer(_claim(found), 201)


@routes.on("GET", CLAIM, "One claim with its evidence", scope="claims:read")
def one_claim(shop: PathId, order: PathId, claim: PathId) -> CaseShape:
    return _case(wiring.claims_desk().one(_key(shop, order), claim))


@routes.on("POST", f"{CLAIM}/replace", "Give a new card", scope="cards:replace", repeat=Repeat.ANSWER)
def replace_claimed(shop: PathId, order: PathId, claim: PathId, body: ReplaceDecision) -> ClaimShape:
    """The claimed card is burnt, so a claim is replaced once, however often it is asked for."""
    _may_override(body.override)
    desk, key = wiring.claims_desk(), _key(shop, order)
    return _claim(desk.replace(key, claim, body.reason, _who(), override=body.override))


@routes.on("POST", f"{CLAIM}/refund", "End the piece and close", scope="claims:act", repeat=Repeat.ANSWER)
def refund_claimed(shop: PathId, order: PathId, claim: PathId, body: Decision) -> ClaimShape:
    """The piece ends once and its card is burnt. Paying back is asked for as for any cancelled piece."""
    return _claim(wiring.claims_desk().refund(_key(shop, order), claim, body.reason, _who()))


@routes.on("POST", f"{CLAIM}/reject", "Close: the card was good", scope="claims:act", repeat=Repeat.ANSWER)
def reject_claim(shop: PathId, order: PathId, claim: PathId, body: Decision) -> ClaimShape:
    """The buyer's page says so; it does not show the reason."""
    return _claim(wiring.claims_desk().reject(_key(shop, order), claim, body.reason, _who()))


@routes.on(
    "POST", f"{CLAIM}/withdraw", "Close: the buyer took it back", scope="claims:act", repeat=Repeat.ANSWER
)
def withdraw_claim(shop: PathId, order: PathId, claim: PathId, body: Decision) -> ClaimShape:
    return _claim(wiring.claims_desk().withdraw(_key(shop, order), claim, body.reason, _who()))


@routes.on("POST", f"{CLAIM}/wait", "Have the supplier told first", scope="claims:act", repeat=Repeat.ANSWER)
def wait_for_supplier(shop: PathId, order: PathId, claim: PathId, body: Decision) -> ClaimShape:
    """The claim stays in the list until it is decided."""
    return _claim(wiring.claims_desk().wait(_key(shop, order), claim, body.reason, _who()))


def _may_override(wanted: bool) -> None:
    if wanted:
        auth.allow(routes.caller, OVERRIDE)


def _key(shop: str, order: str) -> OrderKey:
    return OrderKey(routes.caller.tenant, shop, order)


def _who() -> Who:
    caller = routes.caller
    return Who(caller.by, caller.holder.role, caller.rid)


def claim_fields(claim: Claim) -> dict[str, object]:
    decided = claim.ver > 1 or not claim.undecided
    return {
        "shop": claim.key.shop,
        "order": claim.key.order,
        "claim": claim.id,
        "unit": claim.unit,
        "card": claim.card,
        "last4": claim.last4,
        "batch": claim.batch,
        "sku": claim.sku,
        "reason": claim.reason,
        "note": claim.note,
        "state": claim.state,
        "opened_at": claim.opened_at,
        "opened_by": claim.opened_by,
        "first_shown_at": claim.shown_at,
        "decided_at": claim.at if decided else None,
        "decided_by": claim.by if decided else "",
        "why": claim.why if decided else "",
        "outcome": claim.outcome,
        "supplier_claim": claim.supplier_claim,
    }


def redemption_shape(fact: Redemption | None) -> RedemptionShape | None:
    if fact is None:
        return None
    return RedemptionShape(
        redeemed_at=fact.redeemed_at, where=fact.place, source=fact.source, told_at=fact.told_at
    )


def _claim(claim: Claim) -> ClaimShape:
    return ClaimShape.model_validate(claim_fields(claim))


def _case(case: Case) -> CaseShape:
    redemption = redemption_shape(case.redemption)
    more = {"card_now": case.card_now, "evidence": case.evidence, "redemption": redemption}
    return CaseShape.model_validate(claim_fields(case.claim) | more)


def _outcome(one: Outcome) -> OutcomeShape:
    claim = one.claim
    return OutcomeShape(
        shop=claim.key.shop,
        order=claim.key.order,
        claim=claim.id,
        state=claim.state,
        code=one.code,
        detail=one.detail,
    )
