from dataclasses import dataclass, field

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from cardcourier.adapters.tables.orders import OrdersTable
from cardcourier.adapters.tables.records import RoomRecord
from cardcourier.adapters.tables.writes import (
    DOUBLINGS,
    FIRST_WAIT,
    ROUNDS,
    Change,
    Put,
    Table,
    TransactionLost,
    transact,
)
from cardcourier.domain.facts import ALL, Fact
from cardcourier.domain.orders import Header, OrderKey, Unit
from cardcourier.domain.protocol import Actor, MarkerLost, Pool
from cardcourier.domain.states import State
from cardcourier.domain.stock import Marker
from cardcourier.errors import Unavailable


def refusal(code, **more):
    return ClientError({"Error": {"Code": code, "Message": ""}, **more}, "Anything")


@dataclass
class BusyTable:
    """Serves one item of each batch and leaves the others for later; never any, when `stuck`."""

    stuck: bool = False
    served: list = field(default_factory=list)

    def batch_get_item(self, RequestItems):
        keys = RequestItems["t"]["Keys"]
        if self.stuck:
            return {"Responses": {}, "UnprocessedKeys": {"t": {"Keys": keys}}}
        self.served.append(keys[0])
        rest = {"t": {"Keys": keys[1:]}} if keys[1:] else {}
        return {"Responses": {"t": keys[:1]}, "UnprocessedKeys": rest}

    def batch_write_item(self, RequestItems):
        puts = RequestItems["t"]
        if self.stuck:
            return {"UnprocessedItems": {"t": puts}}
        self.served.append(puts[0]["PutRequest"]["Item"])
        return {"UnprocessedItems": {"t": puts[1:]} if puts[1:] else {}}


@dataclass
class Failing:
    """A client of which every call ends with the same error."""

    error: Exception

    def __getattr__(self, name):
        def fail(**request):
            raise self.error

        return fail


def rooms(count):
    return [RoomRecord(f"W#acme#{number}", "ROOM#BACK", touched_at=1) for number in range(count)]


def test_what_a_busy_table_leaves_out_is_asked_for_again():
    busy = BusyTable()
    found = Table(busy, "t").get_many([(f"k{number}", "s") for number in range(5)])
    assert sorted(item["pk"]["S"] for item in found) == [f"k{number}" for number in range(5)]


def test_what_a_busy_table_does_not_take_is_sent_again():
    busy = BusyTable()
    Table(busy, "t").put_many(rooms(5))
    assert len(busy.served) == 5


def test_a_table_that_stays_busy_is_given_up():
    waited = []
    stuck = Table(BusyTable(stuck=True), "t", sleep=waited.append)
    with pytest.raises(Unavailable, match="table_busy"):
        stuck.get_many([("k", "s")])
    with pytest.raises(Unavailable, match="table_busy"):
        stuck.put_many(rooms(1))
    assert len(waited) == 2 * ROUNDS and 0 < sum(waited) < 2 * ROUNDS * FIRST_WAIT * 2**DOUBLINGS


def test_who_was_served_in_full_waits_for_nothing():
    waited = []
    Table(BusyTable(), "t", sleep=waited.append).put_many(rooms(1))
    assert waited == []


def test_the_same_key_is_read_once():
    busy = BusyTable()
    Table(busy, "t").get_many([("k", "s"), ("k", "s")])
    assert len(busy.served) == 1


UNSURE = [
    refusal("InternalServerError"),
    refusal("ProvisionedThroughputExceededException"),
    refusal("ThrottlingException"),
    refusal("TransactionInProgressException"),
    refusal("RequestLimitExceeded"),
    ReadTimeoutError(endpoint_url="http://127.0.0.1"),
]


@pytest.mark.parametrize("error", UNSURE, ids=str)
def test_whatever_the_table_cannot_say_for_sure_is_unavailable(error):
    table = Table(Failing(error), "t")
    room = rooms(1)[0]
    calls = [
        lambda: table.write(Put(room)),
        lambda: table.write(Change(("p", "s"), [RoomRecord.touched_at.set(1)])),
        lambda: table.get(("p", "s")),
        lambda: table.get_many([("p", "s")]),
        lambda: table.put_many([room]),
        lambda: list(table.query(RoomRecord.pk == "p")),
        lambda: transact(table.client, (table, Put(room))),
    ]
    for call in calls:
        with pytest.raises(Unavailable) as caught:
            call()
        assert caught.value.evidence["cause"]


