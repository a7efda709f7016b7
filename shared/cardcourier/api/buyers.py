"""What a buyer may ask of the merchant: a copy of what is kept of him, and that it be erased."""

from typing import Annotated, Literal

from aws_lambda_powertools.event_handler import Response
from pydantic import Field

from cardcourier import wiring
from cardcourier.api.idempotency import Repeat
from cardcourier.api.routes import Routes, answer
from cardcourier.api.schemas import Moment, PathId, Shape
from cardcourier.domain.catalogue import Job
from cardcourier.services.buyers import ERASE, EXPORT

routes = Routes("buyers")
Buyer = Annotated[
    str, Field(min_length=3, max_length=254, description="E-mail address, telephone or order number.")
]


class BuyerWish(Shape):
    buyer: Buyer


class Erasure(Shape):
    """`force` erases although an order is still to be delivered: its buyer can then be told nothing."""

    buyer: Buyer
    force: bool = False


class WishShape(Shape):
    """`state`: created, then done; failed if a legal hold began before the erasure.

    `orders` is how many orders it is about; who asked is kept nowhere.
    """

    id: str
    wish: Literal["export", "erase"]
    state: str
    orders: int
    created_at: Moment
    by: str


class OneWish(WishShape):
    """The link to an export works for five minutes; ask again for a new one."""

    download_url: str | None = None


@routes.on(
    "POST",
    "/v1/buyers/export",
    "A copy of one buyer's data",
    scope="buyers:export",
    status=202,
    repeat=Repeat.AGAIN,
    heavy=True,
)
def export(body: BuyerWish) -> Response[WishShape]:
    caller = routes.caller
    job = wiring.buyers_desk().ask(caller.tenant, EXPORT, body.buyer, routes.act, caller.by)
    return answer(WishShape.model_validate(_facts(job)), 202)


@routes.on(
    "POST",
    "/v1/buyers/erase",
    "Erase one buyer's data",
    scope="buyers:erase",
    status=202,
    repeat=Repeat.AGAIN,
    heavy=True,
)
def erase(body: Erasure) -> Response[WishShape]:
    caller = routes.caller
    desk = wiring.buyers_desk()
    job = desk.ask(caller.tenant, ERASE, body.buyer, routes.act, caller.by, force=body.force)
    return answer(WishShape.model_validate(_facts(job)), 202)


@routes.on("GET", "/v1/buyers/<job>", "One request about a buyer's data", scope="buyers:export")
def one_wish(job: PathId) -> Response[OneWish]:
    found, link = wiring.buyers_desk().get(routes.caller.tenant, job)
    return answer(OneWish.model_validate({**_facts(found), "download_url": link}))


def _facts(job: Job) -> dict[str, object]:
    return {
        "id": job.id,
        "wish": job.data["wish"],
        "state": job.state,
        "orders": len(job.data["orders"]),
        "created_at": job.created_at,
        "by": job.by,
    }
