"""Undo and cancel on the local table engine: a card is sold, or void, or on sale, and always one of them."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from random import Random

import pytest

from cardcourier.adapters.stream_records import _image
from cardcourier.adapters.tables.orders import OrdersTable
from cardcourier.adapters.tables.pools import PoolsTable
from cardcourier.domain.journal import lines_of
from cardcourier.domain.orders import OrderKey, Unit
from cardcourier.domain.protocol import Actor, Pool
from cardcourier.domain.states import State
from cardcourier.errors import Conflict, Unavailable
from cardcourier.services.picking import Picker, SoldOut
from cardcourier.services.settling.cards import with_card
from local.engines import client
from tests.integration.import_world import NOON, SKU, Flaky, Killed, World
from tests.integration.test_importing import codes, text


@pytest.fixture
def world(each_engine_endpoint):
    return World(client("dynamodb", each_engine_endpoint))


class Shop:
    """Sells cards of the world's product, one order each."""

    def __init__(self, world, name="shop"):
        self.world, self.name, self.orders, self.held = world, name, OrdersTable(world.main), []
        self.pool = Pool(world.tenant, SKU, 1, 1)
        self.picker = Picker(PoolsTable(world.main), Random(name), world.clock)

    def sell(self):
        key = OrderKey(self.world.tenant, self.name, str(len(self.held)))
        actor = Actor("pass", self.world.clock(), f"{self.name}-{len(self.held)}")
        unit = Unit(key=key, line="1", n=1, piece=1, state=State.PENDING, sku=SKU, at=actor.now)

        def take(marker):
            return self.orders.allocate_new(with_card(unit, marker, actor.now), marker, self.pool, actor)

        outcome = self.picker.pick(self.pool, take)
        assert isinstance(outcome, Unit)
        self.held.append(self.orders.unit(key, "1", 1))
        return self.held[-1]

    def sell_out(self):
        while True:
            try:
                self.sell()
            except (SoldOut, Unavailable):
                return

    def take_back(self, unit):
        marker = next(iter(_markers(unit)))
        gone = replace(unit, state=State.RETURNED, card="", gen=1, why="refund")
        return self.orders.return_card(unit, gone, marker, self.pool, Actor("pass", NOON, "back"))


def _markers(unit):
    from cardcourier.domain.stock import Marker

    yield Marker(card=unit.card, bucket=unit.bucket, shard=0, batch=unit.batch, last4=unit.last4)


def journal(world):
    """The lines that the stream of the main table gives for batches."""
    found = []
    for item in world.items(world.main, "B"):
        key = {name: item[name]["S"] for name in ("pk", "sk")}
        found += lines_of(None, _image(item), key)
    return sorted((line.kind, line.quantity, line.by, line.why) for line in found)


def test_what_is_not_sold_is_void_and_what_is_sold_stays_sold(world):
    job_id = world.bring_in(text(codes(0, 40))).id
    other = world.bring_in(text(codes(100, 110)))
    shop = Shop(world)
    while sum(unit.batch == f"b-{job_id}" for unit in shop.held) < 3:
        shop.sell()
    sold = {unit.card for unit in shop.held}

    assert world.order_undo(job_id).state == "undoing" and world.queue.sent == ["undo"]
    done = world.undo(job_id)

    ours = {
        item["pk"]["S"].rsplit("#", 1)[1] for item in world.sealed() if item["batch"]["S"] == f"b-{job_id}"
    }
    assert (done.state, done.data["voided"], done.data["sold"]) == ("undone", 37, 3)
    assert set(world.void()) == ours - sold and len(world.void()) == 37
    assert not ours & set(world.sellable()) and len(world.sellable()) == 13 - len(shop.held)
    batch = world.batch(job_id)
    assert (batch.state, batch.voided, batch.imported) == ("voided", 37, 40)
    assert world.batch(other.id).state == "open"
    assert journal(world) == [
        ("stock.imported", 10, "lin", ""),
        ("stock.imported", 40, "lin", ""),
        ("stock.voided", 37, "mei", "wrong file"),
    ]
    assert world.undo(job_id).data == done.data and world.order_undo(job_id).state == "undone"


