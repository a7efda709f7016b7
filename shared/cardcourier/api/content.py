"""Fixed content: the text that every buyer of a product gets. It goes in and is never told again."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from pydantic import Field

from cardcourier import wiring
from cardcourier.api.idempotency import Repeat
from cardcourier.api.routes import Routes, answer
from cardcourier.api.schemas import Moment, PathId, Shape
from cardcourier.services.fixed_content import MOST_BYTES

routes = Routes("content")
PLACE = "/v1/products/<sku>/content"


class NewContent(Shape):
    """`text` is what every buyer gets: a link, instructions, a common code."""

    text: Annotated[
        str,
        Field(
            min_length=1,
            max_length=MOST_BYTES,
            repr=False,
            description=f"At most {MOST_BYTES} bytes of UTF-8.",
        ),
    ]


class ContentShape(Shape):
    """`last4` is what is shown of a text of 12 characters or more that ends in one line with its last 4."""

    sku: str
    version: int
    last4: str
    set_at: Moment
    by: str


class ContentJob(Shape):
    """`state` is `created` until the text is sealed, then `set`: buyers get it within half a minute."""

    job: str
    state: str


@routes.on("GET", PLACE, "What is known of a product's content", scope="stock:read")
def content(sku: PathId) -> Response[ContentShape]:
    found = wiring.content_desk().get(routes.caller.tenant, sku)
    shape = ContentShape(
        sku=found.sku, version=found.version, last4=found.last4, set_at=found.at, by=found.by
    )
    return answer(shape, ver=found.version)


@routes.on("PUT", PLACE, "Set what every buyer gets", scope="stock:import", status=202, repeat=Repeat.AGAIN)
def set_content(sku: PathId, body: NewContent) -> Response[ContentJob]:
    """For products of kind `fixed`. Who has a version keeps it; a replacement gives the newest."""
    caller = routes.caller
    routes.if_match(wiring.content_desk().version(caller.tenant, sku))
    job = wiring.content_desk().set(caller.tenant, sku, body.text, routes.act, caller.by)
    return answer(ContentJob(job=job.id, state=job.state), 202)
