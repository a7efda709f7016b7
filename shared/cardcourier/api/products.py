"""Products: what is sold, how it is redeemed, and when a presale opens."""

from dataclasses import replace
from typing import Annotated, Literal

from aws_lambda_powertools.event_handler import Response
from pydantic import Field

from cardcourier import wiring
from cardcourier.api.idempotency import Repeat
from cardcourier.api.paging import Cursor, Limit, read_cursor, write_cursor
from cardcourier.api.routes import Routes, answer, given
from cardcourier.api.schemas import GivenMoment, List, LongText, Moment, PathId, Shape, Text
from cardcourier.domain.catalogue import Product
from cardcourier.services.managing.products import MOST_SHARDS

routes = Routes("products")
Steps = Annotated[list[LongText], Field(max_length=20)]
Name = Annotated[Text, Field(min_length=1)]
Policy = Literal["repeat", "proof", "once"]
Kind = Literal["unique", "shared", "fixed"]
Display = Literal["link", "masked", "direct"]
Characters = Annotated[int, Field(ge=0, le=4, strict=True)]
Minutes = Annotated[int, Field(ge=1, le=1440, strict=True)]
Views = Annotated[int, Field(ge=1, le=1000, strict=True)]
Days = Annotated[int, Field(ge=1, le=3650, strict=True)]
Warranty = Annotated[int, Field(ge=0, le=3650, strict=True)]
Shards = Annotated[int, Field(ge=1, le=MOST_SHARDS, strict=True)]


class Mask(Shape):
    """How many of a code's first and last characters may be seen before it is shown, at most 4 each.

    At least half of every code stays hidden, however short it is.
    """

    first: Characters = 0
    last: Characters = 4


class NewProduct(Shape):
    """`issuer` is who redeems the cards: within one issuer a card exists once. It stays as it is.

    `kind` is `unique` (each card is sold once), `shared` (each card is sold as often as it has uses, and all
    its buyers see the same code) or `fixed` (every buyer gets the same content). It stays as it is once
    cards were imported or content was set.

    `policy` is `repeat` (the link shows the card again), `proof` (a pick-up code is asked for first) or
    `once` (the browser that opens it first may look again for `grace_minutes`, and after that nobody).

    `display` is how the page shows a card before it is opened: `link` (its last 4 characters), `masked`
    (those of `mask`, kept with the cards imported from now on) or `direct` (the page opens the card by
    itself, so it does not go with `once` or `proof`). `hide_after_reveal` covers an opened card until it is
    tapped.

    `release_at` in the future makes it a presale. `pattern` is what every code must match, such as
    `[A-Z0-9]{16}`. `shards` spread the stock of a product that thousands buy at once. `fold` takes codes that
    differ in case or width alone for the same card; it stays as it is, alike for all products of one issuer.

    `warranty_days` after its first showing a card is replaced with the right to override alone; null: no
    such limit.
    """

    sku: Name
    name: Name
    name_en: Text = ""
    issuer: Text = ""
    steps: Steps = Field(default_factory=list)
    steps_en: Steps = Field(default_factory=list)
    redeem_url: LongText = ""
    release_at: GivenMoment | None = None
    policy: Policy = "repeat"
    max_views: Views = 20
    view_days: Days = 30
    shards: Shards = 1
    pattern: Text = ""
    kind: Kind = "unique"
    grace_minutes: Minutes = 10
    display: Display = "link"
    mask: Mask = Mask()
    hide_after_reveal: bool = False
    fold: bool = False
    warranty_days: Warranty | None = None


class ProductPatch(Shape):
    name: Name | None = None
    name_en: Text | None = None
    steps: Steps | None = None
    steps_en: Steps | None = None
    redeem_url: LongText | None = None
    release_at: GivenMoment | None = None
    policy: Policy | None = None
    max_views: Views | None = None
    view_days: Days | None = None
    shards: Shards | None = None
    pattern: Text | None = None
    kind: Kind | None = None
    grace_minutes: Minutes | None = None
    display: Display | None = None
    mask: Mask | None = None
    hide_after_reveal: bool | None = None
    warranty_days: Warranty | None = None


class ProductShape(Shape):
    sku: str
    name: str
    name_en: str
    issuer: str
    steps: list[str]
    steps_en: list[str]
    redeem_url: str
    release_at: Moment | None
    policy: str
    max_views: int
    view_days: int
    shards: int
    pattern: str
    kind: str
    grace_minutes: int
    display: str
    mask: Mask
    hide_after_reveal: bool
    fold: bool
    paused: str
    warranty_days: int | None


@routes.on("GET", "/v1/products", "All products", scope="stock:read")
def products(limit: Limit = 50, cursor: Cursor = None) -> List[ProductShape]:
    page = wiring.merchants().products(routes.caller.tenant, read_cursor("products", cursor), limit)
    return List(items=[_shape(p) for p in page.items], next_cursor=write_cursor("products", page.next))


@routes.on("POST", "/v1/products", "Add a product", scope="products:write", status=201, repeat=Repeat.ANSWER)
def add_product(body: NewProduct) -> Response[ProductShape]:
    product = _with_mask(Product(tenant=routes.caller.tenant, **given(body)), body.mask)
    wiring.products_desk().add(product, routes.caller.by)
    return answer(_shape(product), 201, ver=1)


@routes.on("GET", "/v1/products/<sku>", "One product", scope="stock:read")
def one_product(sku: PathId) -> Response[ProductShape]:
    kept = wiring.merchants().product(routes.caller.tenant, sku)
    return answer(_shape(kept.thing), ver=kept.ver)


@routes.on("PATCH", "/v1/products/<sku>", "Change a product", scope="products:write")
def change_product(sku: PathId, body: ProductPatch) -> Response[ProductShape]:
    """`release_at: null` opens a presale now. Who waits for a release is looked at when it changes."""
    kept = wiring.merchants().product(routes.caller.tenant, sku)
    seen = routes.if_match(kept.ver)
    changed = _with_mask(
        routes.patched(kept.thing, body, clearable=("release_at", "warranty_days")), body.mask
    )
    wiring.products_desk().change(kept.thing, changed, seen, routes.caller.by)
    return answer(_shape(changed), ver=seen + 1)


def _with_mask(product: Product, mask: Mask | None) -> Product:
    return replace(product, mask=(mask.first, mask.last)) if mask else product


def _shape(product: Product) -> ProductShape:
    return ProductShape(
        sku=product.sku,
        name=product.name,
        name_en=product.name_en,
        issuer=product.issuer,
        steps=list(product.steps),
        steps_en=list(product.steps_en),
        redeem_url=product.redeem_url,
        release_at=product.release_at,
        policy=product.policy,
        max_views=product.max_views,
        view_days=product.view_days,
        shards=product.shards,
        pattern=product.pattern,
        kind=product.kind,
        grace_minutes=product.grace_minutes,
        display=product.display,
        mask=Mask(first=product.mask[0], last=product.mask[1]),
        hide_after_reveal=product.hide_after_reveal,
        fold=product.fold,
        paused=product.paused,
        warranty_days=product.warranty_days,
    )
