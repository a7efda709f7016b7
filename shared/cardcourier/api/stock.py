"""Stock: what can be sold now, and the batches it came in."""

from aws_lambda_powertools.event_handler import Response

from cardcourier import wiring
from cardcourier.api.paging import Cursor, Limit, read_cursor, write_cursor
from cardcourier.api.routes import Routes, answer
from cardcourier.api.schemas import List, LongText, Moment, Money, PathId, Shape, Text, money
from cardcourier.clock import now_ms
from cardcourier.domain.catalogue import Batch
from cardcourier.domain.suppliers import Standing, Supplier, standing_of

routes = Routes("stock")


class StockShape(Shape):
    """So often can it be sold; those with a release time in the future wait for it.

    `available` counts cards, and of a `shared` product the uses left of `cards`. The content of a
    `fixed` product, once it is set, counts as one and is `unlimited`.
    """

    sku: str
    name: str
    kind: str
    available: int
    unlimited: bool
    cards: int
    release_at: Moment | None


class BatchShape(Shape):
    """One import: `imported` cards came in, `duplicates` and `rejected` rows did not.

    `state` is open, or voiding and voided when the import was undone: then `voided` cards were taken off
    sale. `total_cost` and `total_face` are sums over all its cards, `first_expiry` and `last_expiry` those of
    the cards that end. `standing` is the supplier's authorisation: valid, ends_soon, ended or unknown.
    """

    id: str
    sku: str
    file_name: str
    cost: Money
    imported: int
    duplicates: int
    rejected: int
    created_at: Moment
    by: str
    supplier: str
    standing: str
    state: str
    voided: int
    face: Money | None
    total_cost: Money
    total_face: Money
    first_expiry: Moment | None
    last_expiry: Moment | None
    note: str
    authorisation: str


class OneBatch(BatchShape):
    """`delivered` cards came to a buyer, of which `invalid` were replaced; `invalid_rate` is their share."""

    delivered: int
    invalid: int
    invalid_rate: float | None


class BatchPatch(Shape):
    note: LongText | None = None
    authorisation: Text | None = None


@routes.on("GET", "/v1/stock", "What can be sold, by product", scope="stock:read")
def stock(limit: Limit = 20, cursor: Cursor = None) -> List[StockShape]:
    """Every card is counted anew, so a page of products with large stocks takes its time."""
    page = wiring.stock_desk().stock(routes.caller.tenant, read_cursor("stock", cursor), limit)
    items = [
        StockShape(
            sku=found.product.sku,
            name=found.product.name,
            kind=found.product.kind,
            available=found.available,
            unlimited=found.unlimited,
            cards=found.cards,
            release_at=found.product.release_at,
        )
        for found in page.items
    ]
    return List(items=items, next_cursor=write_cursor("stock", page.next))


@routes.on("GET", "/v1/batches", "All batches, the newest first", scope="stock:read")
def batches(limit: Limit = 50, cursor: Cursor = None) -> List[BatchShape]:
    tenant, merchants = routes.caller.tenant, wiring.merchants()
    page = merchants.batches(tenant, read_cursor("batches", cursor), limit)
    known = merchants.every_supplier(tenant) if any(batch.supplier for batch in page.items) else {}
    items = [_shape(batch, known.get(batch.supplier)) for batch in page.items]
    return List(items=items, next_cursor=write_cursor("batches", page.next))


@routes.on("GET", "/v1/batches/<batch>", "One batch", scope="stock:read")
def one_batch(batch: PathId) -> Response[OneBatch]:
    """What came of its cards is counted anew from rows of `views`."""
    kept = wiring.merchants().batch(routes.caller.tenant, batch)
    return answer(_whole(kept.thing), ver=kept.ver)


@routes.on("PATCH", "/v1/batches/<batch>", "Say something of a batch", scope="stock:import")
def change_batch(batch: PathId, body: BatchPatch) -> Response[OneBatch]:
    kept = wiring.merchants().batch(routes.caller.tenant, batch)
    seen = routes.if_match(kept.ver)
    changed = routes.patched(kept.thing, body)
    wiring.suppliers_desk().change_batch(changed, seen, routes.caller.by)
    return answer(_whole(changed), ver=seen + 1)


def _whole(batch: Batch) -> OneBatch:
    supplier = wiring.merchants().find_supplier(batch.tenant, batch.supplier) if batch.supplier else None
    delivered, invalid = (wiring.views().outcomes(batch.tenant, batch.id, what) for what in "DI")
    rate = round(invalid / delivered, 4) if delivered else None
    shape = _shape(batch, supplier)
    return OneBatch(**dict(shape), delivered=delivered, invalid=invalid, invalid_rate=rate)


def _shape(batch: Batch, supplier: Supplier | None) -> BatchShape:
    return BatchShape(
        id=batch.id,
        sku=batch.sku,
        file_name=batch.file_name,
        cost=money(batch.cost, batch.currency),
        imported=batch.imported,
        duplicates=batch.duplicates,
        rejected=batch.rejected,
        created_at=batch.created_at,
        by=batch.by,
        supplier=batch.supplier,
        standing=standing_of(supplier, now_ms()) if supplier else Standing.UNKNOWN,
        state=batch.state,
        voided=batch.voided,
        face=None if batch.face is None else money(batch.face, batch.currency),
        total_cost=money(batch.total_cost, batch.currency),
        total_face=money(batch.total_face, batch.currency),
        first_expiry=batch.first_expiry,
        last_expiry=batch.last_expiry,
        note=batch.note,
        authorisation=batch.authorisation,
    )