def test_void_cards_stay_known_and_do_not_come_in_again(world):
    data = text(codes(0, 10))
    job_id = world.bring_in(data).id
    world.order_undo(job_id)
    world.undo(job_id)

    again = world.upload(data + text(codes(10, 12)))
    seen = world.preview(again)
    done = world.commit(again)

    assert (seen.data["duplicates_in_stock"], seen.data["blocking"]) == (10, [])
    assert (done.state, done.data["accepted"]) == ("committed", 2) and len(world.sellable()) == 2


def test_a_card_of_an_undone_batch_that_comes_back_is_void(world):
    job_id = world.bring_in(text(codes(0, 2))).id
    shop = Shop(world)
    unit = shop.sell()
    world.order_undo(job_id)
    world.undo(job_id)

    assert isinstance(shop.take_back(unit), Unit)

    assert shop.orders.unit(unit.key, "1", 1).state is State.RETURNED
    assert world.sellable() == [] and len(world.void()) == 2 and unit.card in world.void()


def test_a_card_that_comes_back_while_nothing_is_undone_is_sold_again(world):
    world.bring_in(text(codes(0, 1)))
    shop = Shop(world)
    unit = shop.sell()

    assert isinstance(shop.take_back(unit), Unit)

    assert world.sellable() == [unit.card] and world.void() == []


def test_an_undo_beside_sales_leaves_every_card_with_one_of_them(world):
    world.sell(shards=1)
    job_id = world.bring_in(text(codes(0, 120))).id
    world.order_undo(job_id)
    shops = [Shop(world, f"shop{n}") for n in range(4)]

    with ThreadPoolExecutor(6) as pool:
        selling = [pool.submit(shop.sell_out) for shop in shops]
        undoing = [pool.submit(world.undo, job_id, world.undoer(lot=7), f"u{n}") for n in range(2)]
        for work in selling + undoing:
            work.result(120)

    sold = {unit.card for shop in shops for unit in shop.held}
    void, job = set(world.void()), world.job(job_id)
    assert not world.sellable() and not sold & void and len(sold | void) == 120
    assert sum(len(shop.held) for shop in shops) == len(sold)
    assert (job.state, job.data["voided"], job.data["sold"]) == ("undone", len(void), len(sold))


@pytest.mark.fault("kills: undo")
@pytest.mark.parametrize("how", ["before", "twice"])
def test_an_undo_that_dies_or_loses_an_answer_at_any_call_ends_the_same(engine_endpoint, how):
    at = 0
    while True:
        at += 2
        world = World(client("dynamodb", engine_endpoint))
        job_id = world.upload(text(codes(0, 9)))
        world.preview(job_id)
        world.commit(job_id, world.process(chunk=4))
        sold = Shop(world).sell().card
        world.order_undo(job_id)
        flaky = Flaky(world.client, at, how)
        try:
            world.undo(job_id, world.undoer(flaky, lot=3), "first")
        except (Killed, Unavailable):
            assert how != "twice"
        job = world.undo(job_id, world.undoer(lot=3), "second")

        assert (job.state, job.data["voided"], job.data["sold"]) == ("undone", 8, 1)
        assert sold not in world.void() and len(world.void()) == 8 and world.sellable() == []
        assert (world.batch(job_id).state, world.batch(job_id).voided) == ("voided", 8)
        assert sum(n for kind, n, *_ in journal(world) if kind == "stock.voided") == 8
        if flaky.calls < at:
            break
    assert at > 12


def test_an_undo_goes_on_where_time_ran_out(world):
    job_id = world.upload(text(codes(0, 30)))
    world.preview(job_id)
    world.commit(job_id, world.process(chunk=6))
    world.order_undo(job_id)
    undoer, slices = world.undoer(lot=2), 0
    while (job := world.undo(job_id, undoer, f"slice{slices}", until=0)).state == "undoing":
        slices += 1
        assert slices < 20
    assert slices > 3 and (job.data["voided"], len(world.void())) == (30, 30)


# ---------------------------------------------------------------- cancel


def begun(world, rows=25):
    """An import of which one chunk of ten is in."""
    job_id = world.upload(text(codes(0, rows)))
    world.preview(job_id)
    world.commit(job_id, world.process(chunk=10, lot=4), until=0)
    return job_id


