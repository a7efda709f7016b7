from collections import Counter
from dataclasses import dataclass, field
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardcourier.domain.hints import FRESH_FOR, GATE_FOR, Hints
from cardcourier.domain.orders import OrderKey, Unit
from cardcourier.domain.protocol import Lost, MarkerLost, Pool
from cardcourier.domain.states import State
from cardcourier.domain.stock import NEVER, Marker, bucket_of
from cardcourier.errors import Unavailable
from cardcourier.services.picking import (
    ATTEMPTS,
    EMPTY_FOR,
    FIRST_WAIT,
    MOST_WAIT,
    PAGE,
    PATIENCE,
    Picker,
    SoldOut,
)

NOON = 1_790_000_000_000
DAY = 86_400_000
POOL = Pool("acme", "A", 1, 1)
WIDE = Pool("acme", "A", 1, 4)
LETTERS = "abcdefghijklmnopqrstuvwxyz234567"


def marker(number, shard=0, expires_at=None):
    name = "".join(LETTERS[number * 7919 // 32**place % 32] for place in range(4))
    return Marker(
        card=f"c1{name}{number}", bucket=bucket_of(expires_at), shard=shard, batch="b", expires_at=expires_at
    )


@dataclass
class FakePools:
    """Markers in memory; `unseen` are not yet visible to a read that is not strong."""

    markers: list
    unseen: set = field(default_factory=set)
    reads: Counter = field(default_factory=Counter)

    def _of(self, shard, since, until="~"):
        mine = [m for m in self.markers if m.shard == shard and since <= f"{m.bucket}#{m.card}" <= until]
        return sorted(mine, key=lambda m: (m.bucket, m.card))

    def first(self, pool, shard, since):
        self.reads["first"] += 1
        return next((m for m in self._of(shard, since) if m.card not in self.unseen), None)

    def page(self, pool, shard, since, until, limit, *, consistent):
        self.reads["page"] += 1
        return [m for m in self._of(shard, since, until) if consistent or m.card not in self.unseen][:limit]

    def every(self, pool, shard, since):
        self.reads["every"] += 1
        return iter(self._of(shard, since))

    def take(self, wanted):
        """As the transaction: the first to come takes the marker."""
        if wanted not in self.markers:
            return MarkerLost(gone=True)
        self.markers.remove(wanted)
        return Unit(
            key=OrderKey("acme", "main", "1"), line="a", n=1, piece=1, state=State.ALLOCATED, card=wanted.card
        )


class Clock:
    """A clock that waiting moves on."""

    def __init__(self):
        self.now, self.waited = NOON, []

    def __call__(self):
        return int(self.now)

    def sleep(self, seconds):
        self.waited.append(seconds * 1000)
        self.now += seconds * 1000


def picker_of(pools, seed=1, clock=None):
    clock = clock or Clock()
    return Picker(pools, Random(seed), clock, clock.sleep)


def drained(picker, pools, pool=POOL):
    """Pick until the pool is proven empty; the cards in the order in which they were sold."""
    sold = []
    while True:
        try:
            sold.append(picker.pick(pool, pools.take).card)
        except SoldOut:
            return sold


# -- what is found --------------------------------------------------------------------------------------


@given(st.integers(0, 80), st.integers(0, 10**6), st.sampled_from([1, 3, 4]))
def test_every_card_is_sold_once_and_none_is_overlooked(cards, seed, shards):
    pools = FakePools([marker(n, n % shards) for n in range(cards)])
    pool = Pool("acme", "A", 1, shards)

    sold = drained(picker_of(pools, seed), pools, pool)

    assert sorted(sold) == sorted(marker(n).card for n in range(cards))


@given(st.integers(1, 30), st.integers(0, 10**6), st.data())
def test_a_card_that_only_a_strong_read_shows_is_found(cards, seed, data):
    markers = [marker(n) for n in range(cards)]
    unseen = data.draw(st.sets(st.sampled_from([m.card for m in markers])))

    assert len(drained(picker_of(pools := FakePools(markers, unseen), seed), pools)) == cards


def test_a_full_page_is_read_once_and_then_drawn_from():
    pools = FakePools([marker(n) for n in range(500)])
    picker = picker_of(pools)

    for _ in range(PAGE):
        picker.pick(POOL, pools.take)

    assert pools.reads == {"first": 1, "page": pools.reads["page"]}
    assert pools.reads["page"] <= 2


def test_dense_stock_costs_less_than_a_tenth_of_a_query_per_order():
    pools = FakePools([marker(n) for n in range(5_000)])
    picker = picker_of(pools)

    for _ in range(1_000):
        picker.pick(POOL, pools.take)

    assert sum(pools.reads.values()) <= 100
    assert not pools.reads["every"]


def test_a_thin_page_is_not_kept():
    pools = FakePools([marker(n) for n in range(PAGE - 1)])
    picker = picker_of(pools)

    picker.pick(POOL, pools.take)
    picker.pick(POOL, pools.take)

    assert pools.reads["page"] == 4


def test_workers_reach_for_different_cards():
    markers = [marker(n) for n in range(1_000)]
    firsts = [
        picker_of(FakePools(list(markers)), seed).pick(POOL, lambda found: found).card for seed in range(100)
    ]
    assert len(set(firsts)) > 80


def test_a_page_is_too_old_after_two_seconds():
    clock = Clock()
    pools = FakePools([marker(n) for n in range(200)])
    picker = picker_of(pools, clock=clock)
    picker.pick(POOL, pools.take)
    before = pools.reads["page"]

    clock.now += FRESH_FOR
    picker.pick(POOL, pools.take)

    assert pools.reads["page"] > before


# -- contested ------------------------------------------------------------------------------------------


def test_a_card_that_is_gone_throws_the_whole_page_away():
    pools = FakePools([marker(n) for n in range(200)])
    picker = picker_of(pools)
    picker.pick(POOL, pools.take)
    del pools.markers[:]
    pools.markers.extend(marker(n) for n in range(200, 300))

    sold = picker.pick(POOL, pools.take)

    assert sold.card in {marker(n).card for n in range(200, 300)}
    assert pools.reads["page"] <= 4


def test_a_contested_card_is_passed_over_without_reading_again():
    pools = FakePools([marker(n) for n in range(200)])
    picker = picker_of(pools)
    offered = []

    def contested_twice(found):
        offered.append(found.card)
        return MarkerLost(gone=False) if len(offered) < 3 else pools.take(found)

    picker.pick(POOL, contested_twice)

    assert len(set(offered)) == 3
    assert pools.reads["page"] <= 2


def test_a_unit_that_turns_out_to_be_settled_ends_the_search():
    pools = FakePools([marker(1)])
    assert picker_of(pools).pick(POOL, lambda found: Lost(None)) == Lost(None)


def test_endless_contest_is_given_up_and_is_not_called_sold_out():
    pools = FakePools([marker(1)])
    tries = []

    with pytest.raises(Unavailable, match="pool_busy"):
        picker_of(pools).pick(POOL, lambda found: tries.append(found) or MarkerLost(gone=False))

    assert len(tries) == ATTEMPTS


@given(st.integers(0, 10**6))
def test_a_busy_table_is_waited_for_ever_longer_and_at_random(seed):
    clock, refused = Clock(), MarkerLost(gone=False, busy=True)
    with pytest.raises(Unavailable, match="pool_busy"):
        picker_of(FakePools([marker(1)]), seed, clock).pick(POOL, lambda found: refused)

    limits = [min(MOST_WAIT, FIRST_WAIT * 2**n) for n in range(ATTEMPTS)]
    assert all(waited < limit for waited, limit in zip(clock.waited, limits, strict=False))
    assert len(clock.waited) == ATTEMPTS or sum(clock.waited) > PATIENCE
    assert len(set(clock.waited)) > len(clock.waited) // 2


def test_only_a_busy_table_is_waited_for():
    clock, pools = Clock(), FakePools([marker(n) for n in range(3)])
    answers = [MarkerLost(gone=True), MarkerLost(gone=False)]
    picker_of(pools, clock=clock).pick(POOL, lambda found: answers.pop() if answers else pools.take(found))
    assert clock.waited == []


def test_after_a_refusal_another_shard_may_be_tried():
    """A page lies on one shard, and one busy partition shall not keep a buyer from the others."""
    pools = FakePools([marker(n, n % 4) for n in range(800)])
    offered = []

    def shard_is_busy(found):
        offered.append(found.shard)
        return MarkerLost(gone=False, busy=True) if found.shard == offered[0] else pools.take(found)

    assert picker_of(pools).pick(WIDE, shard_is_busy).card
    assert offered[-1] != offered[0] and len(offered) < ATTEMPTS


def test_shards_that_hold_nothing_yet_are_passed_over():
    """A product that just got more shards has its stock on the old ones; nobody needs a strong read."""
    pools = FakePools([marker(n) for n in range(500)])
    picker = picker_of(pools)
    for _ in range(100):
        picker.pick(WIDE, pools.take)
    assert pools.reads["every"] == 0
    assert pools.reads["page"] + pools.reads["first"] <= 20


def test_an_empty_shard_is_looked_at_again_after_a_moment():
    clock, pools = Clock(), FakePools([marker(n) for n in range(30)])
    picker = picker_of(pools, clock=clock)
    picker.pick(WIDE, pools.take)
    pools.markers = [marker(n, shard=3) for n in range(200, 400)]
    clock.now += EMPTY_FOR
    assert picker.pick(WIDE, pools.take).card in {marker(n).card for n in range(200, 400)}
    assert pools.reads["every"] == 0


def test_patience_ends_even_before_the_attempts_do():
    clock = Clock()
    pools = FakePools([marker(1)])

    def slow(found):
        clock.now += PATIENCE
        return MarkerLost(gone=False)

    tries = []
    with pytest.raises(Unavailable):
        picker_of(pools, clock=clock).pick(POOL, lambda found: tries.append(found) or slow(found))
    assert len(tries) == 2


# -- sold out ---------------------------------------------------------------------------------------------


def test_a_pool_proven_empty_is_not_searched_again_for_a_second():
    clock = Clock()
    pools = FakePools([])
    picker = picker_of(pools, clock=clock)
    with pytest.raises(SoldOut):
        picker.pick(WIDE, pools.take)
    assert pools.reads["every"] == WIDE.shards

    clock.now += GATE_FOR - 1
    with pytest.raises(SoldOut):
        picker.pick(WIDE, pools.take)
    assert pools.reads["every"] == WIDE.shards

    clock.now += 1
    pools.markers.append(marker(1, shard=2))
    assert picker.pick(WIDE, pools.take).card == marker(1).card


@pytest.mark.fault("last card: import")
def test_a_restock_opens_the_gate_at_once():
    pools = FakePools([])
    picker = picker_of(pools)
    with pytest.raises(SoldOut):
        picker.pick(POOL, pools.take)
    pools.markers.append(marker(1))

    picker.restocked(POOL)

    assert picker.pick(POOL, pools.take).card == marker(1).card


def test_the_gate_of_one_product_says_nothing_of_another():
    pools = FakePools([])
    picker = picker_of(pools)
    with pytest.raises(SoldOut):
        picker.pick(POOL, pools.take)
    pools.markers.append(marker(1))

    assert picker.pick(Pool("acme", "B", 1, 1), pools.take).card == marker(1).card


def test_a_clock_that_goes_back_keeps_no_gate_shut():
    clock = Clock()
    pools = FakePools([])
    picker = picker_of(pools, clock=clock)
    with pytest.raises(SoldOut):
        picker.pick(POOL, pools.take)
    pools.markers.append(marker(1))

    clock.now -= 3_600_000

    assert picker.pick(POOL, pools.take).card == marker(1).card


# -- expiry -------------------------------------------------------------------------------------------------


def test_the_card_that_expires_first_is_sold_first():
    markers = [marker(n, expires_at=NOON + (90 if n % 2 else 900) * DAY) for n in range(40)] + [marker(99)]
    pools = FakePools(markers)

    sold = drained(picker_of(pools), pools)

    by_name = {
        m.card: m for m in [marker(n, expires_at=NOON + (90 if n % 2 else 900) * DAY) for n in range(40)]
    }
    buckets = [by_name[card].bucket if card in by_name else NEVER for card in sold]
    assert buckets == sorted(buckets)
    assert len(sold) == 41


@given(st.lists(st.integers(-60, 60), max_size=40), st.integers(0, 10**6))
def test_an_expired_card_is_never_sold_and_hides_no_good_one(days, seed):
    markers = [marker(n, expires_at=NOON + day * DAY) for n, day in enumerate(days)]
    pools = FakePools(list(markers))

    sold = drained(picker_of(pools, seed), pools)

    assert sorted(sold) == sorted(m.card for m in markers if m.expires_at > NOON)


def test_a_card_that_expires_while_it_is_a_hint_is_passed_over():
    hints = Hints(NOON, [marker(n, expires_at=NOON + 1_000) for n in range(5)])
    assert hints.draw(NOON + 1_000, Random(1)) is None


@given(st.integers(NOON, NOON + 3_000 * DAY), st.integers(0, 3_000 * DAY))
def test_a_later_expiry_never_has_an_earlier_bucket(moment, later):
    assert bucket_of(moment) <= bucket_of(moment + later) <= bucket_of(None)
