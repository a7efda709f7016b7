"""Stock: what can be sold now, and the batches it came in."""

from cardcourier import wiring
from cardcourier.api.paging import Cursor, Limit, read_cursor, write_cursor
from cardcourier.api.routes import Routes
from cardcourier.api.schemas import List, Moment, Money, PathId, Shape, money
from cardcourier.domain.catalogue import Batch

routes = Routes("stock")


class StockShape(Shape):
    """`available` cards can be sold; those with a release time in the future wait for it."""

    sku: str
    name: str
    available: int
    release_at: Moment | None


class BatchShape(Shape):
    """One import: `imported` cards came in, `duplicates` and `rejected` rows did not."""

    id: str
    sku: str
    file_name: str
    cost: Money
    imported: int
    duplicates: int
    rejected: int
    created_at: Moment
    by: str


@routes.on("GET", "/v1/stock", "What can be sold, by product", scope="stock:read")
def stock(limit: Limit = 20, cursor: Cursor = None) -> List[StockShape]:
    """Every card is counted anew, so a page of products with large stocks takes its time."""
    page = wiring.stock_desk().stock(routes.caller.tenant, read_cursor("stock", cursor), limit)
    items = [
        StockShape(
            sku=found.product.sku,
            name=found.product.name,
            available=found.available,
            release_at=found.product.release_at,
        )
        for found in page.items
    ]
    return List(items=items, next_cursor=write_cursor("stock", page.next))


@routes.on("GET", "/v1/batches", "All batches, the newest first", scope="stock:read")
def batches(limit: Limit = 50, cursor: Cursor = None) -> List[BatchShape]:
    page = wiring.merchants().batches(routes.caller.tenant, read_cursor("batches", cursor), limit)
    return List(items=[_shape(b) for b in page.items], next_cursor=write_cursor("batches", page.next))


@routes.on("GET", "/v1/batches/<batch>", "One batch", scope="stock:read")
def one_batch(batch: PathId) -> BatchShape:
    return _shape(wiring.merchants().batch(routes.caller.tenant, batch))


def _shape(batch: Batch) -> BatchShape:
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
    )
