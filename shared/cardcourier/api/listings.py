"""Listings: what a shop's items stand for. One listing is mapped, or forgotten, as a whole."""

from collections.abc import Sequence
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import Field, model_validator

from cardcourier import wiring
from cardcourier.api.paging import Cursor, Limit, read_cursor, write_cursor
from cardcourier.api.routes import Routes, answer
from cardcourier.api.schemas import List, Minor, PathId, Shape, Text
from cardcourier.domain.catalogue import Listing
from cardcourier.services.managing.listings import MOST_CARDS, MOST_PARTS, ListedPart

routes = Routes("listings")
ItemId = Annotated[str, Field(min_length=1, max_length=120)]
VariantId = Annotated[str, Field(max_length=120)]
Variant = Annotated[str, Query(max_length=120)]


class PartShape(Shape):
    """`floor` is the lowest price of a piece that is delivered without a person, in minor units."""

    sku: Text
    quantity: Annotated[int, Field(ge=1, le=MOST_CARDS, strict=True)] = 1
    floor: Minor | None = None


class ListingShape(Shape):
    """One item, or variant of an item, as the shop names it; several parts make a bundle."""

    item: ItemId
    variant: VariantId = ""
    parts: Annotated[list[PartShape], Field(max_length=MOST_PARTS)] = Field(default_factory=list)
    not_ours: bool = False

    @model_validator(mode="after")
    def either(self) -> "ListingShape":
        if self.not_ours == bool(self.parts):
            raise ValueError("give parts, or not_ours: true")
        return self


@routes.on("GET", "/v1/shops/<shop>/listings", "The listings of a shop", scope="orders:read")
def listings(shop: PathId, limit: Limit = 50, cursor: Cursor = None) -> List[ListingShape]:
    merchants, tenant = wiring.merchants(), routes.caller.tenant
    merchants.shop(tenant, shop)
    page = merchants.listings(tenant, shop, read_cursor("listings", cursor), limit)
    return List(items=[_shape(rows) for rows in page.items], next_cursor=write_cursor("listings", page.next))


@routes.on("GET", "/v1/shops/<shop>/listings/<item>", "One listing", scope="orders:read")
def one_listing(shop: PathId, item: PathId, variant: Variant = "") -> Response[ListingShape]:
    rows = wiring.listings_desk().need(routes.caller.tenant, shop, item, variant)
    return answer(_shape(rows), ver=rows[0].ver)


@routes.on("PUT", "/v1/shops/<shop>/listings", "Map a listing", scope="products:write")
def map_listing(shop: PathId, body: ListingShape) -> Response[ListingShape]:
    """Orders that waited for this mapping go on at once."""
    parts = [ListedPart(part.sku, part.quantity, part.floor) for part in body.parts]
    caller, desk = routes.caller, wiring.listings_desk()
    old = desk.rows(caller.tenant, shop, body.item, body.variant)
    routes.if_match(old[0].ver if old else None)
    rows = desk.map(caller.tenant, shop, body.item, body.variant, parts, old, caller.by)
    return answer(_shape(rows), ver=rows[0].ver)


@routes.on("DELETE", "/v1/shops/<shop>/listings", "Forget a listing", scope="products:write", status=204)
def forget_listing(
    shop: PathId,
    item: Annotated[str, Query(min_length=1, max_length=120)],
    variant: Variant = "",
) -> Response[None]:
    caller, desk = routes.caller, wiring.listings_desk()
    old = desk.need(caller.tenant, shop, item, variant)
    routes.if_match(old[0].ver)
    desk.forget(caller.tenant, shop, old, caller.by)
    return Response(status_code=204)


def _shape(rows: Sequence[Listing]) -> ListingShape:
    parts = [PartShape(sku=row.sku, quantity=row.quantity, floor=row.floor) for row in rows if row.sku]
    return ListingShape(item=rows[0].item, variant=rows[0].variant, parts=parts, not_ours=not parts)
