"""The model behind `bench/scale`: it takes what a partition takes, punishes bad picking, repeats itself."""

from dataclasses import replace
from random import Random

import pytest

from bench.scale import bitten
from bench.scale.database import ATTEMPTS, CONFLICT, FAILED, NONE, THROTTLED, Client, Database, Part
from bench.scale.importing import ROWS, beside
from bench.scale.partitions import NEW_TABLE, Bucket, Partitions
from bench.scale.pickers import CONTROLS
from bench.scale.presale import release
from bench.scale.sales import Sale, simulate
from bench.scale.shelves import Shelf, sort_key
from bench.scale.timeline import SideBySide, Timeline
from cardcourier.domain.stock import NEVER, Marker
from cardcourier.errors import Unavailable
from cardcourier.services.pacing import PER_SHARD
from cardcourier.services.picking import Picker


@pytest.fixture
def world():
    timeline = Timeline()
    return Database(timeline, Random(1), Partitions(1), Partitions(1))


def a_client(world):
    return Client(world, Random(2))


def answers(world, *calls):
    """What each call answers when all begin at once."""
    found = {}

    def ask(place, call):
        found[place] = call()

    for place, call in enumerate(calls):
        world.timeline.spawn(ask, place, call)
    world.timeline.run(60_000)
    return [found.get(place) for place in range(len(calls))]


def a_part(item, there, units=1.0):
    """Removes `item` from `there`, where it must be."""
    return Part("P#1", item, lambda: item in there, lambda: there.discard(item), units)


# -- time ------------------------------------------------------------------------------------------------


def test_who_waits_goes_on_in_order_of_time():
    timeline, seen = Timeline(), []

    def wait(milliseconds):
        timeline.sleep(milliseconds)
        seen.append((milliseconds, timeline.now))

    for milliseconds in (30, 10, 20):
        timeline.spawn(wait, milliseconds)
    timeline.run(25)
    assert seen == [(10, 10), (20, 20)] and timeline.now == 25
    timeline.run()
    assert seen[-1] == (30, 30)


def test_no_more_run_side_by_side_than_there_are_workers():
    timeline, answered = Timeline(), []

    def work(number):
        timeline.sleep(10)
        return number * number

    timeline.spawn(lambda: answered.extend(SideBySide(timeline, 2).map(work, range(5))))
    timeline.run()
    assert (answered, timeline.now) == ([0, 1, 4, 9, 16], 30)


