"""A transaction that was asked for again fails on its own earlier success, and on others at the same time: as
long as one part met a conflict or a throttle, nobody knows, and nothing is taken for impossible.
"""

import pytest
from botocore.exceptions import ClientError

from cardcourier.adapters.tables.catalogue import CatalogueTable, batch_key
from cardcourier.adapters.tables.merchants import MerchantsTable
from cardcourier.adapters.tables.orders import OrdersTable
from cardcourier.adapters.tables.stock_entry import StockEntryTable
from cardcourier.adapters.tables.stock_exit import StockExitTable
from cardcourier.adapters.tables.writes import Table
from cardcourier.domain.catalogue import Batch, Listing
from cardcourier.domain.orders import OrderKey, Unit
from cardcourier.domain.protocol import Actor, Pool
from cardcourier.domain.states import State
from cardcourier.domain.stock import Marker
from cardcourier.errors import Conflict, Unavailable

ACTOR, POOL = Actor("test", 1, "r"), Pool("t1", "A", 1, 1)
MARKER = Marker(card="c1", bucket="9999", shard=0, batch="b")
UNIT = Unit(key=OrderKey("t1", "s", "o"), line="1", n=1, piece=1, state=State.DELIVERED, sku="A", card="c1")
CODES = {"held": "None", "failed": "ConditionalCheckFailed"}


class Cancelling:
    """Cancels every transaction, for these reasons."""

    def __init__(self, *codes):
        self.reasons = [{"Code": CODES.get(code, code)} for code in codes]

    def transact_write_items(self, **request):
        reasons = self.reasons + [{"Code": "None"}] * (len(request["TransactItems"]) - len(self.reasons))
        code = {"Code": "TransactionCanceledException", "Message": "cancelled"}
        raise ClientError({"Error": code, "CancellationReasons": reasons}, "TransactWriteItems")


def void(client):
    return StockExitTable(Table(client, "main")).void(POOL, [MARKER], ACTOR)


def put_uses(client):
    tables = StockEntryTable(Table(client, "main"), Table(client, "vault"))
    return tables.put_uses(POOL, "b", "c1", 1, [MARKER], 1)


def give_back(client):
    return OrdersTable(Table(client, "main")).return_card(UNIT, UNIT, MARKER, POOL, ACTOR)


WRITES = [void, put_uses, give_back]


@pytest.mark.parametrize("unknown", ["TransactionConflict", "ThrottlingError"])
@pytest.mark.parametrize("write", WRITES)
def test_what_failed_beside_something_unknown_is_asked_for_again(write, unknown):
    with pytest.raises(Unavailable):
        write(Cancelling(unknown, "failed"))


@pytest.mark.parametrize("write", WRITES)
def test_what_cannot_be_is_said_aloud(write):
    with pytest.raises(AssertionError, match=r"two homes|issued twice"):
        write(Cancelling("held", "failed"))


def announce(client):
    batch = Batch(tenant="t1", id="b", sku="A", imported=1)
    CatalogueTable(Table(client, "main")).put_new([(batch_key("t1", "b"), batch)], 1, "test")


def map_again(client):
    listing = Listing(item="i", variant="", row=0, sku="A", quantity=1)
    MerchantsTable(CatalogueTable(Table(client, "main"))).replace_listing("t1", "s", [], [listing], 1, "test")


@pytest.mark.parametrize("unknown", ["TransactionConflict", "ThrottlingError"])
@pytest.mark.parametrize("write", [announce, map_again])
def test_what_others_were_in_the_way_of_is_not_taken_for_done(write, unknown):
    with pytest.raises(Unavailable):
        write(Cancelling(unknown))


@pytest.mark.parametrize("write", [announce, map_again])
def test_what_is_there_is_a_conflict(write):
    with pytest.raises(Conflict):
        write(Cancelling("failed"))
