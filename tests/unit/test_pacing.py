"""Imports beside sales: no faster than buyers can bear, as fast as it goes otherwise, polite when busy."""

from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from types import SimpleNamespace

import pytest

from cardcourier.domain.protocol import Pool
from cardcourier.services.pacing import LOOK_EVERY, PER_SHARD, SELLS_FOR, Pace

NOON = 1_790_000_000_000


class Time:
    """A clock that sleeping moves on."""

    def __init__(self):
        self.now, self.lock = NOON, Lock()

    def __call__(self):
        return int(self.now)

    def sleep(self, seconds):
        with self.lock:
            self.now += seconds * 1000


def pace(shards=1, sold=NOON):
    time, asked = Time(), []

    def last_sale(tenant, sku):
        asked.append((tenant, sku))
        return sold if not callable(sold) else sold(time())

    return (
        Pace(Pool("t", "S", 1, shards), SimpleNamespace(last_sale=last_sale), time, time.sleep),
        time,
        asked,
    )


@pytest.mark.parametrize("shards", [1, 4])
def test_while_a_product_sells_cards_go_in_at_a_hundred_a_second_and_shard(shards):
    turns, time, _ = pace(shards, sold=lambda now: now)
    for _ in range(40):
        turns.turn(50)
    turns.turn(0)
    assert (time() - NOON) / 1000 == pytest.approx(2000 / (PER_SHARD * shards), rel=0.01)


def test_nobody_buying_there_is_no_limit():
    turns, time, asked = pace(sold=NOON - SELLS_FOR)
    for _ in range(1000):
        turns.turn(50)
    assert time() == NOON and asked == [("t", "S")]


def test_the_limit_comes_and_goes_with_the_sales():
    turns, time, asked = pace(sold=lambda now: NOON + 10_000 if now >= NOON + 10_000 else 0)
    turns.turn(1000)
    turns.turn(1000)
    assert time() == NOON
    time.sleep(10)
    turns.turn(100)
    turns.turn(100)
    assert time() == NOON + 11_000
    time.sleep(SELLS_FOR / 1000)
    before = time()
    turns.turn(1000)
    turns.turn(1000)
    assert time() == before and len(asked) == 3


def test_the_last_sale_is_asked_for_now_and_then():
    turns, time, asked = pace(sold=0)
    for _ in range(10):
        turns.turn(50)
        time.sleep(LOOK_EVERY / 1000 / 2)
    assert len(asked) == 5


def test_all_workers_share_one_limit():
    turns, _, _ = pace(sold=lambda now: now)
    with ThreadPoolExecutor(4) as workers:
        list(workers.map(lambda _: turns.turn(50), range(40)))
    assert turns._next - NOON >= 2000 * 1000 / PER_SHARD - 1


def test_when_the_table_is_busy_everybody_waits():
    turns, time, _ = pace(sold=0)
    turns.pause(2.5)
    assert time() == NOON + 2500
    turns.turn(50)
    assert time() == NOON + 2500
    turns._next = time() + 700
    turns.turn(50)
    assert time() == NOON + 3200
