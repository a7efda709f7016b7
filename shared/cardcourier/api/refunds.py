"""Refunds by amount and disputes, as a person answers them."""

from typing import Annotated

from pydantic import Field

from cardcourier import wiring
from cardcourier.api.idempotency import Repeat
from cardcourier.api.orders import ORDER, Done, Piece
from cardcourier.api.routes import Routes
from cardcourier.api.schemas import LongText, PathId, Shape
from cardcourier.clock import now_ms
from cardcourier.domain.disputes import Outcome
from cardcourier.domain.orders import OrderKey
from cardcourier.domain.protocol import Actor

routes = Routes("refunds")


class RefundAnswer(Shape):
    """`refund` is a name of the order's `asked`, `version` the order's as it was seen; no pieces end none."""

    refund: Annotated[str, Field(min_length=1, max_length=200)]
    version: Annotated[int, Field(ge=1, strict=True)]
    pieces: Annotated[list[Piece], Field(max_length=1000)] = Field(default_factory=list)
    reason: Annotated[LongText, Field(min_length=1)]


class DisputeOutcome(Shape):
    """`evidence` is what it rests on, such as the bank's letter."""

    outcome: Outcome
    evidence: Annotated[LongText, Field(min_length=1)]


@routes.on(
    "POST",
    f"{ORDER}/refunds/answer",
    "Say which pieces end for a refund by amount",
    scope="orders:act",
    repeat=Repeat.ANSWER,
)
def answer(shop: PathId, order: PathId, body: RefundAnswer) -> Done:
    """Until then nothing more of the order is allocated. `changed` is false when nobody asks any more."""
    pieces = [(piece.line, piece.piece) for piece in body.pieces]
    key, actor = _key(shop, order), _actor(body.reason)
    return Done(changed=wiring.refund_answers().answer(key, body.refund, pieces, body.version, actor))


@routes.on(
    "POST",
    f"{ORDER}/dispute",
    "Say how a disputed chargeback came out",
    scope="orders:act",
    repeat=Repeat.ANSWER,
)
def decide(shop: PathId, order: PathId, body: DisputeOutcome) -> Done:
    """Lost: the cards that were kept are burnt. Won: they stay as they are, and are shown to nobody."""
    desk, actor = wiring.refund_answers(), _actor(body.evidence)
    return Done(changed=desk.decide(_key(shop, order), body.outcome, routes.act, actor))


def _key(shop: str, order: str) -> OrderKey:
    return OrderKey(routes.caller.tenant, shop, order)


def _actor(why: str) -> Actor:
    return Actor(routes.caller.by, now_ms(), routes.rid, why)
