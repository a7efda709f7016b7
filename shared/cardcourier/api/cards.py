"""Cards at a glance, and what issuers say of them. No answer holds a card; a whole one comes in bodies."""

from typing import Annotated

from pydantic import Field, model_validator

from cardcourier import wiring
from cardcourier.api.claims import ClaimShape, RedemptionShape, claim_fields, redemption_shape
from cardcourier.api.idempotency import Repeat
from cardcourier.api.routes import Routes
from cardcourier.api.schemas import GivenMoment, Moment, Money, PathId, Shape, Text, money
from cardcourier.domain.card_status import CardStatus
from cardcourier.domain.orders import OrderKey, Unit
from cardcourier.domain.redemptions import MOST_ROWS
from cardcourier.errors import Refused
from cardcourier.services.searching import LONGEST
from cardcourier.services.taking_redemptions import Row

routes = Routes("cards")
Code = Annotated[str, Field(min_length=1, max_length=LONGEST)]


class Question(Shape):
    """One of: `code` (the whole card, `code` or `number code`), `last4`, or `shop` and `order` with or
    without `unit` (`<line>#<nnnn>`).
    """

    code: Annotated[str, Field(max_length=LONGEST)] = ""
    last4: Annotated[str, Field(max_length=4)] = ""
    shop: Text = ""
    order: Text = ""
    unit: Text = ""


class OriginShape(Shape):
    """Which row of which file it came from, bought from whom."""

    batch: str
    sku: str
    row: int
    imported_at: Moment
    file_name: str
    supplier: str
    imported_by: str
    cost: Money | None


class HolderShape(Shape):
    """The piece that holds the card. `delivered_by` is how the buyer was told; `viewers` counts browsers."""

    shop: str
    order: str
    unit: str
    state: str
    since: Moment
    delivered_by: str
    first_shown_at: Moment | None
    views: int
    viewers: int
    network: str
    device: str


class SpentShape(Shape):
    """Why it is never sold again: who held it, and the card that came instead."""

    shop: str
    order: str
    unit: str
    at: Moment
    by: str
    why: str


class CardShape(Shape):
    """One card. `state` is available, reserved, delivered, revealed, redeemed, invalid, replaced, burnt,
    expired or void. `replaces` and `replaced_by` are the cards before and after it in its piece. What was
    sold a moment ago may still be called available.
    """

    card: str
    state: str
    last4: str
    origin: OriginShape | None
    holders: list[HolderShape]
    spent: SpentShape | None
    replaces: str
    replaced_by: str
    first_shown_at: Moment | None
    redemption: RedemptionShape | None
    evidence: str
    claims: list[ClaimShape]


class Cards(Shape):
    items: list[CardShape]


class RedeemedRow(Shape):
    """A card by its id or as a whole, when it was redeemed, and where as the issuer calls it."""

    card: Text = ""
    code: Annotated[str, Field(max_length=LONGEST)] = ""
    redeemed_at: GivenMoment
    where: Text = ""

    @model_validator(mode="after")
    def _one_name(self) -> "RedeemedRow":
        if bool(self.card) == bool(self.code):
            raise ValueError("name the card by card or by code, and not by both")
        return self


class Redeemed(Shape):
    """`source` says who told it, such as the name of the issuer's file."""

    source: Annotated[Text, Field(min_length=1)]
    rows: Annotated[list[RedeemedRow], Field(min_length=1, max_length=MOST_ROWS)]


class RowResult(Shape):
    """`result` of the row: kept, known (told before), or refused as differs, unknown_card, ambiguous,
    bad_time or shared_card.
    """

    row: int
    result: str
    card: str


class RedeemedResults(Shape):
    kept: int
    known: int
    refused: int
    rows: list[RowResult]


@routes.on("GET", "/v1/cards/<card>", "Where a card stands", scope="cards:read")
def one_card(card: PathId) -> CardShape:
    return _shape(wiring.card_finder().by_id(routes.caller.tenant, card))


@routes.on(
    "POST", "/v1/cards/status", "Find cards and say where they stand", scope="cards:read", repeat=Repeat.AGAIN
)
def status(body: Question) -> Cards:
    """At most twenty. The whole card is compared by its fingerprint, and kept nowhere."""
    tenant, finder = routes.caller.tenant, wiring.card_finder()
    match bool(body.code), bool(body.last4), bool(body.shop and body.order):
        case True, False, False:
            found = finder.by_code(tenant, body.code.strip())
        case False, True, False:
            found = finder.by_last4(tenant, body.last4)
        case False, False, True:
            found = finder.by_piece(OrderKey(tenant, body.shop, body.order), body.unit)
        case _:
            raise Refused("bad_query", "Ask by one of code, last4, or shop and order.")
    return Cards(items=[_shape(one) for one in found])


@routes.on(
    "POST", "/v1/cards/redeemed", "Keep what an issuer says", scope="cards:redeemed", repeat=Repeat.AGAIN
)
def redeemed(body: Redeemed) -> RedeemedResults:
    """Each card once: the first word stands, the same again is known, another time for it differs.

    A row that is refused stops no other. Nothing of a code is kept.
    """
    caller = routes.caller
    rows = [
        Row(card=row.card, code=row.code, redeemed_at=row.redeemed_at, place=row.where) for row in body.rows
    ]
    taken = wiring.redemption_taker().take(caller.tenant, rows, body.source, caller.by, caller.rid)
    results = [one.result for one in taken]
    return RedeemedResults(
        kept=results.count("kept"),
        known=results.count("known"),
        refused=sum(result not in ("kept", "known") for result in results),
        rows=[RowResult(row=n, result=one.result, card=one.card) for n, one in enumerate(taken, start=1)],
    )


def _shape(found: CardStatus) -> CardShape:
    spent = found.spent
    return CardShape(
        card=found.card,
        state=found.state,
        last4=found.last4,
        origin=_origin(found),
        holders=[_holder(unit) for unit in found.units],
        spent=_spent(found),
        replaces=spent.replaces if spent else next((unit.replaces for unit in found.units), ""),
        replaced_by=spent.replaced_by if spent else "",
        first_shown_at=found.first_shown_at,
        redemption=redemption_shape(found.redemption),
        evidence=found.evidence,
        claims=[ClaimShape.model_validate(claim_fields(claim)) for claim in found.claims],
    )


def _origin(found: CardStatus) -> OriginShape | None:
    label, batch = found.label, found.batch
    if label is None:
        return None
    return OriginShape(
        batch=label.batch,
        sku=label.sku,
        row=label.row,
        imported_at=label.at,
        file_name=batch.file_name if batch else "",
        supplier=batch.supplier if batch else "",
        imported_by=batch.by if batch else "",
        cost=money(batch.cost, batch.currency) if batch else None,
    )


def _holder(unit: Unit) -> HolderShape:
    return HolderShape(
        shop=unit.key.shop,
        order=unit.key.order,
        unit=unit.name,
        state=unit.state,
        since=unit.at,
        delivered_by=unit.delivered_by,
        first_shown_at=unit.exposed_at,
        views=unit.views,
        viewers=len(unit.viewers),
        network=unit.seen_from,
        device=unit.seen_on,
    )


def _spent(found: CardStatus) -> SpentShape | None:
    spent = found.spent
    if spent is None:
        return None
    place = spent.place(routes.caller.tenant)
    return SpentShape(
        shop=place[0].shop if place else "",
        order=place[0].order if place else "",
        unit=place[1] if place else "",
        at=spent.at,
        by=spent.by,
        why=spent.why,
    )