def test_a_cancelled_import_keeps_what_is_in_and_says_so(world):
    job_id = begun(world)

    asked = world.desk().cancel(world.tenant, job_id, "mei")
    done = world.commit(job_id, world.process(chunk=10, lot=4))

    assert (asked.state, world.queue.sent) == ("cancelling", ["commit"])
    assert (done.state, done.data["accepted"], done.data["done_rows"]) == ("cancelled", 10, 10)
    assert world.cards() == codes(0, 10) and world.batch(job_id).imported == 10
    rest = world.bring_in(text(codes(0, 25)))
    assert (rest.data["accepted"], rest.data["duplicates_in_stock"]) == (15, 10)
    world.order_undo(job_id)
    assert world.undo(job_id).data["voided"] == 10 and len(world.sellable()) == 15


def test_an_import_that_has_not_begun_is_cancelled_at_once(world):
    job_id = world.upload(text(codes(0, 3)))
    world.preview(job_id)

    assert world.desk().cancel(world.tenant, job_id, "mei").state == "cancelled"
    assert world.commit(job_id).state == "cancelled" and not world.sealed()
    with pytest.raises(Conflict):
        world.order_undo(job_id)


def test_what_is_committed_cannot_be_cancelled(world):
    job_id = world.bring_in(text(codes(0, 3))).id
    with pytest.raises(Conflict) as caught:
        world.desk().cancel(world.tenant, job_id, "mei")
    assert caught.value.code == "too_late"


def test_a_chunk_that_was_begun_when_it_was_cancelled_is_finished_and_counted(engine_endpoint):
    at = 0
    while True:
        at += 2
        world = World(client("dynamodb", engine_endpoint))
        job_id = begun(world)
        flaky = Flaky(world.client, at, "after")
        try:
            world.commit(job_id, world.process(flaky, chunk=10, lot=4), "first", until=0)
        except Killed:
            pass
        else:
            break
        world.desk().cancel(world.tenant, job_id, "mei")
        job = world.commit(job_id, world.process(chunk=10, lot=4), "second")

        assert job.state == "cancelled" and job.data["accepted"] in (10, 20)
        assert len(world.sealed()) == len(world.sellable()) == job.data["accepted"]
        assert world.batch(job_id).imported == job.data["accepted"]
    assert at > 8


def test_whoever_is_overtaken_by_a_cancel_in_a_chunk_counts_it(world):
    job_id = begun(world)
    process, other = world.process(chunk=10, lot=4), world.process(chunk=10, lot=4)
    put_chunk = type(process.stocker.stock).put_chunk

    class Overtaken(type(process.stocker.stock)):
        def put_chunk(self, *what):
            world.desk().cancel(world.tenant, job_id, "mei")
            assert world.commit(job_id, other, "other").state == "cancelled"
            put_chunk(self, *what)

    stock = Overtaken(process.stocker.stock.main, process.stocker.stock.vault)
    job = world.commit(job_id, replace(process, stocker=replace(process.stocker, stock=stock)), "slow")

    assert (job.state, job.data["accepted"], world.batch(job_id).imported) == ("cancelled", 20, 20)
    assert len(world.sellable()) == 20


# ---------------------------------------------------------------- other kinds of files


@pytest.mark.parametrize("kind", ["xlsx", "zip"])
def test_a_workbook_and_an_archive_are_taken_up_again_wherever_they_stopped(engine_endpoint, kind):
    from tests.unit.test_uploads import book, packed

    cards = codes(0, 9)
    file = book([("卡号", "卡密"), *cards])
    data = packed(("卡.xlsx", file)) if kind == "zip" else file
    at = 0
    while True:
        at += 5
        world = World(client("dynamodb", engine_endpoint))
        job_id = world.upload(data, file_name=f"cards.{kind}")
        world.preview(job_id)
        flaky = Flaky(world.client, at, "after")
        with suppress(Killed):
            world.commit(job_id, world.process(flaky, chunk=4, lot=2), "first")
        job = world.commit(job_id, world.process(chunk=4, lot=2), "second")

        assert (job.state, job.data["accepted"]) == ("committed", 9)
        assert world.cards() == cards and len(world.sellable()) == 9
        if flaky.calls < at:
            break
    assert at > 12