@pytest.mark.parametrize(
    "code", ["ValidationException", "AccessDeniedException", "ResourceNotFoundException"]
)
def test_a_mistake_of_our_own_is_not_called_unavailable(code):
    with pytest.raises(ClientError):
        Table(Failing(refusal(code)), "t").get(("p", "s"))


def test_a_cancelled_transaction_tells_the_reason_of_each_part():
    item = {"pk": {"S": "p"}}
    reasons = [
        {"Code": "None"},
        {"Code": "ConditionalCheckFailed", "Item": item},
        {"Code": "TransactionConflict"},
    ]
    table = Table(Failing(refusal("TransactionCanceledException", CancellationReasons=reasons)), "t")

    with pytest.raises(TransactionLost) as caught:
        transact(table.client, (table, Put(rooms(1)[0])))

    innocent, failed, conflict = caught.value.reasons
    assert (innocent.failed, innocent.conflict) == (False, False)
    assert (failed.failed, failed.old) == (True, item)
    assert conflict.conflict


# -- conflicts, which no local engine ever answers with ------------------------------------------------------

NOON = 1_790_000_000_000
KEY = OrderKey("acme", "main", "1001")
UNIT = Unit(key=KEY, line="l1", n=1, piece=1, state=State.ALLOCATED, sku="A", card="c1a")
MARKER = Marker(card="c1b", bucket="9999", shard=0, batch="b")
POOL = Pool("acme", "A", 1, 1)
ACTOR = Actor("me", NOON, "rid")
HEADER = Header(key=KEY, ver=1, paid_at=NOON)
REFUND = Fact(key=KEY, kind="refund", id="f", at=NOON, stops=ALL)


@dataclass
class Cancelling:
    """Cancels every transaction, with one reason for each of its parts."""

    codes: tuple

    def transact_write_items(self, TransactItems):
        reasons = [{"Code": code} for code in self.codes[: len(TransactItems)]]
        raise refusal("TransactionCanceledException", CancellationReasons=reasons)


def cancelled_by(*codes):
    return OrdersTable(Table(Cancelling(codes), "t"))


TAKES = {
    "W6": lambda orders: orders.allocate_new(UNIT, MARKER, POOL, ACTOR),
    "W9": lambda orders: orders.allocate_waiting(UNIT, UNIT, MARKER, POOL, ACTOR),
    "W16": lambda orders: orders.replace(UNIT, UNIT, MARKER, POOL, ACTOR),
}
OTHERS = {
    "W3": lambda orders: orders.record_stop(REFUND, ACTOR),
    "W10": lambda orders: orders.change_room(UNIT, UNIT, HEADER, ACTOR),
    "W13": lambda orders: orders.return_card(UNIT, UNIT, MARKER, POOL, ACTOR),
    "W14": lambda orders: orders.burn(UNIT, UNIT, ACTOR),
}
CONFLICT, SLOW, NONE = "TransactionConflict", "ThrottlingError", "None"


@pytest.mark.parametrize("take", TAKES.values(), ids=TAKES)
def test_a_card_that_somebody_is_taking_is_passed_over(take):
    assert take(cancelled_by(CONFLICT, NONE, NONE)) == MarkerLost(gone=False)
    assert take(cancelled_by(CONFLICT, CONFLICT, NONE)) == MarkerLost(gone=False)


@pytest.mark.parametrize("write", [*TAKES.values(), *OTHERS.values()], ids=[*TAKES, *OTHERS])
@pytest.mark.parametrize(
    "codes", [(NONE, CONFLICT, NONE), (NONE, SLOW, NONE), (SLOW, NONE, NONE)], ids="-".join
)
def test_where_nothing_is_known_for_sure_the_caller_reads_again(write, codes):
    with pytest.raises(Unavailable, match="table_busy") as caught:
        write(cancelled_by(*codes))
    assert set(caught.value.evidence["cause"].split(",")) & {CONFLICT, SLOW}