def test_an_error_side_by_side_reaches_the_caller():
    timeline, errors = Timeline(), []

    def caller():
        try:
            SideBySide(timeline, 2).map(lambda number: 1 // number, [1, 0])
        except ZeroDivisionError as error:
            errors.append(error)

    timeline.spawn(caller)
    timeline.run()
    assert len(errors) == 1


# -- partitions ------------------------------------------------------------------------------------------


def test_a_bucket_gives_a_seconds_units_and_then_what_comes_in():
    bucket = Bucket(1_000, 1_000)
    assert sum(bucket.take(2, 0) for _ in range(600)) == 500
    assert sum(bucket.take(2, 100) for _ in range(600)) == 50
    assert sum(bucket.take(2, 60_000) for _ in range(600)) == 500


def test_a_table_has_as_many_partitions_as_were_warmed():
    assert (Partitions.warmed(0).count, Partitions.warmed(40_000).count) == (NEW_TABLE, 40)


def test_keys_lie_where_their_hash_says_or_in_turn():
    hashed, even = Partitions(16), Partitions(16, even={f"P#{n}": n for n in range(16)})
    places = {hashed.place(f"P#{n}") for n in range(16)}
    assert len(places) < 16 == len({even.place(f"P#{n}") for n in range(16)})


# -- transactions ----------------------------------------------------------------------------------------


def test_two_transactions_at_once_over_one_item_are_a_conflict(world):
    there = {"card"}
    both = [lambda: a_client(world).transact(a_part("card", there)) for _ in range(2)]
    found = answers(world, *both)
    assert sorted(found) == [[], [CONFLICT]] and there == set()


def test_a_condition_that_does_not_hold_stops_all_parts(world):
    there = {"unit"}
    found = answers(world, lambda: a_client(world).transact(a_part("card", there), a_part("unit", there)))
    assert found == [[FAILED, NONE]] and there == {"unit"} and world.locked == set()


def test_a_transaction_costs_twice_also_when_it_fails(world):
    """Of 16 units there are 4 left after one of three units failed twice: too few for a third."""
    bucket = world.main.writes[0]
    bucket.rate, bucket.level = 16, 16
    three_units = [lambda: a_client(world).transact(a_part("card", set(), units=3)) for _ in range(3)]
    assert sorted(answers(world, *three_units)) == [[FAILED], [FAILED], [THROTTLED]]


def test_the_sdk_asks_again_for_a_read_and_gives_up_after_three(world):
    world.main.reads[0].rate = world.main.reads[0].level = 0

    def read():
        with pytest.raises(Unavailable):
            a_client(world).read("GetItem", "P#1", 1, lambda: None)
        return True

    assert answers(world, read) == [True]
    assert world.counts["GetItem"] == ATTEMPTS


def test_an_eventual_read_may_still_see_what_is_gone():
    shelf = Shelf()
    markers = [Marker(card=f"c1{n}", bucket=NEVER, shard=0, batch="b") for n in range(3)]
    shelf.fill(markers)
    shelf.take(sort_key(markers[1]), now=100)
    assert len(shelf.between("", "~", 9, behind=99)) == 3
    assert len(shelf.between("", "~", 9, behind=100)) == 2


# -- sales -----------------------------------------------------------------------------------------------

SALE = Sale(200, 2, seconds=1)


def test_the_same_seed_is_the_same_sale_and_another_is_not():
    assert simulate(SALE) == simulate(SALE) != simulate(replace(SALE, seed=2))


def test_dense_stock_costs_one_transaction_and_few_queries():
    found = simulate(Sale(500, 4, 16_000, seconds=1.5))
    assert found["transactions per card"] < 1.05 and found["queries per card"] < 0.2
    assert found["given back %"] == found["not served"] == found["sold twice"] == 0


def test_a_sell_out_sells_every_card_once_and_refuses_nobody_beside_one():
    found = simulate(Sale(400, 4, 16_000, seconds=1.5, cards=300))
    assert found["sold"] == 300
    assert found["refused while a card lay there"] == found["sold twice"] == found["given back %"] == 0


def test_the_model_punishes_bad_picking():
    ours = simulate(bitten(Picker))
    assert ours["given back %"] == 0 and ours["transactions per card"] < 2
    for name, picker in CONTROLS.items():
        theirs = simulate(replace(bitten(picker), patience=0))
        assert theirs["transactions per card"] > 1.4 * ours["transactions per card"], name


def test_too_few_shards_are_seen():
    assert simulate(Sale(1_200, 1, 32_000, seconds=1, patience=0))["throttled %"] > 20


def test_a_product_that_got_more_shards_sells_its_old_stock_on():
    found = simulate(Sale(500, 8, 16_000, seconds=1, filled=2))
    assert found["given back %"] == 0 and found["queries per card"] < 0.5 and found["p99 ms"] < 250


def test_the_queue_begins_slowly_and_provisioned_pollers_do_not():
    slow = simulate(Sale(400, 4, 16_000, seconds=2, most=100))
    fast = simulate(Sale(400, 4, 16_000, seconds=2, most=100, pollers=10))
    assert slow["p99 ms"] > fast["p99 ms"]


def test_an_import_beside_a_sale_brings_in_no_more_than_its_fifth():
    sale = Sale(100, 2, 16_000, seconds=2)
    found, came = beside(sale, polite=True)
    assert 0 < came <= 2 * PER_SHARD + ROWS / sale.seconds / 10
    assert found["given back %"] == 0 and beside(sale, polite=False)[1] > came


def test_a_room_is_emptied_when_its_presale_opens():
    found = release(Sale(1, 4, 16_000, most=40, patience=60), units=150)
    assert (found["served"], found["left waiting"], found["sold twice"]) == (150, 0, 0)
